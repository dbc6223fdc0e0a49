"""Polygons of several rings: 201, 202, 205 to 208, by the assertions of Simple Features in the polygon's plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from ingest.checks.solids.boundaries import Boundaries, ranges
from ingest.checks.solids.fault import CONTACT_M, MOST_BETWEEN, Floats, Ints, Mask
from ingest.checks.solids.looks import UNFINISHED
from ingest.checks.solids.planes import Planes, projected

_INTERSECTION, _DUPLICATED, _DISCONNECTED, _OUTSIDE, _NESTED, _ORIENTATION = 201, 202, 205, 206, 207, 208
_AT_A_TIME = 16
_MOST_PAIRS = 20_000
"""More rings of one polygon that are near each other are not held against each other: some seconds."""


def plainly_sound(b: Boundaries, planes: Planes, faces: Ints) -> Mask:
    """Tell which polygons are valid with no two rings near each other, and have holes against the exterior's sense."""
    rings = ranges(b.face_start[faces], b.face_start[faces + 1])
    corners = ranges(b.ring_start[rings], b.ring_start[rings + 1])
    at = projected(b, planes, b.face_of_corner[corners], corners)
    lines = shapely.linearrings(at, indices=np.repeat(np.arange(len(rings)), np.diff(b.ring_start)[rings]))
    count = np.diff(b.face_start)[faces]
    outlines = shapely.polygons(lines, indices=np.repeat(np.arange(len(faces)), count))
    alike = np.add.reduceat(planes.area_m2[rings] > 0, np.cumsum(count) - count)
    sound: Mask = shapely.is_valid(outlines) & (shapely.minimum_clearance(outlines) > CONTACT_M) & (alike == 1)
    return sound


def ring_faults(b: Boundaries, planes: Planes, face: int) -> Iterator[tuple[int, Floats]]:
    """Yield what is wrong between the rings of a polygon whose rings are simple: the code, and a corner of the ring at fault.

    No more than `MOST_BETWEEN`; `UNFINISHED` where more rings are near each other than are looked at.
    """
    rings = b.rings_of(face)
    corners = [np.arange(r.start, r.stop) for r in rings]
    outlines = [shapely.Polygon(projected(b, planes, np.full(len(c), face), c)) for c in corners]
    corner_of = [b.xyz[b.corner[c[0]]] for c in corners]
    found = 0
    for looked, (i, other) in enumerate(_near(outlines)):
        if looked == _MOST_PAIRS:
            yield UNFINISHED, corner_of[i]
            return
        code = _between(outlines[i], outlines[other]) if other else _against_exterior(outlines[i], outlines[0])
        if code is not None:
            found += 1
            yield code, corner_of[i]
        if found == MOST_BETWEEN:
            return
    if found:
        return
    interior = shapely.difference(outlines[0], shapely.union_all(outlines[1:]))
    if shapely.get_num_geometries(shapely.buffer(interior, -CONTACT_M, join_style="mitre")) > 1:
        yield _DISCONNECTED, corner_of[0]
    for i in range(1, len(rings)):
        if planes.area_m2[b.ring_of_corner[corners[i][0]]] > 0:
            yield _ORIENTATION, corner_of[i]


def _near(outlines: Sequence[shapely.Polygon]) -> Iterator[tuple[int, int]]:
    """Yield the positions of a hole and of each ring before it that it may meet, the exterior's (0) first; all others are well apart."""
    exterior, holes = outlines[0], np.array(outlines[1:])
    ring = exterior.exterior
    shapely.prepare([exterior, ring])
    within = shapely.contains_properly(exterior, holes) & ~shapely.dwithin(ring, holes, 2 * CONTACT_M)
    tree = shapely.STRtree(holes)
    for first in range(0, len(holes), _AT_A_TIME):
        some = np.arange(first, min(first + _AT_A_TIME, len(holes)))
        hole, other = tree.query(holes[some], predicate="dwithin", distance=2 * CONTACT_M)
        before = other < some[hole]
        outside = some[~within[some]]
        one = np.concatenate([outside, some[hole[before]]]) + 1
        against = np.concatenate([np.zeros(len(outside), dtype=np.int64), other[before] + 1])
        order = np.lexsort((against, one))
        yield from zip(one[order].tolist(), against[order].tolist(), strict=True)


def _against_exterior(hole: shapely.Polygon, exterior: shapely.Polygon) -> int | None:
    least_m2 = CONTACT_M * hole.length
    if shapely.difference(hole, exterior).area > least_m2:
        apart = shapely.distance(hole, exterior) > CONTACT_M
        return _OUTSIDE if apart else _INTERSECTION
    return _INTERSECTION if _share_a_line(hole, exterior) else None


def _between(one: shapely.Polygon, other: shapely.Polygon) -> int | None:
    least_m2 = CONTACT_M * min(one.length, other.length)
    if shapely.intersection(one, other).area <= least_m2:
        return _INTERSECTION if _share_a_line(one, other) else None
    beyond = [shapely.difference(p, q).area > least_m2 for p, q in ((one, other), (other, one))]
    if not any(beyond):
        return _DUPLICATED
    return _INTERSECTION if all(beyond) else _NESTED


def _share_a_line(one: shapely.Polygon, other: shapely.Polygon) -> bool:
    """Rings may touch at points; a line they share would bound nothing."""
    near = shapely.buffer(other.exterior, CONTACT_M, quad_segs=1)
    longest = max((part.length for part in shapely.get_parts(shapely.intersection(one.exterior, near))), default=0.0)
    return longest > 100 * CONTACT_M
