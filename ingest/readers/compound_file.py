"""Compound files ([MS-CFB]): one stream of them read in chunks, and a file written that has one stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import SEEK_END
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ingest.readers.element_pieces import IrregularError

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What compound files begin with: workbooks of Excel 97 to 2003."""
_HEADER = struct.Struct("<8s16x2x2xHHH6xIII4xIIIII")
_WRITTEN = struct.Struct("<8s16xHHHHH6xIIIIIIIII")
_DIFAT_AT, _IN_HEADER = 76, 109
_ENTRY_BYTES, _STREAM = 128, 2
_END, _IS_FAT, _FREE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_SHIFTS = (9, 12)
_CHUNK = 1 << 20
_MINI_BYTES = 4096
"""Shorter streams lie elsewhere."""
_SECTOR = 4096

Sectors = npt.NDArray[np.uint32]


class CompoundFile:
    """The streams of a compound file; IrregularError wherever it is not as the standard has it."""

    def __init__(self, file: BinaryIO) -> None:
        """Read where its sectors and streams are."""
        self._file = file
        file.seek(0)
        head = file.read(512)
        if len(head) < 512:
            raise IrregularError
        magic, order, shift, _, _, fats, directory, _, _, _, difat, difats = _HEADER.unpack_from(head)
        if magic != OLE_MAGIC or order != 0xFFFE or shift not in _SHIFTS:
            raise IrregularError
        self._sector_bytes = 1 << shift
        sectors = (file.seek(0, SEEK_END) >> shift) + 1
        if fats > sectors * 4 // self._sector_bytes + 1 or difats > fats:
            raise IrregularError
        self._fat = self._table(np.frombuffer(head, "<u4", _IN_HEADER, _DIFAT_AT), fats, difat, difats)
        self._entries = b"".join(self._chunks(self._chain(directory)))

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a stream of at least 4096 bytes in chunks."""
        spelled = name.encode("utf-16-le") + b"\0\0"
        for at in range(0, len(self._entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            length, kind, start, size = struct.unpack_from("<HB49xIQ", self._entries, at + 64)
            if kind == _STREAM and length == len(spelled) and self._entries[at : at + length] == spelled:
                if size < _MINI_BYTES:
                    raise IrregularError
                yield from self._cut(start, size)
                return
        raise IrregularError

    def _cut(self, start: int, size: int) -> Iterator[bytes]:
        left = size if self._sector_bytes == _SECTOR else size & 0xFFFFFFFF
        for chunk in self._chunks(self._chain(start)):
            yield chunk[:left]
            left = max(0, left - len(chunk))
        if left:
            raise IrregularError

    def _table(self, difat: npt.NDArray[np.uint32], count: int, further: int, most: int) -> Sectors:
        """Return which sector follows each."""
        numbers = [difat]
        for _ in range(most):
            more = np.frombuffer(self._sector(further), "<u4")
            numbers.append(more[:-1])
            further = int(more[-1])
        listed = np.concatenate(numbers)[:count]
        return np.frombuffer(b"".join(self._chunks(listed)), "<u4")

    def _chain(self, start: int) -> Sectors:
        chain, at, follows = list[int](), start, self._fat
        while at != _END:
            if at >= len(follows) or len(chain) > len(follows):
                raise IrregularError
            chain.append(at)
            at = int(follows[at])
        return np.array(chain, np.uint32)

    def _sector(self, number: int) -> bytes:
        return next(self._chunks(np.array([number], np.uint32)))

    def _chunks(self, sectors: Sectors) -> Iterator[bytes]:
        """Yield the content of sectors, those beside each other at once."""
        breaks = np.flatnonzero(np.diff(sectors.astype(np.int64)) != 1) + 1
        for run in np.split(sectors, breaks):
            for first in range(0, len(run), _CHUNK // self._sector_bytes):
                part = run[first : first + _CHUNK // self._sector_bytes]
                self._file.seek((int(part[0]) + 1) * self._sector_bytes)
                content = self._file.read(len(part) * self._sector_bytes)
                if not content:
                    raise IrregularError
                yield content.ljust(len(part) * self._sector_bytes, b"\0")


def with_stream(name: str, content: bytes) -> bytes:
    """Return a compound file that has one stream, and an empty sector for short ones, which calamine asks for."""
    count = -(-max(len(content), _MINI_BYTES) // _SECTOR)
    fats = 1
    while fats * (_SECTOR // 4) < 2 + fats + count:
        fats += 1
    follows = [_END, *[_IS_FAT] * fats, *range(2 + fats, 1 + fats + count), _END, _END]
    fat = np.full(fats * (_SECTOR // 4), _FREE, "<u4")
    fat[: len(follows)] = follows
    difat = np.full(_IN_HEADER, _FREE, "<u4")
    difat[:fats] = range(1, fats + 1)
    head = _WRITTEN.pack(OLE_MAGIC, 0x3E, 4, 0xFFFE, 12, 6, 1, fats, 0, 0, _MINI_BYTES, _END, 0, _END, 0) + difat.tobytes()
    root = _entry("Root Entry", 5, 1, 1 + fats + count, _SECTOR)
    entries = root + _entry(name, _STREAM, _FREE, 1 + fats, max(len(content), _MINI_BYTES))
    return b"".join((head.ljust(_SECTOR, b"\0"), entries.ljust(_SECTOR, b"\0"), fat.tobytes(), content.ljust((count + 1) * _SECTOR, b"\0")))


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    spelled = name.encode("utf-16-le") + b"\0\0"
    return spelled.ljust(64, b"\0") + struct.pack("<HBBIII36xIQ", len(spelled), kind, 1, _FREE, _FREE, child, start, size)
