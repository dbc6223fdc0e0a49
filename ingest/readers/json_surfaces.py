"""The semantic surfaces of a geometry, told from each other by one pass over their bytes: what each is, and the text of the rest.

What is said of roofs, a height here, a slope there, is kept as JSON and never looked into. A surface whose text is the one that would be
written again needs no parsing then. So plain are objects in ASCII without white space, escapes, nested values, exponents, or fractions
that end in a nought (12.50), that begin with their type; an array with another is left to the JSON parser, all others are not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from ingest.readers.cityjson_faces import TYPES, surface_type
from ingest.readers.cityjson_frame import Json
from ingest.readers.json_bytes import are_same, digits_at, next_not_plain
from ingest.readers.json_fractions import is_shortest
from twin.kernel import bare_kernel, copy_bytes
from twin.representation import SurfaceType

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

RELATIVES = ("parent", "children")
"""What a semantic surface says of others, which is not kept."""
LEAST_BYTES = 10
"""No surface is shorter."""
_TYPE = np.frombuffer(b'"type":"', dtype=np.uint8)
_NOT_PLAIN = np.frombuffer(b"type\0\0\0\0faces\0\0\0parent\0\0children", dtype=np.uint8)
_NOT_PLAIN_LENGTHS = np.array([4, 5, 6, 8])
"""Members that stand elsewhere in what is kept, or would be there twice."""
_WORDS = np.frombuffer(b"true\0\0\0\0false\0\0\0null\0\0\0\0", dtype=np.uint8)
_WORD_BYTES, _NAME_ROOM = 8, 32
_NAMES = np.array([name.encode() for name in TYPES], dtype="S32").view(np.uint8)
_LENGTHS, _KINDS = np.array([len(name) for name in TYPES]), np.array([int(kind) for kind in TYPES.values()])
_OTHER = int(SurfaceType.OTHER)
MOST_MEMBERS = 32
_DIGITS = 15
"""Longer integers are left to the parser."""
_SIGNIFICANT_DIGITS = 17
"""No double needs more to be told from its neighbours."""
_QUOTE, _COLON, _COMMA, _MINUS, _POINT, _ZERO = (ord(c) for c in '":,-.0')
_OPEN_OBJECT, _CLOSE_OBJECT, _CLOSE = (ord(c) for c in "{}]")
_T, _F, _N = ord("t"), ord("f"), ord("n")


class Meaning(NamedTuple):
    """One semantic surface."""

    kind: SurfaceType
    said: bytes
    """Its JSON members, type first, without brackets; empty where it says nothing beyond a known type."""


class Plain(NamedTuple):
    """What `read_surfaces` fills, with room to spare."""

    surfaces: Ints
    """(M, 3) the `SurfaceType` of each, where its members begin and end; both at one place where it says nothing beyond a known type."""
    fractions: Bytes
    """Their numbers that are no integers and may be written otherwise, a comma behind each."""


def meaning_in(surface: Json) -> Meaning | None:
    """Return a surface that was parsed; None where what it says cannot be written beside the numbers of its faces."""
    kind = surface_type(surface)
    rest = {k: v for k, v in surface.items() if k != "type" and k not in RELATIVES}
    if not rest and kind is not SurfaceType.OTHER:
        return Meaning(kind, b"")
    if "faces" in rest:
        return None
    try:
        return Meaning(kind, orjson.dumps({"type": surface.get("type"), **rest})[1:-1])
    except orjson.JSONEncodeError:
        return None


def are_canonical(fractions: Bytes) -> bool:
    """Tell whether all numbers are spelled as they would be written again."""
    text = b"[%b]" % fractions[:-1].tobytes()
    return orjson.dumps(orjson.loads(text)) == text


@bare_kernel
def read_surfaces(text: Bytes, at: int, end: int, plain: Plain, names: Ints, size: Ints) -> int:
    """Return where an array of surfaces ends, and add them to ``plain``; −1, and nothing is added, where one of them is not plain.

    ``size`` (2,) is how many surfaces and bytes of fractions there are, ``names`` (`MOST_MEMBERS`, 2) room for where those of one are.
    """
    count, fractions = size[0], size[1]
    while at + 1 < end and text[at + 1] == _OPEN_OBJECT:
        begin = at + 2
        type_end = _after_type(text, begin, end)
        if type_end < 0:
            return -1
        at, fractions = _read_members(text, type_end + 1, end, names, plain.fractions, fractions)
        if at < 0:
            return -1
        kind = _kind(text, begin + len(_TYPE), type_end)
        says_more = kind == _OTHER or at > type_end + 1
        plain.surfaces[count, 0], plain.surfaces[count, 1], plain.surfaces[count, 2] = kind, begin, at if says_more else begin
        count += 1
        at += 1
        if at < end and text[at] == _CLOSE:
            size[0], size[1] = count, fractions
            return at + 1
        if at >= end or text[at] != _COMMA:
            return -1
    return -1


@bare_kernel
def _after_type(text: Bytes, at: int, end: int) -> int:
    """Return where the quote behind a type is that stands first in an object, −1 where none does."""
    if end - at < len(_TYPE):
        return -1
    if not are_same(text, at, _TYPE, 0, len(_TYPE)):
        return -1
    return _plain_text(text, at + len(_TYPE), end)


@bare_kernel
def _kind(text: Bytes, begin: int, stop: int) -> int:
    """Return the stored type of a name."""
    for k in range(len(_LENGTHS)):
        if _LENGTHS[k] == stop - begin and are_same(text, begin, _NAMES, _NAME_ROOM * k, stop - begin):
            return int(_KINDS[k])
    return _OTHER


@bare_kernel
def _plain_text(text: Bytes, at: int, end: int) -> int:
    """Return where the quote at the end of a text is, −1 where anything in it is not written as it stands."""
    at = next_not_plain(text, at, end)
    return at if at < end and text[at] == _QUOTE else -1


@bare_kernel
def _read_members(text: Bytes, at: int, end: int, names: Ints, fractions: Bytes, out: int) -> tuple[int, int]:
    """Return where the bracket behind members is, and the end of ``fractions`` with theirs; −1 where one is not plain."""
    count = 0
    while at < end and text[at] != _CLOSE_OBJECT:
        if end - at < 4 or text[at] != _COMMA or text[at + 1] != _QUOTE or count == len(names):
            return -1, out
        begin = at + 2
        stop = _plain_text(text, begin, end)
        if stop < 0 or stop + 1 >= end or text[stop + 1] != _COLON or not _is_new(text, begin, stop, names[:count]):
            return -1, out
        names[count, 0], names[count, 1] = begin, stop
        count += 1
        at, out = _after_value(text, stop + 2, end, fractions, out)
        if at < 0:
            return -1, out
    return (at if at < end else -1), out


@bare_kernel
def _is_new(text: Bytes, begin: int, stop: int, names: Ints) -> bool:
    """Tell whether a name is none of those before it, nor one that is not plain."""
    size = stop - begin
    for k in range(len(names)):
        if names[k, 1] - names[k, 0] == size and are_same(text, begin, text, names[k, 0], size + 1):
            return False
    for k in range(len(_NOT_PLAIN_LENGTHS)):  # numba has no all() of a generator
        if _NOT_PLAIN_LENGTHS[k] == size and are_same(text, begin, _NOT_PLAIN, _WORD_BYTES * k, size):
            return False
    return True


@bare_kernel
def _after_value(text: Bytes, at: int, end: int, fractions: Bytes, out: int) -> tuple[int, int]:
    """Return where a text, word or number ends, and the end of ``fractions`` with it; −1 where it is none that is plain."""
    if at >= end:
        return -1, out
    c = text[at]
    if c == _QUOTE:
        stop = _plain_text(text, at + 1, end)
        return (-1 if stop < 0 else stop + 1), out
    if c in (_T, _F, _N):
        row = 0 if c == _T else 1 if c == _F else 2
        size = 4 + (c == _F)
        return (at + size if end - at >= size and are_same(text, at, _WORDS, _WORD_BYTES * row, size) else -1), out
    begin = at + (c == _MINUS)
    digits, whole = digits_at(text, begin)
    point = begin + digits
    if digits == 0 or digits > _DIGITS or point >= end or (digits > 1 and text[begin] == _ZERO):
        return -1, out
    if text[point] != _POINT:
        is_minus_nought = whole == 0 and c == _MINUS
        return (-1 if is_minus_nought else point), out
    decimals, fraction = digits_at(text, point + 1)
    after = point + 1 + decimals
    if decimals == 0 or after > end or _has_digits_too_many(text, begin, point + 1, after):
        return -1, out
    if not is_shortest(whole, decimals, fraction):
        copy_bytes(fractions, out, text, at, after - at)
        fractions[out + after - at] = _COMMA
        out += after - at + 1
    return after, out


@bare_kernel
def _has_digits_too_many(text: Bytes, first: int, point: int, end: int) -> bool:
    """Tell whether a fraction ends in a nought that says nothing, or has more digits than any number is written with."""
    if text[end - 1] == _ZERO and end > point + 1:
        return True
    while first < end and text[first] in (_ZERO, _POINT):
        first += 1
    return end - first - (first < point) > _SIGNIFICANT_DIGITS
