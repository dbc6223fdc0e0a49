"""Warming up goes through every recipe and its result is sound."""

from __future__ import annotations

from tiles.warm import warm


def test_warming_up_leaves_no_problem() -> None:
    assert warm() == 0
