"""Coordinates that would be usual ones if they were written otherwise: in kilometres or centimetres, or as degrees packed with minutes."""

from __future__ import annotations

import numpy as np

from ingest.understanding.area import DeploymentArea
from ingest.understanding.axes import EASTING_M, NORTHING_M, ZONED_EASTING_M, axes_by_values, share_within
from twin.crs import FloatArray
from twin.errors import Text

_UNITS = (
    (1000.0, Text("千米", "kilometres")),
    (0.01, Text("厘米", "centimetres")),
    (0.001, Text("毫米", "millimetres")),
)
PACKED_DEGREES = Text(
    "数值像“度.分秒”写法（31.4839 表示 31°48′39″），请换算为十进制度，或写成 31°48′39″ 后提交",
    "they look like degrees with minutes and seconds behind the point (31.4839 for 31°48′39″): hand in decimal degrees or 31°48′39″",
)
_SHARE, _MOST_DEG, _LARGEST_CITY_M = 0.8, 180.0, 200_000.0
_LEAST_PLACES = 20
"""Of twenty decimal degrees, spread over minutes, one in 80 million times none has 60 to 99 in the places of minutes or seconds."""
_LEAST_DIFFERENT = 4
"""How many of the tens 0…5 have to be there: decimals of a small place are alike and say nothing."""
_LEAST_MINUTES, _NEAR_S = 8, 5
"""In how many minutes places have to lie: a site of 350 m stays below 60 in a quarter of all minutes, two of them in one of 256 pairs.

Or some lie less than 5 seconds on both sides of a full minute: of decimal degrees 0.004° are missing there.
"""


def scale_hint(places: FloatArray, area: DeploymentArea | None = None) -> Text | None:
    """Return how (n, 2) coordinates that fit nowhere may have been written, in whichever order of axes; None when nothing explains them.

    ``area`` is that of the city, where it is known.
    """
    if not len(places):
        return None
    units = [unit for factor, unit in _UNITS if _is_grid(places * factor) and _is_of_a_city(places * factor)]
    if units:
        zh, en = "或".join(unit.zh for unit in units), " or ".join(unit.en for unit in units)
        return Text(
            f"数值像以{zh}为单位的高斯-克吕格坐标，请换算为米后提交",
            f"as large as Gauss-Krüger coordinates in {en}: hand them in in metres",
        )
    return PACKED_DEGREES if _are_packed(places, area) else None


def is_packed(places: FloatArray) -> bool:
    """Return whether (n, 2) degrees can but be degrees packed with minutes and seconds, wherever they lead.

    In both columns the numbers go on over places where no minutes and seconds are (31.4859 to 31.4900), or lie in many minutes, and of
    twenty none is in such a place. What lies at a few small sites says nothing.
    """
    there = places[np.isfinite(places).all(axis=1)]
    if len(there) < _LEAST_PLACES or np.abs(there).max() > _MOST_DEG:
        return False
    numbers = np.round(np.abs(there) * 1e4, 3)
    return all(map(_goes_on, numbers.T)) and _are_packed(there, None)


def _goes_on(numbers: FloatArray) -> bool:
    """Return whether (n,) degrees, minutes and seconds written as one number lie in many minutes, or on both sides of a full one."""
    minutes, seconds = numbers // 10_000 * 60 + numbers // 100 % 100, numbers % 100
    before, behind = minutes[(seconds >= 60 - _NEAR_S) & (seconds < 60)], minutes[seconds < _NEAR_S]
    return len(np.unique(minutes)) >= _LEAST_MINUTES or bool(np.isin(before + 1, behind).any())


def _is_grid(places: FloatArray) -> bool:
    def both(east: FloatArray, north: FloatArray) -> float:
        return min(max(share_within(east, EASTING_M), share_within(east, ZONED_EASTING_M)), share_within(north, NORTHING_M))

    return max(both(places[:, 0], places[:, 1]), both(places[:, 1], places[:, 0])) >= _SHARE


def _is_of_a_city(places: FloatArray) -> bool:
    """Return whether most places lie as near to each other as a city's: metres of a local grid, taken for kilometres, do not."""
    there = places[np.isfinite(places).all(axis=1)]
    low, high = np.percentile(there, [1, 99], axis=0) if len(there) else np.zeros((2, 2))
    return bool((high - low <= _LARGEST_CITY_M).all())


def _are_packed(places: FloatArray, area: DeploymentArea | None) -> bool:
    """Return whether two and two digits behind the point stay below 60 where decimals would not, or only so lead into the city."""
    there = places[np.isfinite(places).all(axis=1)]
    if not len(there) or axes_by_values(there[:, 0], there[:, 1]) is None or np.abs(there).max() > _MOST_DEG:
        return False
    numbers = np.round(np.abs(there) * 1e4, 3)
    minutes, seconds = numbers // 100 % 100, numbers % 100
    if (minutes >= 60).any() or (seconds >= 60).any():
        return False
    if len(numbers) >= _LEAST_PLACES and min(len(np.unique(column // 10)) for column in seconds.T) >= _LEAST_DIFFERENT:
        return True
    if area is None:
        return False
    order = slice(None) if axes_by_values(there[:, 0], there[:, 1]) == "xy" else slice(None, None, -1)
    decimal = np.floor(np.abs(there)) + minutes / 60 + seconds / 3600
    return area.share_inside(decimal[:, order]) >= _SHARE > area.share_inside(there[:, order])
