"""Which town or street a place belongs to, and the codes of parcels.

宗地代码 has 19 characters: 12 of the cadastral area (here: the town's 9 and three digits of a square of 16 × 16 blocks), "GB" for land the
state owns or "JC" for land a village owns, and five digits within the area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from sample_city.admin import admin_units
from sample_city.streets import Cell, StreetGrid
from sample_city.zoning import VILLAGE, Zone

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
