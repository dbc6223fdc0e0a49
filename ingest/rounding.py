"""How finely a source writes its coordinates: what was rounded away in the file cannot tell that a vertex moved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyproj

MOST_M = 0.01
"""Rounding beyond a centimetre is taken as it stands: then coordinates are coarse, and differences are differences (DESIGN 7)."""
_MOST_DIGITS = 9
_OFF = 1e-6
_METRES_PER_DEGREE = 111_320.0
"""Of the equator: no degree is longer."""


class RoundingGauge:
    """Counts the decimals with which all positions of a source are written, without their heights.

    Heights are often given in whole centimetres beside exact positions: they must not make a move in plan disappear.
    ``unit_m`` is the length in metres, at most, of one unit of the source's CRS.
    """

    def __init__(self, unit_m: float) -> None:
        self._unit_m = unit_m
        self._digits = [0, 0]
        self._seen = False

    @property
    def is_settled(self) -> bool:
        """True once nothing that follows can change the answer: the coordinates are not rounded."""
        return min(self._digits) > _MOST_DIGITS

    def add(self, coordinates: npt.NDArray[np.float64]) -> None:
        """Look at further positions (n, 2) of the same source."""
        self._seen = self._seen or len(coordinates) > 0
        for axis in (0, 1):
            values = coordinates[:, axis]
            while self._digits[axis] <= _MOST_DIGITS and not _is_rounded(values, self._digits[axis]):
                self._digits[axis] += 1

    @property
    def rounding_m(self) -> float:
        """How far rounding may have moved a vertex; 0 when the coordinates are not rounded, or by more than a centimetre."""
        moved = math.hypot(*(0.5 * 10.0**-d * self._unit_m if d <= _MOST_DIGITS else 0.0 for d in self._digits))
        return moved if self._seen and moved <= MOST_M else 0.0


def tolerance_m(declared_m: float, sources: Iterable[Mapping[str, object]]) -> float:
    """Return within which distance a vertex counts as unmoved: the dataset's own tolerance, or what its ``sources`` rounded away."""
    return max([declared_m, *(float(str(source.get("rounding_m", 0.0))) for source in sources)])


def unit_length_m(crs: pyproj.CRS) -> float:
    """Return the greatest length in metres of one unit of a CRS's horizontal coordinates."""
    return _METRES_PER_DEGREE if crs.is_geographic else float(crs.axis_info[0].unit_conversion_factor)


def _is_rounded(values: npt.NDArray[np.float64], digits: int) -> bool:
    scaled = values * 10.0**digits
    off = np.abs(scaled - np.rint(scaled))
    if off.max(initial=0.0) <= _OFF:
        return True
    # what a double cannot tell apart after scaling is no digit
    return bool(np.all(off <= np.maximum(_OFF, 4.0 * np.spacing(np.abs(scaled)))))
