"""Indexes and statistics of what a submission has staged: of all its tables at once, two statements at a time, before any lock is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType

from psycopg import sql

from ingest import representations
from ingest import staging as staged
from ingest.staging import Staging
from twin.db import Pool, translated

type Begun = Mapping[str, tuple[Future[None], ...]]
"""By the name of a table what builds its indexes."""
_NOTHING: Begun = MappingProxyType({})
_AT_ONCE = 2
"""Connections that build: what is served meanwhile wants processors, too."""
_BY_VALIDITY = (
    "CREATE INDEX ON {staging} (valid_from) WHERE valid_from IS NOT NULL",
    "CREATE INDEX ON {staging} (valid_to) WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL",
)
"""By which the catalogue knows from when to when a dataset's features hold (twin/query/time_spans.py): most say nothing of it."""


@contextmanager
def two_at_once() -> Iterator[Executor]:
    """Give the block two threads for statements over all that is staged; once it has failed nothing that waits for them is begun."""
    with ThreadPoolExecutor(_AT_ONCE, "indexing") as workers:
        try:
            yield workers
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise


def begin(workers: Executor, pool: Pool, stagings: Sequence[tuple[Staging, Sequence[str]]]) -> Begun:
    """Begin to build the indexes of tables to whose rows nothing is written any more, though some may be deleted.

    Each comes with the columns by which links are found. A statement that writes to a table waits for the indexes of it that have been
    begun; they wait for nobody who waits for them.
    """
    # the spatial index, the dearest, is built beside the others
    return {s.name: (workers.submit(_run, pool, [_spatial(s)]), workers.submit(_run, pool, _keys(s, linked))) for s, linked in stagings}


def give_up(begun: Begun) -> None:
    """Begin nothing of it that has not begun yet."""
    for future in (f for of_table in begun.values() for f in of_table):
        future.cancel()


def index(
    workers: Executor, pool: Pool, stagings: Sequence[tuple[Staging, Sequence[str]]], begun: Begun = _NOTHING
) -> list[tuple[int, int] | None]:
    """Build what matching (and, on a first load, the partition and its links) needs of each table, with what stands beside it.

    Each comes with the columns by which links are found; what is ``begun`` is awaited. Return of each that is a first load, in which
    nothing changes any more, how many rows are staged and a hash of which (`ingest.staging.count_and_hash`); None of others.
    """
    built = {**begun, **begin(workers, pool, [(s, linked) for s, linked in stagings if s.name not in begun])}
    beside = [workers.submit(representations.index, pool, s) for s, _ in stagings]
    last = []
    for staging, _ in stagings:
        for ready in built[staging.name]:
            ready.result()
        last.append(workers.submit(_run, pool, _last(staging)))
    counts = []
    for (staging, _), complete in zip(stagings, beside, strict=True):
        complete.result()
        counts.append(workers.submit(_count_and_hash, pool, staging) if staging.first_load else None)
    for analysed in last:
        analysed.result()
    return [None if counted is None else counted.result() for counted in counts]


def _spatial(staging: Staging) -> sql.Composed:
    return sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(staging.table)


def _keys(staging: Staging, linked: Sequence[str]) -> list[sql.Composed]:
    places = {"staging": staging.table, "key": _key(staging)}
    keys = ("CREATE INDEX ON {staging} (natural_key)", "CREATE UNIQUE INDEX {key} ON {staging} (fid)")
    named = sql.SQL("CREATE INDEX ON {table} ({column}) WHERE {column} IS NOT NULL")  # most features name nothing
    links = [named.format(table=staging.table, column=sql.Identifier(column)) for column in linked]
    times = _BY_VALIDITY if staging.first_load else ()
    return [*(sql.SQL(k).format(**places) for k in keys), *links, *(sql.SQL(t).format(**places) for t in times)]


def _last(staging: Staging) -> list[sql.Composed]:
    last = [sql.SQL("ANALYZE {}").format(staging.table)]
    if staging.first_load:
        last.append(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY USING INDEX {}").format(staging.table, _key(staging)))
    return last


def _key(staging: Staging) -> sql.Identifier:
    return sql.Identifier(f"{staging.name}_fid")


ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
"""Of two statements beside each other none has helpers: what these share out costs more than it saves."""


def _run(pool: Pool, statements: Sequence[sql.Composed]) -> None:
    with translated(), pool.connection() as connection:
        connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")  # two build already; what helpers share out costs more
        for statement in statements:
            connection.execute(statement)


def _count_and_hash(pool: Pool, staging: Staging) -> tuple[int, int]:
    with translated(), pool.connection() as connection:
        connection.execute(ALONE)
        return staged.count_and_hash(connection, staging)
