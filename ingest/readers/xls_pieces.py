"""Large sheets of an XLS ([MS-XLS]), read as many small workbooks of some rows each: its library holds every cell of all sheets at once.

Records of cells bear the numbers of their rows: a workbook is cut between them, and what a record means stays the library's to say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import BinaryIO

from ingest.readers.compound_file import CompoundFile, with_stream
from ingest.readers.element_pieces import PIECE_BYTES, IrregularError, check_repeated

_STREAM = "Workbook"
_LARGE_BYTES = 16 << 20
_RECORD = struct.Struct("<HHH")
"""What it is, how long, and of a cell its row."""
_BEGIN, _END, _SHEET = 0x0809, 0x000A, 0x0085
_CELLS = frozenset({0x0203, 0x00FD, 0x027E, 0x00BD, 0x0204, 0x0006, 0x0201, 0x0205, 0x00BE})
"""Numbers, texts, formulas, empty cells, errors: a sheet may be cut before one in a new row; a formula's text stands behind it."""
_NOTHING = struct.pack("<HHHHIII", _BEGIN, 16, 0x0600, 0x0010, 0, 0, 0) + struct.pack("<HH", _END, 0)
_DIMENSIONS = 0x0200
"""How large a sheet says to be: calamine takes memory for all of it, which a piece does not need, and a damaged one ends the process."""
_WORKSHEET = 0
_MOST_SHEETS = 1000


def is_large_xls(file: BinaryIO) -> bool:
    """Return whether a compound file is better not held as a whole."""
    return file.seek(0, 2) > _LARGE_BYTES


class XlsPieces:
    """An XLS of which each sheet is read piece by piece, one sheet after the other."""

    def __init__(self, file: BinaryIO) -> None:
        """IrregularError where its sheets do not follow each other, or more stands before them than each piece can repeat."""
        self._stream = _Stream(CompoundFile(file).stream(_STREAM))
        head, kind = bytearray(), _BEGIN
        while kind != _END:
            kind, record = self._stream.record()
            head += record
            check_repeated(len(head))
        self._head = bytes(head)
        self._sheets = list(_sheets(self._head))
        begins = [struct.unpack_from("<I", self._head, at)[0] for at in self._sheets]
        if not 0 < len(begins) <= _MOST_SHEETS or begins[0] < len(self._head) or any(a >= b for a, b in pairwise(begins)):
            raise IrregularError
        self._begins = begins

    def frame(self) -> BytesIO:
        """Return the workbook without its cells: what its sheets are called, and which are shown."""
        return self._book(0, b"")

    def sheet(self, number: int) -> Iterator[BytesIO]:
        """Yield workbooks whose sheet ``number`` has some of its rows; to be asked for one sheet after the other."""
        self._stream.skip_to(self._begins[number])
        rows, last = bytearray(), -1
        while True:
            kind, record = self._stream.record()
            if kind == _END:
                break
            if kind in _CELLS:
                row = _RECORD.unpack_from(record)[2]
                if row != last and len(rows) >= PIECE_BYTES:
                    yield self._book(number, bytes(rows))
                    rows = bytearray()
                last = row
            rows += record if kind != _DIMENSIONS else b""
        yield self._book(number, bytes(rows))

    def _book(self, number: int, rows: bytes) -> BytesIO:
        head = bytearray(self._head)
        for at in self._sheets:
            struct.pack_into("<I", head, at, len(head))
        struct.pack_into("<I", head, self._sheets[number], len(head) + len(_NOTHING))
        begin, end = _NOTHING[:-4], _NOTHING[-4:]
        rows = rows if rows.startswith(begin[:2]) else begin + rows
        return BytesIO(with_stream(_STREAM, bytes(head) + _NOTHING + rows + end))


def _sheets(head: bytes) -> Iterator[int]:
    """Yield where it is said where each sheet begins."""
    at = 0
    while at < len(head):
        kind, length = struct.unpack_from("<HH", head, at)
        if kind == _SHEET:
            if length < 8 or head[at + 9] != _WORKSHEET:
                raise IrregularError
            yield at + 4
        at += 4 + length


class _Stream:
    """Records that come in chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._kept, self._at, self._before = b"", 0, 0

    def record(self) -> tuple[int, bytes]:
        """Return the next record, its head with it; IrregularError at the end."""
        self._have(4)
        kind, length = struct.unpack_from("<HH", self._kept, self._at)
        self._have(4 + length)
        at, self._at = self._at, self._at + 4 + length
        if kind in _CELLS and length < 6:
            raise IrregularError
        return kind, self._kept[at : self._at]

    def skip_to(self, place: int) -> None:
        """Pass over what stands before ``place``; IrregularError where that was passed."""
        left = place - self._before - self._at
        if left < 0:
            raise IrregularError
        while left:
            self._have(1)
            step = min(left, len(self._kept) - self._at)
            self._at, left = self._at + step, left - step

    def _have(self, length: int) -> None:
        if len(self._kept) - self._at >= length:
            return
        parts = [self._kept[self._at :]]
        self._before += self._at
        self._at = 0
        while sum(map(len, parts)) < length:
            chunk = next(self._chunks, b"")
            if not chunk:
                raise IrregularError
            parts.append(chunk)
        self._kept = b"".join(parts)
