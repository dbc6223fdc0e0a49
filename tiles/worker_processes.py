"""Workers that are processes of this machine: Python runs on one core a process, whatever its threads release.

They are forked from a template. Whoever builds one tileset after the other keeps it: to bring it up takes as long as drawing some
ten thousand features.
"""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from tiles.workers import Task, WorkerError

_BOOT = "import sys; sys.path[:] = sys.argv[2:]; from tiles.worker_template import main; main(int(sys.argv[1]))"
_TRIES = 3


class ProcessWorkers:
    """Processes of this machine; use them as a context.

    ``ready`` is called in each before its first task and pickles. The process of a task that ends before it answers, as by a signal, is
    replaced and the task done again; WorkerError after three. They end when the context does, or this process. ``template`` is where
    they come from and is left as it is; None: one of their own.
    """

    def __init__(self, count: int, ready: Callable[[], object] | None = None, template: WorkerTemplate | None = None) -> None:
        self._count, self._ready = count, ready
        self._own = ExitStack()
        self._idle: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(None)
        self._pool = ThreadPoolExecutor(count, "tiles")
        self._template = template or self._own.enter_context(WorkerTemplate())
        self._template.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
        while not self._idle.empty():
            if (way := self._idle.get()) is not None:
                way.close()
        self._own.close()

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


class WorkerTemplate:
    """The process that workers are forked from: there from the first `start` or `fork` on, another one where it has ended.

    It ends when the context does, or this process, or after ten minutes without work. Used by several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Have it come up, if it is not there; do not wait for it."""
        with self._lock:
            self._control()

    def fork(self, ready: Callable[[], object] | None) -> Connection:
        """Return the way to a new worker, once there is one."""
        with self._lock:
            ours, theirs = socket.socketpair()
            with theirs:
                socket.send_fds(self._control(), [b"w"], [theirs.fileno()])
        way = Connection(ours.detach())
        way.send(ready)
        return way

    def close(self) -> None:
        """End it; workers end when they have done what they do."""
        with self._lock:
            self._let_go()

    def _control(self) -> socket.socket:
        if self._running is not None and self._running[0].poll() is None:
            return self._running[1]
        self._let_go()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _BOOT, str(theirs.fileno()), *sys.path]
            self._running = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]), ours
        return ours

    def _let_go(self) -> None:
        if self._running is not None:
            process, control = self._running
            self._running = None
            control.close()
            process.wait()
