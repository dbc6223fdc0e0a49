"""Which terrain tiles exist: the geographic TMS pyramid of quantized-mesh, cut to the area of the elevation coverage.

Level z has 2·2^z × 2^z tiles of 180°/2^z, numbered from the south-west (TMS, EPSG:4326 global-geodetic).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twin.crs import Extent, FloatArray

INTERVALS = 64
"""Grid intervals along the side of every tile."""
QUANTISED = 32767
POSTS = np.round(np.arange(INTERVALS + 1) * (QUANTISED / INTERVALS)).astype(np.int64)
"""The quantised u (or v) of the grid lines; heights are taken exactly there."""
METRES_PER_DEG = 111_320.0


@dataclass(frozen=True, slots=True)
class TileRange:
    """The tiles of one level from (start_x, start_y) to (end_x, end_y), both included."""

    level: int
    start_x: int
    start_y: int
    end_x: int
    end_y: int

    @property
    def count(self) -> int:
        """Number of tiles."""
        return (self.end_x - self.start_x + 1) * (self.end_y - self.start_y + 1)

    def as_available(self) -> dict[str, int]:
        """Return the range as layer.json states it."""
        return {"startX": self.start_x, "startY": self.start_y, "endX": self.end_x, "endY": self.end_y}


def tile_size_deg(level: int) -> float:
    """Return the side of a tile of ``level`` in degrees."""
    return float(180.0 / 2**level)


def spacing_m(level: int) -> float:
    """Return the distance of grid lines of ``level`` along a meridian, in metres (along a parallel it is shorter)."""
    return tile_size_deg(level) / INTERVALS * METRES_PER_DEG


def level_for_spacing(wanted_m: float) -> int:
    """Return the first level whose grid spacing is not wider than ``wanted_m``."""
    return max(0, math.ceil(math.log2(180.0 * METRES_PER_DEG / (INTERVALS * wanted_m))))


def covering(level: int, extent_deg: Extent) -> TileRange:
    """Return the tiles of ``level`` that cover ``extent_deg``, widened so that siblings come together.

    Level 0 is always both root tiles.
    """
    if level == 0:
        return TileRange(0, 0, 0, 1, 0)
    size, columns, rows = tile_size_deg(level), 2 * 2**level, 2**level
    west, south, east, north = extent_deg

    def tile(degrees: float, origin: float, last: int) -> int:
        return min(max(math.floor((degrees - origin) / size), 0), last)

    x0, x1 = tile(west, -180.0, columns - 1), tile(east, -180.0, columns - 1)
    y0, y1 = tile(south, -90.0, rows - 1), tile(north, -90.0, rows - 1)
    return TileRange(level, x0 & ~1, y0 & ~1, x1 | 1, y1 | 1)


def posts_deg(start: int, end: int, level: int, origin: float) -> FloatArray:
    """Return the degrees of all grid lines of tiles ``start`` to ``end``, with one more on either side.

    A line that two tiles share has the same bits from both: (index + q/32767)·size + origin with q = 0 or 32767.
    """
    inner = (np.arange(start - 1, end + 2)[:, np.newaxis] + POSTS[np.newaxis, :-1] / QUANTISED).ravel()
    return inner[INTERVALS - 1 : inner.size - INTERVALS + 2] * tile_size_deg(level) + origin
