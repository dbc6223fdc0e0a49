"""JSON eight bytes at a time: what stands next in a text, told from one load of a word (D. Knuth, TAOCP 7.1.3, on bytes of a word).

A word may reach beyond the end that is given, and what is found too: `PADDING` stands behind the text, and callers look at the place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import bare_kernel, little_uint64, trailing_noughts

Bytes = npt.NDArray[np.uint8]

PADDING = bytes(16)
"""No digits, and room for a word that begins where the text ends or behind an escape there."""


def _each(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * 8, "little"))


_ONES, _HIGHS = _each(1), _each(0x80)
_QUOTES, _BACKSLASHES, _NOUGHTS, _DELETES, _SPACES = _each(0x22), _each(0x5C), _each(0x30), _each(0x7F), _each(0x20)
_POINTS = _each(0x2E)
_BRACKET_BITS = _each(0x26)
"""The bits by which the four brackets differ: with all of them set, each is 0x7F, as are only Y, _, y and 0x7F beside."""
_BEYOND_NINE = _each(0x76)
"""0x80 less ten."""
_SEVEN, _EIGHT, _SIXTEEN, _THIRTY_TWO, _WORD = np.uint64(7), np.uint64(8), np.uint64(16), np.uint64(32), np.uint64(64)
_TEN, _HUNDRED, _TEN_THOUSAND = np.uint64(10), np.uint64(100), np.uint64(10_000)
_PAIRS, _FOURS, _EIGHTS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
_MOST_SHIFT, _WORD_BYTES = np.uint64(63), 8
_POWERS = 10 ** np.arange(9)
_ZERO, _NINE = (ord(c) for c in "09")


@bare_kernel
def _noughts(word: np.uint64) -> np.uint64:
    """Return a word in which the lowest high bit that is set tells the first byte that is 0; bits above it tell nothing."""
    return (word - _ONES) & ~word & _HIGHS


@bare_kernel
def next_mark(text: Bytes, at: int, end: int) -> int:
    """Return where the next quote or bracket is, or something that is none of them outside of texts of JSON (Y, _, y, 0x7F)."""
    while at < end:
        word = little_uint64(text, at)
        found = _noughts(word ^ _QUOTES) | _noughts((word | _BRACKET_BITS) ^ _DELETES)
        if found:
            return at + (trailing_noughts(found) >> 3)
        at += 8
    return end


@bare_kernel
def next_quote(text: Bytes, at: int, end: int) -> int:
    """Return where the next quote or backslash is."""
    while at < end:
        word = little_uint64(text, at)
        found = _noughts(word ^ _QUOTES) | _noughts(word ^ _BACKSLASHES)
        if found:
            return at + (trailing_noughts(found) >> 3)
        at += 8
    return end


@bare_kernel
def next_point(text: Bytes, at: int, end: int) -> int:
    """Return where the next point is."""
    while at < end:
        found = _noughts(little_uint64(text, at) ^ _POINTS)
        if found:
            return at + (trailing_noughts(found) >> 3)
        at += 8
    return end


@bare_kernel
def next_not_plain(text: Bytes, at: int, end: int) -> int:
    """Return where the next byte is that is a quote, a backslash, or not a character of ASCII that can be printed."""
    while at < end:
        word = little_uint64(text, at)
        found = _noughts(word ^ _QUOTES) | _noughts(word ^ _BACKSLASHES) | _noughts(word ^ _DELETES)
        found |= ((word - _SPACES) & ~word & _HIGHS) | (word & _HIGHS)
        if found:
            return at + (trailing_noughts(found) >> 3)
        at += 8
    return end


@bare_kernel
def next_not_text(text: Bytes, at: int, end: int) -> int:
    """Return where the next byte is that is a quote, a backslash or a control character: none that stands for itself in a text."""
    while at < end:
        word = little_uint64(text, at)
        found = _noughts(word ^ _QUOTES) | _noughts(word ^ _BACKSLASHES) | ((word - _SPACES) & ~word & _HIGHS)
        if found:
            return at + (trailing_noughts(found) >> 3)
        at += 8
    return end


@bare_kernel
def digits_at(text: Bytes, at: int) -> tuple[int, int]:
    """Return how many digits stand at ``at``, and the number that they are; of none and of more than 18 it is any."""
    word = little_uint64(text, at) ^ _NOUGHTS
    others = ((word + _BEYOND_NINE) | word) & _HIGHS
    if others == 0:
        return _many_digits(text, at, word)
    bits = np.uint64(trailing_noughts(others)) - _SEVEN
    return int(np.int64(bits)) >> 3, _number(word, bits)


@bare_kernel
def after_digits(text: Bytes, at: int, end: int) -> int:
    """Return where the first byte is that is no digit, at the end at the latest."""
    while at < end:
        word = little_uint64(text, at) ^ _NOUGHTS
        others = ((word + _BEYOND_NINE) | word) & _HIGHS
        if others:
            return min(at + (trailing_noughts(others) >> 3), end)
        at += 8
    return end


@bare_kernel
def are_same(text: Bytes, one: int, given: Bytes, other: int, count: int) -> bool:
    """Tell whether so many bytes, one or more, are the same at a place of one text and another; up to seven behind them are read."""
    while count > _WORD_BYTES:
        if little_uint64(text, one) != little_uint64(given, other):
            return False
        one, other, count = one + _WORD_BYTES, other + _WORD_BYTES, count - _WORD_BYTES
    return bool((little_uint64(text, one) ^ little_uint64(given, other)) << (np.uint64(8 * (_WORD_BYTES - count)) & _MOST_SHIFT) == 0)


@bare_kernel
def _number(word: np.uint64, bits: np.uint64) -> int:
    """Return the number that the lowest so many bits of a word of digits' values are, which are eight to 64."""
    word <<= (_WORD - bits) & _MOST_SHIFT
    word = (word * _TEN + (word >> _EIGHT)) & _PAIRS
    word = (word * _HUNDRED + (word >> _SIXTEEN)) & _FOURS
    return int(np.int64((word * _TEN_THOUSAND + (word >> _THIRTY_TWO)) & _EIGHTS))


@bare_kernel
def _many_digits(text: Bytes, at: int, first: np.uint64) -> tuple[int, int]:
    """Return the same of eight digits and what follows them."""
    number = _number(first, _WORD)
    word = little_uint64(text, at + 8) ^ _NOUGHTS
    others = ((word + _BEYOND_NINE) | word) & _HIGHS
    bits = np.uint64(trailing_noughts(others)) - _SEVEN if others else _WORD
    count = bits >> np.uint64(3)
    if count:
        number = number * int(_POWERS[count]) + _number(word, bits)
    begin, at = at, at + 8 + int(np.int64(count))
    if others == 0:
        while _ZERO <= text[at] <= _NINE:
            number = number * 10 + (text[at] - _ZERO)
            at += 1
    return at - begin, number
