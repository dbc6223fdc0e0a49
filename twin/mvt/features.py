"""Features of a layer and its table of values (4.4 of the specification of vector tiles), from rows in PostgreSQL's binary form (compiled).

A row is what record_send makes of (fid bigint, is_drawn boolean, geometry, properties …): numbers are big endian, and before each
value stand the number of its type and its length, -1 for NULL. Values are written as ST_AsMVT writes them, each once; so is a fid, which
a feature that stands for several has not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.byte_numbers import network_int32, network_int64
from twin.kernel import kernel
from twin.mvt.rings import Units
from twin.mvt.shapes import NOTHING
from twin.mvt.wire import Bytes, write_counted, write_varint, zigzag

_BEFORE_PROPERTIES = 3
BOOLEAN, BIGINT, TEXT, DOUBLE = 16, 20, 25, 701
"""Numbers of the types of which values are written; others are given as text."""
_FEATURE, _VALUE = 0x12, 0x22
_ID, _TAGS, _TYPE, _GEOMETRY = 0x08, 0x12, 0x18, 0x22
_STRING, _REAL, _UNSIGNED, _SIGNED, _TRUTH = 0x0A, 0x19, 0x28, 0x30, 0x38
_LONGEST_VARINT = 10
_EXPONENT_HIGH, _EXPONENT_LOW = 0x7F, 0xF0
_NO_FID = -1
_HASH, _PRIME = 0xCBF29CE484222325, 0x100000001B3


@kernel
def find_rows(rows: Bytes, fids: Units, are_drawn: npt.NDArray[np.bool_], starts: Units, ends: Units) -> None:
    """Find of each row its fid, whether it is drawn, and where its WKB begins and ends; its properties follow."""
    k = 0
    for row in range(fids.size):
        columns, size = network_int32(rows, k), max(0, network_int32(rows, k + 8))
        fids[row] = network_int64(rows, k + 12) if size else _NO_FID
        k += 12 + size
        size = max(0, network_int32(rows, k + 4))
        are_drawn[row] = size > 0 and rows[k + 8] != 0
        k += 8 + size
        starts[row] = k + 8
        k = ends[row] = starts[row] + max(0, network_int32(rows, k + 4))
        for _ in range(_BEFORE_PROPERTIES, columns):
            k += 8 + max(0, network_int32(rows, k + 4))


@kernel
def write_features(
    rows: Bytes, columns: int, fids: Units, properties: Units, kinds: Units, commands: Bytes, begins: Units, finishes: Units,
    slots: npt.NDArray[np.int32], places: Units, out: Bytes,
) -> tuple[int, int]:  # fmt: skip
    """Write the features of a layer; return where they end and how many values they have.

    ``slots``, all -1, is room for a hash table of the numbers of values; ``places`` (values, 3) for the type of each and where it
    begins and ends.
    """
    to, count = 0, 0
    tags = np.empty(2 * _LONGEST_VARINT * columns + 1, np.uint8)
    for row in range(fids.size):
        if kinds[row] == NOTHING:
            continue
        k, tagged = properties[row], 0
        for column in range(columns):
            kind, size, k = network_int32(rows, k), network_int32(rows, k + 4), k + 8
            if size < 0 or (kind == DOUBLE and not _is_finite(rows, k)):
                k += max(size, 0)
                continue
            number = _value(rows, kind, k, k + size, slots, places, count)
            count = max(count, number + 1)
            tagged = write_varint(tags, tagged, column)
            tagged = write_varint(tags, tagged, number)
            k += size
        to = _write_feature(fids[row], kinds[row], tags, tagged, commands, begins[row], finishes[row], out, to)
    return to, count


@kernel
def _write_feature(fid: int, kind: int, tags: Bytes, tagged: int, commands: Bytes, start: int, end: int, out: Bytes, to: int) -> int:
    size = 3 + _length(end - start) + end - start
    if fid != _NO_FID:
        size += 1 + _length(fid)
    if tagged:
        size += 1 + _length(tagged) + tagged
    out[to] = _FEATURE
    to = write_varint(out, to + 1, size)
    if fid != _NO_FID:
        out[to] = _ID
        to = write_varint(out, to + 1, fid)
    if tagged:
        to = write_counted(out, to, _TAGS, tags, 0, tagged)
    out[to], out[to + 1] = _TYPE, kind
    return write_counted(out, to + 2, _GEOMETRY, commands, start, end)


@kernel
def write_values(rows: Bytes, places: Units, count: int, out: Bytes) -> int:
    """Write the values of a layer in the order of their numbers; return where they end."""
    to = 0
    for number in range(count):
        kind, start, end = places[number, 0], places[number, 1], places[number, 2]
        out[to] = _VALUE
        if kind == TEXT:
            to = write_varint(out, to + 1, 1 + _length(end - start) + end - start)
            to = write_counted(out, to, _STRING, rows, start, end)
        elif kind == DOUBLE:
            out[to + 1], out[to + 2] = 9, _REAL
            for k in range(8):
                out[to + 3 + k] = rows[end - 1 - k]
            to += 11
        elif kind == BOOLEAN:
            out[to + 1], out[to + 2], out[to + 3] = 2, _TRUTH, rows[start]
            to += 4
        else:
            whole = network_int64(rows, start)
            plain = whole if whole >= 0 else zigzag(whole)
            out[to + 1], out[to + 2] = 1 + _length(plain), _UNSIGNED if whole >= 0 else _SIGNED
            to = write_varint(out, to + 3, plain)
    return to


@kernel
def _value(rows: Bytes, kind: int, start: int, end: int, slots: npt.NDArray[np.int32], places: Units, count: int) -> int:
    """Return the number of a value, the next one where it is new."""
    mixed = np.uint64(_HASH) ^ np.uint64(kind)
    for k in range(start, end):
        mixed = (mixed ^ np.uint64(rows[k])) * np.uint64(_PRIME)
    mask = slots.size - 1
    slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(mask))
    while slots[slot] >= 0:
        number = int(slots[slot])
        if places[number, 0] == kind and _same(rows, places[number, 1], places[number, 2], start, end):
            return number
        slot = (slot + 1) & mask
    slots[slot] = count
    places[count, 0], places[count, 1], places[count, 2] = kind, start, end
    return count


@kernel
def _same(rows: Bytes, start: int, end: int, other: int, other_end: int) -> bool:
    k, size = 0, end - start
    if other_end - other != size:
        return False
    while k < size and rows[start + k] == rows[other + k]:
        k += 1
    return k == size


@kernel
def _is_finite(rows: Bytes, k: int) -> bool:
    return bool(rows[k] & _EXPONENT_HIGH != _EXPONENT_HIGH or rows[k + 1] & _EXPONENT_LOW != _EXPONENT_LOW)


@kernel
def _length(number: int) -> int:
    """Return how many bytes a varint takes."""
    rest, length = np.uint64(number) >> np.uint64(7), 1
    while rest:
        rest, length = rest >> np.uint64(7), length + 1
    return length
