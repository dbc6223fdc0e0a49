"""The files of a Shapefile as streams, and its shapes some megabytes at a time, each piece a small Shapefile of its own.

What is unpacked of a ZIP lies nowhere but in memory, so a .shp of a million areas would stay there for as long as it is read. Its index
says where each record stands (ESRI Shapefile Technical Description, July 1998); GDAL reads a piece with an index that begins anew.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from ingest.readers.archive import Archive

_HEADER_BYTES, _LENGTH_AT, _RECORD_HEADER_BYTES, _ENTRY_BYTES, _WORD_BYTES = 100, 24, 8, 8, 2
"""Of both files; where they say how long they are; of a record; of one in the index; what offsets and lengths count."""
_PIECE_BYTES = 2 << 20
_CHUNK = 1 << 20
_ENTRIES = _PIECE_BYTES // _RECORD_HEADER_BYTES
"""Of the index that are looked at together: at least as many as records fit into a piece."""
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a Shapefile, loose or in a ZIP."""

    size: int
    """As the ZIP says: no more can be read, perhaps less."""
    opened: Callable[[], IO[bytes]]

    @classmethod
    def of_path(cls, path: Path) -> Member:
        """Return a loose file."""
        return cls(path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def of_entry(cls, archive: Archive, name: str) -> Member:
        """Return a file in a ZIP; its streams end with RejectedError ``zip-bomb`` or ``archive-broken`` where they must."""
        return cls(archive.size(name), partial(archive.stream, name))

    def read(self) -> bytes:
        """Return the whole file."""
        with self.opened() as stream:
            return stream.read()


def drain(stream: IO[bytes]) -> None:
    """Read on to the end, where a ZIP tells whether what came is what was packed."""
    while stream.read(_CHUNK):
        pass


class Index:
    """Where the shapes of a .shp stand, as its .shx has it."""

    def __init__(self, shx: bytes, shapes: int) -> None:
        """Take in the entries of the first ``shapes`` of an index."""
        self._shx = shx
        there = min(shapes, max(len(shx) - _HEADER_BYTES, 0) // _ENTRY_BYTES)
        entries = np.frombuffer(shx, ">i4", 2 * there, _HEADER_BYTES).reshape(there, 2) if there else np.zeros((0, 2), ">i4")
        self._lacks_entries = there < shapes
        self._entries = entries

    def pieces(self, shapes: Member, rows_at_a_time: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield .shp and .shx of some megabytes and a multiple of ``rows_at_a_time`` each, together all shapes in their order.

        Where records do not follow each other in the order of the index, both files come whole.
        """
        if not self._is_in_order(shapes.size):
            yield shapes.read(), self._shx
            return
        with shapes.opened() as stream:
            header = stream.read(_HEADER_BYTES)
            at, first, rows = len(header), 0, len(self._entries)
            while first < rows:
                last, begin, end = self._piece_from(first, rows_at_a_time)
                stream.read(begin - at)
                at = end
                yield _with_length(header, stream.read(end - begin)), self._piece_index(first, last)
                first = last
            drain(stream)

    def _is_in_order(self, size: int) -> bool:
        """Return whether every record ends before the next one begins, the last one within ``size`` bytes."""
        if self._lacks_entries or not len(self._entries):
            return False
        before = _HEADER_BYTES
        for first in range(0, len(self._entries), _ENTRIES):
            begin, end = self._places(first)
            if begin[0] < before or not ((end >= begin + _RECORD_HEADER_BYTES).all() and (begin[1:] >= end[:-1]).all()):
                return False
            before = int(end[-1])
        return before <= size

    def _places(self, first: int) -> tuple[Offsets, Offsets]:
        """Return where so many records from ``first`` on begin and end."""
        begin, length = self._entries[first : first + _ENTRIES].astype(np.int64).T * _WORD_BYTES
        return begin, begin + length + _RECORD_HEADER_BYTES

    def _piece_from(self, first: int, rows_at_a_time: int) -> tuple[int, int, int]:
        """Return the record after the last one of a piece, and where the piece begins and ends."""
        begin, end = self._places(first)
        fitting = int(np.searchsorted(end, begin[0] + _PIECE_BYTES, "right"))
        last = min(first + max(fitting // rows_at_a_time, 1) * rows_at_a_time, len(self._entries))
        words = int(self._entries[last - 1].sum(dtype=np.int64))
        return last, int(begin[0]), words * _WORD_BYTES + _RECORD_HEADER_BYTES

    def _piece_index(self, first: int, last: int) -> bytes:
        entries = self._entries[first:last].copy()
        entries[:, 0] -= entries[0, 0] - _HEADER_BYTES // _WORD_BYTES
        return _with_length(self._shx[:_HEADER_BYTES], entries.tobytes())


def _with_length(header: bytes, content: bytes) -> bytes:
    """Return a file of a header that says how long it is, and its content."""
    words = struct.pack(">i", (_HEADER_BYTES + len(content)) // _WORD_BYTES)
    return header[:_LENGTH_AT] + words + header[_LENGTH_AT + 4 : _HEADER_BYTES] + content
