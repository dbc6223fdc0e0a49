"""Rings in whole units of a tile: as few vertices as they have, which way round they go, what lies in them (compiled)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import kernel

Units = npt.NDArray[np.int64]
"""Ordinates in units of a tile, of at most ``FARTHEST``: products of two differences fit."""
FARTHEST = 1 << 30


@kernel
def side_of(ax: int, ay: int, bx: int, by: int, x: int, y: int) -> int:
    """Return on which side of a → b a place lies: positive on one, negative on the other, 0 on their line."""
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax)


@kernel
def tidied_ring(x: Units, y: Units, start: int, end: int) -> int:
    """Move the vertices of a ring that turns (not repeated, not straight, no spikes) to its front; return where they end.

    A ring without area is left with none. Its last vertex is not its first.
    """
    top = start
    for k in range(start, end):
        while top - start >= 2 and side_of(x[top - 2], y[top - 2], x[top - 1], y[top - 1], x[k], y[k]) == 0:
            top -= 1
        if top == start or x[top - 1] != x[k] or y[top - 1] != y[k]:
            x[top], y[top] = x[k], y[k]
            top += 1
    first = start
    while top - first >= 3:
        if side_of(x[top - 2], y[top - 2], x[top - 1], y[top - 1], x[first], y[first]) == 0:
            top -= 1
        elif side_of(x[top - 1], y[top - 1], x[first], y[first], x[first + 1], y[first + 1]) == 0:
            first += 1
        else:
            break
    if top - first < 3:
        return start
    for k in range(first, top):
        x[k - first + start], y[k - first + start] = x[k], y[k]
    return start + top - first


@kernel
def tidied_line(x: Units, y: Units, start: int, end: int) -> int:
    """Do the same to a line, whose spikes and ends stay; one of a single place is left with none."""
    top = start
    for k in range(start, end):
        if top > start and x[top - 1] == x[k] and y[top - 1] == y[k]:
            continue
        if top - start >= 2:
            ax, ay, bx, by = x[top - 2], y[top - 2], x[top - 1], y[top - 1]
            if side_of(ax, ay, bx, by, x[k], y[k]) == 0 and (bx - ax) * (x[k] - bx) + (by - ay) * (y[k] - by) > 0:
                top -= 1
        x[top], y[top] = x[k], y[k]
        top += 1
    return top if top - start >= 2 else start


@kernel
def turn(x: Units, y: Units, start: int, end: int, is_hole: bool) -> None:
    """Have the area of an exterior positive and that of a hole negative (Mapbox Vector Tile 2.1, 4.3.3.3)."""
    area = 0
    for k in range(start + 1, end - 1):
        area += side_of(x[start], y[start], x[k], y[k], x[k + 1], y[k + 1])
    if (area < 0) != is_hole:
        low, high = start, end - 1
        while low < high:
            x[low], x[high] = x[high], x[low]
            y[low], y[high] = y[high], y[low]
            low, high = low + 1, high - 1


@kernel
def holds(x: Units, y: Units, start: int, end: int, px: int, py: int) -> bool:
    """True when a place that is not on a ring lies in it."""
    inside = False
    before = end - 1
    for k in range(start, end):
        if (y[k] > py) != (y[before] > py):
            side = side_of(x[before], y[before], x[k], y[k], px, py)
            if (side > 0) == (y[k] > y[before]):
                inside = not inside
        before = k
    return inside
