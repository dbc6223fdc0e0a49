"""Features as Arrow record batches, for files made of columns: COPY BINARY, decoded a column at a time without an object a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from twin.db import Connection
from twin.featuretypes.validity import validity_fields
from twin.model import Field, FieldType, Principal
from twin.query.copied import Piece, copied, rows_in_order
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.positions import geometry_in

ID, GEOMETRY = "id", "geometry"
"""Columns of every batch besides the properties; no FeatureType may have fields of these names."""
BATCH_BYTES = 8 << 20
"""Rows come in batches of about so many bytes."""
_HEADER_BYTES = 19
_COUNT_BYTES = 2
_LENGTH_BYTES = 4
_WIDEST = 8
_EPOCH_DAYS, _EPOCH_US = 10_957, 946_684_800_000_000
"""1970-01-01 to 2000-01-01, from which PostgreSQL counts."""
_TYPES: dict[FieldType, pa.DataType] = {
    "string": pa.string(),
    "code": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", tz="UTC"),
}

Numbers = npt.NDArray[np.int64]


def arrow_schema(query: FeatureQuery) -> pa.Schema:
    """Return the columns of :func:`arrow_batches`: ``id`` (OID), the properties, and ``geometry`` unless it is not wanted."""
    columns = [pa.field(ID, pa.string(), nullable=False), *(pa.field(f.name, _TYPES[f.type]) for f in _fields(query))]
    return pa.schema([*columns, pa.field(GEOMETRY, pa.binary())] if query.with_geometry else columns)


def arrow_batches(connection: Connection, query: FeatureQuery, principal: Principal, limit: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the features a query means, in its order, at most ``limit``, in batches of :func:`arrow_schema`, all of one snapshot.

    Geometry is ISO WKB, little endian, in ``query.crs`` with its heights. NaN and infinity, which no exchange format has a number for, are
    null. Raises NotFoundError for hidden collections.
    """
    schema = arrow_schema(query)
    types = ("integer", *(f.type for f in _fields(query)))
    prefix = query.collection.oid_prefix
    for rows in _gathered(copied(connection, _statement(query, principal, limit), "binary")):
        values = rows.columns(len(types) + query.with_geometry)
        fid, *properties = (_column(kind, rows.content, *at) for kind, at in zip(types, values, strict=False))
        oid = pc.binary_join_element_wise(prefix, fid.cast(pa.string()), "")
        geometry = [_texts(rows.content, *values[-1], pa.binary())] if query.with_geometry else []
        yield pa.record_batch([oid, *properties, *geometry], schema=schema)


def _fields(query: FeatureQuery) -> tuple[Field, ...]:
    known = {f.name: f for f in (*query.collection.feature_type.fields, *validity_fields())}
    return tuple(known[name] for name in query.wanted_properties)


def _statement(query: FeatureQuery, principal: Principal, limit: int | None) -> Statement:
    parameters = Parameters()
    rows = rows_in_order(query, principal, parameters, limit)
    shown: list[sql.Composable] = [sql.Identifier(n) for n in ("fid", *query.wanted_properties)]
    if query.with_geometry:
        shown.append(sql.SQL("ST_AsBinary({}, 'NDR')").format(geometry_in(query.crs, query.collection.stored)))
    text = sql.SQL("SELECT {} FROM ({}) AS wanted").format(sql.SQL(", ").join(shown), rows)
    return Statement(text, parameters.values)


class _Rows:
    """Rows of a COPY BINARY stream: their bytes, and where each begins."""

    def __init__(self, content: bytearray, begins: Sequence[int]) -> None:
        content += bytes(_WIDEST)  # so that a number can be looked for behind the last value
        self.content = np.frombuffer(content, np.uint8)
        self._begins = np.array(begins, np.int64)

    def columns(self, count: int) -> list[tuple[Numbers, Numbers]]:
        """Return where the values of each of ``count`` columns begin, and how long they are (-1: NULL), for every row."""
        lengths_at = _anywhere(self.content, ">i4")
        at, found = self._begins + _COUNT_BYTES, []
        for _ in range(count):
            lengths = lengths_at[at].astype(np.int64)
            begins = at + _LENGTH_BYTES
            found.append((begins, lengths))
            at = begins + np.maximum(lengths, 0)
        return found


def _gathered(pieces: Iterator[Piece]) -> Iterator[_Rows]:
    content, begins = bytearray(), list[int]()
    skipped = _HEADER_BYTES
    for piece in pieces:
        row = piece[skipped:]
        skipped = 0
        if len(row) <= _COUNT_BYTES:  # the trailer
            continue
        begins.append(len(content))
        content += row
        if len(content) >= BATCH_BYTES:
            yield _Rows(content, begins)
            content, begins = bytearray(), []
    if begins:
        yield _Rows(content, begins)


def _anywhere(content: npt.NDArray[np.uint8], kind: str) -> npt.NDArray[np.generic]:
    """Return a view that has at each byte the number of type ``kind`` that begins there."""
    return np.ndarray((len(content) - np.dtype(kind).itemsize + 1,), kind, content.data, strides=(1,))


def _column(kind: FieldType, content: npt.NDArray[np.uint8], begins: Numbers, lengths: Numbers) -> pa.Array:
    missing = lengths < 0
    match kind:
        case "string" | "code":
            return _texts(content, begins, lengths, pa.string())
        case "integer":
            return pa.array(_anywhere(content, ">i8")[begins].astype(np.int64), mask=missing)
        case "number":
            numbers = _anywhere(content, ">f8")[begins].astype(np.float64)
            return pa.array(numbers, mask=missing | ~np.isfinite(numbers))
        case "boolean":
            return pa.array(content[begins] != 0, mask=missing)
        case "date":
            days = _anywhere(content, ">i4")[begins].astype(np.int32)
            return pa.array(days + np.int32(_EPOCH_DAYS), mask=missing | _infinite(days)).cast(pa.date32())
        case "datetime":
            times = _anywhere(content, ">i8")[begins].astype(np.int64)
            return pa.array(times + _EPOCH_US, mask=missing | _infinite(times)).cast(_TYPES["datetime"])


def _infinite(counted: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell which days or times are PostgreSQL's ``infinity`` or ``-infinity``."""
    ends = np.iinfo(counted.dtype)
    infinite: npt.NDArray[np.bool_] = (counted == ends.min) | (counted == ends.max)
    return infinite


def _texts(content: npt.NDArray[np.uint8], begins: Numbers, lengths: Numbers, kind: pa.DataType) -> pa.Array:
    """Return values of any length; the bytes between two of them are values, too, until every second one is taken."""
    offsets = np.empty(2 * len(begins), np.int32)
    offsets[::2], offsets[1::2] = begins, begins + np.maximum(lengths, 0)
    everything = pa.Array.from_buffers(kind, len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(content)])
    return everything.take(pa.array(np.arange(0, len(offsets), 2), mask=lengths < 0))
