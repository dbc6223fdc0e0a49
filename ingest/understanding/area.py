"""Where a deployment lies, and how far and which way from it a guess would put a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyproj

from twin.crs import Extent, FloatArray, StorageCrs, storage_crs
from twin.errors import Text

_MARGIN = 0.1
_MARGIN_DEG = 0.02
_MOST_LON = 360.0
_DIRECTIONS = (
    Text("北", "north"), Text("东北", "north-east"), Text("东", "east"), Text("东南", "south-east"),
    Text("南", "south"), Text("西南", "south-west"), Text("西", "west"), Text("西北", "north-west"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeploymentArea:
    """A deployment's storage CRS and the box of longitudes and latitudes its data are expected in."""

    storage: StorageCrs
    box_deg: Extent
    """The extent with a margin; the area of use of the storage CRS where no extent is given."""
    extent_known: bool = True
    """False where the box is that area of use, which is no city."""

    def share_inside(self, lonlat: FloatArray) -> float:
        """Return which part of (n, 2) positions lies in the box."""
        west, south, east, north = self.box_deg
        lon, lat = lonlat[:, 0], lonlat[:, 1]
        return float(np.mean((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))) if len(lonlat) else 0.0

    def off_by(self, lonlat: FloatArray) -> tuple[float, Text]:
        """Return how many kilometres the middle of positions lies beyond the box, and in which direction; 0 within."""
        west, south, east, north = self.box_deg
        there = lonlat[(np.abs(lonlat) <= (_MOST_LON, 90.0)).all(axis=1)]  # whole metres taken for degrees are nowhere, as NaN is
        if not len(there):
            return float("inf"), Text("", "")
        lon, lat = np.median(there, axis=0)
        azimuth, _, metres = pyproj.Geod(ellps="WGS84").inv(np.clip(lon, west, east), np.clip(lat, south, north), lon, lat)
        return float(metres) / 1000.0, _DIRECTIONS[round(float(azimuth) / 45.0) % 8]


def deployment_area(storage_srid: int, extent_deg: Extent | None) -> DeploymentArea:
    """Return the area of a deployment; CrsError as `twin.crs.storage_crs`."""
    storage = storage_crs(storage_srid)
    west, south, east, north = extent_deg or storage.area_deg
    dx = max(_MARGIN_DEG, _MARGIN * (east - west)) if extent_deg else 0.0
    dy = max(_MARGIN_DEG, _MARGIN * (north - south)) if extent_deg else 0.0
    return DeploymentArea(storage, (west - dx, south - dy, east + dx, north + dy), extent_known=extent_deg is not None)
