"""Statements in the background of a load: on connections of their own, two at a time, and stopped when the load ends before they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import psycopg

from twin.db import Connection, Pool, translated

_AT_ONCE = 2
"""Connections that work: what is served meanwhile wants processors, too."""
_SETTINGS = """
SET LOCAL max_parallel_maintenance_workers = 0;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL client_connection_check_interval = '1s';
SET LOCAL synchronous_commit = off
"""
"""Of two statements beside each other none has helpers: what these share out costs more than it saves. And none goes on for a client
that is no more: whoever cleans up after it would wait for the statement. Its end does not wait for the log: what is accepted is logged
behind it."""
_ANSWER_S = 5.0
"""Within which PostgreSQL takes note that it is to stop."""
_AGAIN_S = 0.1
"""After which it is told again: it may have been between two statements."""


class Background:
    """Work over what is staged, two pieces at a time, each on a connection of the pool and in a transaction of its own.

    Use it as a context: it ends with the last piece. When it is left by an error, nothing more is begun and what runs is stopped.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._threads = ThreadPoolExecutor(_AT_ONCE, "background")
        self._pieces: dict[Future[Any], _Piece] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.stop(self._pieces)
        self._threads.shutdown()

    def submit[T](self, work: Callable[[Connection], T]) -> Future[T]:
        """Have a piece done once a connection is free for it; what it raises is a TwinError where the database says why."""
        piece = _Piece()
        future = self._threads.submit(self._do, piece, work)
        self._pieces[future] = piece
        return future

    def stop(self, futures: Iterable[Future[Any]]) -> None:
        """Begin none of these pieces any more, have PostgreSQL break off those at work, and return when nothing of them is under way."""
        running = [future for future in list(futures) if not future.cancel()]
        while running := list(wait(running, timeout=0).not_done):
            for future in running:
                self._pieces[future].cancel()
            wait(running, timeout=_AGAIN_S)

    def _do[T](self, piece: _Piece, work: Callable[[Connection], T]) -> T:
        with translated(), self._pool.connection() as connection, piece.at_work(connection):
            connection.execute(_SETTINGS)
            return work(connection)


class _Piece:
    """The connection of a piece of work, for as long as it is the piece's."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self, connection: Connection) -> Iterator[None]:
        """Let ``connection`` be told to stop within the block, and never after it: it will be somebody else's."""
        with self._lock:
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def cancel(self) -> None:
        """Have PostgreSQL break off what the connection is at, if anything."""
        with self._lock, suppress(psycopg.Error):  # a server that is gone does nothing any more
            if self._connection is not None:
                self._connection.cancel_safe(timeout=_ANSWER_S)
