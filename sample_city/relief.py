"""The ground of the sample city: a plain that leans to its rivers, with river beds and hills, as a closed formula.

Coordinates are EPSG:4549 easting and northing in metres, heights are 1985 heights in metres. The formula repeats without end
(a river every 6 km, a hill every 5 km along it), so a city of any size has relief. Curvature stays below 0.005 1/m: on a 5 m grid a
straight facet is off by less than 2 cm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

WATER_HALF_WIDTH_M = 42.0
CORRIDOR_HALF_WIDTH_M = 100.0
"""Half width of the river with its green banks."""

_RIVER_SPACING_M = 6000.0
_RIVER_OFFSET_M = 430.0
_BED_HALF_WIDTH_M = 14.0
_BANK_WIDTH_M = 82.0
_RIVER_DEPTH_M = 4.4
_HILL_SPACING_M = 5000.0
_HILL_EAST_M = -950.0
_HILL_NORTH_OF_RIVER_M = 920.0


@dataclass(frozen=True, slots=True)
class Relief:
    """The ground around one origin, and its digital elevation model with pixels of ``pixel_m`` on whole multiples of it."""

    seed: int
    origin_e: float
    origin_n: float
    pixel_m: float

    def surface_m(self, e: ArrayLike, n: ArrayLike) -> Floats:
        """Return the height of the formula at every place."""
        east = np.asarray(e, dtype=np.float64)
        north = np.asarray(n, dtype=np.float64)
        distance = self.river_distance_m(east, north)
        # The plain rises away from the river, flat at the axis so that the formula stays smooth.
        plain = 4.6 + 0.0009 * (np.hypot(np.minimum(distance, 2500.0), 250.0) - 250.0)
        return np.asarray(plain + self._swell(east, north) + self._hill(east, north) - self._river_bed(distance), dtype=np.float64)

    def pixel_height_m(self, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the elevation model's value at pixels counted from easting 0 and northing 0 (row upwards), to the millimetre."""
        height = self.surface_m((columns + 0.5) * self.pixel_m, (rows + 0.5) * self.pixel_m)
        return np.round(height, 3).astype(np.float32)

    def ground_m(self, e: ArrayLike, n: ArrayLike) -> Floats:
        """Return the elevation model at every place, bilinear between pixel centres."""
        x = np.asarray(e, dtype=np.float64) / self.pixel_m - 0.5
        y = np.asarray(n, dtype=np.float64) / self.pixel_m - 0.5
        column = np.floor(x).astype(np.int64)
        row = np.floor(y).astype(np.int64)
        u, v = x - column, y - row
        south = (1 - u) * self.pixel_height_m(column, row) + u * self.pixel_height_m(column + 1, row)
        north = (1 - u) * self.pixel_height_m(column, row + 1) + u * self.pixel_height_m(column + 1, row + 1)
        return np.asarray((1 - v) * south + v * north, dtype=np.float64)

    def height_m(self, e: float, n: float) -> float:
        """Return the elevation model at one place, to the millimetre."""
        return round(float(self.ground_m(e, n)), 3)

    def hill_m(self, e: ArrayLike, n: ArrayLike) -> Floats:
        """Return how much of the height is hill, 0 on the plain."""
        return self._hill(np.asarray(e, dtype=np.float64), np.asarray(n, dtype=np.float64))

    def river_index(self, n: ArrayLike) -> NDArray[np.int64]:
        """Return which river (counted northwards, 0 is the one nearest the origin) is nearest to every northing."""
        offset = np.asarray(n, dtype=np.float64) - self.origin_n - _RIVER_OFFSET_M
        return np.round(offset / _RIVER_SPACING_M).astype(np.int64)

    def river_axis_n(self, index: ArrayLike, e: ArrayLike) -> tuple[Floats, Floats]:
        """Return the northing of a river's axis at every easting, and its slope dn/de."""
        k = np.asarray(index, dtype=np.int64)
        x = np.asarray(e, dtype=np.float64) - self.origin_e
        long_phase = 2 * np.pi * self._spread(1, k)
        short_phase = 2 * np.pi * self._spread(2, k)
        base = self.origin_n + _RIVER_OFFSET_M + _RIVER_SPACING_M * k
        axis = base + 120.0 * np.sin(x / 900.0 + long_phase) + 50.0 * np.sin(x / 390.0 + short_phase)
        slope = 120.0 / 900.0 * np.cos(x / 900.0 + long_phase) + 50.0 / 390.0 * np.cos(x / 390.0 + short_phase)
        return axis, slope

    def river_distance_m(self, e: ArrayLike, n: ArrayLike) -> Floats:
        """Return the distance to the nearest river's axis, to first order in the bend of the river."""
        north = np.asarray(n, dtype=np.float64)
        axis, slope = self.river_axis_n(self.river_index(north), e)
        return np.asarray(np.abs(north - axis) / np.hypot(1.0, slope), dtype=np.float64)

    def _river_bed(self, distance: Floats) -> Floats:
        t = np.clip((distance - _BED_HALF_WIDTH_M) / _BANK_WIDTH_M, 0.0, 1.0)
        return np.asarray(_RIVER_DEPTH_M * 0.5 * (1.0 + np.cos(np.pi * t)), dtype=np.float64)

    def _hill(self, e: Floats, n: Floats) -> Floats:
        """One round hill in every 5 km along every river, north of it; its foot meets the plain without an edge."""
        k = self.river_index(n)
        a = np.round((e - self.origin_e - _HILL_EAST_M) / _HILL_SPACING_M).astype(np.int64)
        a, k = np.broadcast_arrays(a, k)
        first = (a == 0) & (k == 0)
        draw = self._spread(3, a + 7 * k)
        centre_e = self.origin_e + _HILL_EAST_M + _HILL_SPACING_M * a + np.where(first, 0.0, 1600.0 * (draw - 0.5))
        centre_n = self.origin_n + _RIVER_OFFSET_M + _HILL_NORTH_OF_RIVER_M + _RIVER_SPACING_M * k
        radius = 520.0 + 60.0 * draw
        near = np.clip(1.0 - (np.square(e - centre_e) + np.square(n - centre_n)) / np.square(radius), 0.0, None)
        return np.asarray((38.0 + 20.0 * draw) * near**3, dtype=np.float64)

    def _swell(self, e: Floats, n: Floats) -> Floats:
        x, y = e - self.origin_e, n - self.origin_n
        phase = 2 * np.pi * self._spread(4, np.arange(3))
        return np.asarray(
            0.22 * np.sin(x / 130.0 + phase[0]) * np.cos(y / 170.0 + phase[1]) + 0.30 * np.sin((x + y) / 420.0 + phase[2]),
            dtype=np.float64,
        )

    def _spread(self, subject: int, index: NDArray[np.int64]) -> Floats:
        """Return numbers in [0, 1) that differ by seed, subject and index: a Weyl sequence with golden-ratio steps."""
        return np.asarray(np.mod(index * 0.6180339887498949 + self.seed * 0.7548776662466927 + subject * 0.5698402909980532, 1.0))
