"""Degrees of transverse Mercator grids are those of PROJ, bit for bit."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pyproj
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twin.crs.transverse_mercator import grid_numbers, in_degrees, unprojected

_FARTHEST_M = 3_000_000.0
_NORTHERNMOST_M = 9_500_000.0


def _grid(crs: pyproj.CRS, *, is_newer: bool = True) -> np.ndarray | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return grid_numbers(crs.to_dict(), crs.ellipsoid.semi_major_metre, crs.ellipsoid.inverse_flattening, is_newer=is_newer)


@pytest.fixture(scope="module")
def to_degrees() -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(4549, 4326, always_xy=True)


@given(st.floats(-_FARTHEST_M, _FARTHEST_M), st.floats(-_NORTHERNMOST_M, _NORTHERNMOST_M))
@example(0.0, 0.0)
@example(400.0, 3_520_000.0)
@example(-_FARTHEST_M, _NORTHERNMOST_M)
@settings(max_examples=400, deadline=None)
def test_a_position_is_that_of_proj_to_the_last_bit(to_degrees: pyproj.Transformer, from_meridian_m: float, northing_m: float) -> None:
    expected = to_degrees.transform(500_000 + from_meridian_m, northing_m)
    longitude, latitude = unprojected(_grid(pyproj.CRS(4549)), 500_000 + from_meridian_m, northing_m)
    if longitude <= math.pi:  # PROJ counts beyond it from the other side
        assert (in_degrees(longitude), in_degrees(latitude)) == expected


@given(st.floats(-_FARTHEST_M, _FARTHEST_M), st.floats(-_NORTHERNMOST_M, _NORTHERNMOST_M))
@settings(max_examples=100, deadline=None)
def test_both_orders_of_sums_differ_in_last_bits_only(from_meridian_m: float, northing_m: float) -> None:
    old, new = (
        unprojected(_grid(pyproj.CRS(4549), is_newer=is_newer), 500_000 + from_meridian_m, northing_m) for is_newer in (False, True)
    )
    assert old[0] == new[0]
    assert abs(old[1] - new[1]) <= 4e-16


@pytest.mark.parametrize("srid", [4491, 4501, 4502, 4512, 4513, 4533, 4534, 4549, 4554])
def test_every_kind_of_grid_of_cgcs2000_is_one(srid: int) -> None:
    crs = pyproj.CRS(srid)
    grid, transformer = _grid(crs), pyproj.Transformer.from_crs(srid, 4326, always_xy=True)
    rng = np.random.default_rng(srid)
    for easting_m, northing_m in rng.uniform((grid[0] - 3e5, 1.6e6), (grid[0] + 3e5, 6e6), (200, 2)):
        degrees = tuple(in_degrees(angle) for angle in unprojected(grid, easting_m, northing_m))
        assert degrees == transformer.transform(easting_m, northing_m)


def test_far_from_the_meridian_there_is_nothing() -> None:
    grid = _grid(pyproj.CRS(4549))
    for easting_m in (5e6, -5e6, math.nan, math.inf):
        assert all(map(math.isnan, unprojected(grid, easting_m, 3e6)))


@pytest.mark.parametrize("srid", [3857, 28992, 27700, 2056, 4326])
def test_other_projections_are_none_of_these(srid: int) -> None:
    assert _grid(pyproj.CRS(srid)) is None
