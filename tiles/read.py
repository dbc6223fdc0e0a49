"""The features of a revision from PostGIS as columns: COPY BINARY, decoded without a Python object a value."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Copy
from psycopg.pq.abc import PGresult

from tiles.columns import Bytes, Column, FeatureColumns, NumberColumn, Representations, TextColumn, concatenate, offsets_of
from tiles.kernel import kernel
from tiles.selection import sliced
from twin.byte_numbers import network_int32
from twin.db import Connection, translated
from twin.errors import TwinError
from twin.kernel import copy_bytes
from twin.model import FeatureType, FieldType, Principal
from twin.query.column_batches import columns_statement
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.representations import representations_statement
from twin.unpacked_faces import unpacked

BATCH_BYTES = 16 << 20
"""Rows are decoded in batches of about this size."""
COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_TRAILER = b"\xff\xff"
"""What COPY BINARY ends with: with its last message or, where there are no rows, with its first."""
_EPOCH_DAY, _EPOCH_TIME = np.datetime64("2000-01-01", "D"), np.datetime64("2000-01-01", "us")


class ReadError(TwinError):
    """The database sent rows of another form than was asked for."""

    code = "tile-read"


def read_drawn(connection: Connection, query: FeatureQuery, principal: Principal, feature_type: FeatureType) -> FeatureColumns:
    """Return all features ``query`` means and ``principal`` may see, by fid, with what they are drawn by.

    Both are of one state where ``query`` says as of which commit.
    """
    features = concatenate(list(read_features(connection, query, principal, feature_type)))
    return replace(features, representations=read_representations(connection, query, principal, features.fid))


def stream_drawn(
    connection: Connection, beside: Connection, query: FeatureQuery, principal: Principal, feature_type: FeatureType
) -> Iterator[FeatureColumns]:
    """Yield what :func:`read_drawn` returns in batches; features and representations are read at once, over two connections."""
    statement = representations_statement(query, principal, "highest")
    pieces = (_decode_representations(piece, header=is_first) for piece, is_first in copied(beside, statement))
    faces = _Faces(pieces)
    for batch in read_features(connection, query, principal, feature_type):
        yield from faces.beside(batch)
    faces.end()


class _Faces:
    """Representations in the order of fid, dealt out to the features that come in the same order."""

    def __init__(self, pieces: Iterator[tuple[NDArray[np.uint32], NDArray[np.uint8], TextColumn]]) -> None:
        self._pieces = pieces
        self._fid, self._lod, self._text = np.zeros(0, np.uint32), np.zeros(0, np.uint8), TextColumn.from_texts([])
        self._at = 0
        self._next()

    def beside(self, batch: FeatureColumns) -> Iterator[FeatureColumns]:
        """Yield ``batch`` with its representations, cut where a piece of them ends: memory is bounded by a piece."""
        start = 0
        while start < len(batch):
            is_last = self._at == len(self._fid)
            end = len(batch) if is_last else int(np.searchsorted(batch.fid, self._fid[-1], side="right"))
            if end == start:
                raise ReadError("a representation is of a feature that was not read")
            part = batch if (start, end) == (0, len(batch)) else sliced(batch, start, end)
            yield part if is_last else replace(part, representations=self._take(part.fid))
            start = end

    def end(self) -> None:
        """Raise ReadError when any is left."""
        if self._at < len(self._fid):
            raise ReadError("a representation is of a feature that was not read")

    def _take(self, fid: NDArray[np.uint32]) -> Representations:
        last = int(np.searchsorted(self._fid, fid[-1], side="right"))
        found = self._fid[self._at : last]
        rows = np.minimum(np.searchsorted(fid, found), len(fid) - 1)
        if not bool((fid[rows] == found).all()):
            raise ReadError("a representation is of a feature that was not read")
        lengths, level = np.zeros(len(fid), np.int64), np.zeros(len(fid), np.uint8)
        offsets = self._text.offsets
        lengths[rows], level[rows] = np.diff(offsets[self._at : last + 1]), self._lod[self._at : last]
        data = self._text.data[offsets[self._at] : offsets[last]]
        self._at = last
        if last == len(self._fid):
            self._next()
        return Representations(data, offsets_of(lengths), level)

    def _next(self) -> None:
        before = int(self._fid[-1]) if len(self._fid) else -1
        self._fid, self._lod, self._text = next(self._pieces, (self._fid[:0], self._lod[:0], self._text))
        self._at = 0
        rising = np.diff(self._fid.astype(np.int64), prepend=before)
        if len(rising) and not bool((rising > 0).all()):
            raise ReadError("representations do not come in the order of fid")


def read_features(connection: Connection, query: FeatureQuery, principal: Principal, feature_type: FeatureType) -> Iterator[FeatureColumns]:
    """Yield all features ``query`` means and ``principal`` may see, by fid, with the fields of ``feature_type``, in one snapshot.

    A batch is decoded while the rows of the next are received: the server does not stand still meanwhile. So up to three batches of
    BATCH_BYTES are held: what the caller has, one that is decoded and one being received; what is wrong with a batch is raised once the
    next has been received.
    """
    statement = columns_statement(query, principal, feature_type.field_names)
    names, types = feature_type.field_names, tuple(f.type for f in feature_type.fields)

    def decoded(piece: bytearray, is_first: bool) -> FeatureColumns:
        return decode_copy(piece, names, types, header=is_first)

    waiting: Future[FeatureColumns] | None = None
    with ThreadPoolExecutor(1) as beside:  # no thread is started before something is handed to it
        for piece, is_first in copied(connection, statement):
            following = beside.submit(decoded, piece, is_first) if len(piece) >= BATCH_BYTES else None
            if waiting is not None:
                yield waiting.result()
            if following is None:
                yield decoded(piece, is_first)
            waiting = following
        if waiting is not None:
            yield waiting.result()


def read_representations(
    connection: Connection, query: FeatureQuery, principal: Principal, fid: NDArray[np.uint32]
) -> Representations | None:
    """Return the representations by which the features ``fid`` (n,), which rise, are drawn: the highest of LoD 1 to 3; None without any.

    ReadError when one is of another feature: the query has to mean the same features as when ``fid`` was read.
    """
    statement = representations_statement(query, principal, "highest")
    pieces = [_decode_representations(piece, header=is_first) for piece, is_first in copied(connection, statement)]
    if not pieces:
        return None
    found, lod = np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])
    rows = np.minimum(np.searchsorted(fid, found), max(len(fid) - 1, 0))
    if len(found) and not (np.diff(found.astype(np.int64)) > 0).all():
        raise ReadError("representations do not come in the order of fid")
    if len(found) and not (len(fid) > 0 and bool((fid[rows] == found).all())):
        raise ReadError("a representation is of a feature that was not read")
    lengths, level = np.zeros(len(fid), np.int64), np.zeros(len(fid), np.uint8)
    lengths[rows] = np.concatenate([np.diff(p[2].offsets) for p in pieces])
    level[rows] = lod
    return Representations(np.concatenate([p[2].data for p in pieces]), offsets_of(lengths), level)


def copied(connection: Connection, statement: Statement) -> Iterator[tuple[bytearray, bool]]:
    """Yield what COPY BINARY sends for ``statement`` in pieces of whole rows, and whether a piece is the first.

    What the server raises on the way is raised as `twin.db.translated` has it, and the connection can be asked again.
    """
    text = b"COPY (" + statement.text.as_bytes(connection) + b") TO STDOUT (FORMAT BINARY)"
    pending, is_first = bytearray(), True
    with translated(), connection.cursor() as cursor, cursor.copy(text, statement.values) as copy:
        while _take(connection, copy, pending):
            if len(pending) >= BATCH_BYTES:
                yield pending, is_first
                pending, is_first = bytearray(), False
    if len(pending) > (0 if is_first else 2):
        yield pending, is_first


def _take(connection: Connection, copy: Copy, pending: bytearray) -> bool:
    """Append the next row of ``copy``, once it comes, with those that have arrived behind it; return whether there was one.

    A row that is here is taken without a turn of psycopg's waiting, which takes longer than the row.
    """
    row = copy.read()
    pending += row
    if row:
        # Behind what may be the trailer (of a stream without rows it comes with the header) psycopg itself has to find the end.
        while not pending.endswith(_TRAILER) and len(pending) < BATCH_BYTES:
            count, more = connection.pgconn.get_copy_data(1)
            if count < 0:  # an end without a trailer: the server gave up
                raise psycopg.errors.error_from_result(_last_result(connection))
            if count == 0:
                break
            pending += more
    return len(row) > 0


def _last_result(connection: Connection) -> PGresult:
    """Return what a statement ended with, after which the connection can be asked again."""
    result = connection.pgconn.get_result()
    while connection.pgconn.get_result() is not None:
        pass
    if result is None:
        raise ReadError("a COPY stream ended without its trailer")
    return result


def decode_copy(data: bytes | bytearray, names: tuple[str, ...], types: tuple[FieldType, ...], *, header: bool) -> FeatureColumns:
    """Return the rows of a piece of a COPY BINARY stream: fid int8, geometry bytea, then ``names`` of ``types``.

    ``header`` says whether the piece begins with the stream's header; pieces end between rows, the trailer may be there or not (PostgreSQL
    manual, COPY, "Binary Format"). ReadError when a row has another number of columns.
    """
    raw, starts, lengths = _values(data, len(names) + 2, header=header)
    fid = _fids(_numbers(raw, starts[0], lengths[0], ">i8"))
    geometry = _text(raw, starts[1], lengths[1])
    columns = {name: _column(raw, starts[i + 2], lengths[i + 2], types[i]) for i, name in enumerate(names)}
    return FeatureColumns(fid, geometry.data, geometry.offsets, columns)


def _decode_representations(data: bytes | bytearray, *, header: bool) -> tuple[NDArray[np.uint32], NDArray[np.uint8], TextColumn]:
    """Return fids, levels of detail in tenths and encoded faces, unpacked, of a piece: int8, text, bytea."""
    raw, starts, lengths = _values(data, 3, header=header)
    fid = _fids(_numbers(raw, starts[0], lengths[0], ">i8"))
    lod = np.zeros(len(fid), np.uint8)
    if not _lods(raw, starts[1], lengths[1], lod):
        raise ReadError("a level of detail is not a digit, or two with a point between them")
    faces = _text(raw, starts[2], lengths[2])
    return fid, lod, TextColumn(*unpacked(faces.data, faces.offsets), faces.valid)


def _values(data: bytes | bytearray, columns: int, *, header: bool) -> tuple[Bytes, NDArray[np.int64], NDArray[np.int64]]:
    """Return the bytes of a piece, and where the values of its rows begin and how long they are (-1: NULL), both (columns, rows)."""
    if header and not data.startswith(COPY_SIGNATURE):
        raise ReadError("a COPY stream does not begin with its signature")
    start = 19 + int.from_bytes(data[15:19], "big") if header else 0
    raw = np.frombuffer(data, np.uint8)
    raw.flags.writeable = False  # whoever holds the bytes: loops are compiled for one kind of array
    rows = _count_rows(raw, start, columns)
    if rows < 0:
        raise ReadError("a COPY row has another number of columns than asked for")
    starts, lengths = np.empty((columns, rows), np.int64), np.empty((columns, rows), np.int64)
    _find_values(raw, start, starts, lengths)
    return raw, starts, lengths


def _fids(column: NumberColumn) -> NDArray[np.uint32]:
    """Return fids as the 32 bits a property table has for them; ReadError where they do not suffice."""
    values = column.values.astype(np.int64)
    if not (column.valid & (values >= 0) & (values < 2**32)).all():
        raise ReadError("a fid does not fit 32 bits")
    return values.astype(np.uint32)


def _column(raw: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], field_type: FieldType) -> Column:
    match field_type:
        case "string" | "code":
            return _text(raw, starts, lengths)
        case "integer":
            return _numbers(raw, starts, lengths, ">i8")
        case "number":
            return _numbers(raw, starts, lengths, ">f8")
        case "boolean":
            column = _numbers(raw, starts, lengths, "u1")
            return NumberColumn(column.values.astype(np.bool_), column.valid)
        case "date":
            return _times(_numbers(raw, starts, lengths, ">i4"), _EPOCH_DAY)
        case "datetime":
            return _times(_numbers(raw, starts, lengths, ">i8"), _EPOCH_TIME)


def _numbers(raw: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], dtype: str) -> NumberColumn:
    width = np.dtype(dtype).itemsize
    valid = lengths >= 0
    if not (lengths[valid] == width).all():
        raise ReadError(f"a value is not {width} bytes wide")
    out = np.zeros((len(starts), width), np.uint8)
    _copy_values(raw, starts, lengths, out)
    values = out.view(dtype).ravel()
    return NumberColumn(values.astype(values.dtype.newbyteorder("=")), valid)


def _times(column: NumberColumn, epoch: np.datetime64) -> NumberColumn:
    """Return counts since PostgreSQL's epoch as times; ±infinity, which no field means, as NULL."""
    infinity = 2 ** (8 * column.values.dtype.itemsize - 1)
    counts = column.values.astype(np.int64)
    finite = (counts < infinity - 1) & (counts > -infinity)
    unit = np.datetime_data(epoch.dtype)[0]
    return NumberColumn(epoch + np.where(finite, counts, 0).astype(f"m8[{unit}]"), column.valid & finite)


def _text(raw: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> TextColumn:
    offsets = offsets_of(np.maximum(lengths, 0))
    out = np.empty(int(offsets[-1]), np.uint8)
    _copy_text(raw, starts, offsets, out)
    return TextColumn(out, offsets, lengths >= 0)


@kernel
def _lods(raw: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], out: NDArray[np.uint8]) -> bool:
    """Write levels such as ``2`` or ``1.3`` in tenths; return whether all are."""
    for i in range(len(starts)):
        at, length = starts[i], lengths[i]
        if length != 1 and not (length == 3 and raw[at + 1] == 46 and 48 <= raw[at + 2] <= 57):
            return False
        if not 48 <= raw[at] <= 57:
            return False
        out[i] = 10 * (raw[at] - 48) + (raw[at + 2] - 48 if length == 3 else 0)
    return True


@kernel
def _int16(raw: Bytes, at: int) -> int:
    value = int((np.int64(raw[at]) << 8) | np.int64(raw[at + 1]))
    return value - 65_536 if value >= 32_768 else value


@kernel
def _count_rows(raw: Bytes, start: int, columns: int) -> int:
    """Return the number of rows from ``start`` on, -1 when a row is malformed."""
    at, rows = start, 0
    while at + 2 <= len(raw):
        found = _int16(raw, at)
        if found == -1:
            break
        if found != columns:
            return -1
        at += 2
        for _ in range(columns):
            if at + 4 > len(raw):
                return -1
            at += 4 + max(network_int32(raw, at), 0)
        if at > len(raw):
            return -1
        rows += 1
    return rows


@kernel
def _find_values(raw: Bytes, start: int, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    at = start
    for row in range(starts.shape[1]):
        at += 2
        for column in range(starts.shape[0]):
            length = network_int32(raw, at)
            starts[column, row], lengths[column, row] = at + 4, length
            at += 4 + max(length, 0)


@kernel
def _copy_values(raw: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    for i in range(len(starts)):
        if lengths[i] >= 0:
            for k in range(out.shape[1]):
                out[i, k] = raw[starts[i] + k]


@kernel
def _copy_text(raw: Bytes, starts: NDArray[np.int64], offsets: NDArray[np.int64], out: Bytes) -> None:
    for i in range(len(starts)):
        copy_bytes(out, offsets[i], raw, starts[i], offsets[i + 1] - offsets[i])
