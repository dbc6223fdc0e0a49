"""Names, axis order and heights of output CRSs; the geocentric operation."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.crs import (
    ecef_from_geodetic,
    geocentric,
    geodetic_from_ecef,
    output_crs,
    output_crs_list,
    storage_crs,
)
from twin.crs.output import CRS84_URI, CRS84H_URI, crs_uri
from twin.errors import BadRequestError

OFFERED = output_crs_list(storage_crs(4549), has_vertical=True)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", CRS84_URI),
        ("http://www.opengis.net/def/crs/OGC/0/CRS84h", CRS84H_URI),
        ("http://www.opengis.net/def/crs/EPSG/0/4549", "http://www.opengis.net/def/crs/EPSG/0/4549"),
        ("http://www.opengis.net/def/crs/EPSG/9.9.1/4549", "http://www.opengis.net/def/crs/EPSG/0/4549"),
        ("[EPSG:4549]", "http://www.opengis.net/def/crs/EPSG/0/4549"),
        ("EPSG:4490", "http://www.opengis.net/def/crs/EPSG/0/4490"),
        ("[OGC:CRS84]", CRS84_URI),
    ],
)
def test_every_spelling_has_one_uri(text: str, uri: str) -> None:
    assert crs_uri(text) == uri


@pytest.mark.parametrize("text", ["", "4549", "http://example.org/4549", "EPSG:4549;DROP", "[OGC:CRS27]", "EPSG:abc"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        crs_uri(text)


@pytest.mark.parametrize(
    ("code", "xy", "height"),
    [
        ("[EPSG:4326]", False, "none"),
        ("[EPSG:4490]", False, "none"),
        ("[EPSG:3857]", True, "none"),
        ("[EPSG:4549]", False, "gravity"),
        ("[EPSG:4528]", False, "gravity"),
        ("[OGC:CRS84]", True, "none"),
        ("[OGC:CRS84h]", True, "ellipsoidal"),
    ],
)
def test_axis_order_and_height_of_each(code: str, xy: bool, height: str) -> None:
    found = output_crs(code, OFFERED)
    assert (found.xy, found.height) == (xy, height)


def test_default_has_heights_only_where_they_are_known() -> None:
    assert OFFERED[0].uri == CRS84H_URI
    without = output_crs_list(storage_crs(4549), has_vertical=False)
    assert without[0].uri == CRS84_URI
    assert CRS84H_URI not in {c.uri for c in without}


def test_what_is_not_offered_is_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        output_crs("[EPSG:28992]", OFFERED)
    assert caught.value.code == "crs-not-offered"


@pytest.mark.parametrize("srid", [4491, 4501, 4502, 4512, 4513, 4528, 4533, 4534, 4549, 4554])
def test_sister_grid_differs_in_the_false_easting_only(srid: int) -> None:
    sister = output_crs_list(storage_crs(srid), has_vertical=False)[-1].srid
    assert sister != srid

    def parameters(code: int) -> dict[str, float]:
        conversion = pyproj.CRS(code).coordinate_operation
        assert conversion is not None
        return {p.name: p.value for p in conversion.params}

    mine, other = parameters(srid), parameters(sister)
    assert {k for k in mine if mine[k] != other[k]} == {"False easting"}


def test_geocentric_vector_of_the_changzhou_point() -> None:
    to_ecef = geocentric(storage_crs(4549)).operation
    ecef = to_ecef.transform(497538.15199, 3520895.43383, 7 + 5.118)
    assert tuple(map(float, ecef)) == pytest.approx((-2710440.123, 4699543.709, 3342646.743), abs=0.002)
    assert to_ecef.accuracy_m == pytest.approx(0.0001)


@pytest.mark.parametrize("srid", [4549, 28992, 26913, 25833, 2056, 32650, 27700, 2326])
def test_geocentric_keeps_the_ellipsoidal_height_and_the_place(srid: int) -> None:
    storage = storage_crs(srid)
    x, y = (storage.bounds_m[0] + storage.bounds_m[2]) / 2, (storage.bounds_m[1] + storage.bounds_m[3]) / 2
    chosen = geocentric(storage).operation
    lon, lat, h = geodetic_from_ecef(*chosen.transform([x, x], [y, y], [0.0, 123.4]))
    there = storage.to_crs84().transform(x, y)
    assert np.degrees(lon[0]) == pytest.approx(float(there[0]), abs=1e-9)
    assert np.degrees(lat[0]) == pytest.approx(float(there[1]), abs=1e-8)  # the two ellipsoids' latitude: 0.1 mm
    assert h == pytest.approx([0.0, 123.4], abs=2e-4)


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(-10_000, 10_000))
def test_own_ellipsoid_formulas_agree_with_proj(lon: float, lat: float, h: float) -> None:
    proj = pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(lon, lat, h)
    ecef = ecef_from_geodetic(np.radians(lon), np.radians(lat), h)
    assert tuple(map(float, ecef)) == pytest.approx(proj, abs=1e-6)
    back = geodetic_from_ecef(*ecef)
    assert float(back[2]) == pytest.approx(h, abs=1e-6)
    assert float(back[1]) == pytest.approx(np.radians(lat), abs=1e-11)
