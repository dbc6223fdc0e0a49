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
from bench.workload import make_buildings
from tiles.build import TilesetTarget, build_tileset
from tiles.read import read_features
from twin.model import Principal
from twin.query.collection import collection_of
from twin.query.feature_query import FeatureQuery
from twin.store import FolderStore
from twin.tables import current_table

NAME, UNIT, ROWS, ROUNDS = "tiles.lod1", "buildings/s", 20_000, 3
METHOD = (
    "Everybody warm, from the first query to the last byte in a folder. Ours: footprints and seven attributes are read, extruded, "
    "projected to ECEF, written as quantized, meshopt-compressed GLBs with typed property tables, and a tileset. Peer: the statements and "
    "the tiler of `py3dtiles export`, in this process, from ready-made blocks (it cannot extrude), with ids only. Bound: the same rows "
    "over COPY BINARY, their bytes as they come into one file."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure tiling of the dataset ``tiled``, which is loaded first."""
    buildings = make_buildings(ROWS)
    stage.load(stage.geopackage(buildings), "tiled")
    stage.give_peers_solids(buildings)
    stage.settle()
    target = stage.folder / "written"
    peer = f"py3dtiles {version('py3dtiles')}"
    contenders = [
        Contender("citytwin", "ours", lambda: _timed(target, lambda: _ours(stage, target))),
        Contender(peer, "peer", lambda: _timed(target, lambda: _py3dtiles(stage, target))),
        Contender("rows to a file", "bound", lambda: _timed(target, lambda: _rows(stage, target))),
    ]
    contenders[0].measure()
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    return Outcome(NAME, UNIT, ROWS, "higher", {c.name: c.role for c in contenders}, samples, METHOD, {})


def _timed(target: Path, work: Callable[[], None]) -> float:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    started = time.perf_counter()
    work()
    elapsed = time.perf_counter() - started
    if not any(p.is_file() for p in target.rglob("*")):
        raise RuntimeError("nothing was written")
    return ROWS / elapsed


def _ours(stage: Stage, target: Path) -> None:
    city = stage.city
    dataset = city.catalogue.dataset("tiled")
    feature_type = city.catalogue.feature_type(dataset.feature_type)
    collection = collection_of(city.catalogue, city.deployment, dataset)
    if collection is None:
        raise RuntimeError("the dataset has no revision")
    query = FeatureQuery(collection, collection.crs[0], as_of=collection.revision.commit)
    place = TilesetTarget(dataset.slug, collection.revision.commit, "open", collection.oid_prefix)
    with city.pool.connection() as connection:
        columns = list(read_features(connection, query, Principal.system(), feature_type))
    summary = build_tileset(columns, feature_type, city.frame, place, FolderStore(target).put)
    if summary.drawn != ROWS:
        raise RuntimeError(f"{summary.drawn} of {ROWS} buildings were drawn")


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


def _rows(stage: Stage, target: Path) -> None:
    dataset = stage.city.catalogue.dataset("tiled")
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(current_table(dataset.feature_type, dataset.id))
    with (
        stage.city.pool.connection() as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
        (target / "rows").open("wb") as file,
    ):
        file.writelines(copy)
