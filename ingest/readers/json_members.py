"""The attributes of an object as they stand in its text: which member has which name, and where its value is.

Read so are objects of texts, numbers, true, false and null alone; of texts and names without escapes, integers of 15 digits at most,
and no exponents. One with anything else is left to the JSON parser. What is not ASCII in it is for who takes it to look at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.readers.json_bytes import after_digits, are_same, digits_at, next_not_text
from twin.kernel import bare_kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

NULL, FALSE, TRUE, INTEGER, FRACTION, TEXT = range(6)
"""Kinds of values."""
NAME, KIND, BEGIN, END = range(4)
"""Columns of `Members.members`."""
MOST_NAMES = 200
"""More are not told from each other here: every name is looked for among all."""
_BEGIN, _END, _AFTER, _SEEN = range(4)
"""Columns of `Members.names`."""
_DIGITS = 15
_WORDS = np.frombuffer(b"null\0falsetrue\0", dtype=np.uint8).reshape(3, 5)
"""By their kinds."""
_QUOTE, _COLON, _COMMA, _MINUS, _POINT, _ZERO = (ord(c) for c in '":,-.0')
_CLOSE, _CLOSE_OBJECT, _F, _N, _T = (ord(c) for c in "]}fnt")
_SPACE, _TAB, _LINE, _RETURN = (ord(c) for c in " \t\n\r")


class Members(NamedTuple):
    """What `read_members` fills."""

    members: Ints
    """(M, 4) number of the name, kind of the value, where that begins and ends: of texts within the quotes."""
    names: Ints
    """(`MOST_NAMES` + 1, 4) where each begins and ends in the text, which followed it last, the last object it was in; then nobody's."""


def members_for(most: int) -> Members:
    """Return room for so many."""
    return Members(np.empty((most, 4), dtype=np.int64), np.zeros((MOST_NAMES + 1, 4), dtype=np.int64))


@bare_kernel
def read_members(text: Bytes, at: int, end: int, found: Members, size: Ints, this: int) -> int:
    """Return where an object ends whose bracket is before ``at``, and add its members; −1, and nothing is added, where it is not plain.

    ``size`` (2,) is how many members and names there are, ``this`` a number above 0 that no object before had.
    """
    count, before = size[0], MOST_NAMES
    at = _behind_space(text, at, end)
    if at < end and text[at] == _CLOSE_OBJECT:
        return at + 1
    while at < end and text[at] == _QUOTE:
        begin = at + 1
        name = _likely(text, begin, end, found.names, size, before)
        stop = next_not_text(text, begin, end) if name < 0 else begin + found.names[name, _END] - found.names[name, _BEGIN]
        at = _behind_space(text, stop + 1, end)
        if at >= end or text[stop] != _QUOTE or text[at] != _COLON or count == len(found.members):
            return -1
        name = name if name >= 0 else _name(text, begin, stop, found.names, size)
        if name < 0 or found.names[name, _SEEN] == this:
            return -1
        found.names[name, _SEEN], found.names[before, _AFTER], before = this, name, name
        begin = _behind_space(text, at + 1, end)
        kind, at = _value(text, begin, end)
        if kind < 0 or at >= end:
            return -1
        member, quote = found.members[count], kind == TEXT
        member[NAME], member[KIND], member[BEGIN], member[END] = name, kind, begin + quote, at - quote
        count += 1
        at = _behind_space(text, at, end)
        if at < end and text[at] == _CLOSE_OBJECT:
            size[0] = count
            return at + 1
        if at >= end or text[at] != _COMMA:
            return -1
        at = _behind_space(text, at + 1, end)
    return -1


@bare_kernel
def after_numbers(text: Bytes, at: int, end: int) -> int:
    """Return where an array ends whose bracket is before ``at``, −1 where it is not one of numbers as plain as those of members."""
    while at < end:
        at = _behind_space(text, at, end)
        if at >= end or text[at] in (_QUOTE, _N, _F, _T):
            return -1
        kind, at = _value(text, at, end)
        if kind < 0:
            return -1
        at = _behind_space(text, at, end)
        if at < end and text[at] == _CLOSE:
            return at + 1
        if at >= end or text[at] != _COMMA:
            return -1
        at += 1
    return -1


@bare_kernel
def _behind_space(text: Bytes, at: int, end: int) -> int:
    while at < end and text[at] in (_SPACE, _TAB, _LINE, _RETURN):
        at += 1
    return at


@bare_kernel
def _likely(text: Bytes, begin: int, end: int, names: Ints, size: Ints, before: int) -> int:
    """Return the name that followed the one before where it did so last, if it stands here again with its quote; else −1."""
    likely = names[before, _AFTER]
    if likely >= size[1]:
        return -1
    length = names[likely, _END] - names[likely, _BEGIN] + 1  # the quote is compared, too
    return likely if length <= end - begin and are_same(text, begin, text, names[likely, _BEGIN], length) else -1


@bare_kernel
def _name(text: Bytes, begin: int, stop: int, names: Ints, size: Ints) -> int:
    """Return the number of a name, a new one where it is none of those before; −1 where they are too many."""
    for name in range(size[1]):
        length = names[name, _END] - names[name, _BEGIN]
        if length == stop - begin and are_same(text, begin, text, names[name, _BEGIN], length + 1):
            return name
    name = size[1]
    if name == MOST_NAMES:
        return -1
    names[name, _BEGIN], names[name, _END], names[name, _AFTER], names[name, _SEEN] = begin, stop, 0, 0
    size[1] += 1
    return name


@bare_kernel
def _value(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the kind of the value at a place and where it ends; kind −1 where it is not plain."""
    c = text[at]
    if c == _QUOTE:
        stop = next_not_text(text, at + 1, end)
        return (TEXT if stop < end and text[stop] == _QUOTE else -1), stop + 1
    if c in (_N, _F, _T):
        kind = NULL if c == _N else FALSE if c == _F else TRUE
        length = 4 + (kind == FALSE)
        if end - at < length:
            return -1, at
        for k in range(length):
            if text[at + k] != _WORDS[kind, k]:
                return -1, at
        return kind, at + length
    begin = at + (c == _MINUS)
    digits, value = digits_at(text, begin)
    at = begin + digits
    if digits == 0 or digits > _DIGITS or (digits > 1 and text[begin] == _ZERO):
        return -1, at
    if text[at] != _POINT:
        return (-1 if value == 0 and c == _MINUS else INTEGER), at
    after = after_digits(text, at + 1, end)
    return (-1 if after <= at + 1 else FRACTION), after
