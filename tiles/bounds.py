"""Tight bounding regions (3D Tiles 1.1 §6.7.1.4: west, south, east, north in radians, heights above the ellipsoid in metres)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.extent import extent
from tiles.kernel import kernel

_A_M = 6_378_137.0
_F = 1.0 / 298.257223563
_E2 = _F * (2.0 - _F)
_B_M = _A_M * (1.0 - _F)
_EP2 = _E2 / (1.0 - _E2)

MARGIN_M = 0.01
"""Regions are widened by this: the vertices in a GLB lie up to the accuracy budget from the exact ones they enclose."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box of longitude, latitude (radians) and ellipsoidal height (metres)."""

    west_rad: float
    south_rad: float
    east_rad: float
    north_rad: float
    minimum_m: float
    maximum_m: float

    def as_list(self) -> list[float]:
        """Return the six numbers in the order of the standard."""
        return [self.west_rad, self.south_rad, self.east_rad, self.north_rad, self.minimum_m, self.maximum_m]

    def encloses(self, other: Region, tolerance_m: float = 1e-6) -> bool:
        """Return whether ``other`` lies within, to ``tolerance_m``."""
        t = tolerance_m / _B_M
        return (
            self.west_rad <= other.west_rad + t
            and self.south_rad <= other.south_rad + t
            and self.east_rad >= other.east_rad - t
            and self.north_rad >= other.north_rad - t
            and self.minimum_m <= other.minimum_m + tolerance_m
            and self.maximum_m >= other.maximum_m - tolerance_m
        )

    def widened(self, margin_m: float) -> Region:
        """Return the region wider by ``margin_m`` on every side."""
        low = np.array([self.west_rad, self.south_rad, self.minimum_m])
        return padded(low, np.array([self.east_rad, self.north_rad, self.maximum_m]), margin_m)

    @property
    def diagonal_m(self) -> float:
        """Return the length of the diagonal, on a sphere of the major axis: never shorter than the true one by more than 0.4 %."""
        middle = (self.south_rad + self.north_rad) / 2
        east = (self.east_rad - self.west_rad) * np.cos(middle) * _A_M
        north = (self.north_rad - self.south_rad) * _A_M
        return float(np.sqrt(east * east + north * north + (self.maximum_m - self.minimum_m) ** 2))

    @property
    def extent_deg(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north in degrees."""
        w, s, e, n = (float(np.degrees(v)) for v in (self.west_rad, self.south_rad, self.east_rad, self.north_rad))
        return w, s, e, n


def union(regions: list[Region]) -> Region:
    """Return the smallest region that encloses ``regions`` (at least one)."""
    numbers = np.array([r.as_list() for r in regions])
    low, high = numbers.min(axis=0), numbers.max(axis=0)
    return Region(*(float(v) for v in (low[0], low[1], high[2], high[3], low[4], high[5])))


def region_of(ecef: NDArray[np.float64], margin_m: float = MARGIN_M) -> Region:
    """Return the region of ``ecef`` (n, 3), n ≥ 1, widened by ``margin_m`` on every side. Not for data that crosses the antimeridian."""
    return padded(*extent(geodetic_rows(ecef)), margin_m)


def padded(low: NDArray[np.float64], high: NDArray[np.float64], margin_m: float) -> Region:
    """Return the region from ``low`` to ``high`` (longitude, latitude in radians, height), widened by ``margin_m`` on every side."""
    west, south, bottom, east, north, top = (float(v) for v in (*low, *high))
    turn = margin_m / _B_M
    wide = turn / max(float(np.cos(max(abs(south), abs(north)))), 1e-6)
    return Region(west - wide, south - turn, east + wide, north + turn, bottom - margin_m, top + margin_m)


@kernel
def geodetic_rows(ecef: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitude, latitude (radians) and ellipsoidal height of ``ecef``, both (n, 3)."""
    out = np.empty_like(ecef)
    for i in range(len(ecef)):
        out[i, 0], out[i, 1], out[i, 2] = geodetic(ecef[i, 0], ecef[i, 1], ecef[i, 2])
    return out


@kernel
def geodetic(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return longitude, latitude (radians) and ellipsoidal height (metres) on WGS 84.

    B. R. Bowring, "Transformation from spatial to geographical coordinates", Survey Review 181 (1976): one step is exact to 1e-9 m near
    the ground; a second guards deep and high points.
    """
    p = np.hypot(x, y)
    beta = np.arctan2(z * _A_M, p * _B_M)
    latitude = 0.0
    for _ in range(2):
        s, c = np.sin(beta), np.cos(beta)
        latitude = np.arctan2(z + _EP2 * _B_M * s * s * s, p - _E2 * _A_M * c * c * c)
        beta = np.arctan2((1.0 - _F) * np.sin(latitude), np.cos(latitude))
    s, c = np.sin(latitude), np.cos(latitude)
    height = p * c + z * s - _A_M * np.sqrt(1.0 - _E2 * s * s)
    return np.arctan2(y, x), latitude, height
