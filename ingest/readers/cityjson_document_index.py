"""Where the objects of a CityJSON document lie, and its vertices: one pass over the text as it is mapped, nothing of it parsed.

What is not plain (a name escaped or there twice, a vertex that is no whole numbers, anything that is no JSON) ends the pass.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_document_text import (
    BACKSLASH,
    CLOSE,
    CLOSE_OBJECT,
    COMMA,
    HASH_BASIS,
    MOST_LEVELS,
    OPEN,
    OPEN_OBJECT,
    QUOTE,
    Bytes,
    Ints,
    after_name,
    after_space,
    after_value,
    hashed,
)
from twin.kernel import bare_kernel, kernel

NAME, NAME_END, BEGIN, END, KIND, CHILDREN = range(6)
"""Columns of an object: its name without quotes, itself, its type's number, the array of its children (0 for none)."""
COLUMNS = 6
MOST_KINDS = 256
_MOST_SEEN = 1 << 15
MOST_STEPS = 256
"""From where a table of hashes is looked at to where something is found or free; tables at most half full never need a third of it, unless
what is in them was chosen to meet there."""
_COUNT, _KINDS, _SEEN, _SAMPLES = range(4)
SIZES = 4
"""Objects, types, kinds of content seen, objects that are the first of one."""
_TYPE, _PARENTS, _CHILDREN, _GEOMETRY, _ATTRIBUTES = range(5)
_SPELLED = (b"type", b"parents", b"children", b"geometry", b"attributes")
NAMES = np.array(_SPELLED, dtype="S10").view(np.uint8).reshape(len(_SPELLED), 10)
_LENGTHS = tuple(len(name) for name in _SPELLED)
_MINUS, _ZERO, _NINE, _N = (ord(c) for c in "-09n")
_DIGITS = 15
"""Longer integers are not read here."""
MORE, DONE, NOT_PLAIN, TOO_WIDE = range(4)
"""What a kernel ends with: what it was given to fill is full, there is no more, it does not read this, a number is beyond 32 bits."""


class Objects(NamedTuple):
    """What is filled as objects are found."""

    places: Ints
    """(n, COLUMNS)"""
    is_top: npt.NDArray[np.bool_]
    """(n,) whether an object names no parent."""
    samples: Ints
    """(n,) objects with types, geometry types or names of attributes that none before them had."""
    kinds: Ints
    """(MOST_KINDS, 2) where the text of each type begins and ends."""
    seen: npt.NDArray[np.uint64]
    """(2 * _MOST_SEEN,) digests of contents, as a table of hashes; 0 for nothing."""
    sizes: Ints
    """(SIZES,)"""


def objects_for(count: int) -> Objects:
    """Return room for ``count`` objects."""
    return Objects(
        np.empty((count, COLUMNS), dtype=np.int64),
        np.empty(count, dtype=bool),
        np.empty(count, dtype=np.int64),
        np.empty((MOST_KINDS, 2), dtype=np.int64),
        np.zeros(2 * _MOST_SEEN, dtype=np.uint64),
        np.zeros(SIZES, dtype=np.int64),
    )


def enlarged(objects: Objects) -> Objects:
    """Return the same objects with room for twice as many; the old room is no more."""
    count = 2 * len(objects.places)
    objects.places.resize((count, COLUMNS), refcheck=False)
    objects.is_top.resize(count, refcheck=False)
    objects.samples.resize(count, refcheck=False)
    return objects


@kernel
def next_member(text: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return where the name begins and ends that stands at ``at`` or behind white space there, and where its value begins; −1: none."""
    at = after_space(text, at, end)
    name_end, value = after_name(text, at, end)
    return at + 1, name_end, value


@kernel
def behind_value(text: Bytes, at: int, end: int) -> int:
    """Return where a value and the white space behind it end; −1 where it is no JSON."""
    at, _ = after_value(text, at, end, np.empty(MOST_LEVELS, dtype=np.uint8))
    return after_space(text, at, end) if at >= 0 else -1


@kernel
def behind_space(text: Bytes, at: int, end: int) -> int:
    """Return where white space ends."""
    return after_space(text, at, end)


@kernel
def index_objects(text: Bytes, at: int, end: int, until: int, objects: Objects) -> tuple[int, int]:
    """Add the objects from ``at`` on, behind the bracket or a comma, until ``until`` is passed; return where, and what ended it."""
    stack = np.empty(MOST_LEVELS, dtype=np.uint8)
    sizes = objects.sizes
    while at < until and sizes[_COUNT] < len(objects.places):
        at = after_space(text, at, end)
        begin = at + 1
        name_end, value = after_name(text, at, end)
        if value < 0 or text[value] != OPEN_OBJECT or _has_backslash(text, begin, name_end):
            return at, NOT_PLAIN
        row = objects.places[sizes[_COUNT]]
        row[NAME], row[NAME_END], row[BEGIN], row[CHILDREN] = begin, name_end, value, 0
        at, is_top, digest = _index_object(text, value, end, stack, row, objects)
        if at < 0:
            return at, NOT_PLAIN
        row[END] = at
        objects.is_top[sizes[_COUNT]] = is_top
        if is_top and _is_new(digest, objects):
            objects.samples[sizes[_SAMPLES]] = sizes[_COUNT]
            sizes[_SAMPLES] += 1
        sizes[_COUNT] += 1
        at = after_space(text, at, end)
        if at < end and text[at] == CLOSE_OBJECT:
            return at + 1, DONE
        if at >= end or text[at] != COMMA:
            return at, NOT_PLAIN
        at += 1
    return at, MORE


@bare_kernel
def _has_backslash(text: Bytes, at: int, end: int) -> bool:
    for k in range(at, end):  # noqa: SIM110 - kernels have no any()
        if text[k] == BACKSLASH:
            return True
    return False


@bare_kernel
def _is_new(digest: np.uint64, objects: Objects) -> bool:
    """Tell whether nothing with this digest was seen; once many have been, nothing is noted any more."""
    seen = objects.seen
    slot = np.int64(digest >> np.uint64(48))
    for _ in range(MOST_STEPS):
        if seen[slot] == digest:
            return False
        if seen[slot] == 0:
            if objects.sizes[_SEEN] < _MOST_SEEN:
                seen[slot] = digest
                objects.sizes[_SEEN] += 1
            return True
        slot = (slot + 1) & (2 * _MOST_SEEN - 1)
    return True


@bare_kernel
def _which(text: Bytes, begin: int, end: int) -> int:
    """Return which of the names a text is, −1 for none."""
    for k in range(len(_LENGTHS)):
        if end - begin == _LENGTHS[k]:
            same = True
            for i in range(end - begin):
                same = same and text[begin + i] == NAMES[k, i]
            if same:
                return k
    return -1


@bare_kernel
def _index_object(text: Bytes, at: int, end: int, stack: Bytes, row: Ints, objects: Objects) -> tuple[int, bool, np.uint64]:
    """Return where an object ends (−1: it is not plain), whether it names no parent, and a digest of what its layer tells of it."""
    seen, is_top, digest = 0, True, HASH_BASIS
    at += 1
    while True:
        at = after_space(text, at, end)
        begin = at + 1
        name_end, value = after_name(text, at, end)
        if value < 0 or _has_backslash(text, begin, name_end):
            return -1, False, digest
        which = _which(text, begin, name_end)
        if which >= 0:
            if seen >> which & 1:
                return -1, False, digest
            seen |= 1 << which
        if which == _GEOMETRY and text[value] == OPEN:
            at, inner = _geometries(text, value, end, stack)
        else:
            at, inner = after_value(text, value, end, stack)
        if at < 0:
            return -1, False, digest
        if which == _PARENTS:
            is_top = text[value] == _N or (text[value] == OPEN and text[after_space(text, value + 1, end)] == CLOSE)
            at = at if is_top or text[value] == OPEN else -1
        elif which >= 0:
            at, digest = _note(text, value, at, which, inner, digest, row, objects)
        if at < 0:
            return -1, False, digest
        at = after_space(text, at, end)
        if at < end and text[at] == CLOSE_OBJECT:
            return (at + 1 if seen & 1 << _TYPE else -1), is_top, digest
        if at >= end or text[at] != COMMA:
            return -1, False, digest
        at += 1


@bare_kernel
def _note(
    text: Bytes, value: int, after: int, which: int, inner: np.uint64, digest: np.uint64, row: Ints, objects: Objects
) -> tuple[int, np.uint64]:  # fmt: skip
    """Note a member of an object; return where its value ends, −1 where that is not plain, and the digest with it."""
    if which == _CHILDREN:
        if text[value] == OPEN:
            row[CHILDREN] = value
        return (-1 if _has_backslash(text, value, after) else after), digest
    if which == _TYPE:
        row[KIND] = _kind(text, value, after, objects)
        inner, after = np.uint64(row[KIND] + 1), after if row[KIND] >= 0 else -1
    return after, (digest ^ (inner + np.uint64(which))) * np.uint64(0x9E3779B97F4A7C15)


@bare_kernel
def _kind(text: Bytes, begin: int, end: int, objects: Objects) -> int:
    """Return the number of a type; −1 where it is no plain text, or there are too many."""
    if text[begin] != QUOTE or _has_backslash(text, begin, end):
        return -1
    kinds, count = objects.kinds, objects.sizes[_KINDS]
    for k in range(count):
        if kinds[k, 1] - kinds[k, 0] == end - begin - 2:
            same = True
            for i in range(end - begin - 2):
                same = same and text[begin + 1 + i] == text[kinds[k, 0] + i]
            if same:
                return k
    if count == MOST_KINDS:
        return -1
    kinds[count, 0], kinds[count, 1] = begin + 1, end - 1
    objects.sizes[_KINDS] = count + 1
    return int(count)


@bare_kernel
def _geometries(text: Bytes, at: int, end: int, stack: Bytes) -> tuple[int, np.uint64]:
    """Return where an array of geometries ends, −1 where it is no JSON, and a digest of their types."""
    digest = HASH_BASIS
    at = after_space(text, at + 1, end)
    if at < end and text[at] == CLOSE:
        return at + 1, digest
    while at < end:
        if text[at] == OPEN_OBJECT:
            at, digest = _geometry(text, at, end, stack, digest)
        else:
            at, _ = after_value(text, at, end, stack)
        if at < 0:
            return -1, digest
        at = after_space(text, at, end)
        if at < end and text[at] == CLOSE:
            return at + 1, digest
        if at >= end or text[at] != COMMA:
            return -1, digest
        at = after_space(text, at + 1, end)
    return -1, digest


@bare_kernel
def _geometry(text: Bytes, at: int, end: int, stack: Bytes, digest: np.uint64) -> tuple[int, np.uint64]:
    digest = hashed(digest, text, at, at + 1)
    at = after_space(text, at + 1, end)
    if at < end and text[at] == CLOSE_OBJECT:
        return at + 1, digest
    while True:
        begin = at + 1
        name_end, value = after_name(text, at, end)
        if value < 0 or _has_backslash(text, begin, name_end):
            return -1, digest
        at, _ = after_value(text, value, end, stack)
        if at < 0:
            return -1, digest
        if _which(text, begin, name_end) == _TYPE:
            digest = hashed(digest, text, value, at)
        at = after_space(text, at, end)
        if at < end and text[at] == CLOSE_OBJECT:
            return at + 1, digest
        if at >= end or text[at] != COMMA:
            return -1, digest
        at = after_space(text, at + 1, end)


@kernel
def read_vertices(
    text: Bytes, at: int, end: int, until: int, narrow: npt.NDArray[np.int32], wide: Ints, count: int
) -> tuple[int, int, int]:  # fmt: skip
    """Add the vertices from ``at`` on, behind the bracket or a comma, to one of two arrays; return where, how many, what ended it."""
    room = max(len(narrow), len(wide))
    while at < until and count < room:
        at = after_space(text, at, end)
        if at >= end or text[at] != OPEN:
            return at, count, NOT_PLAIN
        for axis in range(3):
            at = after_space(text, at + 1, end)
            at, number = _integer(text, at, end)
            at = after_space(text, at, end) if at >= 0 else end
            if at >= end or text[at] != (CLOSE if axis == 2 else COMMA):
                return at, count, NOT_PLAIN
            if len(wide):
                wide[count, axis] = number
            elif np.int32(number) == number:
                narrow[count, axis] = number
            else:
                return at, count, TOO_WIDE
        count += 1
        at = after_space(text, at + 1, end)
        if at < end and text[at] == CLOSE:
            return at + 1, count, DONE
        if at >= end or text[at] != COMMA:
            return at, count, NOT_PLAIN
        at += 1
    return at, count, MORE


@bare_kernel
def _integer(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where a whole number ends, −1 where it is none or a long one, and the number."""
    is_negative = at < end and text[at] == _MINUS
    begin = at + is_negative
    at, number = begin, 0
    while at < end and _ZERO <= text[at] <= _NINE and at - begin <= _DIGITS:
        number = number * 10 + text[at] - _ZERO
        at += 1
    if not 0 < at - begin <= _DIGITS or (text[begin] == _ZERO and at - begin > 1):
        return -1, 0
    return at, -number if is_negative else number


@kernel
def number_names(text: Bytes, places: Ints, slots: npt.NDArray[np.int32]) -> bool:
    """Fill a table of hashes of objects' names, −1 in it before, two to a power long; False where two have one name, or too many meet."""
    for k in range(len(places)):
        slot, steps = _first_slot(text, places[k, NAME], places[k, NAME_END], slots), 0
        while slots[slot] >= 0:
            other = slots[slot]
            steps += 1
            if steps == MOST_STEPS or is_same(text, places[k, NAME], places[k, NAME_END], places[other, NAME], places[other, NAME_END]):
                return False
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = k
    return True


@bare_kernel
def named(text: Bytes, begin: int, end: int, places: Ints, slots: npt.NDArray[np.int32]) -> int:
    """Return the object of a name, −1 for none."""
    slot = _first_slot(text, begin, end, slots)
    for _ in range(MOST_STEPS):  # no name lies farther from there
        other = slots[slot]
        if other < 0:
            return -1
        if is_same(text, begin, end, places[other, NAME], places[other, NAME_END]):
            return int(other)
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@bare_kernel
def _first_slot(text: Bytes, begin: int, end: int, slots: npt.NDArray[np.int32]) -> int:
    digest = hashed(HASH_BASIS, text, begin, end) * np.uint64(0x9E3779B97F4A7C15)
    return int(np.int64(digest >> np.uint64(32)) & (len(slots) - 1))


@bare_kernel
def is_same(text: Bytes, begin: int, end: int, other: int, other_end: int) -> bool:
    """Tell whether two pieces of a text are the same."""
    if end - begin != other_end - other:
        return False
    for k in range(end - begin):  # noqa: SIM110 - kernels have no all()
        if text[begin + k] != text[other + k]:
            return False
    return True
