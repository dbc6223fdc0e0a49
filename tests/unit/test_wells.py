"""Shafts that lack something, by what is known of their columns."""

from __future__ import annotations

import pytest

from ingest.wells import may_lack
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
GROUND, BOTTOM, DEPTH = "ground_elevation_m", "bottom_elevation_m", "depth_m"


@pytest.mark.parametrize(
    ("given", "lacking", "may"),
    [
        ({GROUND}, {BOTTOM, DEPTH}, False),
        ({GROUND, BOTTOM, DEPTH}, set(), False),
        ({GROUND}, {GROUND, BOTTOM, DEPTH}, True),
        ({GROUND, BOTTOM}, {DEPTH}, True),
        ({GROUND, DEPTH}, {BOTTOM}, True),
        ({GROUND, BOTTOM, DEPTH}, {DEPTH}, True),
    ],
)
def test_a_shaft_lacks_what_follows_from_the_rest(given: set[str], lacking: set[str], may: bool) -> None:
    assert may_lack(TYPES["pipe_node"], given, lacking) is may


def test_what_is_no_shaft_lacks_nothing() -> None:
    assert not may_lack(TYPES["pipe_segment"], set(), {GROUND, BOTTOM, DEPTH})
