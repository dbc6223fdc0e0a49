"""Ears are cut off until nothing is left, alike compiled and not; what cannot be cut flat is told so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.solids.ears import has_flat_ears
from twin.kernel import kernel

compiled = kernel(has_flat_ears)
UP = np.array([0.0, 0.0, 1.0])


def flat_by(function: object, points: np.ndarray, degrees: float) -> bool:
    ahead, behind = np.empty((2, len(points)), dtype=np.int64)
    corner = np.arange(len(points))
    found = function(points[:, :2].copy(), points, corner, 0, len(points), UP, float(np.cos(np.radians(degrees))), ahead, behind)  # type: ignore[operator]
    return bool(found)


def star(radii: list[float], heights: list[float]) -> np.ndarray:
    """Return a ring that is seen whole from its middle, so it is simple, counterclockwise."""
    angle = np.arange(len(radii)) * 2 * np.pi / len(radii)
    return np.column_stack([np.cos(angle) * radii, np.sin(angle) * radii, heights])


RADII = st.lists(st.floats(0.5, 20.0), min_size=5, max_size=30)


@given(RADII)
@settings(max_examples=50, deadline=None)
def test_a_simple_ring_in_a_plane_is_cut_to_the_end(radii: list[float]) -> None:
    assert flat_by(has_flat_ears, star(radii, [0.0] * len(radii)), 10.0)


@given(RADII, st.randoms(use_true_random=False), st.sampled_from([0.001, 0.1, 1.0, 5.0]))
@settings(max_examples=50, deadline=None)
def test_compiled_or_not_it_says_the_same(radii: list[float], chance: object, rough_m: float) -> None:
    points = star(radii, [chance.uniform(0, rough_m) for _ in radii])  # type: ignore[attr-defined]
    assert flat_by(has_flat_ears, points, 10.0) == flat_by(compiled, points, 10.0)


@pytest.mark.parametrize(("fold_m", "flat"), [(0.01, True), (3.0, False)])
def test_a_folded_square_bends_whichever_way_it_is_cut(fold_m: float, flat: bool) -> None:
    square = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, fold_m], [4.0, 4.0, 0.0], [0.0, 4.0, fold_m]])
    assert flat_by(has_flat_ears, square, 10.0) is flat


def test_a_ring_that_turns_back_has_an_end_to_its_ears() -> None:
    clockwise = np.array([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0], [4.0, 4.0, 0.0], [4.0, 0.0, 0.0]])
    assert not flat_by(has_flat_ears, clockwise, 10.0)
