"""Faces of one shell that meet elsewhere than at the corners and edges they share (306 SHELL_SELF_INTERSECTION)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.checks.solids.boundaries import Boundaries, greatest, least
from ingest.checks.solids.crossings import meet_beyond_shared, pairs_of_meeting_boxes
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.planes import Planes
from ingest.checks.solids.triangles import triangles_of

_PAIRS_AT_A_TIME = 1 << 19
_SWEPT = 200
"""Shells of more faces are swept along x: comparing all with all grows with the square."""


def crossing_faces(b: Boundaries, planes: Planes, shells: Mask) -> Iterator[tuple[int, int, Floats]]:
    """Yield pairs of faces of sound ``shells`` (S) that meet beyond their boundaries, and the place from the body's origin.

    Most pairs are told apart by their boxes, and most that share a corner by one lying on one side of the other's plane; the rest is
    compared triangle by triangle.
    """
    first = b.first_corner()
    points = b.points()
    low, high = least(points, first).T.copy(), greatest(points, first).T.copy()
    for one, other in _pairs(b, low, high, shells):
        doubtful = ~(_beside(b, planes, one, other) | _beside(b, planes, other, one))
        yield from _by_triangles(b, planes, one[doubtful], other[doubtful])


def _pairs(b: Boundaries, low: Floats, high: Floats, shells: Mask) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs of faces whose boxes meet, shells of one size together."""
    size = b.shell_end - b.shell_start
    for n in np.unique(size[shells]):
        of = np.flatnonzero(shells & (size == n))
        if n > _SWEPT:
            for shell in of:
                yield from _swept(low, high, np.arange(b.shell_start[shell], b.shell_end[shell]))
            continue
        i, j = np.triu_indices(int(n), 1)
        step = max(1, _PAIRS_AT_A_TIME // len(i))
        for at in range(0, len(of), step):
            start = b.shell_start[of[at : at + step]][:, None]
            one, other = (start + i).ravel(), (start + j).ravel()
            meet = pairs_of_meeting_boxes(low, high, one, other)
            yield one[meet], other[meet]


def _swept(low: Floats, high: Floats, faces: Ints) -> Iterator[tuple[Ints, Ints]]:
    order = faces[np.argsort(low[0, faces], kind="stable")]
    until = np.searchsorted(low[0, order], high[0, order] + CONTACT_M, side="right")
    at = 0
    while at < len(order):
        reach = np.cumsum(until[at:] - np.arange(at, len(order)) - 1)
        stop = at + max(1, int(np.searchsorted(reach, _PAIRS_AT_A_TIME)))
        length = until[at:stop] - np.arange(at, min(stop, len(order))) - 1
        one = np.repeat(np.arange(at, at + len(length)), length)
        other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(length) - length, length)
        one, other = order[one], order[other]
        meet = pairs_of_meeting_boxes(low, high, one, other)
        yield one[meet], other[meet]
        at = stop


def _beside(b: Boundaries, planes: Planes, faces: Ints, others: Ints) -> Mask:
    """Tell where all corners of ``others`` that are not corners of the face lie on one side of its plane, at most one edge being shared.

    A polygon with no corner on a plane but those two of an edge, and all others on one side, meets the plane in that edge only.
    """
    first = b.first_corner()
    count = (first[1:] - first[:-1])[others]
    start = np.concatenate([[0], np.cumsum(count)])
    corner = np.repeat(first[others] - start[:-1], count) + np.arange(start[-1])
    of = np.repeat(faces, count)
    height = ((b.xyz[b.corner[corner]] - planes.centre[of]) * planes.normal[of]).sum(axis=1)
    thickness = planes.deviation_m[of] + 10 * CONTACT_M
    above, below = height > thickness, height < -thickness
    on = ~(above | below)
    if not len(others):
        return np.zeros(0, dtype=bool)
    sides = [np.logical_or.reduceat(s, start[:-1]) for s in (above, below)]
    contact = np.add.reduceat(on, start[:-1])
    result = ~(sides[0] & sides[1]) & (contact <= 2)
    doubtful = np.flatnonzero(result & (contact > 0))
    result[doubtful] = _contact_is_shared(b, faces, doubtful, on, corner, start)
    return result


def _contact_is_shared(b: Boundaries, faces: Ints, which: Ints, on: Mask, corner: Ints, start: Ints) -> Mask:
    """Tell which pairs touch only in corners both have; where two, in an edge both have."""
    pair = np.repeat(np.arange(len(start) - 1), np.diff(start))
    wanted = np.zeros(len(start) - 1, dtype=bool)
    wanted[which] = True
    chosen = np.flatnonzero(on & wanted[pair])
    vertex, of = b.corner[corner[chosen]], pair[chosen]
    begin = np.searchsorted(of, which)
    two = np.append(begin[1:], len(of)) - begin == 2
    p = vertex[begin]
    q = np.where(two, vertex[np.minimum(begin + 1, len(vertex) - 1)], p)
    own = faces[which]
    result = np.zeros(len(which), dtype=bool)
    first = b.first_corner()
    count = np.diff(first)[own]
    for n in np.unique(count):
        same = np.flatnonzero(count == n)
        at = first[own[same]][:, None] + np.arange(n)
        here, there = b.corner[at], b.corner[b.after[at]]
        p_, q_ = p[same][:, None], q[same][:, None]
        edge = ((here == p_) & (there == q_)) | ((here == q_) & (there == p_))
        result[same] = np.where(two[same], edge.any(axis=1), (here == p_).any(axis=1))
    return result


def _by_triangles(b: Boundaries, planes: Planes, one: Ints, other: Ints) -> Iterator[tuple[int, int, Floats]]:
    if not len(one):
        return
    faces = np.unique(np.concatenate([one, other]))
    triangles = triangles_of(b, planes, faces)
    start = np.concatenate([[0], np.cumsum([len(t) for t in triangles])])
    vertex = np.concatenate(triangles)
    low, high = b.xyz[vertex].min(axis=1).T, b.xyz[vertex].max(axis=1).T
    place = np.searchsorted(faces, np.stack([one, other]))
    sizes = np.diff(start)[place]
    total = sizes[0] * sizes[1]
    for part in np.split(np.arange(len(one)), np.flatnonzero(np.diff(np.cumsum(total) // _PAIRS_AT_A_TIME)) + 1):
        pair = np.repeat(part, total[part])
        number = np.arange(len(pair)) - np.repeat(np.cumsum(total[part]) - total[part], total[part])
        s = start[place[0, pair]] + number // sizes[1, pair]
        t = start[place[1, pair]] + number % sizes[1, pair]
        near = pairs_of_meeting_boxes(low, high, s, t)
        pair, s, t = pair[near], s[near], t[near]
        meets = meet_beyond_shared(b.xyz[vertex[s]], b.xyz[vertex[t]], vertex[s], vertex[t])
        hit, index = np.unique(pair[meets], return_index=True)
        for k, i in zip(hit, np.flatnonzero(meets)[index], strict=True):
            middle = (np.maximum(low[:, s[i]], low[:, t[i]]) + np.minimum(high[:, s[i]], high[:, t[i]])) / 2
            yield int(one[k]), int(other[k]), middle
