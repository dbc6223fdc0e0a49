"""JSON looked at where it lies, value by value: kernels that find the end of each and take nothing that the JSON parser would not.

They are stricter than it: what is nested deeper than `MOST_LEVELS`, and a number whose size is not plain at once, is not taken either.
No byte at or behind ``end`` is read, so a mapped file needs no padding.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.readers.json_bytes import next_not_plain
from twin.kernel import bare_kernel, kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

MOST_LEVELS = 180
"""Well below what `json_columns.DEEPEST` allows attributes, and below what the parser and the writer of JSON do."""
HASH_BASIS = np.uint64(0xCBF29CE484222325)
_HASH_PRIME = np.uint64(0x100000001B3)
_WORD = 8
QUOTE, BACKSLASH, COLON, COMMA = (ord(c) for c in '"\\:,')
OPEN, CLOSE, OPEN_OBJECT, CLOSE_OBJECT = (ord(c) for c in "[]{}")
_SPACE, _TAB, _LINE, _RETURN = (ord(c) for c in " \t\n\r")
_MINUS, _PLUS, _POINT, _ZERO, _NINE = (ord(c) for c in "-+.09")
_E, _BIG_E, _U, _T, _F, _N = (ord(c) for c in "eEutfn")
_ESCAPES = np.frombuffer(b'"\\/bfnrt', dtype=np.uint8)
_TRUE, _FALSE, _NULL = (np.frombuffer(word, dtype=np.uint8) for word in (b"true", b"false", b"null"))
_MOST_DIGITS, _MOST_EXPONENT_DIGITS = 200, 2
"""So that no number is too large for a double."""
_FIRST_HIGH, _FIRST_LOW, _BEHIND_LOW = 0xD800, 0xDC00, 0xE000


@bare_kernel
def after_space(text: Bytes, at: int, end: int) -> int:
    """Return where white space ends."""
    while at < end and (text[at] == _SPACE or text[at] == _LINE or text[at] == _RETURN or text[at] == _TAB):
        at += 1
    return at


@bare_kernel
def after_text(text: Bytes, at: int, end: int) -> int:
    """Return where a text ends whose opening quote is before ``at``, −1 where it is none."""
    while at < end:
        if at + _WORD <= end:
            at = next_not_plain(text, at, end - _WORD + 1)  # which loads words that begin before the end it is given
        c = text[at]
        if c == QUOTE:
            return at + 1
        if c == BACKSLASH:
            at = _after_escape(text, at + 1, end)
        elif c >= 0x80:
            at = _after_character(text, at, end)
        elif c < _SPACE:
            return -1
        else:
            at += 1
        if at < 0:
            return -1
    return -1


@bare_kernel
def _after_escape(text: Bytes, at: int, end: int) -> int:
    if at >= end:
        return -1
    if text[at] != _U:
        for k in range(len(_ESCAPES)):
            if text[at] == _ESCAPES[k]:
                return at + 1
        return -1
    code = _hex(text, at + 1, end)
    if code < 0 or _FIRST_LOW <= code < _BEHIND_LOW:
        return -1
    if not _FIRST_HIGH <= code < _FIRST_LOW:
        return at + 5
    if at + 6 >= end or text[at + 5] != BACKSLASH or text[at + 6] != _U:
        return -1
    low = _hex(text, at + 7, end)
    return at + 11 if _FIRST_LOW <= low < _BEHIND_LOW else -1


@bare_kernel
def _hex(text: Bytes, at: int, end: int) -> int:
    if at + 4 > end:
        return -1
    code = 0
    for k in range(at, at + 4):
        c = int(text[k])
        letter = c | 0x20
        if _ZERO <= c <= _NINE:
            code = code * 16 + c - _ZERO
        elif 0x61 <= letter <= 0x66:  # a to f
            code = code * 16 + letter - 0x57
        else:
            return -1
    return code


@bare_kernel
def _after_character(text: Bytes, at: int, end: int) -> int:
    """Return where a character beyond ASCII ends, −1 where it is not UTF-8 (Unicode 15, table 3-7)."""
    first = int(text[at])
    count = 1 if 0xC2 <= first <= 0xDF else 2 if 0xE0 <= first <= 0xEF else 3 if 0xF0 <= first <= 0xF4 else 0
    if count == 0 or at + count >= end:
        return -1
    least = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
    most = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
    if not least <= text[at + 1] <= most:
        return -1
    for k in range(at + 2, at + count + 1):
        if not 0x80 <= text[k] <= 0xBF:
            return -1
    return at + count + 1


@bare_kernel
def _after_digits(text: Bytes, at: int, end: int, most: int) -> int:
    """Return where one digit or more end, −1 where there are none or too many."""
    begin = at
    while at < end and _ZERO <= text[at] <= _NINE:
        at += 1
    return at if 0 < at - begin <= most else -1


@bare_kernel
def _after_number(text: Bytes, at: int, end: int) -> int:
    if text[at] == _MINUS:
        at += 1
    if at < end and text[at] == _ZERO:
        at += 1
    else:
        at = _after_digits(text, at, end, _MOST_DIGITS)
    if at >= 0 and at < end and text[at] == _POINT:
        at = _after_digits(text, at + 1, end, end)
    if at >= 0 and at < end and (text[at] == _E or text[at] == _BIG_E):
        at += 1
        if at < end and (text[at] == _PLUS or text[at] == _MINUS):
            at += 1
        at = _after_digits(text, at, end, _MOST_EXPONENT_DIGITS)
    return at


@bare_kernel
def _after_word(text: Bytes, at: int, end: int, word: Bytes) -> int:
    if at + len(word) > end:
        return -1
    for k in range(len(word)):
        if text[at + k] != word[k]:
            return -1
    return at + len(word)


@bare_kernel
def _after_plain(text: Bytes, at: int, end: int) -> int:
    """Return where a value ends that is no object and no array, −1 where there is none."""
    c = text[at]
    if c == QUOTE:
        return after_text(text, at + 1, end)
    if c == _T:
        return _after_word(text, at, end, _TRUE)
    if c == _F:
        return _after_word(text, at, end, _FALSE)
    if c == _N:
        return _after_word(text, at, end, _NULL)
    return _after_number(text, at, end)


@bare_kernel
def hashed(digest: np.uint64, text: Bytes, at: int, end: int) -> np.uint64:
    """Return a digest with some bytes more in it (FNV-1a)."""
    for k in range(at, end):
        digest = (digest ^ np.uint64(text[k])) * _HASH_PRIME
    return digest


@bare_kernel
def after_name(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the name ends whose quote is at ``at``, and where its value begins; −1 where there is none."""
    if at >= end or text[at] != QUOTE:
        return -1, -1
    after = after_text(text, at + 1, end)
    if after < 0:
        return -1, -1
    colon = after_space(text, after, end)
    if colon >= end or text[colon] != COLON:
        return -1, -1
    value = after_space(text, colon + 1, end)
    return after - 1, value if value < end else -1


@bare_kernel
def _to_value(text: Bytes, at: int, end: int, is_object: bool, digest: np.uint64) -> tuple[int, np.uint64]:
    """Return where the next value in an array, or of an object whose next name is at ``at``, begins; −1 where there is no name."""
    if not is_object:
        return at, digest
    name_end, value = after_name(text, at, end)
    return (value, hashed(digest, text, at, name_end + 1)) if value >= 0 else (-1, digest)


@bare_kernel
def _behind_value(text: Bytes, at: int, end: int, stack: Bytes, levels: int, digest: np.uint64) -> tuple[int, int, np.uint64]:
    """Return where the next value begins, brackets behind the last one closed, or where the last of them ends; −1: it is no JSON."""
    while levels > 0:
        at = after_space(text, at, end)
        if at >= end:
            return -1, levels, digest
        if text[at] == COMMA:
            at, digest = _to_value(text, after_space(text, at + 1, end), end, stack[levels - 1] == OPEN_OBJECT, digest)
            return at, levels, digest
        if text[at] != stack[levels - 1] + 2:
            return -1, levels, digest
        at += 1
        levels -= 1
        digest = hashed(digest, text, at - 1, at)
    return at, levels, digest


@kernel
def after_value(text: Bytes, at: int, end: int, stack: Bytes) -> tuple[int, np.uint64]:
    """Return where the value ends that begins at ``at``, −1 where it is no JSON; and a digest of its names and brackets.

    ``stack`` is (MOST_LEVELS,) to work with.
    """
    levels, digest = 0, HASH_BASIS
    while at < end:
        c = text[at]
        if c in (OPEN, OPEN_OBJECT):
            digest = hashed(digest, text, at, at + 1)
            at = after_space(text, at + 1, end)
            if at < end and text[at] == c + 2:  # what closes stands two behind what opens, of both kinds
                digest = hashed(digest, text, at, at + 1)
                at += 1
            elif levels == len(stack):
                return -1, digest
            else:
                stack[levels] = c
                levels += 1
                at, digest = _to_value(text, at, end, c == OPEN_OBJECT, digest)
                if at < 0:
                    return -1, digest
                continue
        else:
            at = _after_plain(text, at, end)
        if at >= 0:
            at, levels, digest = _behind_value(text, at, end, stack, levels, digest)
        if at < 0 or levels == 0:
            return at, digest
    return -1, digest
