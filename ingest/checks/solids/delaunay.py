"""Constrained Delaunay triangles of polygons, as far as they are certain; compiled.

Ears are cut off until nothing is left, and edges flipped until every one is locally Delaunay, which makes it the triangulation (C. Lawson
1977; L. Chew 1989), the one of `triangles` but where corners lie on one circle: there every triangle of such corners is a candidate. Holes
are reached over bridges, edges like any other once they are triangulated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.checks.solids.ears import MOST_CORNERS
from ingest.checks.solids.fault import Floats, Ints, Mask
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel, kernel

_ON_CIRCLE = 1e-9
"""Of the size of its terms: a determinant below it may have either sign."""
_MOST_FLIPS = 10
"""For each corner; a triangulation takes fewer than one, mostly."""
_NOBODY = -1
"""Beyond an edge; of bridges, which are gone both ways, less than this until both are known."""
_MOST_WAYS = 20
"""For each corner, that are looked at for bridges: mostly the nearest is clear."""
_MOST_ON_CIRCLE = 8
"""Corners on one circle, of which all triangles are candidates."""
MOST_CANDIDATES = 6 * MOST_CORNERS


class Workroom(NamedTuple):
    """Arrays that one triangulation needs, to be used again for the next."""

    at: Floats
    """(n, 2) corners in the plane"""
    chain: Ints
    ahead: Ints
    behind: Ints
    outer: Ints
    corners: Ints
    """(t, 3) of each triangle, counterclockwise"""
    beyond: Ints
    """(t, 3) which triangle is beyond each edge"""
    is_told: Mask
    """(t,)"""


@kernel
def make_workroom() -> Workroom:
    """Return room for polygons of up to `MOST_CORNERS` corners, bridges among them."""
    n = MOST_CORNERS
    return Workroom(
        np.empty((n, 2)), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
        np.empty((n, 3), np.int64), np.empty((n, 3), np.int64), np.empty(n, np.bool_),
    )  # fmt: skip


@bare_kernel
def candidate_triangles(xyz: Floats, corner: Indices, rings: Ints, axes: Floats, room: Workroom, found: Ints) -> int:
    """Fill in all triangles, counterclockwise, that the triangulation of one sound polygon may have; return how many, 0 where unclear.

    ``rings`` (R + 1,) are the first corners of its rings and the end; ``found`` (`MOST_CANDIDATES`, 3) are numbers of corners from the
    first one on. More of them than the triangulation has are where it is not certain.
    """
    begin, count = rings[0], rings[-1] - rings[0]
    if count + 2 * (len(rings) - 2) > MOST_CORNERS:
        return 0
    for k in range(count):
        p = corner[begin + k]
        room.at[k, 0] = xyz[p, 0] * axes[0] + xyz[p, 1] * axes[1] + xyz[p, 2] * axes[2]
        room.at[k, 1] = xyz[p, 0] * axes[3] + xyz[p, 1] * axes[4] + xyz[p, 2] * axes[5]
    places = _chain(room.at, rings, room.chain, room.outer, room.is_told)
    if places == 0:
        return 0
    made = _cut_ears(room.at, room.chain, places, room.corners, room.beyond, room.ahead, room.behind, room.outer)
    if made == 0 or not _flip_to_delaunay(room.at, made, room.corners, room.beyond, room.is_told):
        return 0
    return _gather(room, made, found)


@bare_kernel
def _gather(room: Workroom, made: int, found: Ints) -> int:
    """Fill in the triangles, and of each run of triangles that have their corners on one circle all that these make."""
    count, on_circle = 0, room.behind
    for t in range(made):
        room.is_told[t] = False
    for first in range(made):
        if room.is_told[first]:
            continue
        many = _gather_run(room, first)
        if many == 0 or count + many * (many - 1) * (many - 2) // 6 > MOST_CANDIDATES:
            return 0
        for i in range(many):
            for j in range(i + 1, many):
                for k in range(j + 1, many):
                    a, b, c = on_circle[i], on_circle[j], on_circle[k]
                    found[count, 0] = a
                    found[count, 1], found[count, 2] = (b, c) if _side(room.at, a, b, c) > 0 else (c, b)
                    count += 1
    return count


@bare_kernel
def _gather_run(room: Workroom, first: int) -> int:
    """Fill in the corners of a triangle and of all that may be on one circle with it, from one to the next; 0 where they are too many."""
    waiting, on_circle = room.ahead, room.behind
    room.is_told[first] = True
    waiting[0], size, many = first, 1, 0
    while size:
        size -= 1
        t = waiting[size]
        for e in range(3):
            if not _is_among(on_circle, many, room.corners[t, e]):
                if many == _MOST_ON_CIRCLE:
                    return 0
                on_circle[many], many = room.corners[t, e], many + 1
            u = room.beyond[t, e]
            if u < 0 or room.is_told[u]:
                continue
            d = room.corners[u, (_place_of(room.beyond, u, t) + 2) % 3]
            if _in_circle(room.at, room.corners[t, 0], room.corners[t, 1], room.corners[t, 2], d) >= 0:
                room.is_told[u] = True
                waiting[size], size = u, size + 1
    return many


@bare_kernel
def _is_among(some: Ints, count: int, number: int) -> bool:
    for k in range(count):  # noqa: SIM110  # numba has no any() of a generator
        if some[k] == number:
            return True
    return False


@bare_kernel
def _chain(at: Floats, rings: Ints, chain: Ints, outer: Ints, is_left: Mask) -> int:
    """Fill in one closed way along all rings, over the shortest bridges between them there and back; return its length, 0 where none is.

    What is beyond its edges is filled into ``outer``: nobody, or one and the same number below that for both ways over a bridge.
    """
    origin = rings[0]
    places, holes, ways = rings[1] - origin, len(rings) - 2, _MOST_WAYS * (rings[-1] - origin)
    for k in range(places):
        chain[k], outer[k] = k, _NOBODY
    for ring in range(len(rings)):
        is_left[ring] = True
    for bridge in range(holes):
        from_place, to_corner, to_ring, ways = _shortest_bridge(at, rings, chain, places, is_left, ways)
        if from_place < 0 or ways == 0:
            return 0
        is_left[to_ring] = False
        first, end = rings[to_ring] - origin, rings[to_ring + 1] - origin
        for k in range(places - 1, from_place - 1, -1):
            chain[k + end - first + 2], outer[k + end - first + 2] = chain[k], outer[k]
        for k in range(end - first + 1):
            chain[from_place + 1 + k], outer[from_place + 1 + k] = first + (to_corner - first + k) % (end - first), _NOBODY
        outer[from_place] = outer[from_place + 1 + end - first] = _NOBODY - 1 - bridge
        places += end - first + 2
    return places


@bare_kernel
def _shortest_bridge(at: Floats, rings: Ints, chain: Ints, places: int, is_left: Mask, ways: int) -> tuple[int, int, int, int]:
    """Return from which place of the chain to which corner of which ring that is left the shortest bridge goes, -1 where none does.

    With them goes how many of the ``ways`` are left to be looked at.
    """
    nearest, from_place, to_corner, to_ring = np.inf, -1, -1, -1
    for ring in range(1, len(rings) - 1):
        if not is_left[ring]:
            continue
        for v in range(rings[ring] - rings[0], rings[ring + 1] - rings[0]):
            for k in range(places):
                u = chain[k]
                squared = (at[u, 0] - at[v, 0]) ** 2 + (at[u, 1] - at[v, 1]) ** 2
                if squared >= nearest or ways == 0:
                    continue
                if not _is_into(at, chain[k - 1 if k else places - 1], u, chain[(k + 1) % places], v):
                    continue
                ways -= 1
                if _is_clear_way(at, u, v, chain, places, rings, is_left):
                    nearest, from_place, to_corner, to_ring = squared, k, v, ring
    return from_place, to_corner, to_ring, ways


@bare_kernel
def _is_into(at: Floats, p: int, u: int, q: int, v: int) -> bool:
    """Tell whether the way from ``u`` to ``v`` goes into the polygon where the chain passes from ``p`` over ``u`` to ``q``.

    A corner with several bridges is passed several times, and each hole can be reached from one of these places only.
    """
    one, two = _side(at, p, u, v) > 0, _side(at, u, q, v) > 0
    return (one and two) if _side(at, p, u, q) > 0 else (one or two)


@bare_kernel
def _is_clear_way(at: Floats, u: int, v: int, chain: Ints, places: int, rings: Ints, is_left: Mask) -> bool:
    """Tell whether the way between two corners crosses no edge of the chain and of the rings that are left."""
    for k in range(places):
        if _cross(at, u, v, chain[k], chain[(k + 1) % places]):
            return False
    for ring in range(1, len(rings) - 1):
        if is_left[ring]:
            first, end = rings[ring] - rings[0], rings[ring + 1] - rings[0]
            for k in range(first, end):
                if _cross(at, u, v, k, k + 1 if k + 1 < end else first):
                    return False
    return True


@bare_kernel
def _cross(at: Floats, u: int, v: int, a: int, b: int) -> bool:
    if a in (u, v) or b in (u, v):
        return False
    return _side(at, u, v, a) * _side(at, u, v, b) <= 0 and _side(at, a, b, u) * _side(at, a, b, v) <= 0


@bare_kernel
def _cut_ears(at: Floats, chain: Ints, count: int, corners: Ints, beyond: Ints, ahead: Ints, behind: Ints, outer: Ints) -> int:
    """Fill in the ``corners`` of count − 2 triangles, counterclockwise, and which triangle is ``beyond`` each edge; 0 where that fails.

    A triangle has the edge towards what is left last. ``outer`` is what is beyond the edge from each place that is left. As all turn to the
    left and are bounded by the rings together, they cover the polygon once.
    """
    for k in range(count):
        ahead[k], behind[k] = k + 1, k - 1
    ahead[count - 1], behind[0] = 0, count - 1
    left, missed, k, made = count, 0, 0, 0
    while left > 2:
        if missed == left:
            return 0
        p, q = behind[k], ahead[k]
        if not _is_ear(at, chain, p, k, q, ahead):
            missed, k = missed + 1, q
            continue
        corners[made, 0], corners[made, 1], corners[made, 2] = chain[p], chain[k], chain[q]
        beyond[made, 0], beyond[made, 1], beyond[made, 2] = outer[p], outer[k], _NOBODY
        if outer[p] >= 0:
            beyond[outer[p], 2] = made
        if outer[k] >= 0:
            beyond[outer[k], 2] = made
        if left == 3:
            beyond[made, 2] = outer[q]
            if outer[q] >= 0:
                beyond[outer[q], 2] = made
        ahead[p], behind[q], outer[p] = q, p, made
        left, missed, made, k = left - 1, 0, made + 1, q
    _join_bridges(made, beyond)
    return made


@bare_kernel
def _join_bridges(made: int, beyond: Ints) -> None:
    """Make the triangles on either side of each bridge neighbours."""
    for t in range(made):
        for e in range(3):
            bridge = beyond[t, e]
            if bridge >= _NOBODY:
                continue
            beyond[t, e] = _NOBODY
            for u in range(made):
                for f in range(3):
                    if beyond[u, f] == bridge:
                        beyond[t, e], beyond[u, f] = u, t


@bare_kernel
def _is_ear(at: Floats, chain: Ints, p: int, k: int, q: int, ahead: Ints) -> bool:
    """Tell whether the way turns to the left at a place and no other corner that is left is in the triangle there."""
    a, b, c = chain[p], chain[k], chain[q]
    if not _side(at, a, b, c) > 0:
        return False
    v = ahead[q]
    while v != p:
        d = chain[v]
        if not (_side(at, c, a, d) < 0 or d in (a, b, c) or _side(at, a, b, d) < 0 or _side(at, b, c, d) < 0):
            return False
        v = ahead[v]
    return True


@bare_kernel
def _side(at: Floats, a: int, b: int, c: int) -> float:
    return (at[b, 0] - at[a, 0]) * (at[c, 1] - at[a, 1]) - (at[b, 1] - at[a, 1]) * (at[c, 0] - at[a, 0])


@bare_kernel
def _in_circle(at: Floats, a: int, b: int, c: int, d: int) -> int:
    """Return 1 where ``d`` is in the circle of a triangle, -1 where it is outside, 0 where it may be on it."""
    ax, ay, bx, by = at[a, 0] - at[d, 0], at[a, 1] - at[d, 1], at[b, 0] - at[d, 0], at[b, 1] - at[d, 1]
    cx, cy = at[c, 0] - at[d, 0], at[c, 1] - at[d, 1]
    aa, bb, cc = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    found = aa * (bx * cy - by * cx) + bb * (cx * ay - cy * ax) + cc * (ax * by - ay * bx)
    size = aa * (abs(bx * cy) + abs(by * cx)) + bb * (abs(cx * ay) + abs(cy * ax)) + cc * (abs(ax * by) + abs(ay * bx))
    return 1 if found > _ON_CIRCLE * size else -1 if found < -_ON_CIRCLE * size else 0


@bare_kernel
def _place_of(beyond: Ints, of: int, triangle: int) -> int:
    """Return which edge of a triangle another is beyond."""
    return 0 if beyond[of, 0] == triangle else 1 if beyond[of, 1] == triangle else 2


@bare_kernel
def _look_again(beyond: Ints, triangle: int, is_told: Mask) -> None:
    """Have a triangle that changed and those beside it looked at once more."""
    is_told[triangle] = False
    for e in range(3):
        if beyond[triangle, e] >= 0:
            is_told[beyond[triangle, e]] = False


@bare_kernel
def _flip_to_delaunay(at: Floats, made: int, corners: Ints, beyond: Ints, is_told: Mask) -> bool:
    """Flip edges that are not locally Delaunay until there is none; False where that takes too long.

    Triangles that are told were looked at since they and those beside them changed.
    """
    for t in range(made):
        is_told[t] = False
    flips, changed = 0, True
    while changed:
        changed = False
        for t in range(made):
            if is_told[t]:
                continue
            is_told[t] = True
            for e in range(3):
                u = beyond[t, e]
                if u < 0:
                    continue
                f = _place_of(beyond, u, t)
                a, b, c, d = corners[t, e], corners[t, (e + 1) % 3], corners[t, (e + 2) % 3], corners[u, (f + 2) % 3]
                if _in_circle(at, a, b, c, d) <= 0:
                    continue
                flips += 1
                if flips > _MOST_FLIPS * made:
                    return False
                changed = True
                right, left = beyond[t, (e + 1) % 3], beyond[t, (e + 2) % 3]
                far_left, far_right = beyond[u, (f + 1) % 3], beyond[u, (f + 2) % 3]
                if far_left >= 0:
                    beyond[far_left, _place_of(beyond, far_left, u)] = t
                if right >= 0:
                    beyond[right, _place_of(beyond, right, t)] = u
                corners[t, 0], corners[t, 1], corners[t, 2] = a, d, c
                beyond[t, 0], beyond[t, 1], beyond[t, 2] = far_left, u, left
                corners[u, 0], corners[u, 1], corners[u, 2] = d, b, c
                beyond[u, 0], beyond[u, 1], beyond[u, 2] = far_right, right, t
                _look_again(beyond, t, is_told)
                _look_again(beyond, u, is_told)
                break
    return True
