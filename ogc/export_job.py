"""One file being written in a thread of its own, while whoever asked for it waits or reads along."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ogc.formats import Export, Format, Formats
from twin.db import Connection, Pool, translated
from twin.errors import UnavailableError
from twin.query.execute import moved_on, read_of
from twin.query.rows import STANDING_COMMIT
from twin.store import Store

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class ExportMeans:
    """What the door's exports are handed by the composition root."""

    pool: Pool
    """Connections of their own, whose statement time-out is what a snapshot may last."""
    store: Store
    """Keeps files of whole datasets; those on their way lie in its scratch."""
    formats: Formats
    most_bytes: int = 20 << 30
    """How much of files of whole datasets is kept."""
    most_given: int = 16
    """Files on their way to callers; more are asked to come back (429)."""
    most_of_an_address: int = 4
    """Of these to callers of one network address."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be written, but for the connection and the folder that it is given when it begins."""

    format: Format
    export: Callable[[Connection, Path], Export]
    at: int | None
    """The commit whose state is asked for; None for the current one."""
    lock: str | None = None
    """While it is written nobody else, in whatever process, writes what has the same name."""


class ExportJob:
    """A file on its way: the statement that reads is ended when nobody waits any more, and the file goes with the job.

    The snapshot lives as long as PostgreSQL and the disk take, never as long as the caller does: he reads from the file.
    """

    def __init__(self, task: Task, pool: Pool, scratch: Path) -> None:
        self._task, self._pool = task, pool
        self._folder = Path(tempfile.mkdtemp(dir=scratch, prefix=".export-"))
        self.path = self._folder / f"export.{task.format.suffix}"
        self.commit = 0
        """The commit of the dataset that is written; known when anything is."""
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._abandoned = self._finished = False
        self._done: asyncio.Future[None] | None = None

    def begin(self, threads: ThreadPoolExecutor) -> asyncio.Future[None]:
        """Start writing; the future ends with it, in its error if there was one."""
        self._done = asyncio.get_running_loop().run_in_executor(threads, self._write)
        self._done.add_done_callback(_looked_at)
        return self._done

    @property
    def is_done(self) -> bool:
        """True when all is written; raises what kept it from being so."""
        if self._done is None or not self._done.done():
            return False
        self._done.result()
        return True

    async def readable(self) -> bool:
        """Return, after a moment, whether there is something to send: all of a file that does not grow, else its first bytes."""
        if self._done is not None and not self._done.done():
            await asyncio.wait({self._done}, timeout=_LOOK_AGAIN_S)
        return self.is_done or (self._task.format.grows and self.path.exists() and self.path.stat().st_size > 0)

    def abandon(self) -> None:
        """End the statement that is running, if any, and forget the file; blocking."""
        with self._lock:
            self._abandoned = True
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=5)
            finished = self._finished or self._done is None
        if finished:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self) -> None:
        try:
            with translated(), self._pool.connection() as connection:
                self._hold(connection)
                try:
                    with connection.transaction():
                        self._written(connection)
                finally:
                    self._hold(None)
        finally:
            with self._lock:
                self._finished, abandoned = True, self._abandoned
            if abandoned:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _written(self, connection: Connection) -> None:
        connection.execute(_SNAPSHOT)
        if self._task.lock is not None:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"twin.export {self._task.lock}",))
        export = self._task.export(connection, self._folder)
        dataset = export.query.collection.dataset
        standing = connection.execute(sql.SQL("SELECT {}").format(STANDING_COMMIT.format(dataset=sql.Literal(dataset.id)))).fetchone()
        at = self._task.at
        commit = int(standing[0]) if standing is not None else 0
        query = read_of(export.query, at)
        if query.as_of is None and moved_on(commit, at):
            query = dataclasses.replace(query, as_of=at)
        self.commit = commit if at is None else min(at, commit)
        self._task.format.write(dataclasses.replace(export, query=query), self.path)

    def _hold(self, connection: Connection | None) -> None:
        with self._lock:
            if self._abandoned and connection is not None:
                raise UnavailableError("nobody waits for this export any more", zh="该导出已无人等待")
            self._connection = connection


def _looked_at(done: asyncio.Future[None]) -> None:
    """Take note of how writing ended: when the caller has gone nobody else does, and asyncio would call it a forgotten error."""
    if not done.cancelled():
        done.exception()
