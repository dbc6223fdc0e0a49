"""tiles.edit_10k, _100k, _1M: one building changed by `twin load --mode delta`; from its COMMIT to the new tileset, served."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg

from bench.rounds import Outcome
from bench.servers import Server, free_port, ours, running
from bench.stage import Stage
from bench.tiled import tiled
from bench.workload import SRID, Buildings, make_buildings, write_geopackage
from ingest.request import PartSpec
from tiles.node_store import NodeStore
from twin.server.assets import build_missing
from twin.server.scene import VARIANT

UNIT, EDITS = "ms", 21
SIZES = {"tiles.edit_10k": 10_000, "tiles.edit_100k": 100_000, "tiles.edit_1M": 1_000_000}
_LOOK_S, _WITHIN_S, _WARM_S = 0.004, 60.0, 12.0
_STATISTICS_S = 11.0
"""A connection of PostgreSQL that is idle tells its statistics after ten seconds."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What one edit read and wrote."""

    rows: int
    objects: int
    levels: int


def run(stage: Stage, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Measure the cities that are wanted, the smallest first."""
    for name in SIZES:
        if stage.wants(name):
            yield _measure(stage, say, name)


def _measure(stage: Stage, say: Callable[[str], None], name: str) -> Outcome:
    count = SIZES[name]
    dataset, buildings = tiled(stage, count), make_buildings(count)
    build_missing(stage.city, lambda *_: None, only=(dataset,))
    stage.leave_unbuilt(*(other.slug for other in stage.city.catalogue.datasets() if other.slug != dataset))
    work = _work(stage, dataset, buildings)
    port = free_port()
    times: list[float] = []
    with running(ours(stage, port, caching=True), port, stage.folder / "server.log") as server:
        time.sleep(_WARM_S)
        for number in range(EDITS):
            index = (number + 1) * 7_919 % count
            times.append(_served_after_ms(stage, dataset, _change(stage, buildings, index, number), server))
            say(f"  {number + 1}/{EDITS}  {times[-1]:.0f} ms")
    p95 = float(np.percentile(times, 95))
    method = (
        "Ours: a server with its worker runs; `twin load --mode delta` publishes one building with another height. The clock runs from "
        "when another connection sees the commit until GET of the dataset's tileset.json names the new revision. The 95th percentile of "
        f"{EDITS} edits, each elsewhere in the city; the median is {np.median(times):.0f} ms. One edit reads {work.rows:,} rows of the "
        f"dataset's tables (pg_stat) and writes {work.objects} new objects, explicit and implicit, into a tree of {work.levels} levels. "
        "Nothing else is built meanwhile."
    )
    return Outcome(name, UNIT, count, "lower", {"citytwin": "ours"}, {"citytwin": (p95,)}, method, {})


def _work(stage: Stage, dataset: str, buildings: Buildings) -> _Work:
    """Publish and build one edit in this process, and count."""
    path = _change(stage, buildings, len(buildings.footprints) // 2, 0)
    submission, _ = stage.check(path, (PartSpec(None, "building", dataset),), mode="delta", crs=f"EPSG:{SRID}")
    stage.publish(submission)
    before = set(stage.city.store.keys(f"tiles/{dataset}"))
    time.sleep(_STATISTICS_S)
    rows = _rows_read(stage, dataset)
    build_missing(stage.city, lambda *_: None, only=(dataset,))
    time.sleep(_STATISTICS_S)
    new = set(stage.city.store.keys(f"tiles/{dataset}")) - before
    nodes = NodeStore(stage.city.store, dataset, VARIANT)
    names = [key.rpartition("/")[2] for key in new if "/n/" in key]
    levels = max(nodes.node(name).levels for name in names if nodes.get(f"n/{name}").startswith(b"TWN1"))
    return _Work(_rows_read(stage, dataset) - rows, len(new), levels)


def _rows_read(stage: Stage, dataset: str) -> int:
    number = stage.city.catalogue.dataset(dataset).id
    with psycopg.connect(stage.city.database_url) as connection:
        row = connection.execute(
            "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname LIKE %s",
            (f"%\\_d{number}",),
        ).fetchone()
    return int(row[0] or 0) if row else 0


def _change(stage: Stage, buildings: Buildings, index: int, number: int) -> Path:
    one = slice(index, index + 1)
    fields = {name: column[one] for name, column in buildings.fields.items()}
    fields["建筑高度"] = buildings.height_m[one] + 1 + number
    path = stage.folder / "change.gpkg"
    write_geopackage(Buildings(buildings.footprints[one], buildings.base_m[one], buildings.height_m[one], fields), path)
    return path


def _served_after_ms(stage: Stage, dataset: str, change: Path, server: Server) -> float:
    seen = threading.Event()
    committed: list[float] = []
    watch = threading.Thread(target=_watch_commit, args=(stage, dataset, seen, committed))
    with psycopg.connect(stage.city.database_url, autocommit=True) as connection:
        before = _commit_of(connection, dataset)
    watch.start()
    load = [sys.executable, "-m", "twin.server.cli", "load", str(change), "--data-dir", str(stage.settings.data_dir), "--type", "building"]
    load += ["--dataset", dataset, "--mode", "delta", "--crs", f"EPSG:{SRID}", "--accept-doubts"]
    connection_http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with subprocess.Popen(load, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[1]) as process:
        deadline = time.monotonic() + _WITHIN_S
        while _served(connection_http, dataset) <= before:
            if time.monotonic() > deadline:
                process.kill()
                raise RuntimeError("the edit was not served in time")
            time.sleep(_LOOK_S)
        served = time.monotonic()
        if process.wait():
            raise RuntimeError(f"twin load ended with {process.returncode}")
    seen.set()
    watch.join()
    return (served - committed[0]) * 1000


def _watch_commit(stage: Stage, dataset: str, over: threading.Event, found: list[float]) -> None:
    with psycopg.connect(stage.city.database_url, autocommit=True) as connection:
        before = _commit_of(connection, dataset)
        while _commit_of(connection, dataset) == before and not over.wait(_LOOK_S):
            pass
    found.append(time.monotonic())


def _commit_of(connection: psycopg.Connection, dataset: str) -> int:
    row = connection.execute("SELECT current_commit FROM catalog.dataset WHERE slug = %s", (dataset,)).fetchone()
    return int(row[0]) if row else 0


def _served(connection: http.client.HTTPConnection, dataset: str) -> int:
    """Return the revision that the dataset's tileset.json names; 0 while it is being built."""
    connection.request("GET", f"/tiles/{dataset}/tileset.json")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        return 0
    return int(json.loads(body)["root"]["content"]["uri"].partition("/")[0])
