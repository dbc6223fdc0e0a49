"""Workers of a Dask cluster: chunks are drawn by any machine that reaches the scheduler and the store.

Scheduler and workers have this package in the same version; a worker also has the geoid grid where the coordinator has it, and the
credentials of the store in its own environment. What it is sent is named by `tiles.making`; what it draws goes straight into the store.
"""

from __future__ import annotations

import functools
import logging
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from distributed import Client, KilledWorker
from distributed import Future as Sent
from distributed.client import FutureCancelledError

from tiles.build import TREE_VERSION
from tiles.chunk_task import ChunkTask
from tiles.glb import ENGINE_VERSION
from tiles.stored_rows import StoredRows, portable
from tiles.workers import Task
from twin.errors import TwinError, UnavailableError

type Prepare = Callable[[], object]
"""What a process does before its first task; pickles."""

_REACHED_S = 30.0
_ALONE_S, _LOOK_S = 600.0, 5.0
"""Without a worker for so long a build ends; how often it is looked whether there is one."""
_SENDERS = 8
"""Threads that put features into the store and take back what was made of them."""
_RETRIES = 2
"""Of a task that failed, as when the store did not answer; one whose worker was lost is done again whatever this says."""
_CANCELLED = (CancelledError, FutureCancelledError)
_ENGINE = (ENGINE_VERSION, TREE_VERSION)


class ClusterWorkers:
    """The workers of the scheduler at ``address`` (``tcp://host:8786``); use them as a context.

    UnavailableError ``no-cluster`` when there is no scheduler, or no worker, within half a minute. A worker that is lost loses nothing: the
    scheduler gives its tasks to another, and what they read is in the store until they are done. When all are lost and none comes within
    ten minutes, tasks fail with UnavailableError ``workers-lost``.
    """

    def __init__(self, address: str, prepare: Prepare) -> None:
        self._address, self._prepare = address, pickle.dumps(prepare, pickle.HIGHEST_PROTOCOL)
        self._senders = ThreadPoolExecutor(_SENDERS, "send")
        self._sent: set[Sent] = set()
        self._ended, self._is_alone = threading.Event(), False

    def __enter__(self) -> Self:
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it would tell of a lost scheduler is raised, in a line
        try:
            self._client = Client(self._address, timeout=_REACHED_S, set_as_default=False, name="twin-tiles")
        except (OSError, TimeoutError, ValueError) as error:
            raise _no_cluster(self._address) from error
        try:
            self.await_workers(1)
        except UnavailableError:
            self._client.close()
            raise
        self._watching = threading.Thread(target=self._watch, name="cluster", daemon=True)
        self._watching.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._watching.join()
        self._senders.shutdown(cancel_futures=True)
        if self._sent:
            self._client.cancel(list(self._sent), force=True)
        self._client.close()

    def await_workers(self, count: int) -> None:
        """Wait until there are ``count`` workers; UnavailableError ``no-cluster`` when they do not come."""
        try:
            self._client.wait_for_workers(count, timeout=_REACHED_S)
        except TimeoutError as error:
            raise _no_cluster(self._address) from error

    @property
    def count(self) -> int:
        """Return how many tasks are done at once, by the workers there are now."""
        return max(1, sum(self._client.nthreads().values()))

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done by some worker, by another if that one is lost."""
        result: Future[T] = Future()
        self._senders.submit(self._send, task, result)
        return result

    def _watch(self) -> None:
        """Call off what is under way when there has been no worker for long."""
        seen_s = time.monotonic()
        while not self._ended.wait(_LOOK_S):
            with suppress(Exception):  # a scheduler that is lost is told of where its tasks are
                if self._client.nthreads():
                    seen_s, self._is_alone = time.monotonic(), False
                elif time.monotonic() - seen_s > _ALONE_S:
                    self._is_alone = True
                    self._client.cancel(list(self._sent), force=True)

    def _send(self, task: Task[Any], result: Future[Any]) -> None:
        try:
            sendable = portable(task) if isinstance(task, ChunkTask) else task
            packed = pickle.dumps(sendable, pickle.HIGHEST_PROTOCOL)  # the scheduler opens what it passes on, but not this
            sent = self._client.submit(_run, _ENGINE, self._prepare, packed, pure=False, retries=_RETRIES)
        except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            result.set_exception(error)
            return
        self._sent.add(sent)
        sent.add_done_callback(lambda _: self._senders.submit(self._take, sendable, sent, result))

    def _take(self, task: Task[Any], sent: Sent, result: Future[Any]) -> None:
        try:
            made = sent.result()
            if isinstance(task, ChunkTask) and isinstance(task.rows, StoredRows):
                task.making.means.objects.delete_all([task.rows.key])
        except BaseException as error:  # noqa: BLE001 - likewise
            result.set_exception(_alone() if self._is_alone and isinstance(error, _CANCELLED) else _told(error))
        else:
            result.set_result(made)
        finally:
            self._sent.discard(sent)


def _run(engine: tuple[int, int], prepare: bytes, packed: bytes) -> Any:  # noqa: ANN401 - whatever the task gives
    """Do a task, in the process of a worker."""
    if engine != _ENGINE:
        raise UnavailableError(f"a worker has engine {_ENGINE}, the build {engine}: install the same version").with_code("other-version")
    _prepared(prepare)
    task: Task[Any] = pickle.loads(packed)  # noqa: S301 - who reaches the scheduler runs code here anyway
    return task.run()


@functools.cache
def _prepared(prepare: bytes) -> None:
    pickle.loads(prepare)()  # noqa: S301 - it comes as the task does, from who builds


def _told(error: BaseException) -> BaseException:
    """Return what is said of an error of the cluster: errors of the task itself are its own."""
    if isinstance(error, KilledWorker):
        return UnavailableError(
            "several workers were lost over one part of the city: is their memory too small?",
            zh="多个计算节点在同一部分上退出，内存是否不足？",
        ).with_code("workers-lost")
    if isinstance(error, _CANCELLED):
        return UnavailableError(
            "the scheduler was lost; build again, and what is done stays done", zh="与调度器的连接中断，请重新构建，已完成的部分会保留"
        )
    return error


def _alone() -> TwinError:
    return UnavailableError(
        "the cluster has had no worker for ten minutes; build again once it has some, and what is done stays done",
        zh="集群已有十分钟没有计算节点；恢复后请重新构建，已完成的部分会保留",
    ).with_code("workers-lost")


def _no_cluster(address: str) -> TwinError:
    return UnavailableError(
        f"there is no Dask scheduler with workers at {address}", zh=f"{address} 没有可用的 Dask 调度器及计算节点"
    ).with_code("no-cluster")
