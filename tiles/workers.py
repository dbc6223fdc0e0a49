"""Who does the parts of a build: threads of this process, processes of this machine, or a cluster, behind one interface."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from twin.errors import TwinError


class WorkerError(TwinError):
    """A worker could not do its task: it was killed again and again, or met an error that it could not hand on."""

    code = "tile-worker"


class Task[T](Protocol):
    """A part of a build: a value that pickles, and that may be done again, as after its worker was killed."""

    def run(self) -> T:
        """Do it."""


class Workers(Protocol):
    """Those who do tasks, several at once and in no particular order."""

    @property
    def count(self) -> int:
        """Return how many tasks are done at once."""

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done, again if its worker is lost before it is."""


class ThreadWorkers:
    """Threads of this process; use them as a context. For what is done before another process would have come up."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, "tiles")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def count(self) -> int:
        """Return how many tasks are done at once."""
        return self._count

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Have ``task`` done by a thread."""
        return self._pool.submit(task.run)
