"""Workers that are processes of this machine: Python runs on one core a process, whatever its threads release.

They are forked by a server that has loaded the engine with its compiled kernels (`tiles.worker_preload`): a worker is there at once, and
what was loaded is in memory once for all of them.
"""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import signal
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from tiles.workers import Task
from twin.errors import TwinError

_PRELOAD = "tiles.worker_preload"
_TRIES = 3
_LEAVE_S = 5.0

type Answer = tuple[object, BaseException | None]


class WorkerError(TwinError):
    """The processes that did a task were killed, one after the other."""

    code = "tile-worker"


class ProcessWorkers:
    """Processes of this machine; use them as a context.

    ``ready`` is called in each before its first task and pickles. The process of a task that ends before it answers, as by a signal, is
    replaced and the task done again; WorkerError after three.
    """

    def __init__(self, count: int, ready: Callable[[], object] | None = None) -> None:
        self._count, self._ready = count, ready
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(None)
        self._pool = ThreadPoolExecutor(count, "tiles")
        warm_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
        while not self._idle.empty():
            if (worker := self._idle.get()) is not None:
                worker.end()

    @property
    def count(self) -> int:
        """Return how many tasks are done at once."""
        return self._count

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done by a process."""
        return self._pool.submit(self._done, task)

    def _done[T](self, task: Task[T]) -> T:
        """Return what ``task`` gives, by a worker that no other thread has."""
        worker = self._idle.get()
        try:
            for _ in range(_TRIES):
                worker = worker or _Worker(self._ready)
                try:
                    return worker.do(task)
                except (EOFError, ConnectionError):
                    worker.end()
                    worker = None
            raise WorkerError("a part of a tileset was begun three times and its process killed each time", zh="瓦片构建进程多次被终止")
        finally:
            self._idle.put(worker)


class _Worker:
    """One process, and the way to it."""

    def __init__(self, ready: Callable[[], object] | None) -> None:
        context = multiprocessing.get_context("forkserver")
        self._way, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, ready), daemon=True)
        self._process.start()
        theirs.close()

    def do[T](self, task: Task[T]) -> T:
        """Return what ``task`` gives; EOFError or ConnectionError when the process ends instead."""
        self._way.send(task)
        result, error = self._way.recv()
        if error is not None:
            raise error
        given: T = result
        return given

    def end(self) -> None:
        """End it at once: what it stores is stored whole or not at all."""
        self._way.close()
        self._process.terminate()
        self._process.join(_LEAVE_S)


def warm_up() -> None:
    """Have the server of workers load the engine, if it has not; returns at once."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([_PRELOAD])
    forkserver.ensure_running()


def _serve(way: Connection, ready: Callable[[], object] | None) -> None:
    """Do what comes until nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the whole terminal's processes, the one that gave the work decides
    if ready is not None:
        ready()
    with suppress(EOFError, ConnectionError):
        while True:
            way.send_bytes(_answered(way.recv()))


def _answered(task: Task[object]) -> bytes:
    """Return the answer to ``task``, an error with where it was raised."""
    answer: Answer
    try:
        answer = task.run(), None
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who asked is told
        error.add_note("".join(traceback.format_exception(error)))
        answer = None, error
    try:
        return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - an error that does not pickle, as its text
        return pickle.dumps((None, WorkerError(f"{type(answer[1]).__name__}: {answer[1]} ({error})")))
