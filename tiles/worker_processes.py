"""Workers that are processes of this machine: Python runs on one core a process, whatever its threads release."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from tiles.workers import Task, WorkerError

_BOOT = "import sys; sys.path[:] = sys.argv[2:]; from tiles.worker_template import main; main(int(sys.argv[1]))"
_TRIES = 3


class ProcessWorkers:
    """Processes of this machine; use them as a context.

    ``ready`` is called in each before its first task and pickles. The process of a task that ends before it answers, as by a signal, is
    replaced and the task done again; WorkerError after three. They end when the context does, or this process.
    """

    def __init__(self, count: int, ready: Callable[[], object] | None = None) -> None:
        self._count, self._ready = count, ready
        self._idle: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(None)
        self._pool = ThreadPoolExecutor(count, "tiles")
        self._template = _Template()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
        while not self._idle.empty():
            if (way := self._idle.get()) is not None:
                way.close()
        self._template.close()

    @property
    def count(self) -> int:
        """Return how many tasks are done at once."""
        return self._count

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done by a process."""
        return self._pool.submit(self._done, task)

    def _done[T](self, task: Task[T]) -> T:
        """Return what ``task`` gives, by a process that no other thread has."""
        way = self._idle.get()
        try:
            for _ in range(_TRIES):
                try:
                    way = way or self._template.fork(self._ready)
                    way.send(task)
                    result, error = way.recv()
                except (EOFError, ConnectionError):
                    if way is not None:
                        way.close()
                    way = None
                    continue
                if error is not None:
                    raise error
                given: T = result
                return given
            raise WorkerError("a part of a tileset was begun three times and its process killed each time", zh="瓦片构建进程多次被终止")
        finally:
            self._idle.put(way)


class _Template:
    """The process that workers are forked from, another one where it was killed; used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-c", _BOOT, str(theirs.fileno()), *sys.path]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()

    def fork(self, ready: Callable[[], object] | None) -> Connection:
        """Return the way to a new worker, once there is one."""
        with self._lock:
            if self._process.poll() is not None:
                self._control.close()
                self._start()
            ours, theirs = socket.socketpair()
            with theirs:
                socket.send_fds(self._control, [b"w"], [theirs.fileno()])
        way = Connection(ours.detach())
        way.send(ready)
        return way

    def close(self) -> None:
        """End it; workers end when they have done what they do."""
        self._control.close()
        self._process.wait()
