"""What findings over a survey say, and that one of them does not look at the whole of it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np

from ingest.set_rules.findings import size_texts
from ingest.set_rules.survey import Floats, Lines, Survey

MANY = 1_000_000


def lines(outer_diameter_mm: list[float], width_mm: list[float], section_height_mm: list[float]) -> Lines:
    """``MANY`` lines, of which the first have these sizes."""

    def column(values: list[float]) -> Floats:
        return np.concatenate([values, np.full(MANY - len(values), np.nan)])

    sizes = {"outer_diameter_mm": outer_diameter_mm, "width_mm": width_mm, "section_height_mm": section_height_mm}
    return replace(Survey({}).lines, **{name: column(values) for name, values in sizes.items()})  # type: ignore[arg-type]


def test_sizes_are_diameters_or_sides_as_they_are_written() -> None:
    nan = np.nan
    some = lines([300.0, nan, nan, nan], [9.0, 400.0, 0.5, nan], [9.0, 300.0, nan, nan])
    assert size_texts(some, range(4)) == ["300", "400X300", "0.5", ""]


def test_sizes_of_two_lines_are_told_without_a_copy_of_all() -> None:
    some = lines([300.0, np.nan], [np.nan, 400.0], [np.nan, 300.0])
    tracemalloc.start()
    try:
        assert size_texts(some, (1, 0)) == ["400X300", "300"]
        assert tracemalloc.get_traced_memory()[1] < MANY, "bytes: less than one of each line"
    finally:
        tracemalloc.stop()
