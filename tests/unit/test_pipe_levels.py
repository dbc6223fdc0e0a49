"""Inverts and cover of pipes against shapely and by hand: whatever the height of a line stands for, the pipe is the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipe_levels import least_cover_m, level_fields, sampled, with_inverts
from ingest.walls import with_walls
from twin.featuretypes.loader import load_feature_types
from twin.pipe_walls import wall_table

PIPE = next(t for t in load_feature_types().values() if t.name == "pipe_segment")


def batch(
    lines: list[shapely.LineString], reference: list[str | None], diameter: list[float | None], height: list[float | None]
) -> pa.RecordBatch:
    none = pa.nulls(len(lines), pa.float64())
    columns = {
        "geom": pa.array([shapely.to_wkb(shapely.set_srid(line, 4549), include_srid=True, byte_order=1) for line in lines], pa.binary()),
        "outer_diameter_mm": pa.array(diameter, pa.float64()),
        "section_height_mm": pa.array(height, pa.float64()),
        "z_reference": pa.array(reference, pa.string()),
        "start_invert_m": pa.array([99.0] * len(lines), pa.float64()),
        "end_invert_m": none,
        "cover_m": pa.array([99.0] * len(lines), pa.float64()),
    }
    return pa.RecordBatch.from_pydict(columns)


def test_the_invert_lies_below_the_line_by_what_the_line_stands_for() -> None:
    line = shapely.LineString([(0, 0, 3.0), (20, 5, 2.8), (40, 0, 2.5)])
    filled = with_inverts(
        batch([line] * 5, ["top", "axis", "invert", "top", "invert"], [400, 400, 400, None, None], [None, 1000, None, None, None]),
        PIPE,
        "geom",
    )
    assert filled.column("start_invert_m").to_pylist() == [2.6, 2.5, 3.0, None, None]
    assert filled.column("end_invert_m").to_pylist()[:3] == [2.1, 2.0, 2.5]


def test_the_invert_is_the_lowest_of_the_bore() -> None:
    """A wall is below it; a size of the bore has one above it, too; of an egg the larger size is the height."""
    line = shapely.LineString([(0, 0, 3.0), (20, 5, 2.8)])
    rows = batch([line] * 4, ["top", "top", "axis", "top"], [400, 400, 400, None], [None, None, None, 400])
    more = {
        "wall_thickness_mm": pa.array([50.0, 50.0, 50.0, None]),
        "size_reference": pa.array(["outer", "inner", "outer", "outer"]),
        "section_shape": pa.array([None, None, None, "egg"], pa.string()),
        "width_mm": pa.array([None, None, None, 600.0], pa.float64()),
    }
    for name, column in more.items():
        rows = rows.append_column(name, column)
    assert with_inverts(rows, PIPE, "geom").column("start_invert_m").to_pylist() == [2.65, 2.55, 2.85, 2.4]


def test_walls_are_as_surveyed_else_those_of_material_and_size() -> None:
    columns = {
        "material": pa.array(["QM", "QM", "PE", "T", "TZ", None, "QM"]),
        "outer_diameter_mm": pa.array([600.0, 600, 110, None, 50, 300, None]),
        "width_mm": pa.array([None, None, None, 2000.0, None, None, None], pa.float64()),
        "section_height_mm": pa.array([None, None, None, 1500.0, None, None, None], pa.float64()),
        "section_shape": pa.nulls(7, pa.string()),
        "wall_thickness_mm": pa.array([None, 12.0, 99.0, None, None, None, None], pa.float64()),
        "wall_source": pa.array([None, None, "table", None, None, None, None], pa.string()),
    }
    filled = with_walls(pa.RecordBatch.from_pydict(columns), PIPE)
    assert filled.column("wall_thickness_mm").to_pylist() == [9.9, 12.0, 6.6, 200.0, None, None, None]
    assert filled.column("wall_source").to_pylist() == ["table", "field", "table", "table", None, None, None]


@given(st.floats(1, 20_000), st.sampled_from(sorted(wall_table().round)))
def test_a_wall_leaves_a_bore_and_a_larger_pipe_has_none_thinner(size_mm: float, material: str) -> None:
    round_ones, outer = np.zeros(2, np.bool_), np.array([size_mm, 1.01 * size_mm])
    walls = wall_table().thickness_mm([material] * 2, outer, round_ones, round_ones)
    here, larger = walls
    assert 0 < 2 * here < size_mm
    assert larger >= here - 1e-9
    assert wall_table().thickness_mm([material] * 2, outer - 2 * walls, round_ones, ~round_ones) == pytest.approx(walls), "told by its bore"


def test_a_size_of_the_bore_is_looked_up_as_the_outer_size_it_makes() -> None:
    """A bore of 1000 mm of concrete used to have the wall of a pipe that is 1000 mm outside: 100 mm."""
    columns = {
        "material": pa.array(["T", "T", "T"]), "outer_diameter_mm": pa.array([1000.0, 1000, None]),
        "width_mm": pa.array([None, None, 1300.0], pa.float64()), "section_height_mm": pa.array([None, None, 1000.0], pa.float64()),
        "size_reference": pa.array(["inner", "outer", "inner"]), "wall_thickness_mm": pa.nulls(3, pa.float64()),
        "wall_source": pa.nulls(3, pa.string()),
    }  # fmt: skip
    filled = with_walls(pa.RecordBatch.from_pydict(columns), PIPE)
    assert filled.column("wall_thickness_mm").to_pylist() == [125.0, 100.0, 183.33], "of an outer size of 1250, 1000 and 1666.67"


def test_a_cover_that_comes_along_is_not_believed() -> None:
    line = shapely.LineString([(0, 0, 3.0), (20, 5, 2.8)])
    assert with_inverts(batch([line], ["top"], [400], [None]), PIPE, "geom").column("cover_m").to_pylist() == [None]
    assert set(level_fields(PIPE).values()) == {"start_invert_m", "end_invert_m", "cover_m"}


def test_the_least_cover_is_found_between_the_points_of_a_line() -> None:
    """The ground sinks above the middle of a level pipe; the second comes out of the ground, of the third nothing is known."""
    lines = np.array([shapely.LineString([(0, y, -1.0), (100, y, -1.0)]) for y in (0.0, 1.0, 2.0)])
    points, owner = sampled(lines)
    ground = np.select([owner == 0, owner == 1], [4 - 2 * np.exp(-(((points[:, 0] - 50) / 10) ** 2)), -1.5], np.nan)
    cover = least_cover_m(ground, points[:, 2], owner, 3)
    assert cover[:2].tolist() == pytest.approx([3.0, -0.5])
    assert np.isnan(cover[2])
