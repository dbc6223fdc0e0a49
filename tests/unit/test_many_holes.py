"""Faces of very many holes: only rings near each other are held against each other, and what is told is what all pairs tell."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from solid_files import Points, body_of

from ingest.checks.solids import polygons
from ingest.checks.solids.boundaries import boundaries_of
from ingest.checks.solids.fault import MOST_BETWEEN
from ingest.checks.solids.looks import UNFINISHED
from ingest.checks.solids.planes import planes_of
from ingest.checks.solids.validity import validity_faults
from twin.representation import Faces

Square = tuple[float, float, float]
SIDE = 40.0


def square(x: float, y: float, side: float) -> Points:
    return [(x, y, 0.0), (x, y + side, 0.0), (x + side, y + side, 0.0), (x + side, y, 0.0)]


def face_of(holes: list[Square], side: float = SIDE) -> Faces:
    corners, rings = square(0, 0, side)[::-1], [[0, 1, 2, 3]]
    for hole in holes:
        rings.append(list(range(len(corners), len(corners) + 4)))
        corners += square(*hole)
    return body_of([[(corners, [rings])]], closed=False)


def by_all_pairs(holes: list[Square]) -> list[tuple[int, int]]:
    """Return code and hole of each fault between two rings."""
    outlines = [shapely.Polygon([p[:2] for p in square(*ring)]) for ring in ((0, 0, SIDE), *holes)]
    found = []
    for i, hole in enumerate(outlines[1:], start=1):
        codes = [polygons._against_exterior(hole, outlines[0])] + [polygons._between(hole, other) for other in outlines[1:i]]
        found += [(code, i) for code in codes if code is not None]
    return found


# no two of them differ by a tolerance exactly, where rounding in the plane of the face decides
PLACE = st.sampled_from([0.0, 1.0, 2.0, 2.0 + 1e-7, 2.0 - 1.3e-6, 2.0 + 3.3e-6, 4.0, 9.0, 30.0, 38.0, 39.0, 45.0, -5.0])
SQUARES = st.lists(st.tuples(PLACE, PLACE, st.sampled_from([1.0, 2.0, 2.0, 7.0, 30.0])), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(SQUARES)
def test_the_same_is_told_as_of_all_pairs(holes: list[Square]) -> None:
    b = boundaries_of([face_of(holes)])
    told = list(polygons.ring_faults(b, planes_of(b, np.ones(1, dtype=bool), 0.01), 0))
    between = by_all_pairs(holes)
    if between:
        places = [(code, tuple(b.xyz[4 * i].tolist())) for code, i in between[:MOST_BETWEEN]]
        assert [(code, tuple(place.tolist())) for code, place in told] == places
    else:
        assert {code for code, _ in told} <= {205, 208}


def test_one_hole_of_thousands_that_crosses_another_is_told() -> None:
    holes = [(1.0 + 5 * (k % 60), 1.0 + 5 * (k // 60), 2.0) for k in range(3000)]
    assert validity_faults([face_of(holes, 400)]) == []
    assert [fault.code for fault in validity_faults([face_of([*holes, (2.0, 2.0, 2.0)], 400)])] == [201]


def test_of_holes_in_holes_by_the_hundred_so_many_are_told_as_of_anything() -> None:
    holes = [(1 + k * 0.02, 1 + k * 0.02, 30 - k * 0.04) for k in range(300)]
    assert Counter(fault.code for fault in validity_faults([face_of(holes)])) == {207: MOST_BETWEEN}


def test_where_too_many_are_near_each_other_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chequered: each touches others at its corners, which parts the face but is no fault between two of them."""
    holes = [(1.0 + x, 1.0 + y, 1.0) for x in range(12) for y in range(12) if (x + y) % 2 == 0]
    assert {fault.code for fault in validity_faults([face_of(holes)])} == {205}
    monkeypatch.setattr(polygons, "_MOST_PAIRS", 20)
    assert [(fault.code, fault.face) for fault in validity_faults([face_of(holes)])] == [(UNFINISHED, 0)]
