"""dBASE III tables as Shapefiles carry them (ESRI Shapefile Technical Description, July 1998; xBase header).

Read column-wise with numpy, not through GDAL: GDAL's text decoding depends on the iconv modules a machine happens to
have, and it passes over records marked as deleted, which moves all row numbers after them.
"""

from __future__ import annotations

import codecs
import copy
import datetime as dt
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.readers.encodings import without_padding
from ingest.refusals import rejected
from twin.errors import TwinError

_HEADER_BYTES, _FIELD_BYTES = 32, 32
_LDID_AT = 29
_END_OF_FIELDS = 0x0D
_DELETED = ord("*")
_SAMPLED_RECORDS = 4000
_LONGEST_HEADER_BYTES = 1 << 16


def dbf_of_stream(stream: IO[bytes], size: int) -> Dbf:
    """Return the table of ``size`` bytes that ``stream`` begins with, at hand as many of its records as tell its encoding."""
    head = stream.read(_LONGEST_HEADER_BYTES)
    records_bytes = _SAMPLED_RECORDS * Dbf(head, size).record_bytes
    return Dbf(head + stream.read(records_bytes), size)


@dataclass(frozen=True, slots=True)
class DbfField:
    """One column as the header describes it; the name in its raw bytes."""

    name: bytes
    kind: str
    offset: int
    width: int
    decimals: int


class Dbf:
    """A DBF table, or its header with the records that are at hand; text is decoded when a column is asked for."""

    def __init__(self, content: bytes | memoryview, size: int | None = None) -> None:
        """Parse the header of a file of ``size`` bytes that begins with ``content`` (None: is it).

        RejectedError ``dbf-broken`` when sizes do not agree.
        """
        if len(content) < _HEADER_BYTES + 1:
            raise _broken("shorter than its header")
        count, self.header_bytes, self.record_bytes = struct.unpack_from("<IHH", content, 4)
        self.language_driver = content[_LDID_AT]
        self.fields = _fields(content, self.header_bytes)
        if not self.fields or self.fields[-1].offset + self.fields[-1].width > self.record_bytes:
            raise _broken("its fields are longer than its records")
        whole = ((len(content) if size is None else size) - self.header_bytes) // self.record_bytes
        if count > whole:
            raise _broken(f"{count} records are stated, {max(whole, 0)} are there")
        self.rows = count
        self.records = self._records(memoryview(content)[self.header_bytes : self.header_bytes + count * self.record_bytes])

    def with_records(self, content: bytes) -> Dbf:
        """Return the table with whole records of ``content`` alone, which are counted from 0."""
        other = copy.copy(self)
        other.records = self._records(content)
        other.rows = len(other.records)
        return other

    def _records(self, content: bytes | memoryview) -> npt.NDArray[np.uint8]:
        there = len(content) // self.record_bytes
        return np.frombuffer(content, dtype=np.uint8, count=there * self.record_bytes).reshape(there, self.record_bytes)

    @property
    def deleted(self) -> npt.NDArray[np.bool_]:
        """Which of the records at hand are marked as deleted."""
        marks: npt.NDArray[np.bool_] = self.records[:, 0] == _DELETED
        return marks

    def raw_texts(self, most: int = _SAMPLED_RECORDS) -> list[bytes]:
        """Return the bytes of all text fields, of at most ``most`` records, and the column names."""
        found = [f.name for f in self.fields]
        for field in self.fields:
            if field.kind == "C":
                found += self._cells(field, 0, most)
        return found

    def names(self, encoding: str) -> tuple[str, ...]:
        """Return the column names, each once: a second one of the same name is numbered."""
        names: list[str] = []
        for field in self.fields:
            name = field.name.decode(encoding, "replace")
            names.append(name if name not in names else f"{name}_{sum(n.startswith(name) for n in names)}")
        return tuple(names)

    def column(self, index: int, encoding: str, first: int, last: int) -> tuple[pa.Array, bool]:
        """Return the records ``first``…``last`` of a column, typed by its kind, and whether all its text could be decoded."""
        field = self.fields[index]
        cells = self._cells(field, first, last)
        if field.kind in "NF":
            return _numbers(cells, field), True
        if field.kind == "D":
            return pa.array([_day(c) for c in cells], pa.date32()), True
        if field.kind == "L":
            return pa.array([_flag(c) for c in cells], pa.bool_()), True
        return _texts(cells, encoding)

    def _cells(self, field: DbfField, first: int, last: int) -> list[bytes]:
        block = np.ascontiguousarray(self.records[first:last, field.offset : field.offset + field.width])
        raw: list[bytes] = block.view(f"S{field.width}").reshape(-1).tolist() if len(block) else []
        return raw


def _fields(content: bytes | memoryview, header_bytes: int) -> tuple[DbfField, ...]:
    fields: list[DbfField] = []
    offset = 1
    for at in range(_HEADER_BYTES, min(header_bytes, len(content)) - 1, _FIELD_BYTES):
        if content[at] == _END_OF_FIELDS or at + _FIELD_BYTES > len(content):
            break
        name, kind, width, decimals = struct.unpack_from("<11sc4xBB", content, at)
        label = kind.decode("latin-1")
        if label == "C":
            width, decimals = width + 256 * decimals, 0  # Clipper's long text fields
        fields.append(DbfField(_name(name), label, offset, width, decimals))
        offset += width
    return tuple(f for f in fields if f.width)


def _name(raw: bytes) -> bytes:
    """Return a column name up to its end, which is a zero; in UTF-16 (with its byte order mark) two."""
    if raw.startswith(codecs.BOM_UTF16_LE):
        return raw[: len(raw) - len(raw) % 2].decode("utf-16", "replace").split("\0", 1)[0].encode("utf-16")
    return raw.split(b"\0", 1)[0].strip()


def _numbers(cells: Sequence[bytes], field: DbfField) -> pa.Array:
    """Return a number column; a column with cells that are no numbers comes as text, so that they can be named."""
    stripped = [c.strip(b" \0") for c in cells]
    blank = [not c or c[:1] == b"*" for c in stripped]
    try:
        if field.decimals == 0 and field.kind == "N" and field.width < 19:
            return pa.array([None if b else int(c) for c, b in zip(stripped, blank, strict=True)], pa.int64())
        return pa.array([None if b else float(c) for c, b in zip(stripped, blank, strict=True)], pa.float64())
    except ValueError:
        return pa.array([None if b else c.decode("latin-1") for c, b in zip(stripped, blank, strict=True)], pa.string())


def _texts(cells: Sequence[bytes], encoding: str) -> tuple[pa.Array, bool]:
    distinct: dict[bytes, str | None] = {}
    clean = True
    for cell in cells:
        if cell in distinct:
            continue
        raw = without_padding(cell, encoding)
        try:
            distinct[cell] = raw.decode(encoding).rstrip(" \0") or None
        except UnicodeDecodeError as error:
            cut = error.end >= len(raw) and len(raw) - error.start < 4  # a field's width may cut the last character in two
            distinct[cell] = raw[: error.start].decode(encoding, "replace") if cut else raw.decode(encoding, "replace")
            clean = clean and cut
    return pa.array([distinct[c] for c in cells], pa.string()), clean


def _day(cell: bytes) -> dt.date | None:
    text = cell.strip(b" \0")
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None


def _flag(cell: bytes) -> bool | None:
    return True if cell in (b"T", b"t", b"Y", b"y") else False if cell in (b"F", b"f", b"N", b"n") else None


def _broken(reason: str) -> TwinError:
    return rejected("dbf-broken", f"The .dbf cannot be read: {reason}.", f".dbf 无法读取：{reason}。")
