"""A CityJSON document as the lines of a CityJSONSeq: its text stays on the disk, in memory are its vertices and where its objects lie.

Each feature is written by kernels as a line with vertices of its own, the `document_of` it. Where they do not do that, it is parsed and
written by that; and where that fails, the line is no more than the number of the object, by which `scope_of` has it as the document does.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_document_index import (
    BEGIN,
    DONE,
    END,
    KIND,
    MORE,
    NAME,
    NAME_END,
    NOT_PLAIN,
    TOO_WIDE,
    Objects,
    behind_space,
    behind_value,
    enlarged,
    index_objects,
    next_member,
    number_names,
    objects_for,
    read_vertices,
)
from ingest.readers.cityjson_document_lines import MOST_MEMBERS, Corners, corners_for, gather, write_features
from ingest.readers.cityjson_document_text import Bytes, Ints
from ingest.readers.cityjson_frame import Frame, Json, Vertices, parsed, read_frame, too_large
from ingest.readers.cityjson_objects import CityFeature, Scope, document_of
from ingest.readers.mapped_text import MappedText

_AT_A_TIME_BYTES = 8 << 20
_BLOCK_FEATURES = 250
_BLOCK_BYTES = 3 << 20
_MOST_LINE_BYTES = 16 << 20
"""A longer feature is not made a line: it is parsed by itself, which takes less memory."""
_FIRST_VERTICES = 1 << 16
_ODD = b"#"
_FAULTS = (TypeError, ValueError, LookupError, OverflowError, AttributeError, RecursionError)
"""What a feature that is not as CityJSON has it raises, as in `CityObjectLayer.row`."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one pass over a document finds."""

    objects: Objects
    corners: Corners
    shell: bytes
    """The document without objects and vertices."""


class StreamedDocument:
    """The objects and vertices of a document that is plain from its first byte to its last."""

    def __init__(self, text: MappedText, content: Json, found: _Found) -> None:
        """Have what was ``found``, with its shell as parsed; RejectedError and UnsupportedMediaError as `read_frame`."""
        self.frame: Frame = read_frame(content)
        self.places: Ints = found.objects.places[: found.objects.sizes[0]]
        self.kinds = [bytes(text[begin:end]).decode() for begin, end in found.objects.kinds[: found.objects.sizes[1]].tolist()]
        self.samples = found.objects.samples[: found.objects.sizes[3]].tolist()
        """Objects that stand for all that name no parent: others have types, attributes and geometries as one of them."""
        appearance = content.get("appearance")
        self._appearance: Json | None = appearance if isinstance(appearance, dict) else None
        self._text, self._bytes, self._corners = text, np.frombuffer(text, dtype=np.uint8), found.corners
        self._slots = np.full(1 << (2 * len(self.places)).bit_length(), -1, dtype=np.int32)
        self.is_plain = number_names(self._bytes, self.places, self._slots)
        is_top = found.objects.is_top[: len(self.places)]
        counts = np.bincount(self.places[is_top, KIND], minlength=len(self.kinds)).tolist()
        first = {self.kinds[kind]: counts[kind] for kind in dict.fromkeys(self.places[self.samples, KIND].tolist())}
        self.counts: Mapping[str, int] = first
        """Type → how many objects of it name no parent, in the order in which they come first."""
        self._marks = np.zeros(len(self.places), dtype=bool)
        self._positions: npt.NDArray[np.float64] | None = None
        _give_back(text)

    def sampled(self) -> Iterator[Scope]:
        """Yield the objects that stand for all that name no parent, each by itself and without vertices, in the order of the source."""
        for number in self.samples:
            name, content = self._object(number)
            yield Scope({name: content}, _NO_VERTICES, _NOWHERE, self._appearance)

    def count(self, types: frozenset[str]) -> int:
        """Return how many features `lines` gives."""
        return int(self._are_wanted(types)[self.places[:, KIND]].sum())

    def lines(self, types: frozenset[str]) -> Iterator[bytes]:
        """Yield the features of ``types`` in the order of the source, each as a line of a sequence, or a number that `scope_of` takes."""
        are_wanted, at = self._are_wanted(types), 0
        members, ends = np.empty(MOST_MEMBERS, dtype=np.int64), np.empty(_BLOCK_FEATURES, dtype=np.int64)
        out = np.empty(2 * _BLOCK_BYTES, dtype=np.uint8)
        while at < len(self.places):
            count, at = gather(self._bytes, self.places, self._slots, self._marks, are_wanted, at, _BLOCK_BYTES, members, ends)
            filled, done = int(ends[count - 1]) if count else 0, 0
            while done < count:
                begin = int(ends[done - 1]) if done else 0
                some = members[begin:filled], ends[done:count] - begin
                written = np.empty(count - done, dtype=np.int64)
                wrote = write_features(self._bytes, self.places, self._corners, *some, out, written)
                if not wrote and len(out) < _MOST_LINE_BYTES:
                    out = np.empty(min(2 * len(out), _MOST_LINE_BYTES), dtype=np.uint8)
                    continue
                yield from self._written(*some, written[: max(wrote, 1)] if wrote else np.full(1, -1), out)
                done += max(wrote, 1)
            _give_back(self._text)

    def _written(self, members: Ints, ends: Ints, written: Ints, out: Bytes) -> Iterator[bytes]:
        at = begin = 0
        for end, line_end in zip(ends.tolist(), written.tolist(), strict=False):
            if line_end >= 0:
                yield out[at:line_end].tobytes()
                at = line_end
            else:
                yield self._parsed_line(members[begin:end].tolist())
            begin = end

    def _parsed_line(self, members: Sequence[int]) -> bytes:
        """Return the same of a feature that kernels do not write."""
        feature = self._feature(members)
        try:
            line = document_of(feature) if all(map(_has_numbers, feature.members)) else None
        except _FAULTS:
            line = None
        return line if line is not None and len(line) <= _MOST_LINE_BYTES else b"%b%d" % (_ODD, members[0])

    def scope_of(self, line: bytes, types: frozenset[str]) -> Scope | None:
        """Return the feature that ``line`` is no more than the number of, with the vertices of the document; None of another line."""
        if not line.startswith(_ODD):
            return None
        members, ends = np.empty(MOST_MEMBERS, dtype=np.int64), np.empty(1, dtype=np.int64)
        gather(self._bytes, self.places, self._slots, self._marks, self._are_wanted(types), int(line[1:]), 1, members, ends)
        feature = self._feature(members[: int(ends[0])].tolist())
        scope = feature.scope
        return Scope(dict(feature.members), scope.vertices, self._placed(feature), scope.appearance)

    def _are_wanted(self, types: frozenset[str]) -> npt.NDArray[np.bool_]:
        return np.array([kind in types for kind in self.kinds], dtype=bool)

    def _object(self, number: int) -> tuple[str, Json]:
        name, name_end, begin, end = self.places[number, [NAME, NAME_END, BEGIN, END]].tolist()
        try:
            content = parsed(self._text[begin:end])
        except MemoryError as error:
            raise too_large(len(self._text)) from error
        return bytes(self._text[name:name_end]).decode(), content

    def _feature(self, members: Sequence[int]) -> CityFeature:
        corners = self._corners
        vertices = cast("npt.NDArray[np.int64]", corners.wide if len(corners.wide) else corners.narrow)  # 32 bits serve as well
        objects = [self._object(number) for number in members]
        return CityFeature(objects[0][0], objects, Scope({}, vertices, _NOWHERE, self._appearance))

    def _placed(self, feature: CityFeature) -> Vertices:
        """Return the vertices of the document, those in their places that a feature can name; others cost no memory."""
        vertices = feature.scope.vertices
        if self._positions is None:
            self._positions = np.zeros(vertices.shape)
        named = {n for _, o in feature.members for n in _integers(o.get("geometry")) if 0 <= n < len(vertices)}
        used = np.array(sorted(named), dtype=np.int64)
        self._positions[used] = vertices[used] * self.frame.scale + self.frame.translate
        first: dict[tuple[float, ...], int] = {}
        numbers = {n: first.setdefault(tuple(place), n) for n, place in zip(used.tolist(), self._positions[used].tolist(), strict=True)}
        return Vertices(self._positions, _FirstNumbers(numbers, len(vertices)))


class _FirstNumbers(Sequence[int]):
    """`Vertices.first` of those that a feature can name."""

    def __init__(self, numbers: Mapping[int, int], count: int) -> None:
        self._numbers, self._count = numbers, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: object) -> int:  # type: ignore[override] # no slices are asked for
        if not isinstance(at, int):  # a fault says what a list would
            raise TypeError(f"list indices must be integers or slices, not {type(at).__name__}")
        if at >= self._count:
            raise IndexError("list index out of range")
        return self._numbers[at]


_NO_VERTICES: npt.NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)
_NOWHERE = Vertices(np.empty((0, 3)), ())


def stream_document(text: MappedText, start: int) -> StreamedDocument | None:
    """Return the document in ``text`` from byte ``start`` on, None where it is not plain; errors as of `read_frame`, and MemoryError."""
    found = _Pass(text, start).found()
    content: Json = {} if found is None else parsed(found.shell)
    if found is None or content.get("type") == "CityJSONFeature" or content.get("transform") is None:
        return None
    document = StreamedDocument(text, content, found)
    return document if document.is_plain else None


class _Pass:
    """One way through a text, from the first byte to the last."""

    def __init__(self, text: MappedText, start: int) -> None:
        self._text, self._start = text, start
        self._bytes, self._end = np.frombuffer(text, dtype=np.uint8), len(text)
        self._objects: Objects | None = None
        self._corners: Corners | None = None

    def found(self) -> _Found | None:
        """Return what is there, None where that is not plain."""
        at = behind_space(self._bytes, self._start, self._end)
        if at >= self._end or self._text[at] != ord("{"):
            return None
        shell, kept, closing = [b""], at, ord(",")
        at += 1
        while closing == ord(","):
            name_at, name_end, value = next_member(self._bytes, at, self._end)
            if value < 0:
                return None
            name = bytes(self._text[name_at:name_end])
            at, instead = self._member(name, value)
            if at < 0 or at >= self._end:
                return None
            if instead:
                shell += [bytes(self._text[kept:value]), instead]
                kept = at
            closing = self._text[at]
            at += 1
            _give_back(self._text)
        whole = closing == ord("}") and behind_space(self._bytes, at, self._end) == self._end
        if not whole or self._objects is None:
            return None
        none = np.empty((0, 3), dtype=np.int64)
        corners = self._corners or corners_for(none.astype(np.int32), none)
        return _Found(self._objects, corners, b"".join([*shell, bytes(self._text[kept:at])]))

    def _member(self, name: bytes, value: int) -> tuple[int, bytes]:
        """Return where a member of the root ends and the white space behind it, −1 where it is not plain; and what stands for it."""
        if b"\\" in name:
            return -1, b""
        if name == b"CityObjects":
            at = self._read_objects(value) if self._objects is None and self._text[value] == ord("{") else -1
            instead = b"{}"
        elif name == b"vertices":
            at = self._read_vertices(value) if self._corners is None and self._text[value] == ord("[") else -1
            instead = b"[]"
        else:
            return behind_value(self._bytes, value, self._end), b""
        return (behind_space(self._bytes, at, self._end) if at >= 0 else -1), instead

    def _read_objects(self, at: int) -> int:
        objects, ended = objects_for(1024), MORE
        at = behind_space(self._bytes, at + 1, self._end)
        if at < self._end and self._text[at] == ord("}"):
            at, ended = at + 1, DONE
        while ended == MORE:
            if at >= self._end:
                return -1
            if objects.sizes[0] == len(objects.places):
                objects = enlarged(objects)
            at, ended = index_objects(self._bytes, at, self._end, min(at + _AT_A_TIME_BYTES, self._end), objects)
            _give_back(self._text)
        self._objects = objects
        return at if ended == DONE else -1

    def _read_vertices(self, begin: int) -> int:
        none = np.empty((0, 3), dtype=np.int64)
        narrow, wide = np.empty((_FIRST_VERTICES, 3), dtype=np.int32), none
        at, count, ended = behind_space(self._bytes, begin + 1, self._end), 0, MORE
        if at < self._end and self._text[at] == ord("]"):
            at, ended = at + 1, DONE
        while ended == MORE:
            if at >= self._end:
                return -1
            until = min(at + _AT_A_TIME_BYTES, self._end)
            if count == max(len(narrow), len(wide)):
                (wide if len(wide) else narrow).resize((count + count // 2, 3), refcheck=False)
            at, count, ended = read_vertices(self._bytes, at, self._end, until, narrow, wide, count)
            if ended == TOO_WIDE:
                narrow, wide = none.astype(np.int32), np.empty((_FIRST_VERTICES, 3), dtype=np.int64)
                at, count, ended = begin + 1, 0, MORE
            _give_back(self._text)
        if ended == NOT_PLAIN:
            return -1
        filled = wide if len(wide) else narrow
        filled.resize((count, 3), refcheck=False)
        self._corners = corners_for(narrow, wide)
        return at


def _has_numbers(member: tuple[str, Json]) -> bool:
    """Tell whether the geometries of an object name vertices and places in pictures by lists of numbers from 0 on.

    Another number would be a fault, or nothing, and were one that is there once it is numbered anew.
    """
    return all(
        isinstance(geometry.get("boundaries"), list)
        and _are_numbers(geometry["boundaries"])
        and all(_are_numbers(theme.get("values") or []) for theme in (geometry.get("texture") or {}).values())
        for geometry in member[1].get("geometry") or ()
    )


def _are_numbers(value: object) -> bool:
    return all(map(_are_numbers, value)) if isinstance(value, list) else value is None or (type(value) is int and value >= 0)


def _integers(value: object) -> Iterator[int]:
    """Yield all whole numbers in lists and objects."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _integers(inner)
    elif type(value) is int:
        yield value


def _give_back(text: MappedText) -> None:
    """Let the pages of a mapped file count as memory of this process no longer; who goes there again finds the same bytes."""
    if isinstance(text, mmap.mmap):
        text.madvise(mmap.MADV_DONTNEED)
