"""Areas told right from their arrays alone: what comes of a file is what comes of it when every row is looked at as a geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import compiled_areas as kernels
from ingest.areas import areas_of
from ingest.declared import in_order
from ingest.part_reading import PartReading
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.source import SourceBatch, SourceLayer
from ingest.readers.wkb import batch_of_wkb
from ingest.reading import read_parts
from ingest.sure_areas import sound
from tests.unit.one_batch import FileOfOneBatch
from twin.featuretypes.loader import load_feature_types

_BUILDING = load_feature_types()["building"]
_ORIGIN = (500_000.0, 3_500_000.0, 0.0)
_steps = st.integers(-4, 4)
_ring = st.lists(st.tuples(_steps, _steps), min_size=3, max_size=7)
_areas = st.lists(st.tuples(_ring, st.none() | _ring, st.sampled_from([0.004, 0.3, 5.0]), st.booleans()), min_size=1, max_size=30)


def _read(batch: SourceBatch, crs: str = "EPSG:4549") -> PartBatch:
    request = ReadRequest(Path("x"), (PartRequest(None, _BUILDING, "x"),), storage_srid=4549)
    return next(m for m in read_parts(FileOfOneBatch(batch, crs), request) if isinstance(m, PartBatch))


def _batch(shapes: list[shapely.Geometry]) -> SourceBatch:
    """Return buildings of which the third, if there is one, has a negative height."""
    keys = pa.array([f"B{k}" for k in range(len(shapes))])
    heights = pa.array([-1.0 if k == 2 else 9.0 for k in range(len(shapes))])
    wkb = pa.array(shapely.to_wkb(np.array(shapes, dtype=object), flavor="iso"), pa.binary())
    return batch_of_wkb(np.arange(1, len(shapes) + 1), wkb, {"building_id": keys, "height_m": heights})


def _polygon(shell: list[tuple[int, int]], hole: list[tuple[int, int]] | None, scale: float, with_z: bool) -> shapely.Polygon:
    def ring(steps: list[tuple[int, int]], by: float) -> shapely.LinearRing:
        xyz = np.column_stack([np.array(steps, dtype=float) * by, np.full(len(steps), 7.25)]) + _ORIGIN
        return shapely.linearrings(xyz if with_z else xyz[:, :2])

    return shapely.polygons(ring(shell, scale), None if hole is None else [ring(hole, scale / 3)])


def _same(one: PartBatch, other: PartBatch) -> None:
    assert one.table.equals(other.table)
    assert one.findings == other.findings


@given(_areas)
@settings(max_examples=40, deadline=None)
def test_any_areas_come_out_as_they_do_as_geometries(
    given: list[tuple[list[tuple[int, int]], list[tuple[int, int]] | None, float, bool]],
) -> None:
    batch = _batch([_polygon(*one) for one in given])
    _same(_read(batch), _read(batch.with_geometries()))


@given(st.integers(9, 120), st.integers(0, 2**32 - 1), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_rings_of_many_corners_are_sound_only_if_they_are_valid(corners: int, seed: int, swaps: int) -> None:
    random = np.random.default_rng(seed)
    angle, radius = np.sort(random.uniform(0.0, 2 * np.pi, corners)), random.uniform(9.0, 20.0, corners)
    ring = np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius])
    for _ in range(swaps):
        one, other = random.integers(0, corners, 2)
        ring[[one, other]] = ring[[other, one]]
    polygon = shapely.Polygon(ring + _ORIGIN[:2])
    told = bool(sound(areas_of(pa.array([shapely.to_wkb(polygon)], pa.binary())))[0])
    assert not told or polygon.is_valid
    assert told or swaps or np.diff(angle).min() < 1e-6 or np.ptp(angle) < 1.5 * np.pi


def test_shapes_of_a_city_are_all_told_without_a_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    east, north, _ = _ORIGIN
    square = shapely.box(east, north, east + 20, north + 20)
    court = square.difference(shapely.box(east + 5, north + 5, east + 9, north + 9)).difference(
        shapely.box(east + 12, north + 5, east + 14, north + 9)
    )
    corner = square.difference(shapely.box(east + 10, north + 10, east + 30, north + 30))
    mid_wall = shapely.Polygon([(east, north), (east + 5, north), (east + 9, north), (east + 9, north + 9), (east, north + 9)])
    lone = shapely.MultiPolygon([corner])
    high = shapely.force_3d(court, 4.5)
    batch = _batch([square, court, corner, mid_wall, lone, high])
    told = _read(batch.with_geometries())
    monkeypatch.setattr("ingest.areas.shapely.polygons", pytest.fail)
    _same(_read(batch), told)


def test_areas_placed_by_an_operation_come_out_the_same() -> None:
    shapes = [shapely.box(x, 31.5, x + 2e-4, 31.5002) for x in (119.9, 119.91, 119.92)]
    batch = _batch([*shapes, shapely.Polygon([(119.9, 31.5), (119.901, 31.501), (119.901, 31.5), (119.9, 31.501)])])
    placed = _read(batch, "EPSG:4490")
    assert placed.table.num_rows == 2  # one of a wrong height, one that crosses itself
    _same(placed, _read(batch.with_geometries(), "EPSG:4490"))


def test_what_is_no_plain_area_stays_a_geometry() -> None:
    square = shapely.box(0, 0, 9, 9)
    others = [
        shapely.MultiPolygon([square, shapely.box(20, 20, 29, 29)]),
        shapely.Point(1, 1),
        shapely.Polygon(),
        shapely.LineString([(0, 0), (1, 1)]),
        None,
    ]
    wkb = [
        *shapely.to_wkb(np.array(others, dtype=object)),
        shapely.to_wkb(square, byte_order=0),
        shapely.to_wkb(square)[:-8],
        shapely.to_wkb(square),
    ]
    assert areas_of(pa.array(wkb, pa.binary())).rows.tolist() == [len(wkb) - 1]
    assert areas_of(pa.array(wkb, pa.large_binary())[6:]).rows.tolist() == [1]


@pytest.mark.parametrize("middle", [94, 10_000, -5])
def test_no_byte_is_read_beyond_those_of_the_column(middle: int) -> None:
    content = shapely.to_wkb(shapely.box(0, 0, 9, 9))
    assert len(content) == 93
    offsets = np.array([0, middle, 93], np.int32)
    column = pa.Array.from_buffers(pa.binary(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(content)])
    with pytest.raises(pa.ArrowInvalid):
        batch_of_wkb(np.arange(1, 3), column, {})


def test_areas_become_the_geometries_that_were_written() -> None:
    square = shapely.box(0, 0, 9, 9)
    shapes = [square, shapely.force_3d(square.difference(shapely.box(2, 2, 3, 3)), 1.0), shapely.box(5, 5, 6, 6)]
    areas = areas_of(pa.array(shapely.to_wkb(np.array(shapes, dtype=object)), pa.binary()))
    assert [shapely.to_wkt(g) for g in areas.geometries()] == [shapely.to_wkt(g) for g in shapes]


def test_areas_with_the_northing_first_are_put_in_order() -> None:
    part = PartRequest(None, _BUILDING, "x", reading=PartReading(axes="yx"))
    north_first = _batch([shapely.box(3_500_000, 500_000, 3_500_009, 500_020)])
    (told,) = in_order(north_first, part, SourceLayer("areas", (), "EPSG:4549")).with_geometries().geometry
    assert told.bounds == (500_000, 3_500_000, 500_020, 3_500_009)


def test_areas_put_in_order_go_through_loops_that_are_compiled_already() -> None:
    _read(_batch([shapely.box(500_000, 3_500_000, 500_020, 3_500_009)]))
    loops: tuple[Any, ...] = (kernels.sound, kernels.well_shaped, kernels.write)
    before = [loop.signatures for loop in loops]
    part = PartRequest(None, _BUILDING, "x", reading=PartReading(axes="yx"))
    north_first = _batch([shapely.box(3_500_000, 500_000, 3_500_009, 500_020)])
    assert _read(in_order(north_first, part, SourceLayer("areas", (), "EPSG:4549"))).table.num_rows == 1
    assert [loop.signatures for loop in loops] == before
