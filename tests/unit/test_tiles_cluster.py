"""A build whose workers share nothing with it but a store: the same bytes as at home, whatever becomes of a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest
from distributed import LocalCluster

from tests.bucket_server import BUCKET, bucket_server
from tests.served_city import free_port
from tests.tile_features import BUILDING, buildings, to_geocentric
from tiles import full_build
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset, read_tree
from tiles.chunk_task import ChunkTask
from tiles.cluster import ClusterWorkers
from tiles.columns import FeatureColumns
from tiles.garbage import InUse
from tiles.making import Making
from tiles.memory_store import MemoryStore
from tiles.node_store import NodeStore, Objects
from tiles.plan import Chunk
from tiles.selection import sliced
from tiles.stored_rows import StoredRows, portable
from tiles.tiling import Budget
from tiles.workers import Task, ThreadWorkers, Workers
from twin.bucket_address import bucket_address
from twin.bucket_opening import open_bucket
from twin.errors import UnavailableError
from twin.server.city import City
from twin.server.settings import read_settings
from twin.server.settled import settled
from twin.server.tile_workers import MANY, tile_workers
from twin.store import FolderStore
from twin.write_behind import WriteBehind

TARGET = TilesetTarget("b", 1, "open", "2.25.9.2.1.")
OPTIONS = BuildOptions(budget=Budget(1_500, 15_000))
ROOT = Path(__file__).parents[2]


def build(run: FeatureColumns, store: Objects, workers: Workers | None = None) -> TilesetSummary:
    batches = [sliced(run, at, min(at + 70, len(run))) for at in range(0, len(run), 70)]
    return build_tileset(batches, BUILDING, to_geocentric, TARGET, store, options=OPTIONS, workers=workers)


class FarStore(MemoryStore):
    """A store that is read as one on another machine is."""

    is_far = True  # type: ignore[assignment]


class Elsewhere(ThreadWorkers):
    """Workers that see no run of the build."""

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done without the files that it names."""
        assert isinstance(task, ChunkTask)
        sent = portable(task)
        assert isinstance(sent.rows, StoredRows)
        assert not sent.rows.run.path.exists()
        return super().submit(sent)  # type: ignore[arg-type]


def test_what_is_sent_to_workers_needs_the_store_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_build, "RUN_BYTES", 10_000)
    run, whole, elsewhere = buildings(300), MemoryStore(), FarStore()
    expected = build(run, whole)
    with Elsewhere(2) as workers:
        assert build(run, elsewhere, workers) == expected
    for objects in (whole, elsewhere):  # both ways of walking a tree find all of it
        in_use = InUse(NodeStore(objects, "b", "open"))
        in_use.keep(1, expected.tree)
        assert {f"tiles/b/open/{place}" for place in in_use.places} == set(whole)
    assert {key for key in elsewhere if "/w/" in key}
    assert {key: value for key, value in elsewhere.items() if "/w/" not in key} == whole


def test_a_task_does_not_answer_for_the_one_before(tmp_path: Path) -> None:
    class Broken:
        def read(self, objects: Objects) -> NoReturn:
            objects.put_once("c/1", b"x")
            raise LookupError("of its own")

    (tmp_path / "c").write_bytes(b"in the way of a folder")
    behind = WriteBehind(FolderStore(tmp_path))
    making = SimpleNamespace(means=SimpleNamespace(objects=behind), journal=SimpleNamespace(built=lambda _: None))
    with pytest.raises(LookupError, match="of its own"):
        ChunkTask(cast("Making", making), cast("Chunk", None), Broken()).run()
    behind.put_once("d/1", b"x")
    behind.drain()
    behind.close()


def test_notes_that_lead_nowhere_take_nothing_from_others() -> None:
    objects = MemoryStore()
    store = NodeStore(objects, "b", "open")
    root = read_tree(store, build(buildings(300), objects).tree).root
    assert root is not None
    lost, *others = (child for _, child in store.node(root).children)
    objects.delete_all([f"{store.prefix}/n/{lost}"])
    for number, node in enumerate([root, *others]):
        objects.put(f"{store.prefix}/b/1/{number}.json", json.dumps([[0, node]]).encode())
    found = InUse(store)
    found.keep_notes(f"b/1/{number}.json" for number in range(1 + len(others)))
    alone = InUse(store)
    alone.keep_notes(f"b/1/{number}.json" for number in range(1, 1 + len(others)))
    assert "b/1/0.json" not in found.places
    assert len(alone.places) > len(others) > 1
    assert found.places >= alone.places


def test_a_scheduler_that_is_not_there_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.cluster._REACHED_S", 0.2)
    with pytest.raises(UnavailableError, match="no Dask scheduler"), ClusterWorkers(f"tcp://127.0.0.1:{free_port()}", nothing):
        pass


def nothing() -> None:
    """Nothing to make ready."""


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_cluster_that_has_lost_all_workers_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.cluster._ALONE_S", 0.2)
    monkeypatch.setattr("tiles.cluster._LOOK_S", 0.05)
    with (
        LocalCluster(1, threads_per_worker=1, processes=False, dashboard_address=None) as machines,
        ClusterWorkers(machines.scheduler_address, nothing) as workers,
    ):
        machines.scale(0)
        while machines.scheduler.workers:
            time.sleep(0.01)
        for _ in range(2):  # also what is sent later
            lost = workers.submit(cast("Task[object]", SimpleNamespace())).exception(30)
            assert isinstance(lost, UnavailableError)
            assert lost.code == "workers-lost"


@contextmanager
def dask_worker(scheduler: str, environment: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    given = os.environ | environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with (folder / "worker.log").open("ab") as log:
        worker = subprocess.Popen([*command, "--local-directory", str(folder)], env=given, cwd=folder, stdout=log, stderr=log)
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()


@contextmanager
def dask_scheduler() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    scheduler = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        scheduler.kill()
        scheduler.wait()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_two_workers_of_a_cluster_build_into_a_bucket_and_one_of_them_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are those of a build at home; nothing is left of what was under way."""
    run, whole = buildings(900), MemoryStore()
    expected = build(run, whole)
    monkeypatch.setattr(full_build, "RUN_BYTES", 50_000)
    monkeypatch.setattr(full_build, "_CHUNK_ROWS", 60)
    with ExitStack() as stack:
        environment = stack.enter_context(bucket_server())
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        scheduler = stack.enter_context(dask_scheduler())
        workers = [stack.enter_context(dask_worker(scheduler, environment, tmp_path)) for _ in range(2)]
        store = open_bucket(bucket_address(f"s3://{BUCKET}/city", tmp_path / "copies", 1 << 30))
        cluster = stack.enter_context(ClusterWorkers(scheduler, nothing))
        cluster.await_workers(2)
        chunks = Counted(cluster, lambda done: workers[0].send_signal(signal.SIGKILL) if done == 2 else None)
        with settled(store) as objects:
            assert build(run, objects, chunks) == expected
        assert chunks.done > 6
        assert workers[0].wait(10) == -signal.SIGKILL
        assert workers[1].poll() is None
        assert {key: store.get(key) for key in store.keys("tiles")} == whole


class Counted:
    """Workers of whom ``told`` hears after each task how many are done."""

    def __init__(self, workers: ClusterWorkers, told: object) -> None:
        self._workers, self._told, self.done = workers, told, 0

    @property
    def count(self) -> int:
        """Return how many tasks are done at once."""
        return self._workers.count

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done."""
        future = self._workers.submit(task)
        future.add_done_callback(self._count)
        return future

    def _count(self, _: Future[object]) -> None:
        self.done += 1
        self._told(self.done)  # type: ignore[operator]


def test_a_cluster_draws_large_datasets_only_and_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    city = cast("City", SimpleNamespace(settings=read_settings({"TWIN_SCHEDULER": "tcp://scheduler:8786"})))
    assert isinstance(tile_workers(city, MANY - 1), ThreadWorkers)
    assert isinstance(tile_workers(city, MANY), ClusterWorkers)
    monkeypatch.delitem(sys.modules, "tiles.cluster")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnavailableError, match=r"pip install 'citytwin\[cluster\]'"):
        tile_workers(city, MANY)
