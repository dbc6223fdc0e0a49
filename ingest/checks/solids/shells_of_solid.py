"""Shells of one solid: 401 INTERSECTION_SHELLS, 402 DUPLICATED_SHELLS, 403 INNER_SHELL_OUTSIDE, 404 SOLID_INTERIOR_DISCONNECTED.

Shells may touch in points and along lines, not in faces (Ledoux 2013). Lines of contact that close a circle part the interior: the
circle bounds a piece of either surface, and between them nothing leads on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ingest.checks.solids.fault import CONTACT_M, MOST_BETWEEN, Floats
from ingest.checks.solids.hulls import Hull, Relation, Standing, boxes_apart, contact_segments, meeting_boxes, standing
from ingest.checks.solids.looks import A_PAIR, Looks

_INTERSECTION, _DUPLICATED, _OUTSIDE, _DISCONNECTED = 401, 402, 403, 404
_SEGMENTS = 2000
"""More lines of contact are not followed: noding them grows with the square."""


def shell_faults_of_solid(hulls: Sequence[Hull], looks: Looks) -> Iterator[tuple[int, int, Floats]]:
    """Yield what is wrong between the shells of a solid, the exterior first, up to `MOST_BETWEEN`: code, position of the shell, place.

    All are held against the exterior before any two others, so that many faults between those hide none of it. LooksSpentError where there
    are no more ``looks``.
    """
    found = 0
    pairs = itertools.chain(((0, i) for i in range(1, len(hulls))), ((j + 1, i + 1) for j, i in meeting_boxes(hulls[1:], looks)))
    for j, i in pairs:
        code, place = _between(hulls[i], hulls[j], looks, is_exterior=j == 0)
        if code is not None:
            found += 1
            yield code, i, place
        if found == MOST_BETWEEN:
            return
    if found:
        return
    touching = [contact_segments(hulls[i], hulls[j], looks) for j, i in meeting_boxes(hulls, looks)]
    segments = np.concatenate([*touching, np.empty((0, 2, 3))])
    if len(segments) <= _SEGMENTS:
        looks.spend(len(segments) ** 2 // 2)
        circle = _on_a_circle(segments)
        if circle is not None:
            yield _DISCONNECTED, 1, circle


def _between(hull: Hull, other: Hull, looks: Looks, *, is_exterior: bool) -> tuple[int | None, Floats]:
    if boxes_apart(hull, other):
        looks.spend(A_PAIR)
        return (_OUTSIDE if is_exterior else None), hull.triangles[0].mean(axis=0)
    found = standing(hull, other, looks)
    return (_against_exterior(found) if is_exterior else _against_inner(found)), found.place


def _against_exterior(found: Standing) -> int | None:
    if found.relation is Relation.EQUAL:
        return _DUPLICATED
    if found.relation is Relation.INSIDE:
        return _INTERSECTION if found.share_area else None
    return _OUTSIDE if found.relation is Relation.APART and not found.touch else _INTERSECTION


def _against_inner(found: Standing) -> int | None:
    if found.relation is Relation.EQUAL:
        return _DUPLICATED
    return None if found.relation is Relation.APART and not found.share_area else _INTERSECTION


def _on_a_circle(segments: Floats) -> Floats | None:
    """Return a point of a closed line of contact, None where there is none; segments may overlap and meet within each other."""
    points = np.unique(np.round(segments.reshape(-1, 3) / (10 * CONTACT_M)), axis=0) * (10 * CONTACT_M)
    points = _apart(points)
    pieces: set[tuple[int, int]] = set()
    for start, end in segments:
        length = float(np.sqrt(((end - start) ** 2).sum()))
        along = (points - start) @ (end - start) / length
        off = np.sqrt(((points - start - along[:, None] * (end - start) / length) ** 2).sum(axis=1))
        on = np.flatnonzero((off < 50 * CONTACT_M) & (along > -50 * CONTACT_M) & (along < length + 50 * CONTACT_M))
        on = on[np.argsort(along[on])]
        pieces.update((min(p, q), max(p, q)) for p, q in zip(on[:-1].tolist(), on[1:].tolist(), strict=True))
    parent = list(range(len(points)))

    def root(p: int) -> int:
        while parent[p] != p:
            p = parent[p]
        return p

    for p, q in sorted(pieces):
        if root(p) == root(q):
            place: Floats = points[p]
            return place
        parent[root(p)] = root(q)
    return None


def _apart(points: Floats) -> Floats:
    """Return points of which no two are within the reach of contact: where several are, the first."""
    kept: list[int] = []
    for i, point in enumerate(points):
        if not kept or (((points[kept] - point) ** 2).sum(axis=1) > (50 * CONTACT_M) ** 2).all():
            kept.append(i)
    return points[kept]
