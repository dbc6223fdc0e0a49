"""Batches into staging tables within one transaction: while PostgreSQL takes in one of them, the next is being made ready."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import pyarrow as pa

from ingest import representations
from ingest import staging as staged
from ingest.beside_copies import BesideCopies
from ingest.copy_binary import CopyColumn, Room, copy_binary_rows
from ingest.fids import FidSource
from ingest.representations import Accompaniment
from ingest.staging import Staging
from twin.db import Connection


class Copier:
    """Copies through the connection it is given, which is its own for the block; what failed is raised at the next call or at the end.

    What stands beside rows goes the same way after them, or through ``apart`` when that takes it.
    """

    def __init__(self, connection: Connection, fids: FidSource, apart: BesideCopies | None = None) -> None:
        self._connection = connection
        self._fids = fids
        self._apart = apart
        self._begun: set[str] = set()
        """Tables whose filling this transaction began."""
        self._thread = ThreadPoolExecutor(1, "copier")
        self._filling = ExitStack()
        """The COPY that is under way."""
        self._filled: str | None = None
        """The table that it fills."""
        self._write: Callable[[bytes | memoryview], None] = lambda _: None
        self._copying: Future[None] | None = None
        self._room, self._room_in_use = Room(), Room()
        """For the rows that are being put together, and for those that are being copied meanwhile."""
        self._own_room = Room()
        """The thread's, for what it puts together itself."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown()
        if error is not None:
            self._filling.__exit__(kind, error, trace)
            return
        with self._filling:
            self._settle()
        if self._apart is not None:
            self._apart.commit()

    def copy(self, staging: Staging, batch: pa.RecordBatch, *, is_first: bool, beside: Accompaniment | None = None) -> None:
        """Have a batch copied, and what stands ``beside`` its rows; ``is_first`` says that no row has been staged before it."""
        numbered = self._numbered(staging, batch)  # while the last batch is being copied; here, so that fids rise in the order of batches
        if beside is not None and self._apart is not None and self._apart.takes(staging, is_first=is_first):
            self._fill(staging, is_first=is_first)
            self._copying = self._thread.submit(self._copy_apart, self._apart, staging, numbered, beside)
            return
        if beside is not None:
            self._copying = self._thread.submit(self._copy_with, self._begin(staging, is_first=is_first), staging, numbered, beside)
            return
        rows = copy_binary_rows(numbered, _columns(staging), self._room)
        self._room, self._room_in_use = self._room_in_use, self._room
        self._fill(staging, is_first=is_first)
        self._copying = self._thread.submit(self._write, rows)

    def _fill(self, staging: Staging, *, is_first: bool) -> None:
        """Have a COPY under way into a table, with no batch in it."""
        self._settle()
        if self._filled != staging.name:
            connection = self._begin(staging, is_first=is_first)
            more = _given(staging)
            self._write = self._filling.enter_context(staged.filling(connection, staging, begun=staging.name in self._begun, more=more))
            self._filled = staging.name

    def _begin(self, staging: Staging, *, is_first: bool) -> Connection:
        connection = self.connection()
        if staging.first_load and is_first:
            staged.begin_filling(connection, staging)
            if self._apart is not None and self._apart.takes(staging, is_first=False):
                connection.execute(staged.WRITE_BACK)  # the disk has nothing else to do then
            self._begun.add(staging.name)
        return connection

    def _copy_with(self, connection: Connection, staging: Staging, numbered: pa.RecordBatch, beside: Accompaniment) -> None:
        """Copy rows and what stands beside them; of a first load with the fids both are to have for good, so that it is written once."""
        begun = staging.name in self._begun
        rows = copy_binary_rows(numbered, _columns(staging), self._own_room)
        staged.fill(connection, staging, rows, begun=begun, more=_given(staging))
        if staging.first_load:
            self._begun |= representations.stage_for_good(connection, staging, beside, numbered, self._begun, self._own_room)
        else:
            representations.stage(connection, staging, beside, self._own_room)

    def _copy_apart(self, apart: BesideCopies, staging: Staging, numbered: pa.RecordBatch, beside: Accompaniment) -> None:
        self._write(copy_binary_rows(numbered, _columns(staging), self._own_room))
        apart.copy(staging, beside, numbered, self._own_room)

    def _numbered(self, staging: Staging, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with the fids of its rows, where they have them from the beginning."""
        return batch.append_column("fid", self._fids.draw(staging, batch.num_rows)) if staging.first_load else batch

    def connection(self) -> Connection:
        """Return the connection, once nothing is being copied through it."""
        self._settle()
        self._filled = None
        self._filling.close()
        return self._connection

    def _settle(self) -> None:
        copying, self._copying = self._copying, None
        if copying is not None:
            copying.result()


def _given(staging: Staging) -> tuple[str, ...]:
    """Return which columns are copied besides those of a reader's batch."""
    return ("fid",) if staging.first_load else ()


def _columns(staging: Staging) -> tuple[CopyColumn, ...]:
    return (*staging.copy_columns, *(CopyColumn("bigint", name) for name in _given(staging)))
