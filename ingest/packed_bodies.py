"""Bodies of a batch as column ``faces`` has them in version 3 (`twin.packed_faces`), by kernels: first how wide, then all at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX, BodyArrays, Floats, Ints, UInt32s
from twin.kernel import bare_kernel, copy_bytes, kernel
from twin.packed_faces import COUNTS_AT, PACKED_MAGIC, PLACES_HEAD_BYTES, WIDTHS_AT
from twin.representation import MM_PER_M

Bytes = npt.NDArray[np.uint8]
_INT32_MAX = 2**31 - 1
_COUNTS, _INDICES, _RINGS, _FACES, _SHELLS, _SOLIDS, _PARTS, _TYPES, _X = range(9)
"""Columns of the widths; y and z follow x."""
_COLUMNS = _X + 3


def packed(bodies: BodyArrays, origin: Floats, extent_mm: Ints) -> pa.Array:
    """Return (B,) binary of well-formed bodies without pictures.

    ``origin`` (B, 3) metres and ``extent_mm`` (B, 3), how far vertices reach from it, are as `twin.representation.encode` has them.
    ValueError for more than 2 GB.
    """
    start = bodies.start
    lengths = (
        _lengths(bodies.ring_ends, start[:, RING]),
        _lengths(bodies.face_ends, start[:, FACE]),
        _lengths(bodies.shell_ends, start[:, SHELL]),
        _lengths(bodies.solid_ends, start[:, SOLID]),
    )
    values = (np.ascontiguousarray(bodies.part), np.ascontiguousarray(bodies.surface_type))
    widths, offsets = np.empty((len(bodies), _COLUMNS), np.uint8), np.zeros(len(bodies) + 1, np.int64)
    _measure(start, *lengths, *values, extent_mm, widths, offsets)
    if offsets[-1] > _INT32_MAX:
        raise ValueError("more than 2 GB of 3D in a batch")
    content = np.empty(int(offsets[-1]), np.uint8)
    magic = np.frombuffer(PACKED_MAGIC, np.uint8)
    _write(content, offsets, magic, widths, start, origin, bodies.vertices, bodies.indices, *lengths, *values)
    return pa.Array.from_buffers(pa.binary(), len(bodies), [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)])


def _lengths(ends: UInt32s, starts: Ints) -> UInt32s:
    """Return how long each ring, face… is, of all bodies; ends count within a body."""
    lengths = np.diff(ends, prepend=np.uint32(0))
    firsts = starts[:-1][starts[:-1] < starts[1:]]
    lengths[firsts] = ends[firsts]
    return lengths


@kernel
def _measure(
    start: Ints, rings: UInt32s, faces: UInt32s, shells: UInt32s, solids: UInt32s, part: npt.NDArray[np.uint16], surface_type: Bytes,
    extent_mm: Ints, widths: Bytes, offsets: Ints,
) -> None:  # fmt: skip
    """Write how wide each column of each body is, and where its bytes begin."""
    for body in range(len(widths)):
        first, last, wide = start[body], start[body + 1], widths[body]
        greatest = 0
        for k in range(6):
            greatest = max(greatest, int(last[k] - first[k]))
        wide[_COUNTS] = _width(greatest)
        wide[_INDICES] = _width(max(last[VERTEX] - first[VERTEX] - 1, 0))
        wide[_RINGS] = _column_width(rings, first[RING], last[RING])
        wide[_FACES] = _column_width(faces, first[FACE], last[FACE])
        wide[_SHELLS] = _column_width(shells, first[SHELL], last[SHELL])
        wide[_SOLIDS] = _column_width(solids, first[SOLID], last[SOLID])
        wide[_PARTS] = _column_width(part, first[FACE], last[FACE])
        wide[_TYPES] = _column_width(surface_type, first[FACE], last[FACE])
        size = COUNTS_AT + PLACES_HEAD_BYTES + 6 * wide[_COUNTS]
        for axis in range(3):
            wide[_X + axis] = _width(extent_mm[body, axis])
            size += wide[_X + axis] * (last[VERTEX] - first[VERTEX])
        size += wide[_INDICES] * (last[INDEX] - first[INDEX]) + _bytes(wide[_RINGS], last[RING] - first[RING])
        size += _bytes(wide[_SHELLS], last[SHELL] - first[SHELL]) + _bytes(wide[_SOLIDS], last[SOLID] - first[SOLID])
        for column in (_FACES, _PARTS, _TYPES):
            size += _bytes(wide[column], last[FACE] - first[FACE])
        offsets[body + 1] = offsets[body] + size


@bare_kernel
def _width(greatest: int) -> int:
    return 1 if greatest < 1 << 8 else 2 if greatest < 1 << 16 else 3 if greatest < 1 << 24 else 4


@bare_kernel
def _bytes(width: int, count: int) -> int:
    return width * count if width > 0 else 4


@bare_kernel
def _column_width(values: npt.NDArray[np.unsignedinteger], first: int, end: int) -> int:
    """Return the width of a column of values that may all be one."""
    if end == first:
        return 1
    least = greatest = values[first]
    for n in range(first, end):
        least, greatest = min(least, values[n]), max(greatest, values[n])
    width = _width(int(np.int64(greatest)))
    return 0 if least == greatest and width * (end - first) > 4 else width


@kernel
def _write(
    content: Bytes, offsets: Ints, magic: Bytes, widths: Bytes, start: Ints, origin: Floats, vertices: Floats, indices: UInt32s,
    rings: UInt32s, faces: UInt32s, shells: UInt32s, solids: UInt32s, part: npt.NDArray[np.uint16], surface_type: Bytes,
) -> None:  # fmt: skip
    """Write each body from its place in ``offsets`` on."""
    for body in range(len(widths)):
        begin = offsets[body]
        first, last, wide = start[body], start[body + 1], widths[body]
        copy_bytes(content, begin, magic, 0, 4)
        for column in range(_X):
            content[begin + WIDTHS_AT + column] = wide[column]
        at = _narrow(content, begin + COUNTS_AT, wide[_COUNTS], last - first, 0, 6)
        at = _narrow(content, at, wide[_INDICES], indices, first[INDEX], last[INDEX])
        at = _narrow(content, at, wide[_RINGS], rings, first[RING], last[RING])
        at = _narrow(content, at, wide[_FACES], faces, first[FACE], last[FACE])
        at = _narrow(content, at, wide[_SHELLS], shells, first[SHELL], last[SHELL])
        at = _narrow(content, at, wide[_SOLIDS], solids, first[SOLID], last[SOLID])
        at = _narrow(content, at, wide[_PARTS], part, first[FACE], last[FACE])
        at = _narrow(content, at, wide[_TYPES], surface_type, first[FACE], last[FACE])
        content[begin + 4 : begin + 8].view(np.uint32)[0] = at - begin
        head = content[at : at + 24].view(np.float64)
        for axis in range(3):
            head[axis] = origin[body, axis]
            content[at + 24 + axis] = wide[_X + axis]
        at += PLACES_HEAD_BYTES
        for axis in range(3):
            at = _put_places(content, at, wide[_X + axis], vertices[first[VERTEX] : last[VERTEX], axis], origin[body, axis] * MM_PER_M)


@bare_kernel
def _narrow(content: Bytes, at: int, width: int, values: npt.NDArray[np.integer], first: int, end: int) -> int:
    """Write the values of a column; return where they end. Of width 0 it is one value, of four bytes."""
    count = end - first
    if width == 0:
        content[at : at + 4].view(np.uint32)[0] = values[first]
    elif width == 1:
        for n in range(count):
            content[at + n] = values[first + n]
    elif width == 2:
        pairs = content[at : at + 2 * count].view(np.uint16)
        for n in range(count):
            pairs[n] = values[first + n]
    else:
        for n in range(count):
            _put(content, at + n * width, width, int(np.int64(values[first + n])))
    return at + _bytes(width, count)


@bare_kernel
def _put_places(content: Bytes, at: int, width: int, places: Floats, origin_mm: float) -> int:
    """Write the millimetres of one axis; return where they end."""
    count = len(places)
    if width == 2:
        pairs = content[at : at + 2 * count].view(np.uint16)
        for n in range(count):
            pairs[n] = np.int32(np.rint(places[n] * MM_PER_M) - origin_mm)
    else:
        for n in range(count):
            _put(content, at + n * width, width, int(np.int64(np.rint(places[n] * MM_PER_M) - origin_mm)))
    return at + width * count


@bare_kernel
def _put(content: Bytes, at: int, width: int, value: int) -> None:
    for byte in range(width):
        content[at + byte] = (value >> (8 * byte)) & 0xFF
