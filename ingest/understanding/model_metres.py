"""Whether coordinates as small as degrees may be metres of a drawing or model about an origin of its own."""

from __future__ import annotations

import numpy as np

from ingest.names import normalised
from ingest.understanding.sample import LayerSample
from twin.crs import FloatArray
from twin.errors import Text

_DEGREE_NAMES = frozenset(map(normalised, ("经度", "纬度", "lon", "lat", "lng", "long", "longitude", "latitude")))
_NEAR_ORIGIN_DEG = 3.0
"""Around 0°, 0° the Gulf of Guinea is wider than this: what lies about 0, 0 is in no city."""
_LARGEST_REGION_DEG = 5.0
"""Wider than any city with what belongs to it."""


_CONTINENT_DEG = 60.0


def model_metres(sample: LayerSample, *, assumed: bool = False) -> Text | None:
    """Return why coordinates within ±180 and ±90 are not to be taken for degrees; None where they may be, and for larger ones.

    ``assumed``: the format's rule says that they are, so that only what lies about 0, 0 and is no map of a continent is doubted.
    """
    places, _ = sample.positions()
    there = places[np.isfinite(places).all(axis=1)]
    if not len(there) or not _as_small_as_degrees(there) or any(normalised(c.name) in _DEGREE_NAMES for c in sample.columns):
        return None
    low, high = (np.percentile(there, q, axis=0) for q in (1, 99))
    span = float((high - low).max())
    if assumed and span > _CONTINENT_DEG:
        return None
    if bool((low <= _NEAR_ORIGIN_DEG).all() and (high >= -_NEAR_ORIGIN_DEG).all()):
        return Text(
            "数值在 0, 0 附近，作为经纬度则位于几内亚湾；更像图纸或模型自身以米为单位的坐标",
            "its numbers lie about 0, 0, in degrees the Gulf of Guinea: rather metres of a drawing or model about an origin of its own",
        )
    if assumed or span <= _LARGEST_REGION_DEG:
        return None
    return Text(
        f"数值散布 {span:.0f}，作为经纬度则远大于一个城市；也可能是图纸或模型自身以米为单位的坐标",
        f"its numbers spread over {span:.0f}, in degrees far more than a city: they may be metres of a drawing or model about an origin"
        " of its own",
    )


def _as_small_as_degrees(there: FloatArray) -> bool:
    """Return whether in either order of axes most places could be degrees."""
    size = np.abs(there)
    return max(float(np.mean((size <= bounds).all(axis=1))) for bounds in ((180.0, 90.0), (90.0, 180.0))) >= 0.5
