"""The 3D of features and the documents they came from, on their way from the sandbox into the tables (DESIGN 8).

They stand in staging beside the rows they belong to and are published in the same transaction, each with a life of its own: an edit
of attributes writes no representation, another roof is another state of the feature, and a source without 3D leaves the 3D as it
is unless it redraws the feature elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import LiteralString

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ingest.copy_binary import HEADER, TRAILER, CopyColumn, Room, SqlType, copy_binary_rows
from ingest.protocol import PartBatch, PartHeader
from ingest.staging import Mode, Staging, columns
from twin.db import Connection, load_queries
from twin.materialiser import attach_partition, grant_read
from twin.representation import HEAD_BYTES, decode
from twin.tables import table_name
from twin.unpacked_faces import all_unpacked

_QUERIES = load_queries("ingest", "representations.sql")
type FillBeside = Callable[[pa.RecordBatch, pa.RecordBatch, Room], None]
_ROUNDING_M = 0.001
"""Faces are stored in millimetres, so equal places can differ by one."""
_COMPARED_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class _Beside:
    """One table that stands beside the features of a dataset."""

    name: str
    """Of the parents in schemas city and history."""
    suffix: str
    """Of the staged table's name."""
    key: tuple[str, ...]
    """Columns that tell several rows of one feature apart."""
    content: Mapping[str, tuple[str, SqlType]]
    """Column → its definition and the type COPY writes."""
    storage: LiteralString = ""
    """How its tables are stored, as CREATE TABLE says it."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.content)

    @property
    def definitions(self) -> sql.Composed:
        named = [sql.SQL("{} ").format(sql.Identifier(c)) + sql.SQL(definition) for c, (definition, _) in self.content.items()]
        return sql.SQL(", ").join(named)

    def staged(self, staging: Staging) -> sql.Identifier:
        return sql.Identifier("staging", staging.name + self.suffix)

    def partition(self, staging: Staging, schema: str = "city") -> sql.Identifier:
        return sql.Identifier(schema, table_name(self.name, staging.dataset.id))

    def is_staged(self, connection: Connection, staging: Staging) -> bool:
        return _exists(connection, "staging", staging.name + self.suffix)

    def is_published(self, connection: Connection, staging: Staging) -> bool:
        return _exists(connection, "city", table_name(self.name, staging.dataset.id))

    def same_key(self, one: str, other: str) -> sql.Composable:
        pairs = [sql.SQL("{} = {}").format(sql.Identifier(one, k), sql.Identifier(other, k)) for k in self.key]
        return sql.SQL(" AND ").join(pairs) if pairs else sql.SQL("true")

    def same_content(self, one: str, other: str) -> sql.Composable:
        return sql.SQL(" AND ").join([_same(one, other, c) for c in self.columns if c not in self.key])

    def query(self, name: str, staging: Staging, **more: sql.Composable) -> sql.Composed:
        places: dict[str, sql.Composable] = {
            "beside": self.staged(staging),
            "staging": staging.table,
            "feature": staging.current,
            "current": self.partition(staging),
            "history": self.partition(staging, "history"),
            "dataset": sql.Literal(staging.dataset.id),
            "storage": sql.SQL(self.storage),
            "columns": columns(self.columns),
            "staged_columns": columns(self.columns, "b"),
            "current_columns": columns(self.columns, "c"),
            "history_columns": columns(self.columns, "h"),
            "key": columns(("fid", *self.key)),
            "key_index": sql.Identifier(f"{staging.name}{self.suffix}_pkey"),
            "same_key": self.same_key("b", "c"),
            "same_former_key": self.same_key("c", "h"),
            "same_now_key": self.same_key("n", "h"),
            "same_content": self.same_content("b", "c"),
            "same_former_content": self.same_content("c", "h"),
            "same_now_content": self.same_content("n", "h"),
            "same_surfaces": _same("b", "c", _JSON),
        }
        return _QUERIES[name].format(**(places | more))


_JSON = "surface_attributes"
"""Text that should say JSON: what was stored as jsonb before is spelled otherwise than sources spell it, and nobody looked at either."""


def _same(one: str, other: str, column: str) -> sql.Composable:
    a, b = sql.Identifier(one, column), sql.Identifier(other, column)
    alike = "({a} IS NOT DISTINCT FROM {b} OR catalog.same_json_v1({a}, {b}))" if column == _JSON else "{a} IS NOT DISTINCT FROM {b}"
    return sql.SQL(alike).format(a=a, b=b)


_REPRESENTATION = _Beside(
    "representation",
    "_r",
    ("lod",),
    {
        "lod": ("text NOT NULL", "text"),
        "faces": ("bytea NOT NULL", "bytea"),
        _JSON: ("text", "text"),
    },
)
_SOURCE_OBJECT = _Beside(
    "source_object",
    "_d",
    (),
    {"header": ("text NOT NULL", "text"), "document": ("bytea NOT NULL", "bytea")},
    # Nothing of a row is read without its document: up to half a page it stays in the row, where it is written once and found at once.
    "WITH (toast_tuple_target = 4080)",
)
_ALL = (_REPRESENTATION, _SOURCE_OBJECT)


def keep_header(connection: Connection, part: PartHeader) -> str | None:
    """Keep what the documents of a source share, with the CRS they were read in, and return the hash they name it by; None if none."""
    if part.document_header is None:
        return None
    digest = hashlib.sha256(f"{part.source_crs}\n{part.document_header}".encode()).hexdigest()
    connection.execute(_QUERIES["keep_header"], {"hash": digest, "crs": part.source_crs, "document": part.document_header})
    return digest


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """What stands beside the rows of a batch, by the numbers of the rows as staged."""

    tables: Mapping[str, pa.RecordBatch]
    """Suffix of a staged table's name → its rows: ``row``, and the content."""

    @classmethod
    def of(cls, batch: PartBatch, first_number: int, header: str | None) -> Accompaniment | None:
        """Return what came with a batch, None when nothing did; documents count only with the ``header`` that they share."""
        tables: dict[str, pa.RecordBatch] = {}
        if batch.representations is not None:
            tables[_REPRESENTATION.suffix] = batch.representations
        if batch.documents is not None and header is not None:
            named = pa.array([header] * batch.documents.num_rows, pa.string())
            tables[_SOURCE_OBJECT.suffix] = batch.documents.append_column("header", named)
        numbered = {s: t.set_column(0, t.schema.field(0), pc.add(t.column(0), first_number)) for s, t in tables.items()}
        return cls(numbered) if numbered else None


def stage(connection: Connection, staging: Staging, beside: Accompaniment, room: Room) -> None:
    """Copy what stands beside the rows of a batch into staging, through ``room``."""
    for table, rows in _of(beside):
        connection.execute(table.query("create_beside", staging, definitions=table.definitions))
        with _filling(connection, staging, table) as write:
            write(rows, room)


def stage_for_good(
    connection: Connection, staging: Staging, beside: Accompaniment, batch: pa.RecordBatch, begun: Collection[str], room: Room
) -> set[str]:
    """Copy what stands beside the rows of a first load, whose ``batch`` has their numbers and fids, into tables that become partitions.

    A table that this transaction has ``begun`` is written once, into itself and not into the log as well; return the names of those.
    """
    new: set[str] = set()
    for table, rows in _of(beside):
        name = staging.name + table.suffix
        if name not in begun and not table.is_staged(connection, staging):
            connection.execute(table.query("create_for_good", staging, definitions=table.definitions))
            new.add(name)
        with _filling(connection, staging, table, with_fid=True, freeze=name in begun or name in new) as write:
            write(_with_fids(rows, batch), room)
    return new


@contextmanager
def filling_for_good(
    connection: Connection, staging: Staging, suffix: str
) -> Iterator[Callable[[pa.RecordBatch, pa.RecordBatch, Room], None]]:
    """Make the table of that ``suffix`` beside a first load, to become a partition, give the block what copies into it, and index it.

    That takes what stands beside the rows of a batch, the batch with their numbers and fids, and the room to put it together in. All goes
    through one COPY, the connection's business until the block ends.
    """
    table = next(t for t in _ALL if t.suffix == suffix)
    # a worker that was killed may have had one committed after what it left was dropped
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table.staged(staging)))
    connection.execute(table.query("create_for_good", staging, definitions=table.definitions))
    with _filling(connection, staging, table, with_fid=True, freeze=True) as write:
        yield lambda rows, batch, room: write(_with_fids(rows, batch), room)
    connection.execute(table.query("index_key", staging))


def _with_fids(rows: pa.RecordBatch, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows that stand beside rows of the batch, with their fids."""
    place = pc.index_in(rows.column("row"), value_set=batch.column("row"))
    owned = rows.append_column("fid", batch.column("fid").take(place))
    return owned.filter(place.is_valid()) if place.null_count else owned  # a filter copies all that stays


def indexing(staging: Staging) -> Iterator[Callable[[Connection], None]]:
    """Give of each table what builds that which matching and publishing need, before any lock is taken."""
    return (partial(_index, beside, staging) for beside in _ALL)


def _index(beside: _Beside, staging: Staging, connection: Connection) -> None:
    if not beside.is_staged(connection, staging):
        return
    if staging.first_load:
        connection.execute(beside.query("index_key", staging))
    else:
        _index_rows(beside, staging, connection)


def index_rows(connection: Connection, staging: Staging) -> None:
    """Have what stands beside staged rows found by their numbers, by which it is compared with what is published."""
    for beside in _ALL:
        if beside.is_staged(connection, staging):
            _index_rows(beside, staging, connection)


def _index_rows(beside: _Beside, staging: Staging, connection: Connection) -> None:
    connection.execute(beside.query("add_index", staging))
    connection.execute(beside.query("analyse", staging))


def drop_rejected(connection: Connection, staging: Staging) -> None:
    """Have a first load's tables, once they are indexed, lose what was of rows that are staged no more."""
    for beside in _ALL:
        if beside.is_staged(connection, staging):
            connection.execute(beside.query("drop_rejected", staging))


def add_keys(connection: Connection, staging: Staging) -> None:
    """Make the indexes of a first load's tables their keys."""
    for beside in _ALL:
        if beside.is_staged(connection, staging):
            connection.execute(beside.query("add_key", staging))


def classify(connection: Connection, staging: Staging, tolerance_m: float) -> None:
    """Make features whose 3D differs from what is published updates.

    The same is 3D with equal faces, semantics and levels, no vertex moved by more than the tolerance (or the millimetre it is stored in).
    """
    beside = _REPRESENTATION
    if not beside.is_staged(connection, staging):
        return
    gone: sql.Composable = sql.SQL("false")
    if beside.is_published(connection, staging):
        connection.execute(beside.query("compare", staging))
        _forgive_small_moves(connection, staging, max(tolerance_m, _ROUNDING_M))
        gone = beside.query("gone", staging)
    connection.execute(beside.query("update_changed", staging, gone=gone))


def attach(connection: Connection, staging: Staging, commit: int) -> None:
    """Turn what stands beside a first load into partitions, without copying a row."""
    for beside in _ALL:
        if not beside.is_staged(connection, staging):
            continue
        connection.execute(beside.query("leave_staging", staging))
        attach_partition(connection, staging.name + beside.suffix, beside.name, staging.dataset, commit)
        _create_partition(connection, staging, beside, "history")


def apply(connection: Connection, staging: Staging, mode: Mode, tolerance_m: float, commit: int, rolled_back_to: int | None) -> None:
    """Close what the staged rows end and write what they bring; call it before the features themselves are applied."""
    if rolled_back_to is not None:
        _roll_back(connection, staging, commit, rolled_back_to)
        return
    if mode == "derive":
        return  # derived values say nothing about the 3D
    for beside in _ALL:
        is_staged = beside.is_staged(connection, staging)
        if is_staged and not beside.is_published(connection, staging):
            for schema in ("city", "history"):
                _create_partition(connection, staging, beside, schema)
        if beside.is_published(connection, staging):
            _end(connection, staging, beside, tolerance_m, commit, is_staged=is_staged)
        if is_staged:
            connection.execute(beside.query("draw_fids", staging, sequence=sql.Literal(f"city.{staging.feature_type.name}_fid_seq")))
            connection.execute(beside.query("write", staging), {"commit": commit})


def differs_from_former(connection: Connection, staging: Staging, commit: int) -> sql.Composable:
    """Return the condition that 3D or document of feature ``c`` is not what it was at a past commit."""
    there = [b for b in _ALL if b.is_published(connection, staging)]
    conditions = [b.query("differs_from_former", staging, to=sql.Literal(commit)) for b in there]
    return sql.SQL(" OR ").join(conditions) if conditions else sql.SQL("false")


def _of(beside: Accompaniment) -> Iterator[tuple[_Beside, pa.RecordBatch]]:
    return ((table, beside.tables[table.suffix]) for table in _ALL if table.suffix in beside.tables)


@contextmanager
def _filling(
    connection: Connection, staging: Staging, beside: _Beside, *, with_fid: bool = False, freeze: bool = False
) -> Iterator[Callable[[pa.RecordBatch, Room], None]]:
    fid = (CopyColumn("bigint", "fid"),) if with_fid else ()
    copied = (CopyColumn("bigint", "row"), *fid, *(CopyColumn(kind, c) for c, (_, kind) in beside.content.items()))
    statement = _copy_statement(staging.name + beside.suffix, tuple(str(c.source) for c in copied), freeze=freeze)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        yield lambda rows, room: copy.write(copy_binary_rows(rows, copied, room))
        copy.write(TRAILER)


@lru_cache(maxsize=32)
def _copy_statement(table: str, names: tuple[str, ...], *, freeze: bool) -> bytes:
    """Return what copies into a table that stands beside staged rows."""
    places = {"beside": sql.Identifier("staging", table), "copied": columns(names), "freeze": sql.SQL(", freeze" if freeze else "")}
    return _QUERIES["copy_into_beside"].format(**places).as_bytes(None)


def _forgive_small_moves(connection: Connection, staging: Staging, tolerance_m: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REPRESENTATION.query("moved_candidates", staging), binary=True)
        while rows := cursor.fetchmany(_COMPARED_AT_A_TIME):
            new, old = (all_unpacked([bytes(row[k]) for row in rows]) for k in (2, 3))
            same = [_is_unmoved(*pair, tolerance_m) for pair in zip(new, old, strict=True)]
            unmoved = [(row[0], row[1]) for row, is_same in zip(rows, same, strict=True) if is_same]
            values = {"rows": [row for row, _ in unmoved], "lods": [lod for _, lod in unmoved]}
            connection.execute(_REPRESENTATION.query("mark_unmoved", staging), values)


def _is_unmoved(new: bytes, old: bytes, tolerance_m: float) -> bool:
    """Tell it of faces in version 1 or 2."""
    if new == old:
        return True
    a, b = decode(new), decode(old)
    if len(a.vertices) != len(b.vertices) or _but_places(new, len(a.vertices)) != _but_places(old, len(b.vertices)):
        return False
    moved = np.abs(a.vertices - b.vertices)
    return bool(moved.max(initial=0.0) <= tolerance_m + _ROUNDING_M / 1000)


def _but_places(faces: bytes, vertices: int) -> tuple[bytes, bytes]:
    """Return version and counts, and what follows the vertices."""
    return faces[: HEAD_BYTES - 24], faces[HEAD_BYTES + 12 * vertices :]


def _create_partition(connection: Connection, staging: Staging, beside: _Beside, schema: str) -> None:
    partition = beside.partition(staging, schema)
    connection.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({}) {}").format(
            partition, sql.Identifier(schema, beside.name), sql.Literal(staging.dataset.id), sql.SQL(beside.storage)
        )
    )
    key = ("fid", *beside.key, *(("commit_from",) if schema == "history" else ()))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(partition, columns(key)))
    grant_read(connection, partition, staging.dataset.sharing)


def _end(connection: Connection, staging: Staging, beside: _Beside, tolerance_m: float, commit: int, *, is_staged: bool) -> None:
    """Close what is replaced, and what a source that says nothing of it has made untrue."""
    if beside is _SOURCE_OBJECT:
        ends: sql.Composable = beside.query("ends_edited", staging)
    else:
        without = beside.query("without", staging) if is_staged else sql.SQL("true")
        moved = beside.query("ends_moved", staging, without=without, tolerance=sql.Literal(tolerance_m))
        replaced = beside.query("ends_replaced" if is_staged else "ends_deleted", staging)
        ends = sql.SQL("({} OR {})").format(replaced, moved)
    connection.execute(beside.query("close", staging, ends=ends), {"commit": commit})
    connection.execute(beside.query("remove", staging, ends=ends))


def _roll_back(connection: Connection, staging: Staging, commit: int, to: int) -> None:
    for beside in _ALL:
        if beside.is_published(connection, staging):
            connection.execute(beside.query("close_later", staging), {"commit": commit, "to": to})
            connection.execute(beside.query("write_former", staging), {"commit": commit, "to": to})


def _exists(connection: Connection, schema: str, table: str) -> bool:
    row = connection.execute("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = %s AND tablename = %s)", (schema, table)).fetchone()
    return row == (True,)
