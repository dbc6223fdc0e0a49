"""Corners and edges of polygons in their plane: which are clear of each other, by a margin; compiled."""

from __future__ import annotations

from ingest.checks.solids.fault import CONTACT_M, Floats
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel

_MARGIN = 1 + 1e-9
CLEAR_M = 2 * CONTACT_M


@bare_kernel
def is_clear_about(at: Floats, i: int, k: int, m: int) -> bool:
    """Tell whether the edges on both sides of corner ``k`` are clear of each other beyond it; they are no shorter than what is clear."""
    ax, ay, bx, by = at[i, 0] - at[k, 0], at[i, 1] - at[k, 1], at[m, 0] - at[k, 0], at[m, 1] - at[k, 1]
    is_wide, cross = ax * bx + ay * by <= 0, ax * by - ay * bx
    if is_wide | (cross * cross > CLEAR_M**2 * _MARGIN * max(ax * ax + ay * ay, bx * bx + by * by)):
        return True
    return not (is_on(at, i, k, m) or is_on(at, m, i, k))


@bare_kernel
def are_clear(at: Floats, after: Indices, begin: int, i: int, j: int) -> bool:
    """Tell whether the edges from two corners are clear of each other; of those with a corner in common `is_clear_about` tells."""
    k, m = after[begin + i] - begin, after[begin + j] - begin
    if k == j or m == i:
        return True
    if (
        max(at[i, 1], at[k, 1]) + CLEAR_M < min(at[j, 1], at[m, 1])
        or max(at[j, 1], at[m, 1]) + CLEAR_M < min(at[i, 1], at[k, 1])
        or max(at[i, 0], at[k, 0]) + CLEAR_M < min(at[j, 0], at[m, 0])
        or max(at[j, 0], at[m, 0]) + CLEAR_M < min(at[i, 0], at[k, 0])
    ):
        return True
    for p, a, b in ((i, j, m), (k, j, m), (j, i, k), (m, i, k)):
        if is_on(at, p, a, b):
            return False
    return not (side(at, i, k, j) * side(at, i, k, m) <= 0 and side(at, j, m, i) * side(at, j, m, k) <= 0)


@bare_kernel
def is_on(at: Floats, p: int, a: int, b: int) -> bool:
    """Tell whether a corner is not clear of an edge."""
    x, y = at[p, 0] - at[a, 0], at[p, 1] - at[a, 1]
    ex, ey = at[b, 0] - at[a, 0], at[b, 1] - at[a, 1]
    t = min(max((x * ex + y * ey) / (ex * ex + ey * ey), 0.0), 1.0)
    return (x - t * ex) ** 2 + (y - t * ey) ** 2 <= CLEAR_M**2


@bare_kernel
def is_inside(at: Floats, begin: int, end: int, point: int) -> bool:
    """Tell whether a corner is inside a ring of others that is clear of it."""
    inside = False
    j = end - 1
    for i in range(begin, end):
        if (at[i, 1] > at[point, 1]) != (at[j, 1] > at[point, 1]):
            x = at[i, 0] + (at[point, 1] - at[i, 1]) / (at[j, 1] - at[i, 1]) * (at[j, 0] - at[i, 0])
            inside ^= at[point, 0] < x
        j = i
    return inside


@bare_kernel
def side(at: Floats, a: int, b: int, c: int) -> float:
    """Return twice the area of a triangle, positive where it turns to the left."""
    return (at[b, 0] - at[a, 0]) * (at[c, 1] - at[a, 1]) - (at[b, 1] - at[a, 1]) * (at[c, 0] - at[a, 0])
