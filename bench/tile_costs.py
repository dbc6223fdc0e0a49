"""`python -m bench.tile_costs [SHARE]`: what a build costs on a cluster, by stage and kind of feature; docs/cluster.md is written from it.

CPU of one core, bytes, objects and requests of a feature: those of PostgreSQL and of reading from a throw-away city, those of drawing with
a store that counts and workers that are this thread, so that nothing waits for anything.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import cast

import psycopg

from bench.process_cpu import tree_cpu_s
from bench.servers import free_port
from bench.stage import Stage, open_stage
from bench.tiled import tiled
from bench.tiles_built import HOUSES, PIPES, SEWERS_BUILT
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.chunk_task import ChunkTask
from tiles.columns import FeatureColumns
from tiles.memory_store import MemoryStore
from tiles.revision_rows import RevisionRows
from tiles.stored_rows import portable
from tiles.workers import Task
from twin.catalogue import Catalogue
from twin.query.collection import collection_of

ROUNDS = 3
_TO_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is built: how many of it, and how they are loaded under a name."""

    noun: str
    count: int
    load: Callable[[Stage, int], str]


def _named(load: Callable[[Stage, str, int], None], name: str) -> Callable[[Stage, int], str]:
    def loaded(stage: Stage, count: int) -> str:
        load(stage, name, count)
        return name

    return loaded


KINDS = (
    _Kind("block", 100_000, tiled),
    _Kind("body", 5_000, _named(HOUSES.load, "bodies")),
    _Kind("straight pipe", 50_000, _named(PIPES.load, "pipes")),
    _Kind("bent sewer", 20_000, _named(SEWERS_BUILT.load, "sewers")),
)


class Metered:
    """Workers that do each task at once, as a cluster would: sent by the store, drawn from there."""

    count = 8

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.tasks = 0

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Do ``task``; a build gives no other than those of chunks."""
        started = time.process_time()
        sent = portable(cast("ChunkTask", task))
        between = time.process_time()
        done: Future[T] = Future()
        done.set_result(cast("T", sent.run()))
        self.seconds += Counter({"send": between - started, "draw": time.process_time() - between})
        self.tasks += 1
        return done


class Counted(MemoryStore):
    """A store that counts what would be requests to a bucket."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    def get(self, key: str) -> bytes:  # type: ignore[override]
        """Return the bytes under ``key``."""
        self.requests["GET"] += 1
        return self[key]

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key``."""
        self.requests["PUT"] += 1
        super().put(key, content)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        self.requests["HEAD"] += 1
        return super().size(key)


def main(share: float) -> None:
    """Load a dataset of each kind, build each some times, and print the figures."""
    with open_stage(free_port()) as stage:
        loaded = [(kind, kind.load(stage, max(1, round(kind.count * share)))) for kind in KINDS]
        stage.settle()
        for kind, dataset in loaded:
            _measure(stage, kind, dataset)


def _measure(stage: Stage, kind: _Kind, dataset: str) -> None:
    """Print what the features of ``dataset`` cost: the least of some rounds, the first of which only warms."""
    stages: dict[str, list[float]] = defaultdict(list)
    for _ in range(1 + ROUNDS):
        batches, reading = _read(stage, dataset)
        store, workers, whole = _built(stage, dataset, batches)
        spent = {**reading, **workers.seconds, "place, sort, spill; top of the tree, subtree files": whole - workers.seconds.total()}
        for name, seconds in spent.items():
            stages[name].append(seconds)
    count = sum(len(batch) for batch in batches)
    print(f"\n{kind.noun}: {count:,} of them, {workers.tasks} tasks; least and median of {ROUNDS} rounds")
    for name, each in stages.items():
        least, middle = min(each[1:]), statistics.median(each[1:])
        print(f"  {name:52s} {least / count * _TO_MICRO:8.2f} {middle / count * _TO_MICRO:8.2f} µs of CPU")
    _say_sizes(stage, dataset, store, count)


def _say_sizes(stage: Stage, dataset: str, store: Counted, count: int) -> None:
    print(f"  {'rows with indexes and keys':52s} {_stored_bytes(stage, dataset) / count:8.1f} bytes")
    for request, number in store.requests.items():
        print(f"  {request:52s} {number / count * _TO_MICRO:8,.0f} a million")
    sizes, objects = Counter[str](), Counter[str]()
    for key, content in store.items():
        folder = key.split("/")[3]
        sizes[folder] += len(content)
        objects[folder] += 1
    for folder in sizes:
        each = objects[folder] / count * _TO_MICRO
        print(f"  objects in {folder:41s} {each:8,.0f} a million {sizes[folder] / count:8.1f} bytes a feature")


def _read(stage: Stage, dataset: str) -> tuple[list[FeatureColumns], dict[str, float]]:
    """Return the features as a build reads them, and what PostgreSQL and this process spent on it."""
    postgres, started = tree_cpu_s([stage.postmaster]), time.process_time()
    batches = list(_rows(stage, dataset).batches())
    decoded = time.process_time() - started
    return batches, {"rows by COPY": tree_cpu_s([stage.postmaster]) - postgres, "COPY received, decoded": decoded}


def _rows(stage: Stage, slug: str) -> RevisionRows:
    catalogue: Catalogue = stage.city.catalogue
    collection, revision = collection_of(catalogue, stage.city.deployment, catalogue.dataset(slug)), catalogue.current_revision(slug)
    if collection is None or revision is None:
        raise RuntimeError(f"{slug} has no revision")
    return RevisionRows(stage.city.pool, collection, revision.commit)


def _built(stage: Stage, dataset: str, batches: Sequence[FeatureColumns]) -> tuple[Counted, Metered, float]:
    """Build ``batches``; return the store, the workers and the CPU seconds of all."""
    feature_type = _rows(stage, dataset).collection.feature_type
    store, workers = Counted(), Metered()
    target = TilesetTarget("b", 1, "open", "2.25.1.2.1.")
    given: Iterable[FeatureColumns] = iter(batches)
    started = time.process_time()
    summary = build_tileset(given, feature_type, stage.city.frame, target, store, options=BuildOptions(), workers=workers)
    seconds = time.process_time() - started
    if summary.drawn != summary.features:
        raise RuntimeError(f"{summary.drawn} of {summary.features} features were drawn: {summary.left_out}")
    return store, workers, seconds


def _stored_bytes(stage: Stage, slug: str) -> int:
    """Return what the tables of a dataset take, with their indexes."""
    number = stage.city.catalogue.dataset(slug).id
    with psycopg.connect(stage.city.database_url) as connection:
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE relname LIKE %s", (f"%\\_d{number}",)
        ).fetchone()
    return int(row[0] or 0) if row else 0


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
