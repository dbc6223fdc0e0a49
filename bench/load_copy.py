"""load.copy: rows a second of the COPY part of loading alone, against a bare COPY BINARY of the very same bytes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from psycopg import sql

from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.workload import make_buildings
from ingest import staging as staged
from ingest.copy_binary import HEADER, TRAILER
from ingest.described_files import described
from ingest.fids import FidSource
from ingest.load import withdraw
from ingest.receiving import start
from ingest.request import LoadRequest, PartSpec
from ingest.staging import Staging, claimed
from twin.server.loading import workplace

NAME, ROWS, PIECE, ROUNDS = "load.copy", 1_000_000, 20_000, 3
_BARE = sql.Identifier("public", "bare_copy")


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure filling the staging table of a new dataset from ready bytes."""
    path = stage.geopackage(make_buildings(ROWS))
    request = LoadRequest(files=(path,), parts=(PartSpec(None, "building", "copied_buildings"),), reason="benchmark")
    submission, _ = stage.check(path, request.parts)
    bodies = _bodies(stage, submission)
    withdraw(stage.city.catalogue, submission)

    def ours() -> float:
        catalogue = stage.city.catalogue
        new = catalogue.submissions.receive(request.actor, described(request.files), {})
        with claimed(catalogue.pool, new):
            staging = start(workplace(stage.city, lambda *_: None), new, request)["copied_buildings"].staging
            started = time.perf_counter()
            with FidSource(catalogue.pool) as fids, catalogue.pool.connection() as connection:
                staged.begin_filling(connection, staging)
                with staged.filling(connection, staging, begun=True, more=("fid",)) as write:
                    for body in bodies:
                        fids.draw(staging, PIECE)
                        write(body)
            elapsed = time.perf_counter() - started
            withdraw(catalogue, new)
        return ROWS / elapsed

    contenders = [Contender("citytwin", "ours", ours), Contender("COPY BINARY", "bound", lambda: _bare_copy(stage, bodies))]
    samples = interleave(contenders, ROUNDS, say)
    method = (
        f"Ours: the statements by which a check fills the staging table of a new dataset, {PIECE:,} rows at a time, in one transaction "
        "from its begin to its commit, fids drawn for each piece, fed with ready bytes: what reading, checking and encoding cost is not "
        "in it (load.checked has all of it). Bound: the same bytes by one COPY BINARY into a bare unlogged table without key or default."
    )
    return Outcome(NAME, "rows/s", ROWS, "higher", {c.name: c.role for c in contenders}, samples, method, {})


def _bodies(stage: Stage, submission: uuid.UUID) -> list[bytes]:
    """Return the staged rows as COPY BINARY bytes without header and trailer, and make the bare table for them."""
    with stage.city.pool.connection() as connection:
        (table,) = stage.staged(connection, submission)
        columns = staged.columns(_copied(stage, submission))
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_BARE))
        connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} AS SELECT {} FROM {} LIMIT 0").format(_BARE, columns, table))
        found = []
        for first in range(1, ROWS + 1, PIECE):
            rows = sql.SQL("SELECT {} FROM {} WHERE row BETWEEN {} AND {}").format(
                columns, table, sql.Literal(first), sql.Literal(first + PIECE - 1)
            )
            with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(rows)) as copy:
                content = b"".join(bytes(piece) for piece in copy)
            found.append(content.removeprefix(HEADER).removesuffix(TRAILER))
    return found


def _copied(stage: Stage, submission: uuid.UUID) -> tuple[str, ...]:
    catalogue = stage.city.catalogue
    dataset = catalogue.dataset("copied_buildings")
    return (*Staging(submission, 0, dataset, catalogue.feature_type(dataset.feature_type), first_load=True).copied, "fid")


def _bare_copy(stage: Stage, bodies: list[bytes]) -> float:
    with stage.city.pool.connection() as connection:
        connection.execute(sql.SQL("TRUNCATE {}").format(_BARE))
    started = time.perf_counter()
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(_BARE)
    with stage.city.pool.connection() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        for body in bodies:
            copy.write(body)
        copy.write(TRAILER)
    return ROWS / (time.perf_counter() - started)
