"""What stands beside the rows of large first loads, copied through connections of its own while the rows go through theirs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

import psycopg
import pyarrow as pa

from ingest import representations
from ingest.copy_binary import Room
from ingest.representations import Accompaniment, FillBeside
from ingest.staging import WRITE_BACK, Staging
from twin.db import Pool, connect_beside, translated

_MOST_DATASETS = 2
"""Whose tables are filled at once: each of the two tables of a dataset takes a connection."""


class BesideCopies:
    """Fills what stands beside the rows of first loads by one COPY a table for a whole file, and commits it beside what comes next.

    A COPY that goes on has its ring of pages turn, so most of a table is written before its commit, and the disk is waited for at once
    and not for one table after the other. Use it as a context: when it is left, no commit is under way any more, and what was not to be
    committed is gone. What was belongs to the submission, but `settled` alone says whether all of it did. For one thread at a time.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._taken: set[str] = set()
        """Staged tables beside whose rows everything is filled here until the file ends."""
        self._open: dict[tuple[str, str], _Table] = {}
        """By the name of the staged table and the suffix of what stands beside it."""
        self._commits: list[Future[None]] = []
        self._threads = ThreadPoolExecutor(2 * _MOST_DATASETS, "beside")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for table in self._open.values():
            table.give_up()
        self._threads.shutdown()

    def takes(self, staging: Staging, *, is_first: bool) -> bool:
        """Return whether what stands beside the rows of a batch is to be filled here; ``is_first`` says that none was staged before it."""
        if is_first and staging.first_load and len(self._taken) < _MOST_DATASETS:
            self._taken.add(staging.name)
        return staging.name in self._taken

    def copy(self, staging: Staging, beside: Accompaniment, batch: pa.RecordBatch, room: Room) -> None:
        """Copy what stands beside the rows of ``batch``, which has their numbers and fids, through ``room``."""
        for suffix, rows in beside.tables.items():
            table = self._open.get((staging.name, suffix))
            if table is None:
                table = self._open[staging.name, suffix] = _Table(self._pool, staging, suffix)
            table.write(rows, batch, room)

    def commit(self) -> None:
        """End the file: have all that was copied committed, each table by a thread of its own."""
        while self._open:
            _, table = self._open.popitem()
            self._commits.append(self._threads.submit(table.commit))
        self._taken.clear()

    def settled(self) -> None:
        """Return when all that was to be committed is, or raise why one is not."""
        for commit in self._commits:
            commit.result()


class _Table:
    """One table and the connection that makes, fills and commits it."""

    def __init__(self, pool: Pool, staging: Staging, suffix: str) -> None:
        self._connection = connect_beside(pool)
        self._filling = ExitStack()
        try:
            self._connection.execute(WRITE_BACK)
            self._connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")  # others index beside it
            self.write: FillBeside = self._filling.enter_context(representations.filling_for_good(self._connection, staging, suffix))
        except BaseException:
            self._connection.close()
            raise

    def commit(self) -> None:
        with translated(), self._connection:
            self._filling.close()

    def give_up(self) -> None:
        """Leave nothing of it; the database takes back what a lost connection began."""
        self._connection.close()
        with suppress(psycopg.Error):
            self._filling.close()
