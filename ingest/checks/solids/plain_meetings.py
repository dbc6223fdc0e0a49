"""Which pairs of faces are clear of each other by all triangles that they may have; compiled.

The tests are those of `crossings.meet_beyond_shared`, each with a margin, so whatever is clear here does not meet in `self_crossing`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.checks.solids.delaunay import MOST_CANDIDATES, Workroom, candidate_triangles
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints
from ingest.checks.solids.plain_faces import fill_axes
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel, kernel

_BEYOND_M, _WITHIN_M = 2 * CONTACT_M, CONTACT_M / 2
"""Surely farther than what counts as touching, and surely nearer."""
_PARALLEL_M = CONTACT_M / 1000
"""What changes its height above a plane by less is parallel to it in `crossings.reaches`."""
_ROUNDING = 1e-15
"""Of a normal, for each time that a triangle is longer than it is thick: several times what adding and multiplying may make."""
_LOW, _HIGH, _NORMAL, _ERROR = 0, 3, 6, 9
"""Columns of what is known of a triangle: box, unit normal, and by how much that may be wrong."""


class MeetingRoom(NamedTuple):
    """Arrays that the triangles of two faces need, to be used again for the next."""

    mine: Ints
    """(t, 3) vertices"""
    theirs: Ints
    of_mine: Floats
    """(t, 10) what is known of each"""
    of_theirs: Floats


@kernel
def make_meeting_room() -> MeetingRoom:
    """Return room for all triangles that two faces may have."""
    n = MOST_CANDIDATES
    return MeetingRoom(np.empty((n, 3), np.int64), np.empty((n, 3), np.int64), np.empty((n, 10)), np.empty((n, 10)))


@bare_kernel
def leave_clear_out(
    xyz: Floats, corner: Indices, ring_start: Ints, face_ring: Ints, normal: Floats, axes: Floats, room: Workroom, meeting: MeetingRoom,
    pairs: Ints, first: int, end: int,
) -> int:  # fmt: skip
    """Leave those out of ``pairs`` (n, 2) of faces, plainly sound each, that surely meet at common vertices and edges only.

    ``first`` to ``end`` are looked at; what is left comes to stand from ``first`` on, and its end is returned. ``axes`` (F, 6) has room
    for two in the plane of each face.
    """
    mine, theirs, of_mine, of_theirs = meeting.mine, meeting.theirs, meeting.of_mine, meeting.of_theirs
    before, count, left = -1, 0, first
    for pair in range(first, end):
        face, other = pairs[pair, 0], pairs[pair, 1]
        if face != before:
            fill_axes(normal, axes, face)
            rings = ring_start[face_ring[face] : face_ring[face + 1] + 1]
            count = _named_triangles(xyz, corner, rings, axes[face], room, mine, of_mine)
            before = face
        fill_axes(normal, axes, other)
        rings = ring_start[face_ring[other] : face_ring[other + 1] + 1]
        others = _named_triangles(xyz, corner, rings, axes[other], room, theirs, of_theirs)
        if not (count > 0 and others > 0 and _are_all_clear(xyz, mine, of_mine, count, theirs, of_theirs, others)):
            pairs[left, 0], pairs[left, 1] = face, other
            left += 1
    return left


@bare_kernel
def _named_triangles(xyz: Floats, corner: Indices, rings: Ints, axes: Floats, room: Workroom, named: Ints, known: Floats) -> int:
    """Fill in the vertices of all triangles that a face may have, with box and normal of each; 0 where they are not certain."""
    count = candidate_triangles(xyz, corner, rings, axes, room, named)
    for t in range(count):
        for e in range(3):
            named[t, e] = corner[rings[0] + named[t, e]]
        p, q, r = named[t, 0], named[t, 1], named[t, 2]
        for axis in range(3):
            known[t, _LOW + axis] = min(xyz[p, axis], xyz[q, axis], xyz[r, axis])
            known[t, _HIGH + axis] = max(xyz[p, axis], xyz[q, axis], xyz[r, axis])
        ux, uy, uz = xyz[q, 0] - xyz[p, 0], xyz[q, 1] - xyz[p, 1], xyz[q, 2] - xyz[p, 2]
        wx, wy, wz = xyz[r, 0] - xyz[p, 0], xyz[r, 1] - xyz[p, 1], xyz[r, 2] - xyz[p, 2]
        x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        twice = np.sqrt(x * x + y * y + z * z)
        squared = max(ux * ux + uy * uy + uz * uz, wx * wx + wy * wy + wz * wz)
        known[t, _NORMAL], known[t, _NORMAL + 1], known[t, _NORMAL + 2] = x / twice, y / twice, z / twice
        known[t, _ERROR] = 4 * _ROUNDING * squared / twice
    return count


@bare_kernel
def _are_all_clear(xyz: Floats, mine: Ints, of_mine: Floats, count: int, theirs: Ints, of_theirs: Floats, others: int) -> bool:
    for i in range(count):
        for j in range(others):
            apart = False
            for axis in range(3):
                apart = (
                    apart
                    or of_mine[i, _LOW + axis] > of_theirs[j, _HIGH + axis] + _BEYOND_M
                    or of_theirs[j, _LOW + axis] > of_mine[i, _HIGH + axis] + _BEYOND_M
                )
            if not apart and not _is_clear(xyz, mine[i], of_mine[i, _NORMAL:], theirs[j], of_theirs[j, _NORMAL:]):
                return False
    return True


@bare_kernel
def _is_clear(xyz: Floats, one: Ints, normal: Floats, other: Ints, theirs: Floats) -> bool:
    """Tell whether two triangles surely meet at common vertices and edges only; ``normal`` and ``theirs`` end with the error."""
    away = _distance(xyz, one[0], other[0]) + _distance(xyz, other[0], other[1]) + _distance(xyz, other[0], other[2])
    away += _distance(xyz, one[0], one[1]) + _distance(xyz, one[0], one[2])
    if not away * max(normal[3], theirs[3]) < _WITHIN_M / 2:
        return False
    common, height = 0, 0.0
    for e in range(3):
        common += one[e] in (other[0], other[1], other[2])
        height = max(height, abs(_height(xyz, other[e], one, normal)), abs(_height(xyz, one[e], other, theirs)))
    if common == 3 or _WITHIN_M <= height <= _BEYOND_M:
        return False
    if height < _WITHIN_M:
        gap = max(_gap(xyz, one, normal, other), _gap(xyz, other, theirs, one))
        return gap > (_BEYOND_M if common == 0 else -_WITHIN_M)
    return common == 2 or (_are_sides_clear(xyz, one, other, theirs, away) and _are_sides_clear(xyz, other, one, normal, away))


@bare_kernel
def _are_sides_clear(xyz: Floats, one: Ints, other: Ints, theirs: Floats, away: float) -> bool:
    """Tell whether the sides of ``one`` that have no vertex of the ``other`` triangle surely do not reach it."""
    for e in range(3):
        p, q = one[e], one[(e + 1) % 3]
        if p in (other[0], other[1], other[2]) or q in (other[0], other[1], other[2]):
            continue
        if not _is_segment_clear(xyz, p, q, other, theirs, away * theirs[3]):
            return False
    return True


@bare_kernel
def _is_segment_clear(xyz: Floats, p: int, q: int, triangle: Ints, normal: Floats, error_m: float) -> bool:
    """Tell whether a segment surely does not come to a triangle, or lies in its plane; ``error_m`` is that of heights above it."""
    s, t = _height(xyz, p, triangle, normal), _height(xyz, q, triangle, normal)
    step = abs(s - t)
    if min(s, t) > _BEYOND_M or max(s, t) < -_BEYOND_M or step + 2 * error_m < _PARALLEL_M:
        return True
    low, high = 0.0, 1.0
    if step > 4 * error_m:
        at, about = s / (s - t), 2 * error_m / step
        low, high = min(max(at - about, 0.0), 1.0), min(max(at + about, 0.0), 1.0)
    for e in range(3):
        begin, end = triangle[e], triangle[(e + 1) % 3]
        one, two = _beyond(xyz, p, begin, end, normal), _beyond(xyz, q, begin, end, normal)
        if min(one + low * (two - one), one + high * (two - one)) > _BEYOND_M:
            return True
    return False


@bare_kernel
def _gap(xyz: Floats, triangle: Ints, normal: Floats, other: Ints) -> float:
    """Return by how much the side of a triangle that parts another in its plane from it best does so."""
    best = -np.inf
    for e in range(3):
        begin, end = triangle[e], triangle[(e + 1) % 3]
        least = np.inf
        for f in range(3):
            least = min(least, _beyond(xyz, other[f], begin, end, normal))
        best = max(best, least)
    return best


@bare_kernel
def _distance(xyz: Floats, p: int, q: int) -> float:
    """Return how far two vertices are from each other along the axes."""
    return abs(xyz[p, 0] - xyz[q, 0]) + abs(xyz[p, 1] - xyz[q, 1]) + abs(xyz[p, 2] - xyz[q, 2])


@bare_kernel
def _height(xyz: Floats, vertex: int, triangle: Ints, normal: Floats) -> float:
    p = triangle[0]
    x, y, z = xyz[vertex, 0] - xyz[p, 0], xyz[vertex, 1] - xyz[p, 1], xyz[vertex, 2] - xyz[p, 2]
    return x * normal[0] + y * normal[1] + z * normal[2]


@bare_kernel
def _beyond(xyz: Floats, vertex: int, begin: int, end: int, normal: Floats) -> float:
    """Return how far a vertex is outside the side of a triangle from one vertex to the next."""
    ex, ey, ez = xyz[end, 0] - xyz[begin, 0], xyz[end, 1] - xyz[begin, 1], xyz[end, 2] - xyz[begin, 2]
    x, y, z = xyz[vertex, 0] - xyz[begin, 0], xyz[vertex, 1] - xyz[begin, 1], xyz[vertex, 2] - xyz[begin, 2]
    ox, oy, oz = ey * normal[2] - ez * normal[1], ez * normal[0] - ex * normal[2], ex * normal[1] - ey * normal[0]
    return (x * ox + y * oy + z * oz) / np.sqrt(ox * ox + oy * oy + oz * oz)
