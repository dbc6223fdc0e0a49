"""Rings as WKB, for GEOS (compiled)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import kernel
from twin.mvt.rings import Units
from twin.mvt.wire import Bytes

Places = npt.NDArray[np.float64]
_LITTLE_ENDIAN, _POLYGON, _MULTIPOLYGON = 1, 3, 6
HEAD_BYTES, PLACE_BYTES = 9, 16


@kernel
def write_areas(x: Places, y: Places, ends: Units, part: Units, count: int, out: Bytes, to: int) -> int:
    """Write ``count`` rings, those with one number in ``part`` as a polygon, as a MultiPolygon; return where it ends.

    Ring ``r`` is ``x[ends[r]:ends[r + 1]]``, its first vertex not repeated at its end.
    """
    polygons = 0
    for ring in range(count):
        polygons += ring == 0 or part[ring] != part[ring - 1]
    to = _write_head(out, to, _MULTIPOLYGON, polygons)
    for ring in range(count):
        if ring == 0 or part[ring] != part[ring - 1]:
            rings = 1
            while ring + rings < count and part[ring + rings] == part[ring]:
                rings += 1
            to = _write_head(out, to, _POLYGON, rings)
        start, end = ends[ring], ends[ring + 1]
        to = _write_word(out, to, np.uint64(end - start + 1), 4)
        for k in range(start, end):
            to = _write_place(out, to, x[k], y[k])
        to = _write_place(out, to, x[start], y[start])
    return to


@kernel
def _write_head(out: Bytes, to: int, kind: int, parts: int) -> int:
    out[to] = _LITTLE_ENDIAN
    return _write_word(out, _write_word(out, to + 1, np.uint64(kind), 4), np.uint64(parts), 4)


@kernel
def _write_place(out: Bytes, to: int, x: float, y: float) -> int:
    bits = np.empty(2, np.float64)
    bits[0], bits[1] = x, y
    words = bits.view(np.uint64)
    return _write_word(out, _write_word(out, to, words[0], 8), words[1], 8)


@kernel
def _write_word(out: Bytes, to: int, word: np.uint64, size: int) -> int:
    for _ in range(size):
        out[to] = np.uint8(word & np.uint64(0xFF))
        word >>= np.uint64(8)
        to += 1
    return to
