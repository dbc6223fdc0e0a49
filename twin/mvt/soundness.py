"""Whether polygons are valid for certain: exactly, in whole numbers, and strictly; what is not goes the slow way (compiled)."""

from __future__ import annotations

from twin.kernel import kernel
from twin.mvt.rings import Units, holds, side_of


@kernel
def are_sound(x: Units, y: Units, ends: Units, part: Units, count: int, following: Units) -> bool:
    """True when no edge of ``count`` rings meets another but its neighbours, and holes lie in their exteriors and nowhere else.

    Ring ``r`` is ``x[ends[r]:ends[r + 1]]``; rings with one number in ``part`` are a polygon, its exterior first. They have been tidied.
    Where rings touch, or a polygon lies in another's hole, the answer is no, too: they may be valid.
    """
    for ring in range(count):
        for k in range(ends[ring], ends[ring + 1] - 1):
            following[k] = k + 1
        following[ends[ring + 1] - 1] = ends[ring]
    edges = ends[count]
    for k in range(edges):
        for other in range(k + 1, edges):
            if _meet(x, y, k, other, following):
                return False
    return _nested(x, y, ends, part, count)


@kernel
def _meet(x: Units, y: Units, a: int, c: int, following: Units) -> bool:
    """True when two edges of tidied rings that are no neighbours have a place in common."""
    b, d = following[a], following[c]
    if b == c or d == a:
        return False
    ax, ay, bx, by, cx, cy, dx, dy = x[a], y[a], x[b], y[b], x[c], y[c], x[d], y[d]
    if max(ax, bx) < min(cx, dx) or max(cx, dx) < min(ax, bx) or max(ay, by) < min(cy, dy) or max(cy, dy) < min(ay, by):
        return False
    first, second = side_of(ax, ay, bx, by, cx, cy), side_of(ax, ay, bx, by, dx, dy)
    if (first > 0 and second > 0) or (first < 0 and second < 0):
        return False
    first, second = side_of(cx, cy, dx, dy, ax, ay), side_of(cx, cy, dx, dy, bx, by)
    return not ((first > 0 and second > 0) or (first < 0 and second < 0))


@kernel
def _nested(x: Units, y: Units, ends: Units, part: Units, count: int) -> bool:
    """True when rings that do not meet lie in each other as holes do in their exteriors, and not otherwise."""
    exterior = 0
    for ring in range(count):
        is_hole = ring > 0 and part[ring] == part[ring - 1]
        if not is_hole:
            exterior = ring
        elif not _lies_in(x, y, ends, ring, exterior):
            return False
        for other in range(ring):
            is_pair = part[other] == part[ring] and other != exterior if is_hole else _is_exterior(part, other)
            if is_pair and (_lies_in(x, y, ends, ring, other) or _lies_in(x, y, ends, other, ring)):
                return False
    return True


@kernel
def _is_exterior(part: Units, ring: int) -> bool:
    return ring == 0 or part[ring] != part[ring - 1]


@kernel
def _lies_in(x: Units, y: Units, ends: Units, ring: int, other: int) -> bool:
    return holds(x, y, ends[other], ends[other + 1], x[ends[ring]], y[ends[ring]])
