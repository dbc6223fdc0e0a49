"""The packed form of column ``faces`` (version 3): the numbers of version 1 in as few bytes as they need, lengths instead of ends.

Little endian, unsigned. ``TWR3``; where the places begin (uint32); eight widths (uint8) and the eight columns they are of: the counts
V I R F S K, then indices, lengths of rings, of faces, of shells, of solids, parts, surface types. At the places: the origin (three
float64), three widths, and the columns x, y, z, millimetres from the origin. A width of 1 to 4 is that of each number of a column; of 0,
one uint32 stands there and all numbers are that. Nobody promises more than he brings: counts, indices and places have no width 0, a ring
has three corners or more, a face one ring or more, a shell one face, a solid one shell.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UInt32s = npt.NDArray[np.uint32]

PACKED_MAGIC = b"TWR3"
WIDTHS_AT = 8
COUNTS_AT = 16
PLACES_HEAD_BYTES = 27
"""Origin and widths of the places."""
_HEAD = struct.Struct("<4sI8B")
_PLACES_HEAD = struct.Struct("<3d3B")
_MOST_MM = 2**31 - 1


class FaceNumbers(NamedTuple):
    """What version 1 holds, by itself."""

    origin: npt.NDArray[np.float64]
    """(3,) metres."""
    millimetres: npt.NDArray[np.int32]
    """(V, 3) from the origin on, none below 0."""
    indices: UInt32s
    ends: tuple[UInt32s, UInt32s, UInt32s, UInt32s]
    """Where rings, faces, shells and solids end."""
    part: npt.NDArray[np.uint16]
    surface_type: npt.NDArray[np.uint8]


def pack(numbers: FaceNumbers) -> bytes:
    """Return the packed bytes; the same numbers give the same bytes."""
    counts = np.array([len(numbers.millimetres), len(numbers.indices), *map(len, numbers.ends)])
    index_width = _width(max(len(numbers.millimetres) - 1, 0))
    columns = [
        (_width(int(counts.max())), _bytes(counts, _width(int(counts.max())))),
        (index_width, _bytes(numbers.indices, index_width)),
        *(_column(np.diff(e.astype(np.int64), prepend=0)) for e in numbers.ends),
        _column(numbers.part),
        _column(numbers.surface_type),
    ]
    topology = b"".join(content for _, content in columns)
    widths = [_width(int(axis.max(initial=0))) for axis in numbers.millimetres.T]
    places = b"".join(_bytes(axis, width) for axis, width in zip(numbers.millimetres.T, widths, strict=True))
    head = _HEAD.pack(PACKED_MAGIC, COUNTS_AT + len(topology), *(width for width, _ in columns))
    return b"".join((head, topology, _PLACES_HEAD.pack(*map(float, numbers.origin), *widths), places))


def unpack(data: bytes) -> FaceNumbers:
    """Return the numbers of `pack`; ValueError for bytes that are not so laid out. What they mean is not looked at."""
    if len(data) < COUNTS_AT or not data.startswith(PACKED_MAGIC):
        raise ValueError("not a representation of version 3")
    _, places_at, *widths = _HEAD.unpack_from(data)
    vertices, *counts = (int(n) for n in _numbers(data, COUNTS_AT, 6, widths[0], least_width=1))
    corners, rings, faces, shells, solids = counts
    if 3 * rings > corners or faces > rings or shells > faces or solids > shells:
        raise ValueError("counts of a representation")
    at = COUNTS_AT + 6 * widths[0]
    columns = []
    for column, (count, width) in enumerate(zip((*counts, faces, faces), widths[1:], strict=True)):
        columns.append(_numbers(data, at, count, width, least_width=1 if column == 0 else 0))
        at += count * width if width else 4
    if at != places_at or len(data) < at + PLACES_HEAD_BYTES:
        raise ValueError("length of a representation")
    *origin, x_width, y_width, z_width = _PLACES_HEAD.unpack_from(data, at)
    at += PLACES_HEAD_BYTES
    if at + vertices * (x_width + y_width + z_width) != len(data):
        raise ValueError("length of a representation")
    places = []
    for width in (x_width, y_width, z_width):
        places.append(_numbers(data, at, vertices, width, least_width=1))
        at += vertices * width
    indices, *lengths, part, surface_type = columns
    for numbers, most in ((part, 0xFFFF), (surface_type, 0xFF), *((place, _MOST_MM) for place in places)):
        if len(numbers) and int(numbers.max()) > most:
            raise ValueError("a number of a representation is too large")
    ring_ends, face_ends, shell_ends, solid_ends = (np.cumsum(length, dtype=np.uint32) for length in lengths)
    millimetres = np.array(places, np.int32).T
    ends = (ring_ends, face_ends, shell_ends, solid_ends)
    return FaceNumbers(np.array(origin), millimetres, indices, ends, part.astype(np.uint16), surface_type.astype(np.uint8))


def _width(greatest: int) -> int:
    return max((greatest.bit_length() + 7) // 8, 1)


def _bytes(values: npt.NDArray[np.integer], width: int) -> bytes:
    return values.astype("<u4").reshape(-1, 1).view(np.uint8)[:, :width].tobytes()


def _column(values: npt.NDArray[np.integer]) -> tuple[int, bytes]:
    """Return width and bytes of a column, one number for all where that is shorter."""
    greatest = int(values.max(initial=0))
    width = _width(greatest)
    if width * len(values) > 4 and int(values.min()) == greatest:
        return 0, struct.pack("<I", greatest)
    return width, _bytes(values, width)


def _numbers(data: bytes, at: int, count: int, width: int, least_width: int) -> UInt32s:
    """Return ``count`` numbers from ``at`` on; ValueError where they are not all there. Who gives a width of 0 bounds the count."""
    if not least_width <= width <= 4 or at + (count * width or 4 * (width == 0)) > len(data):
        raise ValueError("numbers of a representation")
    if width == 0:
        return np.full(count, int.from_bytes(data[at : at + 4], "little"), np.uint32)
    if width != 3:
        return np.frombuffer(data, f"<u{width}", count, at).astype(np.uint32)
    wide = np.zeros((count, 4), np.uint8)
    wide[:, :3] = np.frombuffer(data, np.uint8, 3 * count, at).reshape(count, 3)
    return wide.view("<u4").ravel()
