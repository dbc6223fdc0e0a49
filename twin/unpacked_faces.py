"""Columns ``faces`` of many features as the bytes of version 1, whatever they are stored as: the one layout that kernels read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from twin.byte_numbers import uint32
from twin.kernel import bare_kernel, copy_bytes, kernel
from twin.packed_faces import COUNTS_AT, PACKED_MAGIC, PLACES_HEAD_BYTES, WIDTHS_AT
from twin.representation import HEAD_BYTES, MAGIC

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

_PACKED, _PLAIN = int.from_bytes(PACKED_MAGIC, "little"), int.from_bytes(MAGIC, "little")
_MOST_MM, _MOST_PART, _MOST_TYPE, _ANY = 2**31 - 1, 0xFFFF, 0xFF, 2**32 - 1
_COUNTS, _COLUMNS = 6, 8
_RINGS, _SOLIDS, _PARTS, _TYPES = 2, 5, 6, 7
"""Columns, as they follow one another behind the counts and the indices."""


def unpacked(data: Bytes, offsets: Offsets) -> tuple[Bytes, Offsets]:
    """Return representations (n,) laid end to end with each of version 3 as `twin.representation.encode_unpacked` has it.

    All else stays as it is, so do bytes that only begin like version 3: no reader of version 1 takes them. ``offsets`` (n + 1,) say where
    each begins. What comes out is no more than eleven times what went in.
    """
    lengths = np.empty(len(offsets) - 1, np.int64)
    if not _measure(data, offsets, lengths):
        return data, offsets
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.abs(lengths))])
    out = np.empty(int(ends[-1]), np.uint8)
    _unpack(data, offsets, lengths, ends, out)
    return out, ends


def all_unpacked(given: Sequence[bytes]) -> list[bytes]:
    """Return the same of single representations."""
    ends = np.cumsum([0, *map(len, given)], dtype=np.int64)
    data, offsets = unpacked(np.frombuffer(bytearray(b"".join(given)), np.uint8), ends)
    content = data.tobytes()
    return [content[a:b] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


@kernel
def _measure(data: Bytes, offsets: Offsets, lengths: Offsets) -> bool:
    """Write how long each will be, below 0 what stays as it is; return whether any does not."""
    some = False
    for n in range(len(lengths)):
        length = _plain_length(data, offsets[n], offsets[n + 1])
        some = some or length >= 0
        lengths[n] = length if length >= 0 else offsets[n] - offsets[n + 1]
    return some


@kernel
def _plain_length(data: Bytes, start: int, end: int) -> int:
    """Return how long a whole representation of version 3 is in version 1, -1 of all else."""
    if end - start < COUNTS_AT or uint32(data, start) != _PACKED:
        return -1
    width = _byte(data, start + WIDTHS_AT)
    at = start + COUNTS_AT
    if not 1 <= width <= 4 or data[start + WIDTHS_AT + 1] == 0 or at + _COUNTS * width > end:
        return -1
    v, i, r, f, s, k = _counts(data, start)
    if 3 * r > i or f > r or s > f or k > s:
        return -1
    at += _COUNTS * width
    for column in range(1, _COLUMNS):
        width = _byte(data, start + WIDTHS_AT + column)
        if width > 4:
            return -1
        at += width * _count(column, i, r, f, s, k) if width > 0 else 4
    if at != start + uint32(data, start + 4) or at + PLACES_HEAD_BYTES > end:
        return -1
    widths = at + PLACES_HEAD_BYTES - 3
    at += PLACES_HEAD_BYTES
    for axis in range(3):
        width = _byte(data, widths + axis)
        if not 1 <= width <= 4:
            return -1
        at += width * v
    return HEAD_BYTES + 12 * v + 4 * (i + r + f + s + k) + 3 * f if at == end else -1


@bare_kernel
def _byte(data: Bytes, at: int) -> int:
    return int(np.int64(data[at]))


@bare_kernel
def _number(data: Bytes, at: int, width: int) -> int:
    """Return the number of ``width`` bytes, 1 to 4, at a place."""
    value = _byte(data, at)
    if width > 1:
        value |= _byte(data, at + 1) << 8
    if width > 2:
        value |= _byte(data, at + 2) << 16
    if width > 3:
        value |= _byte(data, at + 3) << 24
    return value


@bare_kernel
def _counts(data: Bytes, start: int) -> tuple[int, int, int, int, int, int]:
    """Return V I R F S K."""
    at, width = start + COUNTS_AT, _byte(data, start + WIDTHS_AT)
    return (
        _number(data, at, width),
        _number(data, at + width, width),
        _number(data, at + 2 * width, width),
        _number(data, at + 3 * width, width),
        _number(data, at + 4 * width, width),
        _number(data, at + 5 * width, width),
    )


@bare_kernel
def _count(column: int, i: int, r: int, f: int, s: int, k: int) -> int:
    """Return how many numbers a column has."""
    if column < _RINGS:
        return i
    if column == _RINGS:
        return r
    return s if column == _SOLIDS - 1 else k if column == _SOLIDS else f


@kernel
def _unpack(data: Bytes, offsets: Offsets, lengths: Offsets, ends: Offsets, out: Bytes) -> None:
    for n in range(len(lengths)):
        if lengths[n] < 0:
            copy_bytes(out, ends[n], data, offsets[n], -lengths[n])
            continue
        if not _write_plain(data, offsets[n], out, ends[n]):
            out[ends[n]] = 0  # no version


@kernel
def _write_plain(data: Bytes, start: int, out: Bytes, to: int) -> bool:
    """Write a whole representation in version 1; return whether all its numbers are such as can be."""
    v, i, r, f, s, k = _counts(data, start)
    head = out[to : to + HEAD_BYTES - 24].view(np.uint32)
    head[0], head[1], head[2], head[3], head[4], head[5], head[6] = _PLAIN, v, i, r, f, s, k
    places = start + uint32(data, start + 4)
    copy_bytes(out, to + HEAD_BYTES - 24, data, places, 24)
    good = True
    at = places + PLACES_HEAD_BYTES
    vertices = out[to + HEAD_BYTES : to + HEAD_BYTES + 12 * v].view(np.uint32)
    for axis in range(3):
        width = _byte(data, places + 24 + axis)
        good = _widen(data, at, width, vertices[axis::3], _MOST_MM) and good
        at += width * v
    at, to = start + COUNTS_AT + _COUNTS * _byte(data, start + WIDTHS_AT), to + HEAD_BYTES + 12 * v
    for column in range(1, _COLUMNS):
        width, count = _byte(data, start + WIDTHS_AT + column), _count(column, i, r, f, s, k)
        if column == _TYPES:
            good = _widen(data, at, width, out[to : to + count], _MOST_TYPE) and good
        elif column == _PARTS:
            good = _widen(data, at, width, out[to : to + 2 * count].view(np.uint16), _MOST_PART) and good
            to += 2 * count
        else:
            numbers = out[to : to + 4 * count].view(np.uint32)
            _widen(data, at, width, numbers, _ANY)
            if column >= _RINGS:
                _sum_up(numbers)
            to += 4 * count
        at += width * count if width > 0 else 4
    return good


@bare_kernel
def _widen(data: Bytes, at: int, width: int, numbers: npt.NDArray[np.unsignedinteger], most: int) -> bool:
    """Write the numbers of a column; return whether none is above ``most``."""
    if width == 0:
        numbers[:] = uint32(data, at)
        return len(numbers) == 0 or uint32(data, at) <= most
    greatest = 0
    for n in range(len(numbers)):
        value = _number(data, at + n * width, width)
        numbers[n] = value
        greatest = max(greatest, value)
    return greatest <= most


@bare_kernel
def _sum_up(numbers: npt.NDArray[np.unsignedinteger]) -> None:
    """Make ends of lengths."""
    for n in range(1, len(numbers)):
        numbers[n] += numbers[n - 1]
