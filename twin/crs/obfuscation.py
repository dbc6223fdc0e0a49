"""GCJ-02 and BD-09, the offsets of Chinese web maps, and their exact removal.

GCJ-02 has no official text; this is the formula every public implementation shares (Krasovsky 1940 ellipsoid,
e² = 0.00669342162296594323). Inside the box it is applied in, it moves a point by 300–700 m. Arrays of degrees in and out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.crs.operation import FloatArray

_SEMI_MAJOR_M = 6378245.0
_E2 = 0.00669342162296594323
_BD_PI = np.pi * 3000.0 / 180.0
_BOX = (72.004, 0.8293, 137.8347, 55.8271)
_TOLERANCE_DEG = 1e-12
_MAX_ROUNDS = 30


def gcj02_from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return GCJ-02 longitude and latitude; unchanged outside the box around China."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    d_lon, d_lat = _shift_deg(lon, lat)
    inside = (lon >= _BOX[0]) & (lon <= _BOX[2]) & (lat >= _BOX[1]) & (lat <= _BOX[3])
    return np.where(inside, lon + d_lon, lon), np.where(inside, lat + d_lat, lat)


def wgs84_from_gcj02(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the WGS 84 position whose GCJ-02 position is given, to better than 1e-9° (fixed-point iteration)."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    x, y = lon.copy(), lat.copy()
    for _ in range(_MAX_ROUNDS):
        gx, gy = gcj02_from_wgs84(x, y)
        rest_x, rest_y = lon - gx, lat - gy
        x, y = x + rest_x, y + rest_y
        rest = np.abs(np.concatenate([rest_x.ravel(), rest_y.ravel()]))
        if not np.any(rest[np.isfinite(rest)] > _TOLERANCE_DEG):
            break
    return x, y


def bd09_from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return BD-09 longitude and latitude (a second offset on top of GCJ-02)."""
    return _bd09_from_gcj02(*gcj02_from_wgs84(lon, lat))


def wgs84_from_bd09(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the WGS 84 position whose BD-09 position is given, to better than 1e-9°."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(_MAX_ROUNDS):
        bx, by = _bd09_from_gcj02(x, y)
        rest_x, rest_y = lon - bx, lat - by
        x, y = x + rest_x, y + rest_y
        rest = np.abs(np.concatenate([rest_x.ravel(), rest_y.ravel()]))
        if not np.any(rest[np.isfinite(rest)] > _TOLERANCE_DEG):
            break
    return wgs84_from_gcj02(x, y)


def _bd09_from_gcj02(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_PI)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _shift_deg(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    short = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + short
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + short
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - _E2 * np.sin(phi) ** 2
    root_magic = np.sqrt(magic)
    d_lat = np.degrees(north * magic * root_magic / (_SEMI_MAJOR_M * (1.0 - _E2)))
    d_lon = np.degrees(east * root_magic / (_SEMI_MAJOR_M * np.cos(phi)))
    return d_lon, d_lat
