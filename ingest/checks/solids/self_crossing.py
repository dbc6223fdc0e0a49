"""Faces of one shell that meet elsewhere than at the corners and edges they share (306 SHELL_SELF_INTERSECTION)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ingest.checks.solids.boundaries import Boundaries, greatest, least
from ingest.checks.solids.crossings import meet_beyond_shared, pairs_of_meeting_boxes
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.looks import A_NEAR_PAIR, SWEPT_A_LOOK, FaceLooks, LooksOfFile, LooksSpentError
from ingest.checks.solids.planes import Planes
from ingest.checks.solids.triangles import triangles_of
from ingest.checks.solids.vectors import cross, dot, unit

_PAIRS_AT_A_TIME = 1 << 19
SWEPT = 200
"""Shells of more faces are swept along x: comparing all with all grows with the square."""


def crossing_faces(
    b: Boundaries, planes: Planes, shells: Mask, twin: Ints, looks: LooksOfFile, unfinished: list[int]
) -> Iterator[tuple[int, int, Floats]]:
    """Yield pairs of faces of sound ``shells`` (S) that meet beyond their boundaries, and the place from the body's origin.

    Most pairs are told apart by their boxes, and most that share a corner or edge by a plane between them: that of one of the faces, or
    one upright on both through the edge. The rest is compared triangle by triangle. ``twin`` is as `sound_shells` returns it. Large shells
    of which more pairs are near than there are ``looks`` for go to ``unfinished``.
    """
    first = b.first_corner()
    points = b.points()
    low, high = least(points, first).T.copy(), greatest(points, first).T.copy()
    apart = _Apart(b, planes, twin)
    for pairs in _pairs(b, low, high, shells, looks, unfinished):
        left = pairs
        for told_apart in (apart.by_plane_of, lambda p, q: apart.by_plane_of(q, p), apart.by_plane_through_edge):
            unknown = ~told_apart(*left)
            left = left[0][unknown], left[1][unknown]
        yield from meeting_pairs(b, planes, *left)


def _pairs(
    b: Boundaries, low: Floats, high: Floats, shells: Mask, looks: LooksOfFile, unfinished: list[int]
) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs of faces whose boxes meet, many at a time."""
    waiting: list[tuple[Ints, Ints]] = []
    count = 0
    size = b.shell_end - b.shell_start
    large = _pairs_of_large(b, low, high, np.flatnonzero(shells & (size > SWEPT)), looks, unfinished)
    for pairs in itertools.chain(_pairs_by_size(b, low, high, shells & (size <= SWEPT)), large):
        waiting.append(pairs)
        count += len(pairs[0])
        if count > _PAIRS_AT_A_TIME:
            yield np.concatenate([p for p, _ in waiting]), np.concatenate([q for _, q in waiting])
            waiting, count = [], 0
    if waiting:
        yield np.concatenate([p for p, _ in waiting]), np.concatenate([q for _, q in waiting])


def _pairs_by_size(b: Boundaries, low: Floats, high: Floats, shells: Mask) -> Iterator[tuple[Ints, Ints]]:
    """Yield them for small shells of one number of faces after the other."""
    size = b.shell_end - b.shell_start
    for n in np.unique(size[shells]):
        of = np.flatnonzero(shells & (size == n))
        i, j = np.triu_indices(int(n), 1)
        step = max(1, _PAIRS_AT_A_TIME // len(i))
        for at in range(0, len(of), step):
            start = b.shell_start[of[at : at + step]][:, None]
            one, other = (start + i).ravel(), (start + j).ravel()
            meet = pairs_of_meeting_boxes(low, high, one, other)
            yield one[meet], other[meet]


def _pairs_of_large(
    b: Boundaries, low: Floats, high: Floats, shells: Ints, looks: LooksOfFile, unfinished: list[int]
) -> Iterator[tuple[Ints, Ints]]:
    """Yield them for ``shells`` one after the other, in their order, as far as they have looks."""
    for shell in shells.tolist():
        faces = np.arange(b.shell_start[shell], b.shell_end[shell])
        try:
            yield from _swept(low, high, faces, looks.of_shell(len(faces)))
        except LooksSpentError:
            unfinished.append(shell)


def _swept(low: Floats, high: Floats, faces: Ints, looks: FaceLooks) -> Iterator[tuple[Ints, Ints]]:
    order = faces[np.argsort(low[0, faces], kind="stable")]
    until = np.searchsorted(low[0, order], high[0, order] + CONTACT_M, side="right")
    looks.spend(int((until - np.arange(len(order)) - 1).sum()) // SWEPT_A_LOOK)
    at = 0
    while at < len(order):
        reach = np.cumsum(until[at:] - np.arange(at, len(order)) - 1)
        stop = at + max(1, int(np.searchsorted(reach, _PAIRS_AT_A_TIME)))
        length = until[at:stop] - np.arange(at, min(stop, len(order))) - 1
        one = np.repeat(np.arange(at, at + len(length)), length)
        other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(length) - length, length)
        one, other = order[one], order[other]
        meet = pairs_of_meeting_boxes(low, high, one, other)
        looks.spend(A_NEAR_PAIR * len(meet))
        yield one[meet], other[meet]
        at = stop


class _Apart:
    """Planes between two faces: what is on its own side of one, but for corners and edges both have, does not meet the other."""

    def __init__(self, b: Boundaries, planes: Planes, twin: Ints) -> None:
        self._b = b
        self._planes = planes
        self._first = b.first_corner()
        self._offset = dot(planes.normal, planes.centre)
        self._beyond = np.where(twin >= 0, b.face_of_corner[twin], -1)
        """Per corner the face on the other side of its edge."""
        self._thickness = planes.deviation_m + 10 * CONTACT_M
        self._keys = np.sort(b.face_of_corner * len(b.xyz) + b.corner)

    def by_plane_of(self, faces: Ints, others: Ints) -> Mask:
        """Tell which of ``others`` are on one side of the plane of their face, and have in it only what the face has too.

        A polygon on one side of a plane and not in it meets it in corners and edges only.
        """
        if not len(others):
            return np.zeros(0, dtype=bool)
        corner, pair, start = self._corners(others)
        of = faces[pair]
        height = dot(self._b.xyz[self._b.corner[corner]], self._planes.normal[of]) - self._offset[of]
        above, below = height > self._thickness[of], height < -self._thickness[of]
        sides = [np.logical_or.reduceat(s, start[:-1]) for s in (above, below)]
        result: Mask = sides[0] ^ sides[1]
        on = ~(above | below) & result[pair]
        touching = np.flatnonzero(on)
        c, p = corner[touching], pair[touching]
        at = start[p] - self._first[others[p]]
        edge_on, edge_before_on = on[at + self._b.after[c]], on[at + self._b.before[c]]
        strange = edge_on & (self._beyond[c] != faces[p])
        single = np.flatnonzero(~edge_on & ~edge_before_on)
        key = faces[p[single]] * len(self._b.xyz) + self._b.corner[c[single]]
        found = self._keys[np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)] == key
        strange[single] = ~found
        result[p[strange]] = False
        return result

    def by_plane_through_edge(self, faces: Ints, others: Ints) -> Mask:
        """Tell which neighbours lie on either side of a plane through their edge, upright on both: coplanar ones, mostly."""
        result = np.zeros(len(others), dtype=bool)
        if not len(others):
            return result
        corner, pair, start = self._corners(others)
        shared = self._beyond[corner] == faces[pair]
        which = np.flatnonzero(np.add.reduceat(shared, start[:-1]) == 1)
        edge = corner[np.flatnonzero(shared & np.isin(pair, which))]
        begin, end = self._b.xyz[self._b.corner[edge]], self._b.xyz[self._b.corner[self._b.after[edge]]]
        upright = unit(cross(end - begin, self._planes.normal[faces[which]] + self._planes.normal[others[which]]))
        result[which] = True
        for side, sign in ((others, 1.0), (faces, -1.0)):
            c, p, begins = self._corners(side[which])
            height = sign * dot(self._b.xyz[self._b.corner[c]] - begin[p], upright[p])
            ends = self._b.corner[np.stack([edge, self._b.after[edge]])][:, p]
            own = (self._b.corner[c] == ends).any(axis=0)
            result[which] &= np.logical_and.reduceat(own | (height > 10 * CONTACT_M), begins[:-1])
        return result

    def _corners(self, faces: Ints) -> tuple[Ints, Ints, Ints]:
        """Return all corners of ``faces``, of which face by position each is, and where each begins."""
        count = self._first[faces + 1] - self._first[faces]
        start = np.concatenate([[0], np.cumsum(count)])
        pair = np.repeat(np.arange(len(faces)), count)
        return (self._first[faces] - start[:-1])[pair] + np.arange(start[-1]), pair, start


def meeting_pairs(b: Boundaries, planes: Planes, one: Ints, other: Ints) -> Iterator[tuple[int, int, Floats]]:
    """Yield those pairs of faces whose triangles meet, and the place from the body's origin."""
    if not len(one):
        return
    faces = np.unique(np.concatenate([one, other]))
    vertex, start = triangles_of(b, planes, faces)
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
