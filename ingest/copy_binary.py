"""Arrow batches → the body of PostgreSQL's COPY … WITH (FORMAT binary), without a Python object per row.

A row is the number of its columns (int16) and for each column its length (int32, −1 for NULL) and bytes, all big-endian
(PostgreSQL documentation, COPY, "Binary Format"). Every column becomes one or two Arrow columns of bytes and Arrow joins
them row-wise: the buffer of the result is the body.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

SqlType = Literal["integer", "bigint", "double precision", "boolean", "text", "date", "timestamptz", "jsonb", "geometry", "bytea"]

_NULL = struct.pack(">i", -1)
_EPOCH_DAYS = (dt.date(2000, 1, 1) - dt.date(1970, 1, 1)).days
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000
_JSONB_VERSION = b"\x01"


@dataclass(frozen=True, slots=True)
class CopyColumn:
    """One column of the target table, in COPY's order: filled from a column of the batch, or with one constant."""

    sql_type: SqlType
    source: str | None = None
    """Column of the batch; None for a constant."""
    constant: int | float | bool | str | dt.date | None = None


def copy_binary_rows(batch: pa.RecordBatch, columns: Sequence[CopyColumn]) -> bytes | memoryview:
    """Return the rows of ``batch`` as COPY takes them, without `HEADER` and `TRAILER`; batches can be sent one after another.

    They stay where Arrow joined them: megabytes are not copied once more.

    Arrow types are those of `ingest.protocol.batch_schema`; nulls become NULL. ValueError for a source that is not there.
    """
    if batch.num_rows == 0:
        return b""
    pieces: list[pa.Array | pa.Scalar] = [_scalar(struct.pack(">h", len(columns)))]
    for column in columns:
        if column.source is None:
            pieces.append(_scalar(_constant(column)))
        else:
            if column.source not in batch.schema.names:
                raise ValueError(f"no column {column.source!r} in the batch")
            pieces += _pieces(batch.column(column.source), column.sql_type)
    rows = pc.binary_join_element_wise(*_merged(pieces), _scalar(b""))
    if isinstance(rows, pa.BinaryScalar):  # all constants
        body: bytes = rows.as_py() * batch.num_rows
        return body
    offsets = np.frombuffer(rows.buffers()[1], dtype=np.int32, count=len(rows) + 1 + rows.offset)[rows.offset :]
    return memoryview(rows.buffers()[2]).cast("B")[int(offsets[0]) : int(offsets[-1])]


def _merged(pieces: Sequence[pa.Array | pa.Scalar]) -> list[pa.Array | pa.Scalar]:
    """Return ``pieces`` with neighbouring constants made one."""
    merged: list[pa.Array | pa.Scalar] = []
    for piece in pieces:
        if merged and isinstance(piece, pa.Scalar) and isinstance(merged[-1], pa.Scalar):
            merged[-1] = _scalar(merged[-1].as_py() + piece.as_py())
        else:
            merged.append(piece)
    return merged


def _scalar(content: bytes) -> pa.Scalar:
    return pa.scalar(content, pa.binary())


def _constant(column: CopyColumn) -> bytes:
    """Return length and bytes of a constant, as a batch of one row would give them."""
    if column.constant is None:
        return _NULL
    one = pa.array([column.constant], _ARROW_OF_CONSTANT[column.sql_type])
    return b"".join(p.as_py() if isinstance(p, pa.Scalar) else p[0].as_py() for p in _pieces(one, column.sql_type))


def _pieces(array: pa.Array, sql_type: SqlType) -> list[pa.Array | pa.Scalar]:
    """Return what stands in each row for this column, as one or two columns of bytes without nulls."""
    if array.null_count == len(array):
        return [_scalar(_NULL)]
    encode = _FIXED.get(sql_type)
    return _variable(array, sql_type) if encode is None else _fixed(array, *encode)


def _fixed(array: pa.Array, dtype: str, values_of: Callable[[pa.Array], npt.NDArray[np.generic]]) -> list[pa.Array | pa.Scalar]:
    width = np.dtype(dtype).itemsize
    rows = np.empty(len(array), dtype=[("length", ">i4"), ("value", dtype)])
    rows["length"] = width
    rows["value"] = values_of(array)
    content = pa.Array.from_buffers(pa.binary(), len(array), [None, _even_offsets(len(array), 4 + width), pa.py_buffer(rows)])
    return [pc.if_else(array.is_valid(), content, _scalar(_NULL)) if array.null_count else content]


def _variable(array: pa.Array, sql_type: SqlType) -> list[pa.Array | pa.Scalar]:
    content = array.cast(pa.binary())
    marker = _JSONB_VERSION if sql_type == "jsonb" else b""
    lengths = np.empty(len(array), dtype=">i4")
    lengths[:] = pc.fill_null(pc.binary_length(content), -1 - len(marker)).to_numpy(zero_copy_only=False) + len(marker)
    prefix = pa.Array.from_buffers(pa.binary(), len(array), [None, _even_offsets(len(array), 4), pa.py_buffer(lengths)])
    if marker:
        content = pc.binary_join_element_wise(_scalar(marker), content, _scalar(b""))
    return [prefix, pc.fill_null(content, b"") if array.null_count else content]


def _even_offsets(rows: int, width: int) -> pa.Buffer:
    return pa.py_buffer(np.arange(0, (rows + 1) * width, width, dtype=np.int32))


def _numbers(array: pa.Array) -> npt.NDArray[np.generic]:
    filled: npt.NDArray[np.generic] = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
    return filled


def _flags(array: pa.Array) -> npt.NDArray[np.generic]:
    return pc.fill_null(array, False).to_numpy(zero_copy_only=False).astype(np.uint8)


def _days(array: pa.Array) -> npt.NDArray[np.generic]:
    return pc.fill_null(array.cast(pa.int32()), 0).to_numpy(zero_copy_only=False) - np.int32(_EPOCH_DAYS)


def _microseconds(array: pa.Array) -> npt.NDArray[np.generic]:
    return pc.fill_null(array.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()), 0).to_numpy(zero_copy_only=False) - np.int64(_EPOCH_US)


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
    "jsonb": pa.string(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "geometry": pa.binary(),
    "bytea": pa.binary(),
}
