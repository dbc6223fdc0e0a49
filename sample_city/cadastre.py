"""Which town or street a place belongs to, and the codes of parcels.

宗地代码 has 19 characters: 12 of the cadastral area (here: the town's 9 and three digits of a square of 16 × 16 blocks), "GB" for land the
state owns or "JC" for land a village owns, and five digits within the area.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely import Polygon

from sample_city.admin import admin_units
from sample_city.seeding import rng_at
from sample_city.streets import Cell, StreetGrid
from sample_city.town import GREEN, SMALLEST_LOT_M2, TownBlock
from sample_city.zoning import (
    COMMERCE,
    ESTATE,
    GOVERNMENT,
    HOSPITAL,
    INDUSTRY,
    OFFICES,
    OLD_TOWN,
    PARK,
    SCHOOL,
    TOWERS,
    VILLAGE,
    WAREHOUSES,
    Zone,
)

_SQUARE = 16
_PARCELS_A_BLOCK = 390
"""16 × 16 blocks of so many parcels each are what five digits can number."""


@dataclass(frozen=True, slots=True)
class Towns:
    """The towns and streets of the city with a search tree over their shapes in longitude and latitude."""

    codes: NDArray[np.object_]
    names: NDArray[np.object_]
    tree: shapely.STRtree
    to_degrees: Transformer

    def nearest(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the index of the town that each place (n, 2), EPSG:4549, lies in or next to."""
        longitudes, latitudes = self.to_degrees.transform(places[:, 0], places[:, 1])
        found: NDArray[np.int64] = self.tree.nearest(shapely.points(longitudes, latitudes))
        return found

    def code_and_name(self, index: int) -> tuple[str, str]:
        """Return the code of a town and its name, the district's before it."""
        return str(self.codes[index]), str(self.names[index])


def towns_of_city() -> Towns:
    """Return the 58 towns and streets of Changzhou; their names carry the district's before them."""
    units = admin_units()
    districts = {unit.code: unit.name for unit in units}
    towns = [unit for unit in units if len(unit.code) == 9]
    return Towns(
        codes=np.array([town.code for town in towns], dtype=object),
        names=np.array([districts[town.code[:6]] + town.name for town in towns], dtype=object),
        tree=shapely.STRtree([town.shape for town in towns]),
        to_degrees=Transformer.from_crs("EPSG:4549", "EPSG:4490", always_xy=True),
    )


def parcel_code(grid: StreetGrid, cell: Cell, zone: Zone, town_code: str, number: int) -> str:
    """Return the code of parcel ``number`` (from 0) of the block in ``cell``; it follows from the place alone. ValueError past 390."""
    if number >= _PARCELS_A_BLOCK:
        raise ValueError(f"block {cell} has more than {_PARCELS_A_BLOCK} parcels")
    squares_a_row = math.ceil(grid.columns / _SQUARE)
    square = 1 + (cell[0] // _SQUARE) * squares_a_row + cell[1] // _SQUARE
    in_square = (cell[0] % _SQUARE) * _SQUARE + cell[1] % _SQUARE
    owner = "JC" if zone is VILLAGE else "GB"
    return f"{town_code}{square:03d}{owner}{in_square * _PARCELS_A_BLOCK + number + 1:05d}"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel of the land register."""

    parcel_id: str
    land_use: str
    right: str
    holder: str
    registered_on: dt.date
    shape: Polygon

    @property
    def area_m2(self) -> float:
        """Area of the parcel."""
        return round(float(self.shape.area), 2)


_ALLOCATED, _GRANTED, _HOMESTEAD = "国有划拨", "国有出让", "宅基地使用权"
_PERSON, _COMPANY, _INSTITUTION, _GOVERNMENT = "个人", "企业", "事业单位", "国家机关"
_RIGHTS: dict[str, tuple[str, str]] = {
    ESTATE.name: (_GRANTED, _COMPANY),
    TOWERS.name: (_GRANTED, _COMPANY),
    OLD_TOWN.name: (_ALLOCATED, _PERSON),
    COMMERCE.name: (_GRANTED, _COMPANY),
    OFFICES.name: (_GRANTED, _COMPANY),
    SCHOOL.name: (_ALLOCATED, _INSTITUTION),
    HOSPITAL.name: (_ALLOCATED, _INSTITUTION),
    GOVERNMENT.name: (_ALLOCATED, _GOVERNMENT),
    INDUSTRY.name: (_GRANTED, _COMPANY),
    WAREHOUSES.name: (_GRANTED, _COMPANY),
    VILLAGE.name: (_HOMESTEAD, _PERSON),
    PARK.name: (_ALLOCATED, _INSTITUTION),
}
_FIRST_REGISTER, _SUBJECT_PARCEL = 1990, 57
"""Land is registered since the land administration law of 1986 was put to work."""


def parcels_of(grid: StreetGrid, block: TownBlock, town_code: str) -> Iterator[Parcel]:
    """Yield the parcels of a block, registered when its building began."""
    rng = rng_at(grid.relief.seed, _SUBJECT_PARCEL, *block.cell)
    first, last = block.zone.built
    begun = max(_FIRST_REGISTER, round(first + (last - first) * float(rng.random())) - 2)
    right, holder = _RIGHTS[block.zone.name]
    for number, shape in enumerate(block.parcels):
        green = shape.area < SMALLEST_LOT_M2 and number not in block.parcel_of
        yield Parcel(
            parcel_id=parcel_code(grid, block.cell, block.zone, town_code, number),
            land_use=GREEN if green else block.zone.land_use,
            right=_ALLOCATED if green and right == _GRANTED else right,
            holder=_INSTITUTION if green and right == _GRANTED else holder,
            registered_on=dt.date(begun, 1, 1) + dt.timedelta(days=int(rng.integers(0, 700))),
            shape=shape,
        )
