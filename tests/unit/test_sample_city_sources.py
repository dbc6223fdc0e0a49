"""Water and gas come from somewhere in every part of the sample city's streets, however the edge of the survey cuts them apart."""

from __future__ import annotations

from collections import defaultdict

import networkx as nx  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_city.pipes import Site
from sample_city.relief import Relief
from sample_city.service_areas import carried_edges
from sample_city.streets import OpenEdges, StreetGrid, plan_streets
from sample_city.survey import QUARTER, SurveyArea

SOURCES = {"JP": ("泵站", "出测区点"), "TR": ("调压箱", "出测区点")}


@pytest.fixture(scope="module")
def grid() -> StreetGrid:
    return plan_streets(Relief(4549, 497_200.0, 3_519_700.0, 5.0), 500)


def around(grid: StreetGrid, blocks: list[tuple[int, int]]) -> OpenEdges:
    """Return the streets around blocks, and no others."""
    streets = OpenEdges(np.zeros((grid.rows + 1, grid.columns), bool), np.zeros((grid.rows, grid.columns + 1), bool))
    for row, column in blocks:
        streets.horizontal[[row, row + 1], column] = True
        streets.vertical[row, [column, column + 1]] = True
    return streets


@pytest.mark.parametrize("apart", [1, 2])
def test_each_part_of_a_quarter_that_the_survey_cuts_apart_has_its_source(grid: StreetGrid, apart: int) -> None:
    corner = QUARTER
    streets = around(grid, [(corner, corner), (corner + 1 + apart, corner + 1 + apart)])
    area = SurveyArea(Site(grid, streets, carried_edges(grid, streets, ()), streets.parts()), {})
    networks: dict[str, nx.Graph] = defaultdict(nx.Graph)
    sources: set[str] = set()
    for survey in area.quarters():
        sources |= {p.point_id for p in survey.points if p.kind in SOURCES and {p.feature, p.appurtenance} & {*SOURCES[p.kind]}}
        for line in survey.lines:
            networks[line.kind].add_edge(line.start_id, line.end_id)
    for kind in SOURCES:
        parts = list(nx.connected_components(networks[kind]))
        assert len(parts) == 2
        assert all(part & sources for part in parts), kind


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_parts_of_streets_are_those_of_networkx(rows: int, columns: int, data: st.DataObject) -> None:
    flags = st.lists(st.booleans(), min_size=(rows + 1) * (columns + 1), max_size=(rows + 1) * (columns + 1))
    horizontal = np.array(data.draw(flags)).reshape(rows + 1, columns + 1)[:, :-1]
    vertical = np.array(data.draw(flags)).reshape(rows + 1, columns + 1)[:-1]
    graph = nx.Graph()
    graph.add_nodes_from(np.ndindex(rows + 1, columns + 1))
    graph.add_edges_from(((i, j), (i, j + 1)) for i, j in np.argwhere(horizontal))
    graph.add_edges_from(((i, j), (i + 1, j)) for i, j in np.argwhere(vertical))
    part = OpenEdges(horizontal, vertical).parts()
    found = defaultdict(set)
    for place, number in np.ndenumerate(part):
        found[number].add(place)
    assert {frozenset(places) for places in found.values()} == {frozenset(c) for c in nx.connected_components(graph)}
