"""Solids of one feature: 501 to 503 within a composite, 601 between the others.

INTERSECTION_SOLIDS, DUPLICATED_SOLIDS, DISCONNECTED_SOLIDS, BUILDINGPARTS_OVERLAP. No overlap is forgiven (val3dity's default).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ingest.checks.solids.fault import Floats
from ingest.checks.solids.hulls import Hull, Relation, boxes_apart, standing

_INTERSECTION, _DUPLICATED, _DISCONNECTED, _OVERLAP = 501, 502, 503, 601


def faults_between(hulls: Mapping[int, Hull], composite: Sequence[int | None]) -> Iterator[tuple[int, int, Floats]]:
    """Yield code, solid and place of what is wrong between sound solids (position → exterior surface).

    ``composite`` names per solid the composite it belongs to; None: it stands for itself.
    """
    numbers = sorted(hulls)
    joined: dict[int, int] = {n: n for n in numbers}
    for at, i in enumerate(numbers):
        for j in numbers[:at]:
            if boxes_apart(hulls[i], hulls[j]):
                continue
            found = standing(hulls[i], hulls[j])
            together = composite[i] is not None and composite[i] == composite[j]
            if together and found.share_area:
                _join(joined, i, j)
            if found.relation is not Relation.APART:
                within = _DUPLICATED if found.relation is Relation.EQUAL else _INTERSECTION
                yield (within if together else _OVERLAP), i, found.place
    yield from _disconnected(hulls, composite, joined)


def _disconnected(hulls: Mapping[int, Hull], composite: Sequence[int | None], joined: dict[int, int]) -> Iterator[tuple[int, int, Floats]]:
    first: dict[int, int] = {}
    for n in sorted(hulls):
        group = composite[n]
        if group is None:
            continue
        if _root(joined, n) != _root(joined, first.setdefault(group, n)):
            yield _DISCONNECTED, n, hulls[n].triangles[0].mean(axis=0)


def _root(joined: dict[int, int], n: int) -> int:
    while joined[n] != n:
        n = joined[n]
    return n


def _join(joined: dict[int, int], one: int, other: int) -> None:
    p, q = _root(joined, one), _root(joined, other)
    joined[max(p, q)] = min(p, q)
