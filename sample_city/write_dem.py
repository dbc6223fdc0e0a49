"""Writes the elevation model as a tiled GeoTIFF, EPSG:4549, 1985 heights in metres."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from sample_city.relief import Relief

FILE_NAME, LAYER = "高程.tif", "高程"
NODATA = -9999.0
_MARGIN_M = 250.0
_ROWS_AT_ONCE = 256


def write_elevation(folder: Path, relief: Relief, extent_m: tuple[float, float, float, float]) -> None:
    """Write the model for an extent (west, south, east, north) and a margin around it, some rows of tiles at a time."""
    pixel = relief.pixel_m
    west = math.floor((extent_m[0] - _MARGIN_M) / pixel)
    south = math.floor((extent_m[1] - _MARGIN_M) / pixel)
    east = math.ceil((extent_m[2] + _MARGIN_M) / pixel)
    north = math.ceil((extent_m[3] + _MARGIN_M) / pixel)
    width, height = east - west, north - south
    columns = np.arange(west, east)[None, :]
    with rasterio.open(
        folder / FILE_NAME, "w", driver="GTiff", width=width, height=height, count=1, dtype="float32", crs="EPSG:4549",
        transform=from_origin(west * pixel, north * pixel, pixel, pixel), nodata=NODATA, tiled=True, blockxsize=256, blockysize=256,
        compress="deflate", predictor=3, BIGTIFF="IF_SAFER",
    ) as raster:  # fmt: skip
        for first in range(0, height, _ROWS_AT_ONCE):
            count = min(_ROWS_AT_ONCE, height - first)
            rows = (north - 1 - np.arange(first, first + count))[:, None]
            raster.write(relief.pixel_height_m(columns, rows), 1, window=Window(0, first, width, count))
