"""How finely coordinates are written is told from the numbers alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.rounding import MOST_M, RoundingGauge, unit_length_m
from tests.opened_city import load, opened_city, request

DEGREE_M = unit_length_m(pyproj.CRS(4490))


def gauge(values: np.ndarray, unit_m: float) -> float:
    made = RoundingGauge(unit_m)
    for part in np.array_split(values, 3):
        made.add(part)
    return made.rounding_m


@given(st.integers(0, 2**32 - 1), st.sampled_from([7, 8, 9]))
def test_rounded_degrees_are_measured_and_bound_what_rounding_moved(seed: int, digits: int) -> None:
    exact = np.random.default_rng(seed).uniform([119.0, 31.0], [120.5, 32.1], (200, 2))
    rounded = np.array([[float(f"{v:.{digits}f}") for v in row] for row in exact])
    moved_m = np.linalg.norm((rounded - exact) * DEGREE_M, axis=1).max()
    assert moved_m <= gauge(rounded, DEGREE_M) <= 0.5 * 10.0**-digits * DEGREE_M * 1.42
    assert gauge(exact, DEGREE_M) == 0.0


@pytest.mark.parametrize(
    ("values", "unit_m", "expected"),
    [
        pytest.param([[497538.152, 3520895.434]], 1.0, 0.00070711, id="millimetres"),
        pytest.param([[497538.15, 3520895.43]], 1.0, 0.0070711, id="centimetres"),
        pytest.param([[497538.1, 3520895.4]], 1.0, 0.0, id="decimetres are coarse, not rounded"),
        pytest.param([[119.97, 31.81]], DEGREE_M, 0.0, id="two digits of a degree"),
        pytest.param(np.empty((0, 2)), 1.0, 0.0, id="nothing"),
    ],
)
def test_rounding_of_common_files(values: object, unit_m: float, expected: float) -> None:
    assert gauge(np.array(values, dtype=np.float64), unit_m) == pytest.approx(expected, abs=1e-6)
    assert expected <= MOST_M


def test_the_unit_of_feet_is_a_foot() -> None:
    assert unit_length_m(pyproj.CRS(3547)) == pytest.approx(0.3048006, abs=1e-6)


def test_heights_in_centimetres_hide_no_move_in_plan(database_url: str, open_folder: Path) -> None:
    """A past bug: positions to the millimetre beside heights to the centimetre counted as rounded to the centimetre."""
    with opened_city(database_url, open_folder / "data", 4549) as city:
        assert load(city, request(house(open_folder / "a.geojson", 0.0), (None, "building", "buildings"))).published == 1
        assert load(city, request(house(open_folder / "b.geojson", 0.004), (None, "building", "buildings"))).published == 1


def house(path: Path, moved_m: float) -> Path:
    east, north, side = 497_538.152 + moved_m, 3_520_895.434, 10.111
    corners = ((0.0, 0.0), (side, 0.0), (side, side), (0.0, side), (0.0, 0.0))
    ring = [[round(east + x, 3), round(north + y, 3), 4.25] for x, y in corners]
    feature = {"type": "Feature", "properties": {"建筑编号": "A"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    crs = {"type": "name", "properties": {"name": "EPSG:4549"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}), encoding="utf-8")
    return path
