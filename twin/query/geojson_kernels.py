"""Rows in PostgreSQL's binary form → GeoJSON features (RFC 7946), compiled: the texts that `items` has PostGIS write of one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from twin.byte_numbers import network_int32, network_int64, network_uint64, uint32, uint64
from twin.json_values import (
    LONGEST_CHARACTER,
    LONGEST_NUMBER,
    NULL,
    Bytes,
    write_boolean,
    write_bytes,
    write_date,
    write_digits,
    write_integer,
    write_real,
    write_text,
    write_time,
)
from twin.kernel import inlined_kernel, kernel
from twin.query.unprojecting import Way, turned
from twin.shortest_decimal import WHOLE, shortest_decimal

NO_ROOM, UNKNOWN = -1, -2
"""Instead of an end: the buffer is too small; there is a value of a type that no column of a feature has."""
_BOOLEAN, _BIGINT, _TEXT, _DOUBLE, _DATE, _TIME = 16, 20, 25, 701, 1082, 1184
"""Numbers of types, the same in every database (pg_type.dat)."""
_COMMA, _OPEN, _CLOSE, _MINUS, _POINT = 0x2C, 0x5B, 0x5D, 0x2D, 0x2E
_POINT_TYPE, _LINE, _POLYGON, _MULTI = 1, 2, 3, 3
_Z, _M, _SRID, _TYPE = 0x80000000, 0x40000000, 0x20000000, 0x1FFFFFFF
"""Bits of the type in EWKB, and the rest of it."""
_GEOMETRY = (b"", b"Point", b"LineString", b"Polygon", b"MultiPoint", b"MultiLineString", b"MultiPolygon")
_HEADS = np.frombuffer(b"".join(b'{"type":"%b","coordinates":' % name for name in _GEOMETRY), dtype=np.uint8)
_HEAD_ENDS = np.cumsum([0, *(len(name) + 25 for name in _GEOMETRY)])
ROOM_A_BYTE, _ROOM = 5, 200
"""Text that a byte of WKB and what is around it come to at most: an ordinate has 8 of them."""
_NOUGHT = 0x30
_TEN = np.uint64(10)
_SCALES = 10.0 ** np.arange(20)
_MOST_SCALED, _TIE = 1e12, 1e-3
"""Below this a product with a power of ten is off by less than a thousandth: what is farther from a tie is rounded rightly by it."""
_MOST_FIXED = 1e15
"""From here on numbers are written with an exponent."""
_WITH_HEIGHT = 3
_MOST_SURPLUS = 19
"""More decimals than a 64-bit number has are nothing."""


@kernel
def write_features(
    rows: Bytes, head: Bytes, beside: Bytes, names: Bytes, name_ends: npt.NDArray[np.int64], decimals: int, way: Way, out: Bytes
) -> int:
    """Write features joined by commas, one a row; return the end, NO_ROOM or UNKNOWN.

    ``rows`` are what record_send makes of (fid, EWKB or null, properties…), one after another. A feature is ``head``, the fid, ``beside``,
    the geometry, turned by ``way`` where it has its SRID, and its properties, whose ``names`` are written as they are: each begins with
    what stands before it.
    """
    at, k = 0, 0
    while k < rows.size:
        if at + head.size + beside.size + names.size + _ROOM > out.size:
            return NO_ROOM
        if at:
            out[at] = _COMMA
            at += 1
        at = write_bytes(out, at, head)
        at = write_integer(out, at, network_int64(rows, k + 12))
        at = write_bytes(out, at, beside)
        columns, k = network_int32(rows, k), k + 20
        length, k = network_int32(rows, k + 4), k + 8
        if length < 0:
            at = write_bytes(out, at, NULL)
        else:
            if at + ROOM_A_BYTE * length + names.size + _ROOM > out.size:
                return NO_ROOM
            at = _write_geometry(out, at, rows, k, decimals, way)
            if at < 0:
                return UNKNOWN
            k += length
        for column in range(columns - 2):
            at = write_bytes(out, at, names[name_ends[column] : name_ends[column + 1]])
            kind, length, k = network_int32(rows, k), network_int32(rows, k + 4), k + 8
            if at + LONGEST_NUMBER + LONGEST_CHARACTER * max(length, 0) + names.size + _ROOM > out.size:
                return NO_ROOM
            at = _write_value(out, at, rows, k, kind, length)
            if at < 0:
                return UNKNOWN
            k += max(length, 0)
        at = write_bytes(out, at, names[name_ends[columns - 2] :])
    return at


@inlined_kernel
def _write_value(out: Bytes, at: int, rows: Bytes, k: int, kind: int, length: int) -> int:
    if length < 0:
        return write_bytes(out, at, NULL)
    if kind == _TEXT:
        return write_text(out, at, rows, k, k + length)
    if kind == _BIGINT:
        return write_integer(out, at, network_int64(rows, k))
    if kind == _DOUBLE:
        return write_real(out, at, network_uint64(rows, k))
    if kind == _BOOLEAN:
        return write_boolean(out, at, rows[k])
    if kind == _DATE:
        return write_date(out, at, network_int32(rows, k))
    if kind == _TIME:
        return write_time(out, at, network_int64(rows, k))
    return UNKNOWN


@kernel
def _write_geometry(out: Bytes, at: int, wkb: Bytes, k: int, decimals: int, way: Way) -> int:
    """Write the geometry of EWKB, little endian; UNKNOWN for collections, curves and measures, which no feature has."""
    code = uint32(wkb, k + 1)
    kind, size = code & _TYPE, 3 if code & _Z else 2
    if code & _M or not _POINT_TYPE <= kind <= _MULTI + _POLYGON:
        return UNKNOWN
    is_stored = False
    if code & _SRID:
        is_stored = uint32(wkb, k + 5) == way.srid
        k += 4
    at = write_bytes(out, at, _HEADS[_HEAD_ENDS[kind] : _HEAD_ENDS[kind + 1]])
    if kind <= _POLYGON:
        at, _ = _write_part(out, at, wkb, k + 5, kind, size, decimals, way, is_stored)
    else:
        parts, k = uint32(wkb, k + 5), k + 9
        out[at] = _OPEN
        at += 1
        for part in range(parts):
            if part:
                out[at] = _COMMA
                at += 1
            at, k = _write_part(out, at, wkb, k + 5, kind - _MULTI, size, decimals, way, is_stored)
        out[at] = _CLOSE
        at += 1
    out[at] = 0x7D
    return at + 1


@kernel
def _write_part(out: Bytes, at: int, wkb: Bytes, k: int, kind: int, size: int, decimals: int, way: Way, is_stored: bool) -> tuple[int, int]:
    """Write what follows the type of a point, a line or a polygon; return the ends of text and of WKB."""
    if kind == _POINT_TYPE:
        if math.isnan(_double(wkb, k)) and math.isnan(_double(wkb, k + 8)):
            out[at], out[at + 1] = _OPEN, _CLOSE
            return at + 2, k + 8 * size
        return _write_position(out, at, wkb, k, size, decimals, way, is_stored), k + 8 * size
    if kind == _LINE:
        return _write_line(out, at, wkb, k, size, decimals, way, is_stored)
    rings, k = uint32(wkb, k), k + 4
    out[at] = _OPEN
    at += 1
    for ring in range(rings):
        if ring:
            out[at] = _COMMA
            at += 1
        at, k = _write_line(out, at, wkb, k, size, decimals, way, is_stored)
    out[at] = _CLOSE
    return at + 1, k


@kernel
def _write_line(out: Bytes, at: int, wkb: Bytes, k: int, size: int, decimals: int, way: Way, is_stored: bool) -> tuple[int, int]:
    positions, k = uint32(wkb, k), k + 4
    out[at] = _OPEN
    at += 1
    for position in range(positions):
        if position:
            out[at] = _COMMA
            at += 1
        at, k = _write_position(out, at, wkb, k, size, decimals, way, is_stored), k + 8 * size
    out[at] = _CLOSE
    return at + 1, k


@inlined_kernel
def _write_position(out: Bytes, at: int, wkb: Bytes, k: int, size: int, decimals: int, way: Way, is_stored: bool) -> int:
    x, y, z = _double(wkb, k), _double(wkb, k + 8), _double(wkb, k + 16) if size == _WITH_HEIGHT else 0.0
    if is_stored:
        x, y, z = turned(way, x, y, z)
    out[at] = _OPEN
    at += 1
    for ordinate in range(size):
        if ordinate:
            out[at] = _COMMA
            at += 1
        at = write_rounded(out, at, x if ordinate == 0 else y if ordinate == 1 else z, decimals)
    out[at] = _CLOSE
    return at + 1


@inlined_kernel
def write_rounded(out: Bytes, at: int, value: float, decimals: int) -> int:
    """Write a number with at most so many decimals, none that is a nought at its end; what is no number as null."""
    if not math.isfinite(value):
        return write_bytes(out, at, NULL)
    if abs(value) >= _MOST_FIXED:
        return write_real(out, at, np.float64(value).view(np.uint64))
    size, scale = abs(value), _SCALES[decimals]
    whole = np.uint64(size)
    rest = (size - np.float64(whole)) * scale
    if size * scale < _MOST_SCALED and abs(rest - math.floor(rest) - 0.5) > _TIE:
        digits = np.uint64(rest + 0.5)
        if digits == np.uint64(scale):
            whole, digits = whole + np.uint64(1), np.uint64(0)
    else:
        digits, decimals = _rounded_shortest(value, decimals)
        one = np.uint64(_SCALES[decimals])
        whole, digits = digits // one, digits % one
    if value < 0 and (whole or digits):
        out[at] = _MINUS
        at += 1
    at = write_digits(out, at, whole, 1)
    if not digits:
        return at
    out[at] = _POINT
    at = write_digits(out, at + 1, digits, decimals)
    while out[at - 1] == _NOUGHT:
        at -= 1
    return at


@kernel
def _rounded_shortest(value: float, decimals: int) -> tuple[np.uint64, int]:
    """Return (d, places) of |value| ≈ d / 10^places: its shortest decimal, where that is longer rounded half to even, as PostGIS does."""
    digits, exponent = shortest_decimal(np.float64(abs(value)).view(np.uint64), WHOLE)
    if exponent >= 0:
        return digits * _power_of_ten(exponent), 0
    surplus = -exponent - decimals
    if surplus <= 0:
        return digits, -exponent
    if surplus > _MOST_SURPLUS:
        return np.uint64(0), 0
    whole = _power_of_ten(surplus)
    half, rest, digits = whole // np.uint64(2), digits % whole, digits // whole
    is_up = rest > half or (rest == half and digits % np.uint64(2) == np.uint64(1))
    return (digits + np.uint64(1) if is_up else digits), decimals


@kernel
def _power_of_ten(exponent: int) -> np.uint64:
    power = np.uint64(1)
    for _ in range(exponent):
        power *= _TEN
    return power


@inlined_kernel
def _double(wkb: Bytes, k: int) -> float:
    return np.uint64(uint64(wkb, k)).view(np.float64)
