"""Which coordinate is the northing: surveyors write X for it (GB/T 14912), mappers for the easting, and files hold both (requirements C.2).

Gauss-Krüger northings in China lie between 2,000 and 6,000 km, eastings in a belt between 100 and 900 km, with a zone number before them
above 10,000 km; the two never overlap, so values decide where names do not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from twin.crs import FloatArray

type Axes = Literal["xy", "yx"]
"""``xy``: the first coordinate (column X) is easting or longitude; ``yx``: it is northing or latitude."""

NORTHING_M = (2e6, 6e6)
EASTING_M = (1e5, 9e5)
ZONED_EASTING_M = (13e6, 46e6)
_LONGITUDE_DEG, _LATITUDE_DEG = (73.0, 136.0), (3.0, 54.0)
_SHARE = 0.8


def share_within(values: FloatArray, bounds: tuple[float, float]) -> float:
    """Return which part of the finite values lies in the bounds; 0 without any."""
    there = values[np.isfinite(values)]
    return float(np.mean((there >= bounds[0]) & (there <= bounds[1]))) if len(there) else 0.0


def axes_by_values(first: FloatArray, second: FloatArray) -> Axes | None:
    """Return the order of two coordinates by their sizes alone; None where they are of no Chinese grid nor degrees in China.

    >>> axes_by_values(np.array([3520895.4]), np.array([497538.2]))
    'yx'
    """
    for axes, east, north in (("xy", first, second), ("yx", second, first)):
        easting = max(share_within(east, EASTING_M), share_within(east, ZONED_EASTING_M))
        if min(easting, share_within(north, NORTHING_M)) >= _SHARE:
            return "xy" if axes == "xy" else "yx"
        if min(share_within(east, _LONGITUDE_DEG), share_within(north, _LATITUDE_DEG)) >= _SHARE:
            return "xy" if axes == "xy" else "yx"
    return None
