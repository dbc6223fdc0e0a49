"""Whether polygons are valid for certain: exactly, in whole numbers, and strictly; what is not goes the slow way (compiled)."""

from __future__ import annotations

import numpy as np

from twin.kernel import kernel
from twin.mvt.rings import Units, holds, side_of

MOST_PAIRS = 4_000_000
"""Of edges whose boxes have a place in common: a star of 13,000 long spikes. More are not looked at."""
_MOST_STEPS = 50_000_000
_EACH_WITH_EACH = 100
"""So few edges are compared each with each: to put them in order would take longer."""


@kernel
def are_sound(x: Units, y: Units, ends: Units, part: Units, count: int, following: Units) -> bool:
    """True when no edge of ``count`` rings meets another but its neighbours, and holes lie in their exteriors and nowhere else.

    Ring ``r`` is ``x[ends[r]:ends[r + 1]]``; rings with one number in ``part`` are a polygon, its exterior first. They have been tidied.
    Where rings touch, or a polygon lies in another's hole, the answer is no, too: they may be valid. So it is where it would take long
    to find out.
    """
    follow(ends, count, following)
    edges = ends[count]
    if edges > _EACH_WITH_EACH:
        do_meet, _, _ = _swept(x, y, following, edges, is_first_enough=True)
        return not do_meet and count * edges <= _MOST_STEPS and _nested(x, y, ends, part, count)
    for k in range(edges):
        for other in range(k + 1, edges):
            if _meet(x, y, k, other, following):
                return False
    return _nested(x, y, ends, part, count)


@kernel
def pairs_of(x: Units, y: Units, following: Units, edges: int) -> tuple[int, int]:
    """Return how many pairs of edges have boxes with a place in common: what any way of drawing them has to look at; how many cross.

    ``MOST_PAIRS`` stands for more.
    """
    _, pairs, crossings = _swept(x, y, following, edges, is_first_enough=False)
    return pairs, crossings


@kernel
def follow(ends: Units, count: int, following: Units) -> None:
    """Say of each vertex of ``count`` rings which is the next of its ring."""
    for ring in range(count):
        for k in range(ends[ring], ends[ring + 1] - 1):
            following[k] = k + 1
        following[ends[ring + 1] - 1] = ends[ring]


@kernel
def _swept(x: Units, y: Units, following: Units, edges: int, is_first_enough: bool) -> tuple[bool, int, int]:
    """Return whether any edges meet that are no neighbours, if it ``is_first_enough``; else how many pairs were looked at, and cross.

    They are taken in their order along the axis on which they are shorter in all. Given up after ``MOST_PAIRS``, as if some met.
    """
    wide, high = 0, 0
    for k in range(edges):
        wide += abs(x[following[k]] - x[k])
        high += abs(y[following[k]] - y[k])
    along, across = (x, y) if wide <= high else (y, x)
    order = _order(along, following, edges)
    pairs, steps, crossings = 0, 0, 0
    for place in range(edges):
        k = order[place]
        last = max(along[k], along[following[k]])
        least, most = min(across[k], across[following[k]]), max(across[k], across[following[k]])
        for after in range(place + 1, edges):
            other = order[after]
            if min(along[other], along[following[other]]) > last:
                break
            steps += 1
            if max(across[other], across[following[other]]) >= least and min(across[other], across[following[other]]) <= most:
                pairs += 1
                if not is_first_enough:
                    crossings += _cross(x, y, k, other, following)
                elif _meet(x, y, k, other, following):
                    return True, pairs, 0
        if pairs >= MOST_PAIRS or steps >= _MOST_STEPS:
            return True, MOST_PAIRS, crossings
    return False, pairs, crossings


@kernel
def _order(along: Units, following: Units, edges: int) -> Units:
    """Return edges by where they begin along an axis, by counting: there are few places in a tile, and no order of them takes longer."""
    first, last = along[0], along[0]
    for k in range(edges):
        first, last = min(first, along[k]), max(last, along[k])
    starts, order = np.zeros(last - first + 2, np.int64), np.empty(edges, np.int64)
    for k in range(edges):
        starts[min(along[k], along[following[k]]) - first + 1] += 1
    for place in range(1, starts.size):
        starts[place] += starts[place - 1]
    for k in range(edges):
        place = min(along[k], along[following[k]]) - first
        order[starts[place]] = k
        starts[place] += 1
    return order


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
def _cross(x: Units, y: Units, a: int, c: int, following: Units) -> bool:
    """True when two edges have a place in common that is within both; not where they only touch or lie on each other."""
    b, d = following[a], following[c]
    ax, ay, bx, by, cx, cy, dx, dy = x[a], y[a], x[b], y[b], x[c], y[c], x[d], y[d]
    first, second = side_of(ax, ay, bx, by, cx, cy), side_of(ax, ay, bx, by, dx, dy)
    if first == 0 or second == 0 or (first > 0) == (second > 0):
        return False
    first, second = side_of(cx, cy, dx, dy, ax, ay), side_of(cx, cy, dx, dy, bx, by)
    return first != 0 and second != 0 and (first > 0) != (second > 0)


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
