"""Lines told to be of a make, and what is said of them written, by compiled loops; both have NUL for the identifier (`cityjson_makes`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import bare_kernel, copy_bytes, kernel, little_uint64

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

MOST_BYTES = 4096
"""Longer lines are of no make."""
_MOST_IDENTIFIER = 64
"""Longer identifiers are left to who parses: each is looked for at every byte of its line."""
_NAME = np.frombuffer(b'"id"', dtype=np.uint8)
_QUOTE, _COLON, _ZERO, _NINE = (ord(c) for c in '":09')
_SPACE, _TAB, _LINE, _RETURN = (ord(c) for c in " \t\n\r")
_OF_IDENTIFIER = np.zeros(256, dtype=np.bool_)
_OF_IDENTIFIER[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:{}-", dtype=np.uint8)] = True
_HIGHS = np.uint64(0x8080808080808080)


@kernel
def tell_makes(rest: Bytes, start: Ints, end: Ints, makes: Bytes, make_ends: Ints, make: Ints, identifier: Ints) -> None:
    """Fill ``make`` (L,), where it is -1, with the number of the make that a line is of, and ``identifier`` (L, 2) with where it stands.

    ``makes`` are lines with NUL in the places of their identifiers, ``make_ends`` (M + 1,) where each begins.
    """
    count, likely = len(make_ends) - 1, 0
    for line in range(len(end)):
        if make[line] >= 0 or end[line] < 0 or end[line] - start[line] > MOST_BYTES:
            continue
        first, last = _identifier(rest, start[line], end[line])
        if last <= first:
            continue
        for k in range(count):
            this = (likely + k) % count
            if _is_like(rest, start[line], end[line], first, last - first, makes, make_ends[this], make_ends[this + 1]):
                make[line], identifier[line, 0], identifier[line, 1], likely = this, first, last, this
                break


@bare_kernel
def _identifier(rest: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the text behind the first name ``id`` begins and ends; nowhere where it is none that can be taken for any."""
    while at + len(_NAME) < end and not _is(rest, at, _NAME, 0, len(_NAME)):
        at += 1
    at = _behind_space(rest, at + len(_NAME), end)
    if at >= end or rest[at] != _COLON:
        return 0, 0
    at = _behind_space(rest, at + 1, end) + 1
    if at > end or rest[at - 1] != _QUOTE:
        return 0, 0
    first, has_digit = at, False
    while at < end and _OF_IDENTIFIER[rest[at]]:
        has_digit = has_digit or _ZERO <= rest[at] <= _NINE
        at += 1
    if at == end or rest[at] != _QUOTE or not has_digit or at - first > _MOST_IDENTIFIER:
        return 0, 0
    return first, at


@bare_kernel
def _behind_space(rest: Bytes, at: int, end: int) -> int:
    while at < end and rest[at] in (_SPACE, _TAB, _LINE, _RETURN):
        at += 1
    return at


@bare_kernel
def _is_like(rest: Bytes, at: int, end: int, first: int, size: int, makes: Bytes, k: int, last: int) -> bool:
    """Tell whether a line becomes a make once NUL is put for its identifier wherever that stands."""
    while at < end and k < last:
        if rest[at] == rest[first] and end - at >= size and _is(rest, at, rest, first, size):
            if makes[k] != 0:
                return False
            at += size
        elif rest[at] != makes[k] or rest[at] == 0:
            return False
        else:
            at += 1
        k += 1
    return bool(at == end and k == last)


@bare_kernel
def _is(one: Bytes, at: int, other: Bytes, first: int, size: int) -> bool:
    for k in range(size):  # noqa: SIM110  # numba has no all() of a generator
        if one[at + k] != other[first + k]:
            return False
    return True


@kernel
def write_said(said: Bytes, said_ends: Ints, of_row: Ints, rest: Bytes, identifier: Ints, out: Bytes, ends: Ints) -> None:
    """Write the text ``of_row`` (R,) of each, -1 for none, with its identifier for every NUL; ``ends`` (R + 1,) are where they end."""
    at = 0
    for row in range(len(of_row)):
        if of_row[row] >= 0:
            for k in range(said_ends[of_row[row]], said_ends[of_row[row] + 1]):
                if said[k] == 0:
                    size = identifier[row, 1] - identifier[row, 0]
                    copy_bytes(out, at, rest, identifier[row, 0], size)
                    at += size
                else:
                    out[at] = said[k]
                    at += 1
        ends[row + 1] = at


@kernel
def tell_beyond_ascii(text: Bytes, spans: Ints, arrays: Ints, result: Mask) -> None:
    """Mark which ``arrays``, -1 for none, of which ``spans`` are where each begins and ends, have a byte that is not ASCII."""
    for row in range(len(arrays)):
        result[row] = False
        if arrays[row] >= 0:
            at, end = spans[arrays[row], 0], spans[arrays[row], 1]
            found = np.uint64(0)
            while at + 8 <= end:
                found |= little_uint64(text, at)
                at += 8
            while at < end:
                found |= np.uint64(text[at])
                at += 1
            result[row] = (found & _HIGHS) != 0
