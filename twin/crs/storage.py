"""The storage CRS of a deployment: the city's own projected grid, in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj

from twin.crs.operation import CrsError, Extent, Operation, operation, parse_crs

AREA_MARGIN_DEG = 0.5
"""How far outside its area of use a grid is still taken: cities do not end at a meridian of the zone."""


@dataclass(frozen=True)
class StorageCrs:
    """A projected CRS in metres that a deployment stores its geometry in (x = easting, y = northing, always)."""

    srid: int
    crs: pyproj.CRS
    northing_first: bool
    """True where the authority's axis order is northing, easting (EPSG:4549); storage is x, y all the same."""
    area_deg: Extent
    """Area of use, degrees."""
    bounds_m: tuple[float, float, float, float]
    """Area of use with its margin as easting and northing: min x, min y, max x, max y."""

    def inside(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return where (x, y) is finite and inside the area of use with its margin."""
        x, y = np.asarray(x), np.asarray(y)
        west, south, east, north = self.bounds_m
        return (x >= west) & (x <= east) & (y >= south) & (y <= north)  # False for NaN

    def to_crs84(self, area_deg: Extent | None = None) -> Operation:
        """Return the operation to WGS 84 longitude and latitude in degrees."""
        return operation(self.crs, pyproj.CRS(4326), area_deg or self.area_deg)


def storage_crs(srid: int) -> StorageCrs:
    """Return EPSG:``srid`` as a storage CRS; CrsError unless it is projected, two-dimensional and in metres."""
    crs = parse_crs(f"EPSG:{srid}")
    metres = all(axis.unit_conversion_factor == 1.0 for axis in crs.axis_info)
    if not crs.is_projected or len(crs.axis_info) != 2 or not metres:
        raise CrsError(
            f"EPSG:{srid} ({crs.name}) cannot store a city: a projected CRS in metres is needed",
            zh=f"EPSG:{srid}（{crs.name}）不能作为存储坐标系：须为以米为单位的平面坐标系",
        ).with_code("crs-storage")
    use = crs.area_of_use
    if use is None:
        raise CrsError(f"EPSG:{srid} has no area of use", zh=f"EPSG:{srid} 没有适用范围").with_code("crs-storage")
    area = (use.west, use.south, use.east, use.north)
    first = crs.axis_info[0].direction
    return StorageCrs(srid, crs, first in ("north", "south"), area, _bounds_m(crs, area))


def _bounds_m(crs: pyproj.CRS, area: Extent) -> tuple[float, float, float, float]:
    base = crs.geodetic_crs
    if base is None:
        raise CrsError(f"{crs.name} has no geodetic base", zh=f"{crs.name} 没有大地基准").with_code("crs-storage")
    west, south, east, north = area
    if east < west:
        east += 360
    d = AREA_MARGIN_DEG
    lon, lat = np.meshgrid(np.linspace(west - d, east + d, 41), np.linspace(max(south - d, -89), min(north + d, 89), 41))
    x, y = operation(base.to_2d(), crs, area).transform(lon, lat)
    return float(np.nanmin(x)), float(np.nanmin(y)), float(np.nanmax(x)), float(np.nanmax(y))
