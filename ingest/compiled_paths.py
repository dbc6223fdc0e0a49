"""Compiled loops over points and lines as arrays: taken out of WKB, told well shaped where that is certain, written as EWKB.

Whatever rounding could turn counts as unsure, and whoever asks looks at those rows with GEOS.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.compiled_areas import COURSE, Z, are_clear, goes_on
from twin.kernel import copy_bytes, kernel, little_uint32, little_uint64

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

POINT, LINE = 1, 2
_ISO_Z = 1000
_HEAD, _COUNT = 5, 4
_EXPONENT = np.uint64(0x7FF0000000000000)
"""All bits of it are set in NaN and the infinities, and in no other number."""
_LEAST_COMPARED = 4
"""Vertices of a line from which on edges that are not neighbours may meet."""


@kernel
def measure(content: Bytes, offsets: Ints, vertices: Ints, kinds: Bytes, has_z: Mask) -> None:
    """Count the vertices of each WKB that is one little-endian point or line without measures, all finite; 0 of any other.

    Whoever calls has proved that ``offsets`` rise and lie within ``content`` (`ingest.areas.bytes_of`): no bound is looked at here.
    """
    for row in range(len(offsets) - 1):
        vertices[row], kinds[row], has_z[row] = 0, 0, False
        at, end = offsets[row], offsets[row + 1]
        if end - at < _HEAD + 16 or content[at] != 1:
            continue
        code, solid = int(little_uint32(content, at + 1)), False
        if code & Z:
            code, solid = code - Z, True
        elif code > _ISO_Z:
            code, solid = code - _ISO_Z, True
        if code not in (POINT, LINE):
            continue
        count, first = 1, at + _HEAD
        if code == LINE:
            count, first = int(little_uint32(content, first)), first + _COUNT
        if (end - first) != count * (24 if solid else 16) or (code == LINE and count < 2):
            continue
        finite = True
        for k in range(first, end, 8):
            finite = finite and (little_uint64(content, k) & _EXPONENT) != _EXPONENT
        if finite:
            vertices[row], kinds[row], has_z[row] = count, code, solid


@kernel
def take(content: Bytes, offsets: Ints, rows: Ints, kinds: Bytes, has_z: Mask, starts: Ints, coordinates: Bytes) -> None:
    """Copy the coordinates, three doubles a vertex, of rows that `measure` has counted; where there is no z what is there stays.

    The counts of `measure` are the only bound: ``content`` and ``offsets`` are those that it was given.
    """
    for k in range(len(rows)):
        at = offsets[rows[k]] + (_HEAD if kinds[k] == POINT else _HEAD + _COUNT)
        first, count = starts[k], starts[k + 1] - starts[k]
        if has_z[k]:
            copy_bytes(coordinates, first * 24, content, at, count * 24)
        else:
            for vertex in range(count):
                copy_bytes(coordinates, (first + vertex) * 24, content, at + vertex * 16, 16)


@kernel
def well_shaped(xyz: Floats, starts: Ints, most_vertices: int, least_edge_m: float, spike_cosine: float, result: Mask) -> None:
    """Unmark the lines that have, or nearly have, short edges or spikes, that may meet themselves, or are too long to be looked at."""
    for row in range(len(starts) - 1):
        begin, end = starts[row], starts[row + 1] - 1
        good = result[row] and end - begin < most_vertices
        before, ax, ay = 0.0, 0.0, 0.0
        for v in range(begin, end if good else begin):
            bx, by = xyz[v + 1, 0] - xyz[v, 0], xyz[v + 1, 1] - xyz[v, 1]
            length = np.sqrt(bx * bx + by * by)
            good = good and length > least_edge_m * (1.0 + COURSE)
            if v > begin:
                good = good and ax * bx + ay * by > -(spike_cosine - COURSE) * before * length
            before, ax, ay = length, bx, by
        if good and end - begin >= _LEAST_COMPARED - 1:
            good = _is_simple(xyz, begin, end)
        result[row] = good


@kernel
def _is_simple(xyz: Floats, begin: int, end: int) -> bool:
    """Tell whether the edges of a line (each from ``begin`` to ``end - 1`` to its next vertex) certainly meet as neighbours only."""
    for i in range(begin, end):
        if i + 1 < end and not goes_on(xyz, i, i + 1):
            return False
        for j in range(i + 2, end):
            if not are_clear(xyz, i, j):
                return False
    return True


@kernel
def lengths_along(xy: Floats, owner: Ints, along_m: Floats) -> None:
    """Write for each vertex of lines, one line after the other, how long the way to it is in plan: whatever line stands before."""
    for v in range(len(owner)):
        is_first = v == 0 or owner[v] != owner[v - 1]
        along_m[v] = 0.0 if is_first else along_m[v - 1] + np.hypot(xy[v, 0] - xy[v - 1, 0], xy[v, 1] - xy[v - 1, 1])


@kernel
def write(coordinates: Bytes, kinds: Bytes, starts: Ints, offsets: Ints, heads: Bytes, with_z: bool, content: Bytes) -> None:
    """Write each row as EWKB from ``offsets`` on: what ``heads`` has for its kind, of a line the number of vertices, the coordinates."""
    size = len(heads) // 2
    for row in range(len(starts) - 1):
        at, first, count = offsets[row], starts[row], starts[row + 1] - starts[row]
        copy_bytes(content, at, heads, (kinds[row] - POINT) * size, size)
        at += size
        if kinds[row] == LINE:
            for byte in range(_COUNT):
                content[at + byte] = (count >> (8 * byte)) & 0xFF
            at += _COUNT
        if with_z:
            copy_bytes(content, at, coordinates, first * 24, count * 24)
        else:
            for vertex in range(count):
                copy_bytes(content, at + vertex * 16, coordinates, (first + vertex) * 24, 16)
