"""A city's own coordinate system by its four or seven parameters, which are secret: they touch only the arithmetic in here.

No parameter is given to PROJ, whose pipelines and messages end in records and logs; none is shown by ``repr``, and an error says which
system it is about, never what its parameters are.

Four parameters (plane similarity, 四参数), with n, e the local and N, E the coordinates of ``base``, α the rotation and k the scale::

    N = ΔN + k·(n·cos α − e·sin α)        E = ΔE + k·(n·sin α + e·cos α)

Seven parameters (Bursa-Wolf, 布尔沙): the coordinates are those of the grid ``source`` on its own ellipsoid; geocentric they are turned,
scaled and shifted to those of ``base``, which is geographic. ``coordinate_frame`` is the rotation of EPSG method 1032, as Chinese software
has it, ``position_vector`` that of 1033. Heights do not take part: 100 m under a rotation of 5″ are 2.4 mm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import pyproj

from twin.crs.geocentric import Ellipsoid, ecef_from_geodetic, geodetic_from_ecef
from twin.crs.operation import CrsError, FloatArray, parse_crs

LOCAL = "X-LOCAL:"
"""With what the name of a city's own system begins where a CRS is declared."""
_STEPS_BACK = 6
_SECOND_RAD = np.pi / 180.0 / 3600.0


@dataclass(frozen=True, slots=True)
class Similarity:
    """Four parameters of the plane."""

    shift_north_m: float = field(repr=False)
    shift_east_m: float = field(repr=False)
    rotation_sec: float = field(repr=False)
    """α, from north towards east."""
    scale: float = field(repr=False)
    """k, near 1."""


@dataclass(frozen=True, slots=True)
class Helmert:
    """Seven parameters between geocentric systems."""

    shift_m: tuple[float, float, float] = field(repr=False)
    rotation_sec: tuple[float, float, float] = field(repr=False)
    scale_ppm: float = field(repr=False)
    convention: Literal["coordinate_frame", "position_vector"]


@dataclass(frozen=True, slots=True)
class LocalCrs:
    """A city's own system."""

    name: str
    base: str
    """The CRS its coordinates are brought to: a projected one for four parameters, a geographic one for seven."""
    parameters: Similarity | Helmert
    source: str | None = None
    """For seven parameters the grid its coordinates are in, e.g. ``EPSG:2437`` (Beijing 1954)."""
    accuracy_m: float | None = None

    @property
    def label(self) -> str:
        """How a CRS declaration names it."""
        return LOCAL + self.name

    def to_base(self, east: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return coordinates of the system in ``base``, easting or longitude first; degrees where that is geographic."""
        if isinstance(self.parameters, Similarity):
            return _similar(self.parameters, east, north)
        return _helmert(self.parameters, self.source or "", self.base, east, north)

    def from_base(self, east: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what ``to_base`` brings to these coordinates of ``base``, to 0.01 mm."""
        if isinstance(self.parameters, Similarity):
            return _similar_back(self.parameters, east, north)
        return _helmert_back(self.parameters, self.source or "", self.base, east, north)


def is_local(crs: str | None) -> bool:
    """Return whether a declared CRS is a city's own."""
    return crs is not None and crs.upper().startswith(LOCAL)


def local_named(crs: str, known: tuple[LocalCrs, ...]) -> LocalCrs:
    """Return the system a declaration names; CrsError ``crs-local-unknown`` when it is not configured here."""
    name = crs[len(LOCAL) :]
    found = next((local for local in known if local.name == name), None)
    if found is None:
        raise CrsError(f"The local CRS {name[:60]!r} is not configured here", zh=f"此处未配置城市独立坐标系“{name[:60]}”").with_code(
            "crs-local-unknown"
        )
    return found


def _similar(p: Similarity, east: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
    cos, sin = np.cos(p.rotation_sec * _SECOND_RAD), np.sin(p.rotation_sec * _SECOND_RAD)
    return p.shift_east_m + p.scale * (north * sin + east * cos), p.shift_north_m + p.scale * (north * cos - east * sin)


def _similar_back(p: Similarity, east: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
    cos, sin = np.cos(p.rotation_sec * _SECOND_RAD), np.sin(p.rotation_sec * _SECOND_RAD)
    east_m, north_m = (east - p.shift_east_m) / p.scale, (north - p.shift_north_m) / p.scale
    return east_m * cos - north_m * sin, east_m * sin + north_m * cos


def _helmert(p: Helmert, source: str, base: str, east: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
    lon, lat = _projection(source)(east, north, inverse=True)
    there = ecef_from_geodetic(np.radians(lon), np.radians(lat), 0.0, _ellipsoid(source))
    x, y, z = (np.where(np.isfinite(a), a, np.nan) for a in there)
    rx, ry, rz = (angle * _SECOND_RAD * (1.0 if p.convention == "coordinate_frame" else -1.0) for angle in p.rotation_sec)
    k = 1.0 + p.scale_ppm * 1e-6
    tx, ty, tz = p.shift_m
    moved = tx + k * (x + rz * y - ry * z), ty + k * (-rz * x + y + rx * z), tz + k * (ry * x - rx * y + z)
    lon_rad, lat_rad, _ = geodetic_from_ecef(*moved, _ellipsoid(base))
    return np.degrees(lon_rad), np.degrees(lat_rad)


def _helmert_back(p: Helmert, source: str, base: str, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return grid coordinates by what is left of the way: datums lie within a kilometre, and each step leaves a ten thousandth of it."""
    wanted = east, north = _projection(source)(lon, lat)
    for _ in range(_STEPS_BACK):
        reached = _projection(source)(*_helmert(p, source, base, east, north))
        east, north = east + (wanted[0] - reached[0]), north + (wanted[1] - reached[1])
    return tuple(np.where(np.isfinite(a), a, np.nan) for a in (east, north))  # type: ignore[return-value]


@lru_cache(maxsize=8)
def _projection(crs: str) -> pyproj.Proj:
    return pyproj.Proj(parse_crs(crs))


@lru_cache(maxsize=8)
def _ellipsoid(crs: str) -> Ellipsoid:
    found = parse_crs(crs).ellipsoid
    if found is None:
        raise CrsError(f"{crs} has no ellipsoid", zh=f"{crs} 没有椭球").with_code("crs-unfit")
    return Ellipsoid(found.semi_major_metre, 1.0 / found.inverse_flattening if found.inverse_flattening else 0.0)
