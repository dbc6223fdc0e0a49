"""load.copy: rows a second from a GeoPackage to a published, indexed, queryable revision."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Callable

import psycopg
from psycopg import sql

from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.workload import SRID, make_buildings
from twin.tables import current_table

NAME, UNIT, ROWS, ROUNDS = "load.copy", "rows/s", 100_000, 5
METHOD = (
    "Ours: `twin load` of a GeoPackage in this process, from the call to its return: sandboxed child, mapping, checks, staging, ground "
    "heights, indexes, publish, into a new dataset every round. Peer: `ogr2ogr` with PG_USE_COPY into a new table with primary key and "
    "GiST, no checks. Bound: the very rows that we publish, as ready COPY BINARY bytes, into a bare logged table without key or index."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure loading; the datasets ``load_0``, ``load_1``… stay behind on the stage."""
    path = stage.geopackage(make_buildings(ROWS))
    numbers = itertools.count()

    def ours() -> float:
        dataset = f"load_{next(numbers)}"
        started = time.perf_counter()
        result = stage.load(path, dataset)
        elapsed = time.perf_counter() - started
        if result.published != ROWS:
            raise RuntimeError(f"{result.published} of {ROWS} rows were published")
        return ROWS / elapsed

    ours()
    body = _published_bytes(stage, "load_0")
    contenders = [Contender("citytwin", "ours", ours), Contender("COPY BINARY", "bound", lambda: _bare_copy(stage, "load_0", body))]
    missing = {}
    if program := shutil.which("ogr2ogr"):
        name = "ogr2ogr " + subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1].rstrip(",")
        contenders.append(Contender(name, "peer", lambda: _ogr2ogr(stage, program, str(path))))
    else:
        missing["ogr2ogr"] = "gdal-bin is not installed"
    samples = interleave(contenders, ROUNDS, say)
    return Outcome(NAME, UNIT, ROWS, "higher", {c.name: c.role for c in contenders}, samples, METHOD, missing)


def _published_bytes(stage: Stage, dataset: str) -> bytes:
    table = _table(stage, dataset)
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(table)
    with stage.city.pool.connection() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(piece) for piece in copy)


def _bare_copy(stage: Stage, dataset: str, body: bytes) -> float:
    bare = sql.Identifier("staging", "bare")
    with stage.city.pool.connection() as connection:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(bare))
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(bare, _table(stage, dataset)))
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(bare)
    started = time.perf_counter()
    with stage.city.pool.connection() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(body)
    return ROWS / (time.perf_counter() - started)


def _ogr2ogr(stage: Stage, program: str, path: str) -> float:
    with psycopg.connect(stage.peer_dsn) as connection:
        connection.execute("DROP TABLE IF EXISTS public.ogr")
    command = [program, "-f", "PostgreSQL", f"PG:{stage.peer_dsn}", path, "-nln", "ogr", "-nlt", "POLYGON", "-a_srs", f"EPSG:{SRID}"]
    started = time.perf_counter()
    subprocess.run([*command, "--config", "PG_USE_COPY", "YES", "-lco", "SPATIAL_INDEX=GIST"], check=True, capture_output=True)
    elapsed = time.perf_counter() - started
    with psycopg.connect(stage.peer_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM public.ogr").fetchone()
    if row != (ROWS,):
        raise RuntimeError(f"ogr2ogr wrote {row} rows")
    return ROWS / elapsed


def _table(stage: Stage, dataset: str) -> sql.Identifier:
    stored = stage.city.catalogue.dataset(dataset)
    return current_table(stored.feature_type, stored.id)
