"""Staging: one table per submission part, filled by COPY, counted and hashed so that a publish can prove nothing was lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal, LiteralString

import psycopg
from psycopg import sql

from ingest.copy_binary import HEADER, TRAILER, CopyColumn, SqlType
from twin.db import Connection, Pool, connect_beside, load_queries, translated
from twin.errors import ConflictError
from twin.materialiser import column_definition, content
from twin.model import Dataset, FeatureType, FieldType
from twin.tables import content_columns, current_table, history_table

QUERIES = load_queries("ingest")
COPY_PREFIX = ("row",)
"""Columns a staged row has before its content; ``action``, ``dataset`` and ``fid`` fill themselves."""

BESIDE: Mapping[str, str] = {"_r": "faces", "_d": "document"}
"""Tables that stand beside staged rows, by the suffix of their names, with the column that weighs: 3D and documents
(ingest.representations)."""

Mode = Literal["replace", "delta", "area", "edit", "derive", "rollback"]
"""``edit``: single features, said by their numbers and not found by key or place (ingest.edits)."""

WRITE_BACK: LiteralString = "SET LOCAL backend_flush_after = 128; SET LOCAL synchronous_commit = off"
"""Of what a COPY has put out of its ring of pages each megabyte is on its way to the disk at once; the commit waits for the rest, but not
for the log, in which what is accepted stands behind it."""

_ROUGH_TARGET = 10
"""Of statistics: three thousand rows are looked at, a tenth of what is usual."""

_SQL_TYPES: Mapping[FieldType, SqlType] = {
    "string": "text",
    "code": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}


@dataclass(frozen=True, slots=True)
class Staging:
    """One dataset's staged rows, and the tables they will be compared with."""

    submission: uuid.UUID
    part: int
    dataset: Dataset
    feature_type: FeatureType
    first_load: bool
    """The table becomes the partition itself: it is logged, draws fids as it is filled and is attached whole (DESIGN 5)."""
    is_whole: bool = True
    """The staged rows are the whole dataset that is to be (mode replace)."""
    leaving: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Where a part is replaced: natural keys of published features that will be deleted, with the row that says so (0: none does)."""
    area_wkb: bytes | None = None
    """EWKB polygon inside which published features without a key are replaced, too."""
    edited: tuple[int, ...] | None = None
    """Numbers of the published features that will not stay, where features are said by number (mode edit); None in every other mode."""

    @property
    def name(self) -> str:
        """Name of the table in schema ``staging``."""
        return f"s{_owner(self.submission)}_{self.part}"

    @property
    def table(self) -> sql.Identifier:
        """Qualified name of the staged rows."""
        return sql.Identifier("staging", self.name)

    @property
    def current(self) -> sql.Identifier:
        """Qualified name of the dataset's current rows."""
        return current_table(self.feature_type.name, self.dataset.id)

    @property
    def history(self) -> sql.Identifier:
        """Qualified name of the dataset's closed rows."""
        return history_table(self.feature_type.name, self.dataset.id)

    @property
    def content(self) -> tuple[str, ...]:
        """Columns that say what a feature is."""
        return content_columns(self.feature_type)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Columns two states are compared in, besides the geometry (what was not mapped does not count, DESIGN 7)."""
        return tuple(c for c in self.content if c not in ("geom", "extra"))

    @property
    def copied(self) -> tuple[str, ...]:
        """Columns a reader's batch is copied into, in order."""
        return (*COPY_PREFIX, *(c for c in self.content if c != "admin_codes"))

    @property
    def copy_columns(self) -> tuple[CopyColumn, ...]:
        """The same columns with the SQL types COPY BINARY writes them in."""
        types: dict[str, SqlType] = {"row": "bigint", "valid_from": "date", "valid_to": "date", "geom": "geometry", "extra": "json"}
        types |= {f.name: _SQL_TYPES[f.type] for f in self.feature_type.fields}
        return tuple(CopyColumn(types.get(name, "text"), name) for name in self.copied)

    def future_rows(self) -> sql.Composed:
        """Return a query of the rows the dataset will have once these are published: with those that stay, where a part is replaced."""
        names = columns(self.content)
        staged = sql.SQL("SELECT {} FROM {} WHERE action IS DISTINCT FROM 'delete'").format(names, self.table)
        if self.is_whole or self.first_load:
            return staged
        stays = sql.SQL("SELECT {} FROM {} AS c WHERE {}").format(names, self.current, self.stays())
        return sql.SQL("{} UNION ALL {}").format(staged, stays)

    def stays(self) -> sql.Composed:
        """Return of which published rows ``c`` none is staged and none will be deleted, where a part is replaced."""
        stays = [sql.SQL("NOT EXISTS (SELECT FROM {} AS s WHERE s.natural_key = c.natural_key)").format(self.table)]
        if self.leaving:
            stays.append(sql.SQL("(c.natural_key = ANY ({}::text[])) IS NOT TRUE").format(sql.Literal(list(self.leaving))))
        if self.edited:
            stays.append(sql.SQL("c.fid <> ALL ({}::bigint[])").format(sql.Literal(list(self.edited))))
        if self.area_wkb is not None:
            inside = sql.SQL("NOT (c.natural_key IS NULL AND ST_Intersects(c.geom, ST_GeomFromEWKB({})))")
            stays.append(inside.format(sql.Literal(self.area_wkb)))
        return sql.SQL(" AND ").join(stays)

    def query(self, name: str, **more: sql.Composable) -> sql.Composed:
        """Return a query of queries.sql with this staging's identifiers filled in."""
        places: dict[str, sql.Composable] = {
            "staging": self.table,
            "current": self.current,
            "history": self.history,
            "content": columns(self.content),
            "sequence": staging_sequence(self),
            "dataset": sql.Literal(self.dataset.id),
        }
        return QUERIES[name].format(**(places | more))


def columns(names: Sequence[str], table: str | None = None) -> sql.Composed:
    """Return a comma-separated list of column identifiers, of ``table`` when it is given."""
    return sql.SQL(", ").join(sql.Identifier(table, n) if table else sql.Identifier(n) for n in names)


@contextmanager
def claimed(pool: Pool, submission: uuid.UUID, *, wait: bool = True) -> Iterator[None]:
    """Hold a submission's staging for the block, and first drop what submissions that nobody holds any more (killed loads) left behind.

    What an accepted submission staged stays until it is published or withdrawn. The claim is a session lock of the database: it ends
    with the process, however that ends. Raises ConflictError ``busy`` when somebody else holds it and ``wait`` is false.
    """
    # a connection of its own: waiting claims that held the pool's would keep those who can go on from going on
    with translated(), connect_beside(pool) as connection:
        if wait:
            connection.execute("SELECT pg_advisory_lock(hashtext('twin.staging'), hashtext(%s))", (_owner(submission),))
        elif connection.execute(_TRY_CLAIM.format(kind=sql.SQL("")), (_owner(submission),)).fetchone() != (True,):
            raise ConflictError("the submission is being worked on just now", zh="该提交正在处理中").with_code("busy")
        try:
            _drop_abandoned(connection)
            connection.commit()
            yield
        finally:
            with suppress(psycopg.OperationalError):  # a connection that is gone holds no claim
                connection.rollback()
                connection.execute("SELECT pg_advisory_unlock(hashtext('twin.staging'), hashtext(%s))", (_owner(submission),))


def is_claimed(connection: Connection, submission: uuid.UUID) -> bool:
    """Return whether somebody is at work on a submission; when not, nobody can begin before the caller's transaction ends."""
    return connection.execute(_TRY_CLAIM.format(kind=sql.SQL("xact_")), (_owner(submission),)).fetchone() != (True,)


def tables_of(connection: Connection, submission: uuid.UUID) -> list[str]:
    """Return the names of the tables a submission has staged."""
    rows = connection.execute(_TABLES + " AND starts_with(tablename, %s)", (f"s{_owner(submission)}_",)).fetchall()
    return [str(row[0]) for row in rows]


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'staging'"
_TRY_CLAIM = sql.SQL("SELECT pg_try_advisory_{kind}lock(hashtext('twin.staging'), hashtext(%s))")


def _owner(submission: uuid.UUID) -> str:
    """What names a submission in the names of its tables and in its claim."""
    return submission.hex[:20]


def _drop_abandoned(connection: Connection) -> None:
    for (name,) in connection.execute(_TABLES).fetchall():
        owner = str(name).removeprefix("s").partition("_")[0]
        if connection.execute(_TRY_CLAIM.format(kind=sql.SQL("xact_")), (owner,)).fetchone() != (True,):
            continue
        if connection.execute(QUERIES["is_accepted"], {"owner": owner}).fetchone() == (False,):
            connection.execute(QUERIES["forget_parts_of_owner"], {"owner": owner})
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("staging", str(name))))


def begin_filling(connection: Connection, staging: Staging) -> None:
    """Have what this transaction copies into a table that is still empty written once, into the table and not into the log as well.

    PostgreSQL does so for a table that begins in the same transaction (under wal_level minimal), and then takes COPY … FREEZE.
    """
    connection.execute(sql.SQL("TRUNCATE {}").format(staging.table))


@contextmanager
def filling(
    connection: Connection, staging: Staging, *, begun: bool, more: Sequence[str] = ()
) -> Iterator[Callable[[bytes | memoryview], None]]:
    """Give the block what copies rows of `Staging.copy_columns` in, with ``more`` columns behind those (`ingest.copy_binary`).

    All of them go through one COPY, the connection's business until the block ends: what it has written goes to the disk while more comes.
    ``begun`` says whether this transaction began to fill the table.
    """
    statement = _copy_statement(staging.name, (*staging.copied, *more), freeze=begun)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        yield copy.write
        copy.write(TRAILER)


@lru_cache(maxsize=16)
def _copy_statement(table: str, names: tuple[str, ...], *, freeze: bool) -> bytes:
    """Return what copies into a staged table; put together anew for each batch it would take longer than some columns do."""
    places = {"staging": sql.Identifier("staging", table), "columns": columns(names), "freeze": sql.SQL(", freeze" if freeze else "")}
    return QUERIES["copy_into_staging"].format(**places).as_bytes(None)


def fill(connection: Connection, staging: Staging, rows: bytes | memoryview, *, begun: bool, more: Sequence[str] = ()) -> None:
    """Copy rows in, as `filling` does, by themselves."""
    with filling(connection, staging, begun=begun, more=more) as write:
        write(rows)


def create(connection: Connection, staging: Staging, srid: int) -> None:
    """Make the empty staging table; unlogged unless it will become the partition itself."""
    definitions = sql.SQL(", ").join([column_definition(column) for column in content(staging.feature_type, srid)])
    if not staging.first_load:
        none = sql.SQL("")
        connection.execute(
            staging.query("create_staging", unlogged=sql.SQL("UNLOGGED"), identity=none, constraint=none, content=definitions)
        )
        return
    identity = sql.SQL("NOT NULL DEFAULT nextval({})").format(staging_sequence(staging))
    # With this the ATTACH needs no scan while it holds its lock.
    constraint = sql.SQL(", CONSTRAINT of_dataset CHECK (dataset = {})").format(sql.Literal(staging.dataset.id))
    connection.execute(staging.query("create_staging", unlogged=sql.SQL(""), identity=identity, constraint=constraint, content=definitions))


def staging_sequence(staging: Staging) -> sql.Literal:
    """Return the sequence's name as the literal ``nextval`` takes."""
    return sql.Literal(f"city.{staging.feature_type.name}_fid_seq")


def count_and_hash(connection: Connection, staging: Staging) -> tuple[int, int]:
    """Return how many rows are staged and a hash of which; a crash of the database empties unlogged tables.

    Of a first load it is of the numbers of its rows, and of how many stand beside them: its tables are logged.
    """
    count, checksum = count_and_hash_rows(connection, staging)
    return count, checksum ^ hash_beside(connection, staging)


def count_and_hash_rows(connection: Connection, staging: Staging) -> tuple[int, int]:
    """Return how many rows are staged and a hash of which, but for what stands beside them."""
    row = connection.execute(staging.query("staged_count_and_numbers" if staging.first_load else "staged_count_and_hash")).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def hash_beside(connection: Connection, staging: Staging) -> int:
    """Return a hash of what stands beside staged rows."""
    checksum = 0
    there = tables_of(connection, staging.submission)
    for suffix, column in BESIDE.items():
        if f"{staging.name}{suffix}" in there:
            beside = sql.Identifier("staging", staging.name + suffix)
            query = QUERIES["count_beside" if staging.first_load else "hash_beside"]
            places = {"beside": beside, "column": sql.Identifier(column), "name": sql.Literal(suffix)}
            row = connection.execute(query.format(**places)).fetchone()
            checksum ^= int(row[0]) if row else 0
    return checksum


def analyse(connection: Connection, staging: Staging) -> None:
    """Let PostgreSQL know roughly the values of the staged rows, so that rules over all of them are planned well.

    What it is to know of them when they are matched or published, places too, comes with the indexes (`ingest.indexing`).
    """
    values = columns([c for c in staging.copied if c not in ("geom", "extra")])
    connection.execute("SET LOCAL synchronous_commit = off")  # what is accepted is logged behind it
    connection.execute(sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.Literal(_ROUGH_TARGET)))
    connection.execute(sql.SQL("ANALYZE {} ({})").format(staging.table, values))
    connection.execute("SET LOCAL default_statistics_target = DEFAULT")


def as_later_load(connection: Connection, staging: Staging) -> Staging:
    """Return a first load as an ordinary one, its rows to be matched: somebody else published the dataset meanwhile."""
    later = replace(staging, first_load=False)
    key = sql.Identifier(f"{staging.name}_fid")
    for statement in (
        "ALTER TABLE {t} DROP CONSTRAINT {key}, DROP CONSTRAINT of_dataset",
        "ALTER TABLE {t} ALTER COLUMN fid DROP NOT NULL, ALTER COLUMN fid DROP DEFAULT",
        "UPDATE {t} SET fid = NULL, action = NULL",
        "CREATE UNIQUE INDEX {key} ON {t} (fid)",
    ):
        connection.execute(sql.SQL(statement).format(t=staging.table, key=key))
    return later


def drop(connection: Connection, staging: Staging) -> None:
    """Forget the staged rows and what stands beside them."""
    for suffix in ("", *BESIDE):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("staging", staging.name + suffix)))


def actions(connection: Connection, staging: Staging) -> Mapping[str, int]:
    """Return how many staged rows will be inserted, updated, left unchanged and deleted."""
    row = connection.execute(staging.query("count_actions")).fetchone() or (0, 0, 0, 0)
    return dict(zip(("insert", "update", "unchanged", "delete"), map(int, row), strict=True))
