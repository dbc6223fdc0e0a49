"""What a peer does with a file: `ogr2ogr` puts its layers into plain tables, and checks nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from bench.stage import Stage
from bench.workload import SRID

MISSING = {"ogr2ogr": "gdal-bin is not installed"}
Layers = Sequence[tuple[str, str | None]]
"""Layer and the column of its key, None for one without."""


def find_ogr2ogr() -> tuple[str, str] | None:
    """Return the program's path and its name with its version; None where it is not installed."""
    if (program := shutil.which("ogr2ogr")) is None:
        return None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1].rstrip(",")
    return program, f"ogr2ogr {version}"


def load_s(stage: Stage, program: str, path: Path, layers: Layers, rows: int) -> float:
    """Return the seconds from a file to new unlogged tables, of ``rows`` rows at least: header and titles of a sheet are rows, too."""
    tables = [f"ogr_{number}" for number in range(len(layers))]
    with psycopg.connect(stage.peer_dsn) as connection:
        for table in tables:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("public", table)))
    started = time.perf_counter()
    for table, (layer, key) in zip(tables, layers, strict=True):
        command = [program, "-f", "PostgreSQL", f"PG:{stage.peer_dsn}", str(path), layer, "-nln", table, "-a_srs", f"EPSG:{SRID}"]
        options = ["--config", "PG_USE_COPY", "YES", "-lco", "SPATIAL_INDEX=GIST", "-lco", "UNLOGGED=YES", "-lco", "LAUNDER=NO"]
        subprocess.run([*command, *options], check=True, capture_output=True)
        if key is not None:
            with psycopg.connect(stage.peer_dsn) as connection:
                connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(sql.Identifier("public", table), sql.Identifier(key)))
    elapsed = time.perf_counter() - started
    with psycopg.connect(stage.peer_dsn) as connection:
        counts = [connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", t))).fetchone() for t in tables]
    if sum(count[0] for count in counts if count) < rows:
        raise RuntimeError(f"ogr2ogr wrote {counts} rows")
    return elapsed
