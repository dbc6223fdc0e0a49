"""Indexes and statistics of what a submission has staged: of all its tables at once, two statements at a time, before any lock is taken.

What only a published dataset is asked by, a first load gets when it is published (`for_good`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from psycopg import sql

from ingest import representations
from ingest import staging as staged
from ingest.background import Background
from ingest.staging import Staging
from twin.db import Connection


@dataclass(frozen=True, slots=True)
class Building:
    """What builds the indexes of one staged table, and of those that stand beside it."""

    own: tuple[Future[None], ...]
    beside: tuple[Future[None], ...]


type Begun = Mapping[str, Building]
"""By the name of the staged table."""
_NOTHING: Begun = MappingProxyType({})
_TARGET = 30
"""Of statistics: nine thousand rows are looked at. Thirty thousand, as usual, take four times as long, most of it for outlines.

A published dataset keeps these until a tenth of it has changed and autovacuum looks at as many as usual.
"""
_BY_VALIDITY = (
    "CREATE INDEX ON {staging} (valid_from) WHERE valid_from IS NOT NULL",
    "CREATE INDEX ON {staging} (valid_to) WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL",
)
"""By which the catalogue knows from when to when a dataset's features hold (twin/query/time_spans.py): most say nothing of it."""


def _at_once() -> None:
    """Wait for nothing."""


def begin(
    background: Background, stagings: Sequence[tuple[Staging, Sequence[str]]], beside_is_there: Callable[[], None] = _at_once
) -> Begun:
    """Begin to build the indexes of tables to whose rows nothing is written any more, though some may be deleted.

    Each comes with the columns by which links are found. A statement that writes to a table waits for the indexes of it that have been
    begun; they wait for nobody who waits for them. ``beside_is_there`` returns once what stands beside the rows is committed.
    """
    # those of rows first: what stands beside may be waited for
    own = {s.name: tuple(background.submit(partial(_run, one)) for one in _of_rows(s, linked)) for s, linked in stagings}
    beside = {
        s.name: tuple(background.submit(partial(_once, beside_is_there, work)) for work in representations.indexing(s)) for s, _ in stagings
    }
    return {name: Building(own[name], beside[name]) for name in own}


def for_good(connection: Connection, staging: Staging, linked: Sequence[str]) -> None:
    """Build what a first load lacks to be a partition: what links and times are found by, and what queries of it are planned by.

    ``linked`` are the columns by which links are found. Nobody else writes into its dataset meanwhile.
    """
    statements = [*_links(staging, linked), *(sql.SQL(t).format(staging=staging.table) for t in _BY_VALIDITY)]
    _run([*statements, *_statistics(staging)], connection)


def for_matching(connection: Connection, staging: Staging) -> None:
    """Build what a first load lacks to be matched with what somebody else published before it."""
    _run(_statistics(staging), connection)
    representations.index_rows(connection, staging)


def give_up(background: Background, begun: Begun) -> None:
    """Stop all of it: what has not begun and what is under way."""
    background.stop(future for building in begun.values() for future in (*building.own, *building.beside))


def index(
    background: Background,
    stagings: Sequence[tuple[Staging, Sequence[str]]],
    begun: Begun = _NOTHING,
    copied: Mapping[str, int] = MappingProxyType({}),
) -> list[tuple[int, int] | None]:
    """Build what matching, or of a first load its keys and places, needs of each table, with what stands beside it.

    Each comes with the columns by which links are found; what is ``begun`` is awaited. Return of each that is a first load, in which
    nothing changes any more, how many rows are staged and a hash of which (`ingest.staging.count_and_hash`); None of others. ``copied``
    says by the name of the table how many rows were copied into it: where all are still there nothing beside them is looked for to go.
    """
    built = {**begun, **begin(background, [(s, linked) for s, linked in stagings if s.name not in begun])}
    last = []
    for staging, _ in stagings:
        for ready in built[staging.name].own:
            ready.result()
        last.append(background.submit(partial(_run, _last(staging))))
    counts = []
    for staging, _ in stagings:
        for ready in built[staging.name].beside:
            ready.result()
        complete = partial(_complete, staging=staging, copied=copied.get(staging.name))
        counts.append(background.submit(complete) if staging.first_load else None)
    for analysed in last:
        analysed.result()
    return [None if counted is None else counted.result() for counted in counts]


def _complete(connection: Connection, staging: Staging, copied: int | None) -> tuple[int, int]:
    """Have a first load's tables ready to be partitions, and return how many rows are staged and a hash of which."""
    count, checksum = staged.count_and_hash_rows(connection, staging)
    if count != copied:
        representations.drop_rejected(connection, staging)
    representations.add_keys(connection, staging)
    return count, checksum ^ staged.hash_beside(connection, staging)


def _of_rows(staging: Staging, linked: Sequence[str]) -> tuple[Sequence[sql.Composed], ...]:
    """Return what is run beside each other: the spatial index, the dearest, and the others."""
    return [_spatial(staging)], _keys(staging, linked)


def _once(there: Callable[[], None], work: Callable[[Connection], None], connection: Connection) -> None:
    there()
    work(connection)


def _spatial(staging: Staging) -> sql.Composed:
    return sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(staging.table)


def _keys(staging: Staging, linked: Sequence[str]) -> list[sql.Composed]:
    places = {"staging": staging.table, "key": _key(staging)}
    keys = ("CREATE INDEX ON {staging} (natural_key)", "CREATE UNIQUE INDEX {key} ON {staging} (fid)")
    return [*(sql.SQL(k).format(**places) for k in keys), *([] if staging.first_load else _links(staging, linked))]


def _links(staging: Staging, linked: Sequence[str]) -> list[sql.Composed]:
    named = sql.SQL("CREATE INDEX ON {table} ({column}) WHERE {column} IS NOT NULL")  # most features name nothing
    return [named.format(table=staging.table, column=sql.Identifier(column)) for column in linked]


def _last(staging: Staging) -> list[sql.Composed]:
    if staging.first_load:
        return [sql.SQL("ALTER TABLE {} ADD PRIMARY KEY USING INDEX {}").format(staging.table, _key(staging))]
    return _statistics(staging)


def _statistics(staging: Staging) -> list[sql.Composed]:
    return [
        sql.SQL("SET LOCAL default_statistics_target = {}").format(_TARGET),
        sql.SQL("ANALYZE {}").format(staging.table),
        sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.DEFAULT),
    ]


def _key(staging: Staging) -> sql.Identifier:
    return sql.Identifier(f"{staging.name}_fid")


def _run(statements: Sequence[sql.Composed], connection: Connection) -> None:
    for statement in statements:
        connection.execute(statement)
