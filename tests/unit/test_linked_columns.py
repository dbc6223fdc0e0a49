"""Which columns get an index because something is found by what they name."""

from __future__ import annotations

from ingest.links import linked_columns
from twin.featuretypes.loader import load_feature_types


def test_ends_of_pipes_are_found_by_their_nodes() -> None:
    """Deleting a node read all pipes of the city before."""
    types = load_feature_types()
    assert {"start_node", "end_node", "tunnel_id"} <= set(linked_columns(types["pipe_segment"], types.values()))
    assert "start_node" not in linked_columns(types["pipe_node"], types.values())
