"""load.checked: rows a second from a GeoPackage to a staging table that is checked by all rules, indexed and compared."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from bench.pipes import LINES, POINTS, write_pipe_survey
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.workload import SRID, make_buildings
from ingest.request import PartSpec

NAME, PIPES_NAME = "load.checked", "load.checked_pipes"
BUILDINGS, SEGMENTS, ROUNDS, UNIT = 1_000_000, 300_000, 3, "rows/s"
_OURS = (
    "Ours: the first of the two steps of `twin load`, in this process, from the call to the accepted submission: sandboxed child, mapping, "
    "all rules, staging, derived values, indexes, comparison. "
)
_PEER = "Peer: `ogr2ogr` with PG_USE_COPY into new unlogged tables with primary key, GiST and an index on the same keys; no checks. "
_BOUND = "Bound: the very rows that we stage, as ready COPY BINARY bytes, into bare unlogged tables without key or index."
Layers = Sequence[tuple[str, str]]
"""Layer and the column of its key."""


def run_buildings(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure checking a million footprints."""
    path = stage.geopackage(make_buildings(BUILDINGS))
    parts = (PartSpec(None, "building", "checked_buildings"),)
    method = f"{BUILDINGS:,} footprints with seven attributes. " + _OURS + _PEER + _BOUND
    return _run(stage, say, NAME, path, parts, (("建筑物", "建筑编号"),), BUILDINGS, method)


def run_pipes(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure checking a survey of pipes, with the rules over networks."""
    path = stage.folder / "pipes.gpkg"
    rows = write_pipe_survey(SEGMENTS, path)
    parts = (PartSpec(POINTS, "pipe_node", "checked_nodes"), PartSpec(LINES, "pipe_segment", "checked_segments"))
    method = f"{SEGMENTS:,} pipe segments and the points between them, all survey rules on. " + _OURS + _PEER + _BOUND
    return _run(stage, say, PIPES_NAME, path, parts, ((POINTS, "管线点编号"), (LINES, "起点点号")), rows, method)


def _run(
    stage: Stage, say: Callable[[str], None], name: str, path: Path, parts: tuple[PartSpec, ...], layers: Layers, rows: int, method: str
) -> Outcome:
    def ours() -> float:
        started = time.perf_counter()
        submission, accepted = stage.check(path, parts)
        elapsed = time.perf_counter() - started
        stage.withdraw(submission)
        if accepted != rows:
            raise RuntimeError(f"{accepted} of {rows} rows were accepted")
        return rows / elapsed

    submission, _ = stage.check(path, parts)
    bodies = _staged_bytes(stage, submission)
    stage.withdraw(submission)
    contenders = [Contender("citytwin", "ours", ours), Contender("COPY BINARY", "bound", lambda: _bare_copy(stage, bodies, rows))]
    missing = {}
    if program := shutil.which("ogr2ogr"):
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1].rstrip(",")
        contenders.append(Contender(f"ogr2ogr {version}", "peer", lambda: _ogr2ogr(stage, program, path, layers, rows)))
    else:
        missing["ogr2ogr"] = "gdal-bin is not installed"
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    return Outcome(name, UNIT, rows, "higher", {c.name: c.role for c in contenders}, samples, method, missing)


def _staged_bytes(stage: Stage, submission: uuid.UUID) -> list[tuple[sql.Identifier, bytes]]:
    """Return the bare copy's tables, made like the staged ones, and the bytes that fill them."""
    found = []
    with stage.city.pool.connection() as connection:
        for number, table in enumerate(stage.staged(connection, submission)):
            bare = sql.Identifier("public", f"bare_{number}")
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(bare))
            connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} (LIKE {})").format(bare, table))
            statement = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(table)
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                found.append((bare, b"".join(bytes(piece) for piece in copy)))
    return found


def _bare_copy(stage: Stage, bodies: list[tuple[sql.Identifier, bytes]], rows: int) -> float:
    with stage.city.pool.connection() as connection:
        for bare, _ in bodies:
            connection.execute(sql.SQL("TRUNCATE {}").format(bare))
    started = time.perf_counter()
    with stage.city.pool.connection() as connection, connection.cursor() as cursor:
        for bare, body in bodies:
            with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(bare)) as copy:
                copy.write(body)
    return rows / (time.perf_counter() - started)


def _ogr2ogr(stage: Stage, program: str, path: Path, layers: Layers, rows: int) -> float:
    tables = [f"ogr_{number}" for number in range(len(layers))]
    with psycopg.connect(stage.peer_dsn) as connection:
        for table in tables:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("public", table)))
    started = time.perf_counter()
    for table, (layer, key) in zip(tables, layers, strict=True):
        command = [program, "-f", "PostgreSQL", f"PG:{stage.peer_dsn}", str(path), layer, "-nln", table, "-a_srs", f"EPSG:{SRID}"]
        options = ["--config", "PG_USE_COPY", "YES", "-lco", "SPATIAL_INDEX=GIST", "-lco", "UNLOGGED=YES", "-lco", "LAUNDER=NO"]
        subprocess.run([*command, *options], check=True, capture_output=True)
        with psycopg.connect(stage.peer_dsn) as connection:
            connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(sql.Identifier("public", table), sql.Identifier(key)))
    elapsed = time.perf_counter() - started
    with psycopg.connect(stage.peer_dsn) as connection:
        counts = [connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", t))).fetchone() for t in tables]
    if sum(count[0] for count in counts if count) != rows:
        raise RuntimeError(f"ogr2ogr wrote {counts} rows")
    return rows / elapsed
