"""The place of one picture tile of a map, in web mercator or in degrees, and where its pixels lie on Earth; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from twin.crs import FloatArray, Operation
from twin.tile_matrix_sets import TILE_PX, TileAddress

NODE_STEP = 16
"""Pixels between the nodes of the grid by which a small tile is placed."""
_EARTH_M = 6378137.0
_HALF_M = 20037508.342789244
_SMALL = {"mercator": 10_000.0, "degrees": 0.09}
"""A tile not wider than this (metres, degrees) is placed by nodes: between them the way to any grid of a city is straight."""

Extent = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MapTile:
    """A tile of 256 × 256 pixels by its edges: metres of EPSG:3857 (``mercator``), or degrees of longitude and latitude."""

    west: float
    south: float
    east: float
    north: float
    plane: Literal["mercator", "degrees"]

    @property
    def is_small(self) -> bool:
        """Whether the tile is placed by a grid of nodes instead of pixel by pixel."""
        return self.east - self.west <= _SMALL[self.plane]

    def degrees(self) -> tuple[FloatArray, FloatArray]:
        """Return longitude and latitude: of a small tile at every 16th line between pixels (17 × 17), else at pixel centres (256 × 256)."""
        steps = np.arange(0, TILE_PX + 1, NODE_STEP) if self.is_small else np.arange(TILE_PX) + 0.5
        east = self.west + steps / TILE_PX * (self.east - self.west)
        north = self.north - steps / TILE_PX * (self.north - self.south)
        if self.plane == "mercator":
            east, north = np.degrees(east / _EARTH_M), np.degrees(np.arctan(np.sinh(north / _EARTH_M)))
        mesh = np.meshgrid(east, north)
        return mesh[0], mesh[1]

    def extent(self, to_degrees: Operation) -> Extent | None:
        """Return west, south, east, north of the tile in the CRS that ``to_degrees`` leads from; None where that can place none of it."""
        east, north = to_degrees.inverse(*self.degrees())
        said = np.isfinite(east) & np.isfinite(north)
        if not said.any():
            return None
        east, north = east[said], north[said]
        return float(east.min()), float(north.min()), float(east.max()), float(north.max())


def mercator_tile(z: int, x: int, y: int) -> MapTile:
    """Return a tile of WebMercatorQuad (OGC 17-083r4, annex D.1): ``x`` counts from the west, ``y`` from the north."""
    size_m = 2 * _HALF_M / (1 << z)
    west, north = -_HALF_M + x * size_m, _HALF_M - y * size_m
    return MapTile(west, north - size_m, west + size_m, north, "mercator")


def map_tile(address: TileAddress) -> MapTile:
    """Return the place of a tile of a matrix set."""
    return MapTile(*address.bounds(), "mercator" if address.matrix_set.srid == 3857 else "degrees")
