"""Vertices that are one: as by all pairs, and quickly where very many lie in one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.solids import welding
from ingest.checks.solids.fault import CONTACT_M
from ingest.checks.solids.welding import welded

SNAP_M = 0.001
CENTIMETRES = st.integers(0, 12).map(lambda k: k * SNAP_M / 4)


def by_all_pairs(points: np.ndarray) -> list[int]:
    place = list(range(len(points)))
    for j in range(len(points)):
        for i in range(j):
            if ((points[i] - points[j]) ** 2).sum() < (SNAP_M + CONTACT_M) ** 2:
                least, most = sorted((place[i], place[j]))
                place = [least if p == most else p for p in place]
    return place


@pytest.mark.parametrize("crowd", [2, welding._CROWD])
@settings(max_examples=300, deadline=None)
@given(points=st.lists(st.tuples(CENTIMETRES, CENTIMETRES, CENTIMETRES), max_size=40))
def test_the_same_are_one_as_by_all_pairs(crowd: int, points: list[tuple[float, float, float]]) -> None:
    some = np.reshape(np.array(points, dtype=np.float64), (-1, 3)) + 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(welding, "_CROWD", crowd)
        assert welded(some, SNAP_M).tolist() == by_all_pairs(some)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("count", [30_000])
def test_very_many_in_one_place_and_in_a_chain_are_one(count: int, axis: int) -> None:
    """Pairs of them would take gigabytes."""
    crowd = np.random.default_rng(1).random((count, 3)) * SNAP_M
    assert not welded(crowd, SNAP_M).any()
    chain = np.zeros((count, 3))
    chain[:, axis] = np.random.default_rng(2).permutation(count) * (SNAP_M * 0.9)
    assert not welded(chain, SNAP_M).any()
    assert welded(chain * 2, SNAP_M).tolist() == list(range(count))


@pytest.mark.parametrize("axis", range(3))
def test_very_many_beside_each_other_that_are_not_near_stay_themselves(axis: int) -> None:
    """Two columns 5 mm apart, as of an open strip, whose vertices lie above each other."""
    columns = np.zeros((2, 6000, 3))
    columns[:, :, axis] = np.arange(6000) * 0.005
    columns[1, :, (axis + 1) % 3] = 1e6
    assert welded(columns.reshape(-1, 3), SNAP_M).tolist() == list(range(12_000))
