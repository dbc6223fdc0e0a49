"""The arrays of numbers of CityJSONFeatures, cut out of their lines by one pass over the bytes.

Nine tenths of a building are ``vertices``, ``boundaries`` and ``values``. A kernel reads those into flat arrays and leaves in their place
a number; the rest, a kilobyte or two, is left to the JSON parser. What the kernel does not read exactly (a fraction, an empty array,
a depth that varies) leaves its line uncut, and the line is then parsed whole. In the place of a geometry's boundaries there is never
another number than the kernel's: a name at that depth without an array leaves its line uncut, too.

Most of that rest are ``attributes`` and what is said of semantic ``surfaces``: they are cut out as well where they are as plain as
`json_members` and `json_surfaces` have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.readers.json_bytes import PADDING, next_mark, next_quote
from ingest.readers.json_members import Members, after_numbers, members_for, read_members
from ingest.readers.json_numbers import read_array
from ingest.readers.json_surfaces import LEAST_BYTES, MOST_MEMBERS, Plain, are_canonical, read_surfaces
from ingest.readers.line_blocks import Lines, joined
from twin.json_values import write_integer
from twin.kernel import bare_kernel, copy_bytes, kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

VERTICES, BOUNDARIES, VALUES, SEMANTIC_SURFACES, ATTRIBUTES, EXTENT = range(6)
_DEPTHS = (1, 5, 6, 6, 3, 3)
"""How many brackets are open around the six in a CityJSONFeature: those of attributes of the same name are as many by chance only."""
_QUOTE, _BACKSLASH, _COLON = (ord(c) for c in '"\\:')
_OPEN, _CLOSE, _OPEN_OBJECT, _CLOSE_OBJECT = (ord(c) for c in "[]{}")
_SPACE, _TAB, _LINE, _RETURN = (ord(c) for c in " \t\n\r")
_SPELLED = (b"vertices", b"boundaries", b"values", b"surfaces", b"attributes", b"geographicalExtent")
_NAMES = np.array(_SPELLED, dtype="S18").view(np.uint8).reshape(len(_SPELLED), 18)
_LENGTHS = tuple(len(name) for name in _SPELLED)


@dataclass(frozen=True, slots=True, eq=False)
class CutLines:
    """Lines without their arrays of numbers, and those: A arrays of all lines, laid end to end."""

    rest: Bytes
    """Lines with the number of an array (counted within the line) where that stood."""
    rest_start: Ints
    """(L,) where each begins in it."""
    rest_end: Ints
    """(L,) where it ends; -1: not cut."""
    array_start: Ints
    """(L + 1,) the first array of each line."""
    kind: Ints
    """(A,) `VERTICES`, `BOUNDARIES`, `VALUES`, `SEMANTIC_SURFACES`, `ATTRIBUTES` or `EXTENT`."""
    depth: Ints
    """(A,) brackets around each number; 0 of surfaces, attributes and extents."""
    numbers: Ints
    ends: tuple[Ints, Ints, Ints]
    """Where each innermost array ends in ``numbers``, each array of those in them, each array of these in them: ring, face, shell."""
    start: Ints
    """(A + 1, 4) where each array begins in ``numbers`` and the three ``ends``."""
    surface_start: Ints
    """(A + 1,) the first surface of each array."""
    surfaces: Ints
    """(M, 3) as in `Plain`, places in ``text``."""
    member_start: Ints
    """(A + 1,) the first member of each array that is of attributes."""
    members: Members
    """Those, places in ``text``."""
    spans: Ints
    """(A, 2) where what was cut out of ``text`` begins and ends."""
    lines: Lines
    cuts_surfaces: bool
    """Whether surfaces were looked for; not where a number among what is said of them is spelled otherwise than it would be written."""

    @property
    def text(self) -> Bytes:
        """All lines, what stands between them, and `PADDING`."""
        return self.lines.text

    @property
    def skeletons(self) -> Sequence[bytes | None]:
        """Of each line the rest of it, None where it was not cut."""
        return [self.skeleton(line) for line in range(len(self.rest_end))]

    def skeleton(self, line: int) -> bytes | None:
        """Return the rest of one line, None where it was not cut."""
        begin, end = int(self.rest_start[line]), int(self.rest_end[line])
        return None if end < 0 else self.rest[begin:end].tobytes()

    def text_of(self, array: int) -> bytes:
        """Return what was cut out."""
        begin, end = self.spans[array].tolist()
        return self.lines.text[begin:end].tobytes()


class Room:
    """Memory that one block of lines after the other is cut into: to have the system give it anew for each takes a tenth of the time.

    It is for one thread. What it holds never makes a block too large that would fit without it: that is given up before more is asked for.
    """

    def __init__(self, most_bytes: int) -> None:
        """Keep what is for ``most_bytes`` of text and less; more than that is had for one block only."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: _Arrays | None = None

    def of(self, size: int) -> _Arrays:
        """Return what ``size`` bytes of text are cut into, what was found there before given up.

        Raises:
            MemoryError: there is not as much; then nothing is kept.
        """
        if self._kept is None or size > self._bytes:
            self._bytes, self._kept = 0, None
            if size > self._most_bytes:
                return _arrays_for(size)
            ample = min(size + size // 4, self._most_bytes)  # blocks of as many lines differ; what nobody writes to costs nothing
            arrays = _arrays_for(ample)
            self._bytes, self._kept = ample, arrays  # last: kernels do not ask whether the arrays are as long as this says
        self._kept.found.size[:] = 0
        return self._kept


def cut_lines(
    lines: Sequence[bytes],
    *,
    cuts_surfaces: bool = True,
    asks_spelling: bool = True,
    cuts_attributes: bool = False,
    into: Room | None = None,
) -> CutLines:
    """Cut the arrays of numbers out of the CityJSONFeatures in ``lines``, and surfaces, attributes and extents where that is wanted.

    What is cut ``into`` room is there until the next lines are. Who needs no surfaces need not ask how their numbers are spelled.
    """
    whole = lines if isinstance(lines, Lines) else joined(lines)
    text, size = whole.text, len(whole.text) - len(PADDING)
    room = into.of(size) if into else _arrays_for(size)
    found, plain, rest = room.found, room.plain, room.rest
    rest_end, array_end = np.full(len(lines), -1), np.empty(len(lines), dtype=np.int64)
    kinds = _NUMBERS | cuts_surfaces << SEMANTIC_SURFACES | cuts_attributes << ATTRIBUTES | cuts_attributes << EXTENT
    _cut(text, whole.begin, whole.end, rest, rest_end, found, plain, room.members, array_end, kinds)
    if asks_spelling and not are_canonical(plain.fractions[: found.size[_FRACTIONS]]):
        cuts_surfaces, found.size[:] = False, 0
        _cut(text, whole.begin, whole.end, rest, rest_end, found, plain, room.members, array_end, kinds & ~(1 << SEMANTIC_SURFACES))
    count, arrays = int(array_end[-1]) if len(lines) else 0, found.arrays
    rest_start = np.maximum(np.concatenate([[0], np.maximum.accumulate(rest_end)[:-1]]), 0) if len(lines) else rest_end
    array_start = np.concatenate([np.zeros(1, dtype=np.int64), array_end])
    return CutLines(
        rest, rest_start, rest_end, array_start, arrays[:count, _KIND], arrays[:count, _DEPTH], found.numbers,
        (found.rings, found.faces, found.shells), arrays[: count + 1, :4], arrays[: count + 1, _SURFACES], plain.surfaces,
        arrays[: count + 1, _MEMBERS], room.members, arrays[:count, _FROM : _TO + 1], whole, cuts_surfaces,
    )  # fmt: skip


_NUMBERS = 1 << VERTICES | 1 << BOUNDARIES | 1 << VALUES
_SIZES = 8
_SURFACES, _FRACTIONS, _MEMBERS, _MEMBER_NAMES, _KIND, _DEPTH, _FROM, _TO = range(4, 12)
"""Columns of `_Found.arrays` behind those of `CutLines.start`; the first four are places of `_Found.size` as well."""
_LEAST_BYTES_OF_ARRAY = 12
"""``"values":[0]``"""
_BYTES_OF_MEMBER = 16
"""Attributes with more members for their bytes are left to the parser, once there is no room for more."""


class _Found(NamedTuple):
    """What is filled as arrays are found, with room to spare."""

    numbers: Ints
    rings: Ints
    faces: Ints
    shells: Ints
    arrays: Ints
    """(A + 1, 12) where each begins in the four before, in surfaces, their fractions, members, names; its kind, depth, begin, end."""
    size: Ints
    """(8,) how much of those eight is filled."""


class _Arrays(NamedTuple):
    """All that some text is cut into."""

    found: _Found
    plain: Plain
    members: Members
    rest: Bytes


def _arrays_for(size: int) -> _Arrays:
    """Return room for whatever ``size`` bytes of text can hold: 31 times as much, of which the system gives only what is written to."""
    numbers, rings, faces, shells = (np.empty(size // 2 + 1, dtype=np.int64) for _ in range(4))
    arrays = np.empty((size // _LEAST_BYTES_OF_ARRAY + 2, 12), dtype=np.int64)
    plain = Plain(np.empty((size // LEAST_BYTES + 1, 3), dtype=np.int64), np.empty(size + 1, dtype=np.uint8))
    rest = np.empty(2 * size + 1, dtype=np.uint8)  # a number can be longer than the array it stands for
    found = _Found(numbers, rings, faces, shells, arrays, np.zeros(_SIZES, dtype=np.int64))
    return _Arrays(found, plain, members_for(size // _BYTES_OF_MEMBER + 1), rest)


@kernel
def _cut(
    text: Bytes, line_begin: Ints, line_end: Ints, rest: Bytes, rest_end: Ints, found: _Found, plain: Plain, members: Members,
    array_end: Ints, kinds: int,
) -> None:  # fmt: skip
    """Fill all arrays but the first three; a line that is not cut has −1 in ``rest_end`` and no arrays. ``kinds`` has a bit for each."""
    out = count = 0
    names = np.empty((MOST_MEMBERS, 2), dtype=np.int64)
    found.arrays[0, :_SIZES] = 0
    for line in range(len(line_end)):
        begin, end = line_begin[line], line_end[line]
        rest_end[line], after = _cut_line(text, begin, end, rest, out, found, plain, members, names, count, kinds)
        if rest_end[line] < 0:
            found.size[:] = found.arrays[count, :_SIZES]
        else:
            out, count = rest_end[line], after
        array_end[line] = count


@bare_kernel
def _cut_line(
    text: Bytes, at: int, end: int, rest: Bytes, out: int, found: _Found, plain: Plain, members: Members, names: Ints, count: int,
    kinds: int,
) -> tuple[int, int]:  # fmt: skip
    """Return where the rest of a line ends and how many arrays there are then; −1 where the line must be read whole.

    A number is set off by a space: whatever stands right behind an array never joins it, and what is left is JSON only where the line is.
    A name with an escape could be one of the six in disguise. Surfaces, attributes and extents that are not plain stay where they are.
    """
    first, depth, kept = count, 0, at
    while True:
        at = next_mark(text, at, end)
        if at >= end:
            break
        c = text[at]
        if c != _QUOTE:
            depth += (c in (_OPEN, _OPEN_OBJECT)) - (c in (_CLOSE, _CLOSE_OBJECT))
            at += 1
            continue
        begin = at
        at, escaped = _after_text(text, at + 1, end)
        if escaped and _is_name(text, at, end):
            return -1, first
        kind = _kind(text, begin + 1, at - 1, depth, kinds)
        if kind < 0:
            continue
        value = _after_colon(text, at, end, _OPEN_OBJECT if kind == ATTRIBUTES else _OPEN)
        if value < 0:
            return -1, first
        array = found.arrays[count]
        if kind == SEMANTIC_SURFACES:
            after, array[_DEPTH] = read_surfaces(text, value, end, plain, names, found.size[_SURFACES:]), 0
        elif kind == ATTRIBUTES:
            after, array[_DEPTH] = read_members(text, value + 1, end, members, found.size[_MEMBERS:], value), 0
        elif kind == EXTENT:
            after, array[_DEPTH] = after_numbers(text, value + 1, end), 0
        else:
            after, array[_DEPTH] = read_array(text, value, end, found.numbers, found.rings, found.faces, found.shells, found.size)
        if after < 0 and kind < SEMANTIC_SURFACES:
            return -1, first
        if after < 0:
            continue
        copy_bytes(rest, out, text, kept, at - kept)
        out += at - kept
        rest[out] = _COLON
        out = write_integer(rest, out + 1, count - first)
        rest[out] = _SPACE
        out += 1
        at = kept = after
        array[_KIND], array[_FROM], array[_TO] = kind, value, after
        count += 1
        _begin_array(found, count)
    copy_bytes(rest, out, text, kept, end - kept)
    return (out + end - kept if depth == 0 else -1), count  # else it is left to who can say what is wrong with it


@bare_kernel
def _begin_array(found: _Found, array: int) -> None:
    for k in range(_SIZES):  # a slice would be copied on its way
        found.arrays[array, k] = found.size[k]


@bare_kernel
def _after_text(text: Bytes, at: int, end: int) -> tuple[int, bool]:
    """Return where a text ends whose quote is before ``at``, the line's end where it does not, and whether anything in it is escaped."""
    escaped = False
    at = next_quote(text, at, end)
    while at < end and text[at] == _BACKSLASH:
        escaped = True
        at = next_quote(text, at + 2, end)
    return min(at + 1, end), escaped


@bare_kernel
def _is_name(text: Bytes, at: int, end: int) -> bool:
    """Tell whether a colon follows."""
    while at < end and text[at] in (_SPACE, _TAB, _LINE, _RETURN):
        at += 1
    return at < end and text[at] == _COLON


@bare_kernel
def _kind(text: Bytes, begin: int, end: int, depth: int, kinds: int) -> int:
    """Return which of the ``kinds`` a name is at the depth it must stand at, else −1."""
    for kind in range(len(_DEPTHS)):
        if kinds >> kind & 1 and depth == _DEPTHS[kind] and end - begin == _LENGTHS[kind]:
            same = True
            for k in range(end - begin):
                same = same and text[begin + k] == _NAMES[kind, k]
            if same:
                return kind
    return -1


@bare_kernel
def _after_colon(text: Bytes, at: int, end: int, opening: int) -> int:
    """Return where the value of the name before ``at`` begins, −1 where it does not do so with the bracket ``opening``."""
    colon = False
    while at < end:
        c = text[at]
        if c == opening and colon:
            return at
        if c == _COLON and not colon:
            colon = True
        elif c not in (_SPACE, _TAB, _LINE, _RETURN):
            return -1
        at += 1
    return -1
