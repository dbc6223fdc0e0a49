"""A CRS that leaves the sandbox as codes and numbers is the one that was read, to the last bit of a coordinate that matters."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from pyproj.crs import BoundCRS, ProjectedCRS
from pyproj.crs.coordinate_operation import (
    LambertConformalConic2SPConversion,
    MercatorAConversion,
    ToWGS84Transformation,
    TransverseMercatorConversion,
)
from pyproj.crs.coordinate_system import Cartesian2DCS
from pyproj.crs.enums import Cartesian2DCSAxis

from twin.crs import CrsError, parse_crs
from twin.crs.portable import PortableCrs, portable

LON, LAT = np.meshgrid(np.linspace(118, 121, 7), np.linspace(30, 33, 7))
OWN = {
    "own meridian": TransverseMercatorConversion(0, 119.9, 500_000, 0, 1.0),
    "two parallels": LambertConformalConic2SPConversion(30, 32, 31, 119, 400_000, 100_000),
    "Mercator": MercatorAConversion(0, 119.5, 155_000, 463_000, 0.9999079),
}


def positions(crs: pyproj.CRS) -> np.ndarray:
    return np.array(pyproj.Transformer.from_crs(4490, crs, always_xy=True).transform(LON, LAT))


@pytest.mark.parametrize("name", OWN)
def test_a_projection_of_the_files_own_is_built_again_from_its_numbers(name: str) -> None:
    told = ProjectedCRS(OWN[name], 'PROJ["anything"]', geodetic_crs=pyproj.CRS(4490))
    carried = portable(parse_crs(told.to_wkt()))
    assert carried.srid == 4490
    assert np.abs(positions(carried.crs()) - positions(told)).max() < 1e-9
    assert told.name not in carried.crs().to_wkt(), "no word of the file is left"


@pytest.mark.parametrize(("srid", "horizontal"), [(4549, 4549), (4326, 4326), (4979, 4326), (2056, 2056), (7415, 28992)])
def test_what_the_registry_has_is_its_number(srid: int, horizontal: int) -> None:
    assert portable(parse_crs(pyproj.CRS(srid).to_wkt())) == PortableCrs(horizontal)


def test_units_that_are_not_metres_and_degrees_are_brought_along() -> None:
    axes = Cartesian2DCS(axis=Cartesian2DCSAxis.EASTING_NORTHING_FT)
    feet = ProjectedCRS(TransverseMercatorConversion(30, 119.9, 152_400.3, 0, 0.9999), geodetic_crs=pyproj.CRS(4269), cartesian_cs=axes)
    carried = portable(feet)
    assert carried.unit_m == pytest.approx(0.3048)
    assert np.abs(positions(carried.crs()) - positions(feet)).max() < 1e-6


def test_a_base_without_a_name_is_known_by_its_datum() -> None:
    assert portable(parse_crs("+proj=tmerc +lon_0=119.9 +x_0=500000 +datum=WGS84 +type=crs")).srid == 4326


@pytest.mark.parametrize(
    "own",
    [
        parse_crs("+proj=tmerc +lat_0=0 +lon_0=119.9 +a=6378000 +rf=300 +type=crs"),
        BoundCRS(pyproj.CRS(2437), pyproj.CRS(4326), ToWGS84Transformation(pyproj.CRS(4214), 1, 2, 3)),
    ],
)
def test_a_datum_that_nobody_knows_is_not_carried(own: pyproj.CRS) -> None:
    with pytest.raises(CrsError) as caught:
        portable(own)
    assert caught.value.code == "crs-unfit"


@pytest.mark.parametrize("lie", [PortableCrs(999_999), PortableCrs(4549, 9807), PortableCrs(4490, 9807, ((8801, 0.0, "degree"),) * 20)])
def test_numbers_that_make_no_crs_are_refused(lie: PortableCrs) -> None:
    with pytest.raises(CrsError):
        lie.crs()
