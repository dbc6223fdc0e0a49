"""tiles.lod1: buildings a second from PostGIS to written tile files."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psycopg
from psycopg import sql
from py3dtiles.export import wkbs_to_tileset

from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.tile_build import TileBuild, build_apart
from bench.tiled import tiled
from bench.workload import make_buildings
from twin.tables import current_table

NAME, UNIT, ROWS, PEER_ROWS, ROUNDS = "tiles.lod1", "buildings/s", 1_000_000, 20_000, 3
METHOD = (
    "Everybody warm, from the first query to the last byte in a folder. Ours: footprints and seven attributes are read, extruded, "
    "projected to ECEF, written as quantized, meshopt-compressed GLBs with typed property tables, and a tileset of all levels, in a "
    f"process of its own that has built {PEER_ROWS:,} buildings before, with the template its workers are forked from up: a build that has "
    "to bring that up first takes longer. Peer: the statements and the tiler of `py3dtiles export`, in a "
    f"warm process, from ready-made blocks (it cannot extrude), with ids only, {PEER_ROWS:,} of them, in the first round only, since one "
    "takes it minutes. Bound: the same rows over COPY BINARY, their bytes as they come into one file."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure tiling of a million buildings, which are loaded first."""
    dataset, warm_on = tiled(stage, ROWS), tiled(stage, PEER_ROWS)
    stage.give_peers_solids(make_buildings(PEER_ROWS))
    stage.settle()
    builds: list[TileBuild] = []
    target = stage.folder / "written"
    peer = f"py3dtiles {version('py3dtiles')}"
    contenders = [
        Contender("citytwin", "ours", lambda: _ours(stage, dataset, warm_on, builds)),
        Contender(peer, "peer", lambda: PEER_ROWS / _seconds(target, lambda: _py3dtiles(stage, target)), 1),
        Contender("rows to a file", "bound", lambda: ROWS / _seconds(target, lambda: _rows(stage, dataset, target))),
    ]
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    note = max(builds, key=lambda build: build.peak_mib).note("building")
    return Outcome(NAME, UNIT, ROWS, "higher", {c.name: c.role for c in contenders}, samples, METHOD, {}, (note,))


def _ours(stage: Stage, dataset: str, warm_on: str, builds: list[TileBuild]) -> float:
    builds.append(build_apart(stage, dataset, warm_on))
    return builds[-1].features / builds[-1].seconds


def _seconds(target: Path, work: Callable[[], None]) -> float:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    started = time.perf_counter()
    work()
    elapsed = time.perf_counter() - started
    if not any(p.is_file() for p in target.rglob("*")):
        raise RuntimeError("nothing was written")
    return elapsed


def _py3dtiles(stage: Stage, target: Path) -> None:
    """Do what ``py3dtiles.export.from_db`` does, which itself wants another driver (psycopg2)."""
    with psycopg.connect(stage.peer_dsn) as connection:
        row = connection.execute(
            "SELECT ST_XMin(e), ST_YMin(e), ST_ZMin(e), ST_XMax(e), ST_YMax(e), ST_ZMax(e)"
            " FROM (SELECT ST_3DExtent(geom) AS e FROM solids) AS extent"
        ).fetchone()
        low_high = np.array(row, dtype=np.float64).reshape(2, 3)
        offset = low_high.mean(axis=0)
        rows = connection.execute(
            "SELECT ST_AsBinary(ST_RotateX(ST_Translate(geom, %s, %s, %s), -pi() / 2)), ST_Area(ST_Force2D(geom)) AS weight, fid"
            " FROM solids ORDER BY weight DESC",
            tuple(-offset),
        ).fetchall()
    transform = np.eye(4, dtype=np.float32)
    transform[:3, 3] = offset
    with contextlib.redirect_stdout(io.StringIO()):
        wkbs_to_tileset([bytes(r[0]) for r in rows], [str(r[2]) for r in rows], transform.flatten("F"), target)


def _rows(stage: Stage, slug: str, target: Path) -> None:
    dataset = stage.city.catalogue.dataset(slug)
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(current_table(dataset.feature_type, dataset.id))
    with (
        stage.city.pool.connection() as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
        (target / "rows").open("wb") as file,
    ):
        file.writelines(copy)
