"""Vertices that are one: as by all pairs, and quickly where very many lie in one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(CENTIMETRES, CENTIMETRES, CENTIMETRES), max_size=26))
def test_the_same_are_one_as_by_all_pairs(points: list[tuple[float, float, float]]) -> None:
    some = np.reshape(np.array(points, dtype=np.float64), (-1, 3)) + 1000
    assert welded(some, SNAP_M).tolist() == by_all_pairs(some)


@pytest.mark.parametrize("count", [30_000])
def test_very_many_in_one_place_and_in_a_chain_are_one(count: int) -> None:
    """Pairs of them would take gigabytes."""
    crowd = np.random.default_rng(1).random((count, 3)) * SNAP_M
    assert not welded(crowd, SNAP_M).any()
    chain = np.zeros((count, 3))
    chain[:, 0] = np.random.default_rng(2).permutation(count) * (SNAP_M * 0.9)
    assert not welded(chain, SNAP_M).any()
    assert welded(chain * 2, SNAP_M).tolist() == list(range(count))
