"""The grid of an image's pixels, from what is recorded of it: its footprint, its size and its CRS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import shapely
from pyproj.exceptions import CRSError
from shapely.geometry import shape

from twin.query.area import is_geographic, transformer_between

_LEAST_FILLED = 0.999_99
"""Share of its bounds that the footprint of an image fills that is not turned."""
_DECIMALS = {False: (3, 7), True: (8, 12)}
"""Of an origin and of a pixel's size, in metres and in degrees: a millimetre at the far corner of any image."""


def pixel_grid(footprint: Mapping[str, Any], srid: int, width: int, height: int) -> tuple[float, ...] | None:
    """Return the affine transform from (column, row) of a pixel's corner to ``srid``, x first: a, b, c, d, e, f.

    ``footprint`` is a GeoJSON geometry in longitude and latitude. None for an image that lies turned in its CRS: its outline does
    not say where its first row is.
    """
    try:
        outline = shapely.transform(shape(footprint), transformer_between(4326, srid).transform, interleaved=False)
    except CRSError:  # no CRS of PROJ's
        return None
    west, south, east, north = outline.bounds
    if not math.isfinite(west + south + east + north) or outline.area < _LEAST_FILLED * (east - west) * (north - south):
        return None
    of_origin, of_size = _DECIMALS[is_geographic(srid)]
    size = round((east - west) / width, of_size), -round((north - south) / height, of_size)
    return (size[0], 0.0, round(west, of_origin), 0.0, size[1], round(north, of_origin))
