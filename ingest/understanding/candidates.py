"""Which CRSs have coordinates as large as those of a sample, and where each of them would put it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj

from ingest.understanding.area import DeploymentArea
from ingest.understanding.axes import EASTING_M, NORTHING_M, ZONED_EASTING_M, Axes, share_within
from twin.crs import FloatArray, datum_equivalent, parse_crs

FITS = 0.5
"""From this part of a sample inside the city on, a CRS is taken for possible."""
_FIRST_ZONE_3, _FIRST_ZONE_6 = (25, 4513), (13, 4491)
_FIRST_MERIDIAN_3, _FIRST_MERIDIAN_6 = (75, 4534), (75, 4502)
"""CGCS2000 / Gauss-Krüger in EPSG: the first zone (or central meridian) of each series, and its code."""
_CHINA_DEG = (73.0, 3.0, 136.0, 54.0)
_WEB_X_CHINA_M, _WEB_Y_CHINA_M = (8.1e6, 15.2e6), (0.3e6, 7.2e6)
_WEB_X_M, _WEB_Y_M = (-20.1e6, 20.1e6), (-20.1e6, 20.1e6)
"""Web Mercator covers nearly every number there is, so it comes last."""
ZONED = frozenset({*range(4491, 4502), *range(4513, 4534)})
"""Grids whose eastings begin with the number of their zone."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A CRS and an order of axes, and where they would put a sample."""

    crs: str
    axes: Axes
    inside: float
    """Which part would lie in the city."""
    lonlat: FloatArray


def candidates(places: FloatArray, area: DeploymentArea | None) -> list[Fit]:
    """Return what (n, 2) coordinates may be in, the likeliest first: for both orders of axes every CRS whose numbers are as large."""
    fits: list[Fit] = []
    for axes in ("xy", "yx"):
        order: Axes = "xy" if axes == "xy" else "yx"
        east_north = ordered(places, order)
        for crs in _as_large(east_north, area):
            lonlat = degrees(crs, east_north)
            fits.append(Fit(crs, order, 0.0 if area is None else area.share_inside(lonlat), lonlat))
    return sorted(fits, key=lambda f: -f.inside)


def elsewhere(fits: list[Fit]) -> list[Fit]:
    """Return the two likeliest fits of different CRS that put the sample in different places: belts of 3° and 6° share meridians."""
    found: list[Fit] = []
    for fit in fits:
        if fit.crs in ("EPSG:3857", *(other.crs for other in found)):
            continue
        if not any(np.allclose(fit.lonlat, other.lonlat, equal_nan=True) for other in found):
            found.append(fit)
    return found[:2]


def degrees(crs: str, places: FloatArray) -> FloatArray:
    """Return (n, 2) coordinates, easting first, as longitude and latitude of the CRS's own datum; NaN where it does not reach."""
    projection = _projection(crs)
    if projection is None:
        return places
    lon, lat = projection(places[:, 0], places[:, 1], inverse=True)
    result = np.column_stack([lon, lat])
    return np.where(np.isfinite(result), result, np.nan)


def in_degrees(crs: str) -> bool:
    """Return whether the coordinates of a CRS are longitudes and latitudes."""
    return _projection(crs) is None


@lru_cache(maxsize=64)
def _projection(crs: str) -> pyproj.Proj | None:
    """Return the projection of a CRS to its own degrees; None for one that is in degrees."""
    parsed = parse_crs(crs)
    horizontal = parsed.sub_crs_list[0] if parsed.is_compound else parsed
    return None if horizontal.is_geographic else pyproj.Proj(horizontal)


def ordered(places: FloatArray, axes: Axes) -> FloatArray:
    """Return (n, 2) coordinates with the easting or longitude first."""
    return places if axes == "xy" else places[:, ::-1]


def _as_large(places: FloatArray, area: DeploymentArea | None) -> list[str]:
    """Return the CRSs whose coordinates are as large as these, those of the city first."""
    east, north = places[:, 0], places[:, 1]
    if min(share_within(east, (-180.0, 180.0)), share_within(north, (-90.0, 90.0))) >= FITS:
        west, south, right, top = _CHINA_DEG
        if area is not None:
            return ["EPSG:4490" if datum_equivalent(area.storage.crs) == "CGCS2000" else "EPSG:4326"]
        inside = min(share_within(east, (west, right)), share_within(north, (south, top))) >= FITS
        return ["EPSG:4490"] if inside else ["EPSG:4326"]
    is_northing = share_within(north, NORTHING_M) >= FITS
    web = ["EPSG:3857"] if share_within(east, _WEB_X_M) >= FITS and share_within(north, _WEB_Y_M) >= FITS else []
    if is_northing and share_within(east, ZONED_EASTING_M) >= FITS:
        return [*web, *_of_zone(int(np.nanmedian(east) // 1e6))]
    if area is None:
        return web if min(share_within(east, _WEB_X_CHINA_M), share_within(north, _WEB_Y_CHINA_M)) >= FITS else []
    own = [f"EPSG:{_without_zone(area.storage.srid)}"]
    if not area.extent_known:  # a grid's area of use is half a country: belts and zones beside it put anything from anywhere into it
        return [*own, *web]
    belts = _belts(area) if is_northing and datum_equivalent(area.storage.crs) == "CGCS2000" else []
    return list(dict.fromkeys([*own, *belts, *web, _utm(area)] if share_within(east, EASTING_M) >= FITS else [*own, *web]))


def _of_zone(zone: int) -> list[str]:
    first, code = _FIRST_ZONE_3
    if first <= zone <= first + 20:
        return [f"EPSG:{code + zone - first}"]
    first, code = _FIRST_ZONE_6
    return [f"EPSG:{code + zone - first}"] if first <= zone <= first + 10 else []


def _without_zone(code: int) -> int:
    """Return the grid of the same meridian whose eastings begin without the number of its zone; any other grid as it is."""
    if code not in ZONED:
        return code
    is_three = code >= _FIRST_ZONE_3[1]
    return code + (_FIRST_MERIDIAN_3[1] - _FIRST_ZONE_3[1] if is_three else _FIRST_MERIDIAN_6[1] - _FIRST_ZONE_6[1])


def _belts(area: DeploymentArea) -> list[str]:
    """Return the grids without a zone number around the city, the nearest meridian first, 3° belts before those of 6°."""
    middle = (area.box_deg[0] + area.box_deg[2]) / 2
    found: list[tuple[float, str]] = []
    for (first, code), step, last in ((_FIRST_MERIDIAN_3, 3, 135), (_FIRST_MERIDIAN_6, 6, 135)):
        meridians = range(first, last + 1, step)
        found += [(abs(m - middle) + step / 100, f"EPSG:{code + (m - first) // step}") for m in meridians if abs(m - middle) <= 5]
    return [name for _, name in sorted(found)]


def _utm(area: DeploymentArea) -> str:
    west, south, east, north = area.box_deg
    zone = int(((west + east) / 2 + 180) // 6) + 1
    return f"EPSG:{(32600 if south + north >= 0 else 32700) + zone}"
