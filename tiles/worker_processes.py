"""Workers that are processes of this machine: Python runs on one core a process, whatever its threads release.

They are forked from a template. Whoever builds one tileset after the other keeps it: to bring it up takes as long as drawing some
ten thousand features.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from tiles.workers import Task, WorkerError

_BOOT = "import sys; sys.path[:] = sys.argv[2:]; from tiles.worker_template import main; main(int(sys.argv[1]))"
_TRIES = 3
IDLE_S = 600.0
"""How long a template waits for the next build: what it holds in memory is of no use to others."""


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


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    control: socket.socket
    end: int
    """Becomes readable when the process ends."""


class WorkerTemplate:
    """The process that workers are forked from: there from the first `start` or `fork` on, another one where it has ended.

    It ends when the context does, or this process, or ``idle_s`` seconds after it was last asked for a worker. Used by several threads.
    """

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._used_s = 0.0
        self._asking = 0
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Have it come up, if it is not there; do not wait for it."""
        with self._lock:
            self._there()

    def fork(self, ready: Callable[[], object] | None) -> Connection:
        """Return the way to a new worker, once there is one.

        A template that was killed or is ending is replaced. Raises WorkerError where three came to their end, or the context did.
        """
        with self._lock:
            self._asking += 1
        try:
            for _ in range(_TRIES):
                if (way := self._asked()) is not None:
                    try:
                        way.recv_bytes()  # it is there: until then a template that ends takes what was asked of it along
                        way.send(ready)
                    except (EOFError, ConnectionError):
                        way.close()
                    else:
                        return way
        finally:
            with self._lock:
                self._asking -= 1
                self._used_s = time.monotonic()
        raise WorkerError("the template of the processes that draw tiles ended three times", zh="瓦片构建进程的模板进程多次终止")

    def close(self) -> None:
        """End it, also one that is still coming up; workers end when they have done what they do."""
        with self._lock:
            self._is_closed = True
            self._let_go()

    def _asked(self) -> Connection | None:
        """Return the way to the worker that was asked for; None, and no template any more, where it does not listen."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                socket.send_fds(self._there().control, [b"w"], [theirs.fileno()])
            except ConnectionError:  # closed already, though its process may take a moment to end
                self._let_go()
                ours.close()
                return None
            except BaseException:
                ours.close()
                raise
        return Connection(ours.detach())

    def _there(self) -> _Running:
        if self._is_closed:
            raise WorkerError("the template of the processes that draw tiles was closed", zh="瓦片构建进程的模板进程已关闭")
        self._used_s = time.monotonic()
        if self._running is not None and self._running.process.poll() is None:
            return self._running
        self._let_go()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _BOOT, str(theirs.fileno()), *sys.path]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        try:
            end = os.pidfd_open(process.pid)
        except OSError as error:  # nobody would notice that it has ended
            ours.close()
            process.kill()
            process.wait()
            raise WorkerError(f"no process can be watched here: {error}", zh=f"此处无法监视进程：{error}") from error
        running = self._running = _Running(process, ours, end)
        threading.Thread(target=self._watch, args=(running,), name="tiles-template", daemon=True).start()
        return running

    def _watch(self, running: _Running) -> None:
        """Let ``running`` go when it has ended, so that nothing is left of it, or when nobody has asked it for long."""
        ended = select.poll()
        ended.register(running.end, select.POLLIN)
        left_s = self._idle_s
        while True:
            has_ended = bool(ended.poll(max(0.0, left_s) * 1000))
            with self._lock:
                left_s = self._idle_s if self._asking else self._used_s + self._idle_s - time.monotonic()
                if self._running is running and (has_ended or left_s <= 0):
                    self._let_go()
                if self._running is not running:
                    break
        os.close(running.end)

    def _let_go(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            running.control.close()
            running.process.kill()  # it holds nothing that is to be kept, and may be busy coming up
            running.process.wait()
