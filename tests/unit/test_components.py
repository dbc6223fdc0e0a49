"""Connected components are those that networkx finds."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.set_rules.components import components

VERTICES = 30


@given(st.lists(st.tuples(st.integers(0, VERTICES - 1), st.integers(0, VERTICES - 1)), max_size=60))
def test_components_are_those_of_networkx(edges: list[tuple[int, int]]) -> None:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(VERTICES))
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    label = components(VERTICES, ends[:, 0], ends[:, 1])
    expected = {vertex: min(part) for part in nx.connected_components(graph) for vertex in part}
    assert dict(enumerate(label.tolist())) == expected


def test_a_chain_numbered_at_random_is_one_component() -> None:
    order = np.random.default_rng(4549).permutation(20_000)
    assert (components(len(order), order[:-1], order[1:]) == 0).all()
