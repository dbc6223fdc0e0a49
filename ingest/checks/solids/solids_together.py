"""Solids of one feature: 501 to 503 within a composite, 601 between the others.

INTERSECTION_SOLIDS, DUPLICATED_SOLIDS, DISCONNECTED_SOLIDS, BUILDINGPARTS_OVERLAP. No overlap is forgiven (val3dity's default).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ingest.checks.solids.fault import MOST_BETWEEN, Floats, Ints
from ingest.checks.solids.hulls import Hull, Relation, meeting_boxes, standing
from ingest.checks.solids.looks import Looks
from ingest.readers.source import Makeup

_INTERSECTION, _DUPLICATED, _DISCONNECTED, _OVERLAP = 501, 502, 503, 601


def faults_between(hulls: Mapping[int, Hull], makeup: Makeup, looks: Looks) -> Iterator[tuple[int, int, Floats]]:
    """Yield code, solid and place of what is wrong between sound solids (position → exterior surface), up to `MOST_BETWEEN`.

    Of one composite they may share faces and nothing else, and must hang together; of one multi-solid nothing is asked; those of
    different geometries are parts of one feature and must not overlap. Whether a composite hangs together (503) is not asked once there
    are `MOST_BETWEEN` overlaps, for then not all of its pairs were looked at. LooksSpentError where there are no more ``looks``.
    """
    joined, overlaps, solids = {n: n for n in hulls}, 0, sorted(hulls)
    geometries = [_geometry(makeup, n) for n in solids]
    # solids of a multi-solid are kin, of which nothing is asked; every one of a composite is alone
    kin: Ints = np.array([-1 - n if g in makeup.composites else g for n, g in zip(solids, geometries, strict=True)], dtype=np.int64)
    for one, other in meeting_boxes([hulls[n] for n in solids], looks, kin):
        j, i, composite = solids[one], solids[other], geometries[one] == geometries[other]
        found = standing(hulls[i], hulls[j], looks)
        if found.share_area:
            _join(joined, i, j)
        if found.relation is not Relation.APART:
            within = _DUPLICATED if found.relation is Relation.EQUAL else _INTERSECTION
            yield (within if composite else _OVERLAP), i, found.place
            overlaps += 1
            if overlaps == MOST_BETWEEN:
                return
    first: dict[int, int] = {}
    for n, geometry in zip(solids, geometries, strict=True):
        if geometry in makeup.composites and _root(joined, n) != _root(joined, first.setdefault(geometry, n)):
            yield _DISCONNECTED, n, hulls[n].triangles[0].mean(axis=0)


def _geometry(makeup: Makeup, solid: int) -> int:
    return makeup.geometry_of_solid[solid] if makeup.geometry_of_solid else solid


def _root(joined: dict[int, int], n: int) -> int:
    while joined[n] != n:
        n = joined[n]
    return n


def _join(joined: dict[int, int], one: int, other: int) -> None:
    p, q = _root(joined, one), _root(joined, other)
    joined[max(p, q)] = min(p, q)
