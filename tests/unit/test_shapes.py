"""The shape rules over whole batches say what a plain walk around each geometry says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rules.rows import Rows, area, line, row_findings

from ingest.checks.shapes import shape_faults
from twin.rules.loader import load_rules

RULES = load_rules()
SIZES = [0.0005, 0.002, 0.009, 0.02, 0.06, 0.11, 1.0, 30.0]
VERTEX = st.tuples(st.integers(-3, 3), st.integers(-3, 3)).flatmap(lambda v: st.sampled_from([(v[0] * s, v[1] * s) for s in SIZES]))


def parameter(rule: str, name: str) -> float:
    return float(RULES[rule].parameters[name].default)


def walked(ring: list[tuple[float, float]], *, closed: bool) -> set[str]:
    """Say what is wrong with one ring or line, edge by edge."""
    found = set()
    edges = [(a, b, math.dist(a, b)) for a, b in itertools.pairwise(ring)]
    leading = [edge for edge in edges if edge[2] >= parameter("repeated-vertex", "tolerance_m")]
    pairs = list(itertools.pairwise(leading)) + ([(leading[-1], leading[0])] if closed and leading else [])
    for _, _, length in edges:
        if length < parameter("repeated-vertex", "tolerance_m"):
            found.add("repeated-vertex")
        elif length < parameter("short-segment", "length_m"):
            found.add("short-segment")
    for (a, b, first), (d, c, second) in pairs:
        if min(first, second) < parameter("spike", "length_m"):
            continue
        turn = math.atan2(a[1] - b[1], a[0] - b[0]) - math.atan2(c[1] - d[1], c[0] - d[0])
        if abs(math.remainder(turn, math.tau)) < math.radians(parameter("spike", "angle_deg")) - 1e-9:
            found.add("spike")
    return found


@given(st.lists(st.lists(VERTEX, min_size=3, max_size=8, unique=True), min_size=1, max_size=5))
def test_areas(outlines: list[list[tuple[float, float]]]) -> None:
    rings = [[*outline, outline[0]] for outline in outlines]
    polygons = [shapely.Polygon(ring) for ring in rings]
    # a row of one part, and one of all
    geometry = np.array([*polygons, shapely.MultiPolygon(polygons)], dtype=object)
    faults = list(shape_faults(geometry, parameter))
    walks = [walked(ring, closed=True) for ring in rings]
    for index, expected in enumerate([*walks, set().union(*walks)]):
        assert {f.rule for f in faults if f.index == index} - {"sliver", "tiny-hole"} == expected
    width = 2 * shapely.area(geometry) / shapely.length(geometry)
    assert {f.index for f in faults if f.rule == "sliver"} == set(np.flatnonzero(width < parameter("sliver", "width_m")).tolist())


@given(st.lists(st.lists(VERTEX, min_size=2, max_size=8), min_size=1, max_size=5))
def test_lines(ways: list[list[tuple[float, float]]]) -> None:
    faults = list(shape_faults(np.array([shapely.LineString(way) for way in ways], dtype=object), parameter))
    for index, way in enumerate(ways):
        found = {f.rule for f in faults if f.index == index}
        assert found - {"self-touching-line"} == walked(way, closed=False)
        if len(way) > 3:
            assert ("self-touching-line" in found) != shapely.LineString(way).is_simple


def repeating(way: list[tuple[float, float]], times: list[int]) -> list[tuple[float, float]]:
    return [vertex for vertex, count in zip(way, itertools.cycle(times)) for _ in range(count)]


@given(st.lists(VERTEX, min_size=3, max_size=8, unique=True), st.lists(st.integers(1, 4), min_size=1, max_size=9), st.booleans())
def test_repeated_vertices_hide_no_spike(outline: list[tuple[float, float]], times: list[int], closed: bool) -> None:
    """Neither at a tip nor where a ring closes."""
    way = [*outline, outline[0]] if closed else outline
    shape = shapely.Polygon if closed else shapely.LineString
    batch = np.array([shape(way), shape(repeating(way, times)), shape(way)], dtype=object)
    spikes = [f for f in shape_faults(batch, parameter) if f.rule == "spike"]
    assert {(f.index, f.message, f.place, f.value) for f in spikes} == {(i, f.message, f.place, f.value) for f in spikes for i in range(3)}
    assert bool(spikes) == ("spike" in walked(way, closed=closed))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_tip_that_was_clicked_twice_is_a_spike(times: int) -> None:
    tip = [(10.0, 0.0)] * times
    outline = [(0, 0), (5, 0), *tip, (5, 0.01), (5, 5), (0, 5)]
    rings = [[*outline, outline[0]], [*tip, *outline[2 + times :], *outline[:2], *tip]]
    geometry = [shapely.LineString([(0, 0), *tip, (0, 0.01)]), *(shapely.Polygon(ring) for ring in rings)]
    told = [f for g in geometry for f in shape_faults(np.array([g], dtype=object), parameter) if f.rule == "spike"]
    assert [f.place for f in told] == [(10.0, 0.0)] * 3


def test_a_riser_between_two_levels_is_no_spike() -> None:
    """In plan its two ends are one place, but it leads somewhere."""
    riser = shapely.LineString([(0, 0, 0), (10, 0, 0), (10, 0, 3), (0, 0.01, 3)])
    assert [f.rule for f in shape_faults(np.array([riser], dtype=object), parameter)] == []


def test_a_row_is_named_once_with_the_first_place_and_the_number_of_places() -> None:
    comb = area((0, 0), (0.005, 0), (9, 0), (9, 5), (8.995, 5), (0, 5))
    (told,) = row_findings(Rows("water", [comb], {"water_id": ["w"]}))
    assert (told.rule, told.severity.value, told.row, told.key, told.value) == ("short-segment", "info", 1, "w", "0.0050")
    assert told.place == (497_538.0, 3_520_895.0)
    assert told.message.en == "very short edges: 2, the first of 0.0050 m"


def test_the_place_of_a_line_that_meets_itself_is_where_it_does() -> None:
    (told,) = row_findings(Rows("road", [line((0, 0), (10, 0), (10, 10), (5, -5))], {"road_id": ["r"]}))
    assert told.rule == "self-touching-line"
    assert told.place == pytest.approx((497_538.0 + 20 / 3, 3_520_895.0))


def test_holes_are_looked_at_in_every_part() -> None:
    whole = area((0, 0), (9, 0), (9, 9), (0, 9))
    pierced = area((20, 0), (29, 0), (29, 9), (20, 9), holes=[[(22, 2), (25, 2), (25, 5)], [(26, 6), (26.05, 6), (26.05, 6.05)]])
    both = shapely.MultiPolygon([*whole.geoms, *pierced.geoms])
    told = row_findings(Rows("water", [whole, both], {"water_id": ["a", "b"]}))
    assert [(f.rule, f.row, f.place) for f in told] == [("tiny-hole", 2, (497_564.0, 3_520_901.0))]


def test_a_type_says_what_is_too_thin() -> None:
    from dataclasses import replace

    from rules.rows import TYPES

    from twin.model import Check

    strip = Rows("water", [area((0, 0), (90, 0), (90, 0.4), (0, 0.4))], {"water_id": ["w"]})
    assert row_findings(strip) == []
    water = TYPES["water"]
    strict = replace(water, checks=(*water.checks, Check("sliver", {"width_m": 0.5, "severity": "error"})))
    assert [(f.rule, f.severity.value) for f in row_findings(strip, strict)] == [("sliver", "error")]
