"""Connected components are those that networkx finds, and so are runs of lines."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.set_rules.codes import NONE
from ingest.set_rules.components import components, count_ends, settle, unite_lines

VERTICES = 30
EDGES = st.lists(st.tuples(st.integers(0, VERTICES - 1), st.integers(0, VERTICES - 1)), max_size=60)
FEW_POINTS = 12
ENDS = st.lists(st.tuples(st.integers(NONE, FEW_POINTS - 1), st.integers(NONE, FEW_POINTS - 1)), max_size=20)


@given(EDGES, st.integers(0, 60))
def test_components_are_those_of_networkx(edges: list[tuple[int, int]], first: int) -> None:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(VERTICES))
    ends = np.array(edges, dtype=np.int32).reshape(-1, 2)
    label = components(VERTICES, [ends[:first], ends[first:]])
    expected = {vertex: min(part) for part in nx.connected_components(graph) for vertex in part}
    assert dict(enumerate(label.tolist())) == expected


def test_a_chain_numbered_at_random_is_one_component() -> None:
    order = np.random.default_rng(4549).permutation(20_000)
    assert (components(len(order), [np.column_stack([order[:-1], order[1:]])]) == 0).all()


@given(ENDS, st.sets(st.integers(0, FEW_POINTS - 1)), st.integers(0, 20))
def test_lines_go_on_through_points_at_which_just_two_ends_are(ends: list[tuple[int, int]], shafts: set[int], first: int) -> None:
    at, numbers = np.array(ends, dtype=np.int32).reshape(-1, 2), np.arange(len(ends))
    degrees, first_line = np.zeros(FEW_POINTS, np.uint8), np.full(FEW_POINTS, NONE, np.int32)
    for some in (slice(first), slice(first, None)):
        count_ends(at[some], degrees)
    degrees[sorted(shafts)] = 0
    labels = np.arange(len(ends), dtype=np.int32)
    for some in (slice(first), slice(first, None)):
        unite_lines(labels, numbers[some], at[some], degrees, first_line)
    settle(labels)
    met = Counter(point for line in ends for point in line)
    graph = nx.Graph()
    graph.add_nodes_from(range(len(ends)))
    for point in {p for p, count in met.items() if count == 2} - shafts - {NONE}:
        graph.add_edges_from([[k for k, line in enumerate(ends) for end in line if end == point]])
    assert dict(enumerate(labels.tolist())) == {line: min(part) for part in nx.connected_components(graph) for line in part}
