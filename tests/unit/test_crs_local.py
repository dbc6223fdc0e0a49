"""A city's own systems: the same coordinates as PROJ gives, and no parameter shown anywhere."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from twin.crs import CrsError, Helmert, LocalCrs, Similarity, storage_crs, to_storage

SIMILARITY = Similarity(shift_north_m=3_500_123.4567, shift_east_m=480_987.6543, rotation_sec=1234.5678, scale=1.0000123456)
HELMERT = Helmert((-12.3456, 98.7654, 45.6789), (1.2345, -2.3456, 3.4567), 5.6789, "coordinate_frame")
PLANE = LocalCrs("plane", "EPSG:4549", SIMILARITY)
OLD_GRID = LocalCrs("old", "EPSG:4490", HELMERT, source="EPSG:2437", accuracy_m=0.05)


def test_four_parameters_are_those_of_proj() -> None:
    """PROJ's 2D helmert turns with theta, in seconds, from y towards x: our α."""
    east, north = np.array([1000.0, 25_000.5, -300.25]), np.array([2000.0, 18_000.75, 450.5])
    pipeline = (
        f"+proj=helmert +x={SIMILARITY.shift_east_m} +y={SIMILARITY.shift_north_m} +s={SIMILARITY.scale} +theta={SIMILARITY.rotation_sec}"
    )
    x, y = pyproj.Transformer.from_pipeline(pipeline).transform(east, north)
    moved = to_storage("X-LOCAL:plane", storage_crs(4549), None, (PLANE,)).transform(east, north)
    np.testing.assert_allclose(np.column_stack([moved.x, moved.y]), np.column_stack([x, y]), atol=1e-6)


@pytest.mark.parametrize("convention", ["coordinate_frame", "position_vector"])
def test_seven_parameters_are_those_of_proj(convention: str) -> None:
    h = HELMERT
    parameters = Helmert(h.shift_m, h.rotation_sec, h.scale_ppm, convention)  # type: ignore[arg-type]
    tx, ty, tz = h.shift_m
    rx, ry, rz = h.rotation_sec
    pipeline = (
        "+proj=pipeline +step +inv +proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=krass +step +proj=cart +ellps=krass"
        f" +step +proj=helmert +x={tx} +y={ty} +z={tz} +rx={rx} +ry={ry} +rz={rz} +s={h.scale_ppm} +convention={convention}"
        " +step +inv +proj=cart +ellps=GRS80 +step +proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80"
    )
    east, north = np.array([497_538.0, 450_934.0]), np.array([3_520_895.0, 3_477_212.0])
    x, y, _ = pyproj.Transformer.from_pipeline(pipeline).transform(east, north, np.zeros(2))
    moved = to_storage("X-LOCAL:old", storage_crs(4549), None, (LocalCrs("old", "EPSG:4490", parameters, source="EPSG:2437"),))
    result = moved.transform(east, north)
    np.testing.assert_allclose(np.column_stack([result.x, result.y]), np.column_stack([x, y]), atol=1e-4)


@pytest.mark.parametrize("local", [PLANE, OLD_GRID])
def test_what_is_stored_is_brought_back(local: LocalCrs) -> None:
    there = to_storage(local.label, storage_crs(4549), None, (local,))
    base_east, base_north = np.array([497_538.0, 450_934.0, 560_001.5]), np.array([3_520_895.0, 3_477_212.0, 3_499_999.25])
    east, north = there.inverse(base_east, base_north)
    again = there.transform(east, north)
    np.testing.assert_allclose([again.x, again.y], [base_east, base_north], atol=1e-5)


@pytest.mark.parametrize("source", ["EPSG:4490", "EPSG:4528", "X-GCJ02", "X-BD09", "EPSG:32650+5773"])
def test_stored_places_are_brought_back_to_any_source(source: str) -> None:
    there = to_storage(source, storage_crs(4549))
    again = there.transform(*there.inverse([497_538.0, 450_934.0], [3_520_895.0, 3_477_212.0]))
    np.testing.assert_allclose([again.x, again.y], [[497_538.0, 450_934.0], [3_520_895.0, 3_477_212.0]], atol=1e-5)


def test_nothing_shows_a_parameter() -> None:
    way = to_storage("X-LOCAL:old", storage_crs(4549), None, (PLANE, OLD_GRID))
    with pytest.raises(CrsError) as unknown:
        to_storage("X-LOCAL:nobody", storage_crs(4549), None, (PLANE, OLD_GRID))
    assert unknown.value.code == "crs-local-unknown"
    shown = f"{way!r} {way.operation!r} {PLANE!r} {OLD_GRID!r} {unknown.value!r} {unknown.value.text}"
    h, p = HELMERT, SIMILARITY
    secrets = (p.shift_north_m, p.shift_east_m, p.scale, p.rotation_sec, *h.shift_m, *h.rotation_sec, h.scale_ppm)
    assert not [s for s in secrets if str(s).lstrip("-") in shown]
    assert way.operation.name.startswith("X-LOCAL:old → EPSG:4490")
    assert way.operation.accuracy_m == pytest.approx(0.05, abs=0.001)
