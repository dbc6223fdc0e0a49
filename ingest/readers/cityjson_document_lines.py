"""Features of a CityJSON document → lines of a CityJSONSeq: their objects as they are spelled, with vertices of their own.

Vertices are numbered anew by first use, as `document_of` does it. What has materials, textures or places in addresses, or indices that
name nothing, is left to that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_document_index import BEGIN, CHILDREN, END, KIND, MOST_STEPS, NAME, NAME_END, named
from ingest.readers.cityjson_document_text import (
    BACKSLASH,
    CLOSE,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN,
    OPEN_OBJECT,
    QUOTE,
    Bytes,
    Ints,
    after_space,
    after_text,
)
from ingest.readers.cityjson_objects import MAX_PARTS
from twin.json_values import write_integer
from twin.kernel import bare_kernel, copy_bytes, kernel

MOST_MEMBERS = 2 * MAX_PARTS
"""Of a block of features."""
_MOST_VERTICES = 1 << 16
"""Of a feature that is written here."""
NOT_PLAIN, NO_ROOM = -1, -2
"""What a feature has for an end that must be written otherwise, or for which there was no room."""
_TOKEN = 64
"""Bytes that any number or bracket and what goes with it takes at most."""
_BEGIN, _ID_END, _OBJECTS_END, _FEATURE_END = (
    np.frombuffer(piece, dtype=np.uint8) for piece in (b'{"type":"CityJSONFeature","id":"', b'","CityObjects":{', b'},"vertices":[', b"]}")
)
_GEOMETRY, _ADDRESS, _BOUNDARIES, _MATERIAL, _TEXTURE, _LOCATION = range(6)
_SPELLED = (b"geometry", b"address", b"boundaries", b"material", b"texture", b"location")
_NAMES = np.array(_SPELLED, dtype="S10").view(np.uint8).reshape(len(_SPELLED), 10)
_LENGTHS = tuple(len(name) for name in _SPELLED)
_ZERO, _NINE, _SPACE, _POINT, _E, _BIG_E = (ord(c) for c in "09 .eE")
_DIGITS = 10


class Corners(NamedTuple):
    """The vertices of a document, and a table of hashes of those that a feature uses."""

    narrow: npt.NDArray[np.int32]
    """(n, 3), or none of them."""
    wide: Ints
    """(n, 3) where the other has none."""
    keys: Ints
    """(2 * _MOST_VERTICES,) a vertex, −1 where the place is free."""
    numbers: Ints
    """(2 * _MOST_VERTICES,) its number in the feature."""
    used: Ints
    """(_MOST_VERTICES + 1, 2) by that number the vertex and its place in the table; how many are in use is in the last row."""


def corners_for(narrow: npt.NDArray[np.int32], wide: Ints) -> Corners:
    """Return vertices with room for the numbers of a feature."""
    keys, numbers = np.full(2 * _MOST_VERTICES, -1, dtype=np.int64), np.empty(2 * _MOST_VERTICES, dtype=np.int64)
    used = np.zeros((_MOST_VERTICES + 1, 2), dtype=np.int64)
    return Corners(narrow, wide, keys, numbers, used)


@kernel
def gather(
    text: Bytes, places: Ints, slots: npt.NDArray[np.int32], marks: npt.NDArray[np.bool_], are_wanted: npt.NDArray[np.bool_], at: int,
    most_bytes: int, members: Ints, ends: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Fill ``members`` with the objects of the next features, each followed by what belongs to it, and ``ends`` with where each one's end.

    As many as fit, and no more than ``most_bytes`` but for the first. Return how many features, and which object is next.
    """
    count = size = filled = 0
    while at < len(places) and count < len(ends) and len(members) - filled > MAX_PARTS and (not count or size < most_bytes):
        if are_wanted[places[at, KIND]]:
            end, took = _gather_one(text, places, slots, marks, are_wanted, at, members, filled)
            if count and size + took > most_bytes:
                break
            size, filled = size + took, end
            ends[count] = filled
            count += 1
        at += 1
    return count, at


@bare_kernel
def _gather_one(
    text: Bytes, places: Ints, slots: npt.NDArray[np.int32], marks: npt.NDArray[np.bool_], are_wanted: npt.NDArray[np.bool_], first: int,
    members: Ints, begin: int,
) -> tuple[int, int]:  # fmt: skip
    """Return where the members of a feature end, and how long their texts are; level by level, as `features_in` has them."""
    members[begin], end, next_one = first, begin + 1, begin
    marks[first] = True
    size = places[first, END] - places[first, BEGIN]
    while next_one < end:
        parent = members[next_one]
        next_one += 1
        at = places[parent, CHILDREN]
        if at == 0:
            continue
        stop, depth = places[parent, END], 1
        at += 1
        while at < stop and depth > 0:
            c = text[at]
            if c == QUOTE:
                name = at + 1
                at = after_text(text, name, stop)
                if at < 0:
                    break
                child = named(text, name, at - 1, places, slots) if depth == 1 else -1
                if child >= 0 and not marks[child] and not are_wanted[places[child, KIND]] and end - begin < MAX_PARTS:
                    marks[child] = True
                    members[end] = child
                    size += places[child, END] - places[child, BEGIN]
                    end += 1
                continue
            depth += (c in (OPEN, OPEN_OBJECT)) - (c in (CLOSE, CLOSE_OBJECT))
            at += 1
    for k in range(begin, end):
        marks[members[k]] = False
    return end, size


@kernel
def write_features(text: Bytes, places: Ints, corners: Corners, members: Ints, ends: Ints, out: Bytes, written: Ints) -> int:
    """Write features as lines one behind the other, and into ``written`` where each ends or why not; return for how many there was room."""
    at, begin = 0, 0
    for feature in range(len(ends)):
        end = _write_feature(text, places, corners, members, begin, ends[feature], out, at)
        _forget(corners)
        if end == NO_ROOM:
            return feature
        written[feature] = end
        at = end if end >= 0 else at
        begin = ends[feature]
    return len(ends)


@bare_kernel
def _forget(corners: Corners) -> None:
    used = corners.used
    for k in range(used[_MOST_VERTICES, 0]):
        corners.keys[used[k, 1]] = -1
    used[_MOST_VERTICES, 0] = 0


@bare_kernel
def _put(out: Bytes, at: int, piece: Bytes) -> int:
    copy_bytes(out, at, piece, 0, len(piece))
    return at + len(piece)


@bare_kernel
def _write_feature(text: Bytes, places: Ints, corners: Corners, members: Ints, begin: int, end: int, out: Bytes, at: int) -> int:
    name, name_end = places[members[begin], NAME], places[members[begin], NAME_END]
    if at + _TOKEN + name_end - name > len(out):
        return NO_ROOM
    at = _put(out, at, _BEGIN)
    copy_bytes(out, at, text, name, name_end - name)
    at = _put(out, at + name_end - name, _ID_END)
    for k in range(begin, end):
        name, name_end = places[members[k], NAME], places[members[k], NAME_END]
        if at + _TOKEN + name_end - name > len(out):
            return NO_ROOM
        out[at] = QUOTE
        copy_bytes(out, at + 1, text, name, name_end - name)
        at += 1 + name_end - name
        out[at], out[at + 1] = QUOTE, COLON
        at = _write_object(text, places[members[k], BEGIN], places[members[k], END], corners, out, at + 2)
        if at < 0:
            return at
        out[at] = COMMA
        at += 1
    at = _put(out, at - 1, _OBJECTS_END)
    count = corners.used[_MOST_VERTICES, 0]
    if at + _TOKEN * (count + 1) > len(out):
        return NO_ROOM
    for k in range(count):
        for axis in range(3):
            out[at] = COMMA if axis else OPEN
            vertex = corners.used[k, 0]
            at = write_integer(out, at + 1, int(corners.wide[vertex, axis]) if len(corners.wide) else int(corners.narrow[vertex, axis]))
        out[at], out[at + 1] = CLOSE, COMMA
        at += 2
    return _put(out, at - (count > 0), _FEATURE_END)


@bare_kernel
def _which(text: Bytes, begin: int, end: int) -> int:
    """Return which of the names a text is, −1 for none."""
    for k in range(len(_LENGTHS)):
        if end - begin == _LENGTHS[k]:
            same = True
            for i in range(end - begin):
                same = same and text[begin + i] == _NAMES[k, i]
            if same:
                return k
    return -1


@bare_kernel
def _write_object(text: Bytes, at: int, end: int, corners: Corners, out: Bytes, to: int) -> int:
    """Write an object without white space, boundaries of its geometries in the feature's numbers; return where it ends in ``out``.

    Brackets around what is looked at: one of the object, two of its geometries, three of one of them.
    """
    depth, inside, seen = 0, -1, 0
    while at < end and to + _TOKEN <= len(out):
        c = text[at]
        if c == QUOTE:
            at, to, inside, seen = _write_text(text, at, end, corners, out, to, depth, inside, seen)
            if at < 0:
                return at
            continue
        if c in (OPEN, OPEN_OBJECT):
            depth += 1
            if inside == _GEOMETRY and depth == 3:
                if c != OPEN_OBJECT:
                    return NOT_PLAIN
                seen &= ~(1 << _BOUNDARIES)
        elif c in (CLOSE, CLOSE_OBJECT):
            depth -= 1
            inside = inside if depth > 1 else -1
        elif inside == _GEOMETRY and depth == 2 and c > COMMA:
            return NOT_PLAIN
        if c > _SPACE:
            out[to] = c
            to += 1
        at += 1
        if depth == 0:
            return to
    return NO_ROOM if at < end else NOT_PLAIN


@bare_kernel
def _write_text(
    text: Bytes, at: int, end: int, corners: Corners, out: Bytes, to: int, depth: int, inside: int, seen: int
) -> tuple[int, int, int, int]:  # fmt: skip
    """Write a text and, of a name, what is behind it; return where that ends in the text (or why not) and in ``out``, and the state."""
    begin = at + 1
    at = after_text(text, begin, end)
    if at < 0 or (inside == _GEOMETRY and depth == 2):
        return NOT_PLAIN, to, inside, seen
    if to + _TOKEN + at - begin > len(out):
        return NO_ROOM, to, inside, seen
    copy_bytes(out, to, text, begin - 1, at - begin + 1)
    to += at - begin + 1
    name_end, at = at - 1, after_space(text, at, end)
    if at >= end or text[at] != COLON:
        return at, to, inside, seen
    out[to] = COLON
    to += 1
    at = after_space(text, at + 1, end)
    which = _which(text, begin, name_end)
    if depth == 1 and which in (_GEOMETRY, _ADDRESS):
        inside = which if at < end and text[at] == OPEN else -1
        return (NOT_PLAIN if seen >> which & 1 else at), to, inside, seen | 1 << which
    if inside == _GEOMETRY and depth == 3:
        if which in (_MATERIAL, _TEXTURE) or (which == _BOUNDARIES and seen >> which & 1):
            return NOT_PLAIN, to, inside, seen
        if which == _BOUNDARIES:
            seen |= 1 << _BOUNDARIES
            at, to = _renumber(text, at, end, corners, out, to)
    elif inside == _ADDRESS and (which == _LOCATION or _is_escaped(text, begin, name_end)):
        return NOT_PLAIN, to, inside, seen
    return at, to, inside, seen


@bare_kernel
def _is_escaped(text: Bytes, begin: int, end: int) -> bool:
    for k in range(begin, end):  # noqa: SIM110 - kernels have no any()
        if text[k] == BACKSLASH:
            return True
    return False


@bare_kernel
def _renumber(text: Bytes, at: int, end: int, corners: Corners, out: Bytes, to: int) -> tuple[int, int]:
    """Write an array of numbers of vertices as those of the feature; return where it ends in the text (or why not), and in ``out``."""
    depth, vertices = 0, max(len(corners.narrow), len(corners.wide))
    while at < end:
        c = text[at]
        if _ZERO <= c <= _NINE:
            begin, number = at, 0
            while at < end and _ZERO <= text[at] <= _NINE and at - begin < _DIGITS:
                number = number * 10 + text[at] - _ZERO
                at += 1
            if number >= vertices or depth == 0 or at >= end or text[at] in (_POINT, _E, _BIG_E) or _ZERO <= text[at] <= _NINE:
                return NOT_PLAIN, to
            own = _number(corners, number)
            if own < 0:
                return NOT_PLAIN, to
            if to + _TOKEN > len(out):
                return NO_ROOM, to
            to = write_integer(out, to, own)
            continue
        if c > _SPACE:
            if c not in (OPEN, CLOSE, COMMA):
                return NOT_PLAIN, to
            if to + _TOKEN > len(out):
                return NO_ROOM, to
            depth += (c == OPEN) - (c == CLOSE)
            out[to] = c
            to += 1
        at += 1
        if depth == 0:
            return (at, to) if c == CLOSE else (NOT_PLAIN, to)
    return NOT_PLAIN, to


@bare_kernel
def _number(corners: Corners, vertex: int) -> int:
    """Return the number of a vertex in the feature, given by first use; −1 where it has too many, or too many meet."""
    keys, used = corners.keys, corners.used
    slot = np.int64((np.uint64(vertex) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & (2 * _MOST_VERTICES - 1)
    steps = 0
    while keys[slot] >= 0:
        if keys[slot] == vertex:
            return int(corners.numbers[slot])
        steps += 1
        if steps == MOST_STEPS:
            return -1
        slot = (slot + 1) & (2 * _MOST_VERTICES - 1)
    number = used[_MOST_VERTICES, 0]
    if number == _MOST_VERTICES:
        return -1
    keys[slot], corners.numbers[slot] = vertex, number
    used[number, 0], used[number, 1] = vertex, slot
    used[_MOST_VERTICES, 0] = number + 1
    return int(number)
