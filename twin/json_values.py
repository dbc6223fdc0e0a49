"""Values as PostgreSQL sends them in binary, written as JSON byte for byte as its own ``to_json`` does: compiled, into a buffer.

Each function writes at ``at`` and returns where it ended; its caller has seen to the room. Numbers are big endian (PostgreSQL manual,
53.2). Times are those of UTC.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import copy_bytes, kernel
from twin.shortest_decimal import INNER, shortest_decimal

Bytes = npt.NDArray[np.uint8]

LONGEST_NUMBER = 32
"""Bytes of a number, a date or a time at most."""
LONGEST_CHARACTER = 6
"""Bytes that one byte of a text can come to."""
NULL = np.frombuffer(b"null", dtype=np.uint8)
_TRUE, _FALSE = np.frombuffer(b"true", dtype=np.uint8), np.frombuffer(b"false", dtype=np.uint8)
_INFINITY = np.frombuffer(b'"infinity"', dtype=np.uint8)
_BEFORE_CHRIST = np.frombuffer(b" BC", dtype=np.uint8)
_UTC = np.frombuffer(b"+00:00", dtype=np.uint8)
_QUOTE, _BACKSLASH, _MINUS, _POINT, _NOUGHT, _SPACE = 0x22, 0x5C, 0x2D, 0x2E, 0x30, 0x20
_COLON, _LETTER_T, _LETTER_E, _PLUS = 0x3A, 0x54, 0x65, 0x2B
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_SHORT = np.zeros(32, dtype=np.uint8)
"""What follows the backslash of a control character that has an escape of its own."""
_SHORT[[8, 9, 10, 12, 13]] = np.frombuffer(b"btnfr", dtype=np.uint8)
_LAST_DAY, _LAST_TIME = (1 << 31) - 1, (1 << 63) - 1
_MICROSECONDS_A_DAY = 86_400_000_000
_DAYS_BEFORE_2000 = 730_425
"""From 1 March of the year 0 to 1 January 2000."""
_SIGN = np.uint64(1 << 63)
_TEN, _HUNDRED = np.uint64(10), np.uint64(100)
_MOST_DIGITS = 20
_PAIRS = np.frombuffer(b"".join(b"%02d" % k for k in range(100)), dtype=np.uint8)
_LEAST_FIXED, _MOST_FIXED = -4, 15
"""Powers of ten between which PostgreSQL writes no exponent."""


@kernel
def write_bytes(out: Bytes, at: int, text: Bytes) -> int:
    """Write bytes as they are."""
    copy_bytes(out, at, text, 0, text.size)
    return at + text.size


@kernel
def write_digits(out: Bytes, at: int, number: np.uint64, least: int) -> int:
    """Write a whole number with at least so many digits."""
    count, limit = 1, _TEN
    while number >= limit and count < _MOST_DIGITS:
        count, limit = count + 1, limit * _TEN
    end = at + max(count, least)
    for k in range(end - 1, at, -2):
        rest = number // _HUNDRED
        pair = (number - rest * _HUNDRED) * np.uint64(2)
        out[k - 1], out[k], number = _PAIRS[pair], _PAIRS[pair + np.uint64(1)], rest
    if (end - at) % 2:
        out[at] = np.uint8(_NOUGHT) + np.uint8(number)
    return end


@kernel
def write_integer(out: Bytes, at: int, number: int) -> int:
    """Write a whole number, as it is."""
    if number < 0:
        out[at] = _MINUS
        return write_digits(out, at + 1, np.uint64(0) - np.uint64(number), 1)
    return write_digits(out, at, np.uint64(number), 1)


@kernel
def write_real(out: Bytes, at: int, bits: np.uint64) -> int:
    """Write a double so that it reads back as the same; a whole number below 1e15 as 3.0, what is no number as null.

    Clients without the schema (QGIS, GDAL) take the type of a field from the first page.
    """
    if (bits >> np.uint64(52)) & np.uint64(0x7FF) == np.uint64(0x7FF):
        return write_bytes(out, at, NULL)
    digits, exponent = shortest_decimal(bits & ~_SIGN, INNER)
    if bits & _SIGN and digits:
        out[at] = _MINUS
        at += 1
    end = write_digits(out, at, digits, 1)
    count = end - at
    power = exponent + count - 1
    if digits and not _LEAST_FIXED <= power < _MOST_FIXED:
        return _with_exponent(out, at, count, power)
    if exponent >= 0:
        for k in range(end, end + exponent):
            out[k] = _NOUGHT
        end += exponent
        out[end], out[end + 1] = _POINT, _NOUGHT
        return end + 2
    return _with_point(out, at, count, -exponent)


@kernel
def _with_exponent(out: Bytes, at: int, count: int, power: int) -> int:
    """Make the digits at ``at`` a number with one digit before its point and an exponent of at least two digits."""
    end = at + count
    if count > 1:
        for k in range(end, at + 1, -1):
            out[k] = out[k - 1]
        out[at + 1] = _POINT
        end += 1
    out[end], out[end + 1] = _LETTER_E, (_MINUS if power < 0 else _PLUS)
    return write_digits(out, end + 2, np.uint64(abs(power)), 2)


@kernel
def _with_point(out: Bytes, at: int, count: int, decimals: int) -> int:
    """Put a point into the digits at ``at``, with noughts before them where there are fewer than decimals."""
    missing = max(0, decimals + 1 - count)
    for k in range(at + count - 1, at - 1, -1):
        to = k + missing
        out[to + (1 if to - at > count + missing - decimals - 1 else 0)] = out[k]
    for k in range(missing):
        out[at + k + (1 if k > 0 else 0)] = _NOUGHT
    out[at + count + missing - decimals] = _POINT
    return at + count + missing + 1


@kernel
def write_text(out: Bytes, at: int, given: Bytes, first: int, end: int) -> int:
    """Write UTF-8 as a JSON string (RFC 8259, 7), controls by their short escape where they have one."""
    out[at] = _QUOTE
    at += 1
    for k in range(first, end):
        byte = given[k]
        if byte >= _SPACE and byte not in (_QUOTE, _BACKSLASH):
            out[at] = byte
            at += 1
            continue
        out[at] = _BACKSLASH
        if byte >= _SPACE or _SHORT[byte]:
            out[at + 1] = byte if byte >= _SPACE else _SHORT[byte]
            at += 2
        else:
            out[at + 1], out[at + 2], out[at + 3] = 0x75, _NOUGHT, _NOUGHT
            out[at + 4], out[at + 5] = _HEX[byte >> 4], _HEX[byte & 15]
            at += 6
    out[at] = _QUOTE
    return at + 1


@kernel
def write_boolean(out: Bytes, at: int, value: int) -> int:
    """Write true or false."""
    return write_bytes(out, at, _TRUE if value else _FALSE)


@kernel
def write_date(out: Bytes, at: int, days: int) -> int:
    """Write the date so many days after 1 January 2000; the largest and the least 32-bit number are the infinite ones."""
    if days in (_LAST_DAY, -_LAST_DAY - 1):
        return _write_infinity(out, at, days < 0)
    out[at] = _QUOTE
    end, year = _write_day(out, at + 1, days)
    if year <= 0:
        end = write_bytes(out, end, _BEFORE_CHRIST)
    out[end] = _QUOTE
    return end + 1


@kernel
def write_time(out: Bytes, at: int, microseconds: int) -> int:
    """Write the instant so many µs after 2000-01-01T00:00:00Z; the largest and the least 64-bit number are the infinite ones."""
    if microseconds in (_LAST_TIME, -_LAST_TIME - 1):
        return _write_infinity(out, at, microseconds < 0)
    out[at] = _QUOTE
    days = microseconds // _MICROSECONDS_A_DAY
    end, year = _write_day(out, at + 1, days)
    rest = microseconds - days * _MICROSECONDS_A_DAY
    seconds, fraction = rest // 1_000_000, rest % 1_000_000
    out[end] = _LETTER_T
    end = write_digits(out, end + 1, np.uint64(seconds // 3600), 2)
    out[end] = _COLON
    end = write_digits(out, end + 1, np.uint64(seconds // 60 % 60), 2)
    out[end] = _COLON
    end = write_digits(out, end + 1, np.uint64(seconds % 60), 2)
    if fraction:
        out[end] = _POINT
        end = write_digits(out, end + 1, np.uint64(fraction), 6)
        while out[end - 1] == _NOUGHT:
            end -= 1
    end = write_bytes(out, end, _UTC)
    if year <= 0:
        end = write_bytes(out, end, _BEFORE_CHRIST)
    out[end] = _QUOTE
    return end + 1


@kernel
def _write_infinity(out: Bytes, at: int, is_past: bool) -> int:
    if not is_past:
        return write_bytes(out, at, _INFINITY)
    end = write_bytes(out, at + 1, _INFINITY)
    out[at], out[at + 1] = _QUOTE, _MINUS
    return end


@kernel
def _write_day(out: Bytes, at: int, days: int) -> tuple[int, int]:
    """Write year, month and day so many days after 1 January 2000; return the end, and the year, 0 for 1 BC.

    Counted by eras of 400 years that begin in March, so that a leap day is the last one of its year.
    """
    since = days + _DAYS_BEFORE_2000
    era = since // 146_097
    day = since - era * 146_097
    of_era = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * of_era + of_era // 4 - of_era // 100)
    month = (5 * of_year + 2) // 153
    of_month = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = of_era + era * 400 + (1 if month <= 2 else 0)
    end = write_digits(out, at, np.uint64(year if year > 0 else 1 - year), 4)
    out[end] = _MINUS
    end = write_digits(out, end + 1, np.uint64(month), 2)
    out[end] = _MINUS
    return write_digits(out, end + 1, np.uint64(of_month), 2), year
