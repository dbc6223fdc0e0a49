"""Arrow batches → the body of PostgreSQL's COPY … WITH (FORMAT binary), without a Python object per row.

A row is the number of its columns (int16) and for each column its length (int32, −1 for NULL) and bytes, all big-endian
(PostgreSQL documentation, COPY, "Binary Format"). The bytes of all columns are laid one column after the other, and a compiled loop puts
them together to rows (`ingest.compiled_rows`).
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest import compiled_rows

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

SqlType = Literal["integer", "bigint", "double precision", "boolean", "text", "date", "timestamptz", "json", "geometry", "bytea"]

_NULL = struct.pack(">i", -1)
_OFFSET_BYTES = 4
_EPOCH_DAYS = (dt.date(2000, 1, 1) - dt.date(1970, 1, 1)).days
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CopyColumn:
    """One column of the target table, in COPY's order: filled from a column of the batch, or with one constant."""

    sql_type: SqlType
    source: str | None = None
    """Column of the batch; None for a constant."""
    constant: int | float | bool | str | dt.date | None = None


class Room:
    """Memory in which rows are put together, kept from batch to batch: new pages take ten times as long to get as to fill.

    What was put there is gone once it is used again.
    """

    def __init__(self) -> None:
        self._rows, self._columns = _Kept(), _Kept()

    def of(self, size: int) -> Bytes:
        """Return room for ``size`` bytes of rows, whatever stands in it."""
        return self._rows.of(size)

    def of_columns(self, size: int) -> Bytes:
        """Return room for ``size`` bytes of what is put together, whatever stands in it."""
        return self._columns.of(size)


class _Kept:
    """Bytes of which more than some megabytes are not kept."""

    _MOST_BYTES = 16 << 20

    def __init__(self) -> None:
        self._bytes: Bytes = np.empty(0, np.uint8)

    def of(self, size: int) -> Bytes:
        if size > self._MOST_BYTES:
            return np.empty(size, np.uint8)
        if size > len(self._bytes):
            self._bytes = np.empty(min(size + size // 4, self._MOST_BYTES), np.uint8)
        return self._bytes[:size]


def copy_binary_rows(batch: pa.RecordBatch, columns: Sequence[CopyColumn], room: Room | None = None) -> bytes | memoryview:
    """Return the rows of ``batch`` as COPY takes them, without `HEADER` and `TRAILER`; batches can be sent one after another.

    Arrow types are those of `ingest.protocol.batch_schema`; nulls become NULL. They hold until ``room`` is used again.
    ValueError for a source that is not there.
    """
    if batch.num_rows == 0:
        return b""
    pieces = _Pieces(batch.num_rows)
    pieces.add_same(struct.pack(">h", len(columns)))
    for column in columns:
        if column.source is None:
            pieces.add_same(_constant(column))
        elif column.source not in batch.schema.names:
            raise ValueError(f"no column {column.source!r} in the batch")
        else:
            pieces.add(batch.column(column.source), column.sql_type)
    return pieces.joined(room or Room())


def ready() -> None:
    """Have the loops compiled, or read from where they were kept."""
    copy_binary_rows(pa.RecordBatch.from_pydict({"a": ["A", None]}), [CopyColumn("text", "a")])


class _Pieces:
    """What stands in each row, column after column; neighbours that are the same in every row are one piece."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._kinds: list[int] = []
        self._widths: list[int] = []
        self._content = _Spans(np.uint8)
        self._ends = _Spans(np.int64)
        self._nulls = _Spans(np.uint8)
        self._same = b""

    def add_same(self, content: bytes) -> None:
        """Add bytes that stand in every row."""
        self._same += content

    def add(self, array: pa.Array, sql_type: SqlType) -> None:
        """Add a column of values."""
        if array.null_count == len(array):
            self.add_same(_NULL)
            return
        self._end_same()
        encode = _FIXED.get(sql_type)
        nulls = array.is_null().to_numpy(zero_copy_only=False).view(np.uint8) if array.null_count else None
        if encode is not None:
            dtype, values_of = encode
            values = values_of(array).astype(dtype)
            self._add(compiled_rows.FIXED, values.itemsize, values.view(np.uint8), None, nulls)
            return
        content = array.cast(pa.binary())
        ends = np.frombuffer(content.buffers()[1], np.int32, len(content) + 1, content.offset * _OFFSET_BYTES)
        given = np.frombuffer(content.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
        self._add(compiled_rows.VARIABLE, 0, given, ends - ends[0], nulls)

    def joined(self, room: Room) -> memoryview:
        """Return the rows, put together in ``room``."""
        self._end_same()
        kinds, widths = np.array(self._kinds, np.uint8), np.array(self._widths, np.int64)
        content, content_at = self._content.joined(room.of_columns(self._content.size))
        (ends, ends_at), (nulls, nulls_at) = self._ends.joined(), self._nulls.joined()
        starts = np.empty(self._rows + 1, np.int64)
        compiled_rows.measure_rows(kinds, widths, ends_at, ends, nulls_at, nulls, starts)
        body = room.of(int(starts[-1]))
        compiled_rows.join_rows(kinds, widths, content_at, content, ends_at, ends, nulls_at, nulls, starts, body)
        return memoryview(body)

    def _end_same(self) -> None:
        if self._same:
            same, self._same = self._same, b""
            self._add(compiled_rows.SAME, len(same), np.frombuffer(same, np.uint8), None, None)

    def _add(self, kind: int, width: int, content: Bytes, ends: npt.NDArray[np.integer] | None, nulls: Bytes | None) -> None:
        self._kinds.append(kind)
        self._widths.append(width)
        self._content.add(content)
        self._ends.add(ends)
        self._nulls.add(nulls)


class _Spans:
    """Arrays one after the other, and where each begins; -1 for one that is not there."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._given: list[npt.NDArray[Any]] = [np.empty(0, dtype)]
        self._at: list[int] = []
        self.size = 0
        """Of all of them together."""

    def add(self, array: npt.NDArray[Any] | None) -> None:
        """Add an array, or none."""
        self._at.append(-1 if array is None else self.size)
        if array is not None:
            self._given.append(array)
            self.size += len(array)

    def joined(self, room: npt.NDArray[Any] | None = None) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Return all of them as one array, in ``room`` if it is given, and where each begins."""
        return np.concatenate(self._given, out=room), np.array(self._at, np.int64)


def _constant(column: CopyColumn) -> bytes:
    """Return length and bytes of a constant, as a batch of one row would give them."""
    if column.constant is None:
        return _NULL
    pieces = _Pieces(1)
    pieces.add(pa.array([column.constant], _ARROW_OF_CONSTANT[column.sql_type]), column.sql_type)
    return bytes(pieces.joined(Room()))


def _numbers(array: pa.Array) -> npt.NDArray[Any]:
    """Return the numbers as they lie there; where there is none, whatever does."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def _flags(array: pa.Array) -> npt.NDArray[np.generic]:
    return pc.fill_null(array, False).to_numpy(zero_copy_only=False).astype(np.uint8)


def _days(array: pa.Array) -> npt.NDArray[np.generic]:
    return _numbers(array.cast(pa.int32())) - np.int32(_EPOCH_DAYS)


def _microseconds(array: pa.Array) -> npt.NDArray[np.generic]:
    return _numbers(array.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())) - np.int64(_EPOCH_US)


_FIXED: Mapping[str, tuple[str, Callable[[pa.Array], npt.NDArray[np.generic]]]] = {
    "integer": (">i4", _numbers),
    "bigint": (">i8", _numbers),
    "double precision": (">f8", _numbers),
    "boolean": ("u1", _flags),
    "date": (">i4", _days),
    "timestamptz": (">i8", _microseconds),
}

_ARROW_OF_CONSTANT: Mapping[str, pa.DataType] = {
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "json": pa.string(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "geometry": pa.binary(),
    "bytea": pa.binary(),
}
