"""Numbers of new features, drawn in blocks: a sequence asked a million times costs a tenth of the COPY that they are for."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from ingest.staging import Staging
from twin.db import Connection, Pool, connect_beside
from twin.tables import fid_sequence

_PATIENCE_MS = 50
"""Whoever draws single numbers holds the sequence until the end of his transaction, and others wait behind us."""


class FidSource:
    """Draws fids that nobody else has or gets, through a connection of its own: what it draws is gone whatever becomes of the load.

    Safe for several threads. Use it as a context; it connects when it is first asked.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._gets_blocks = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()

    def draw(self, staging: Staging, count: int) -> pa.Array:
        """Return ``count`` fids, int64, rising; they follow each other unless somebody else kept the sequence busy just then."""
        with self._lock:
            if self._connection is None:
                self._connection = connect_beside(self._pool)
            first = self._block(self._connection, staging, count) if self._gets_blocks else None
            if first is not None:
                return pa.array(np.arange(first, first + count, dtype=np.int64))
            self._gets_blocks = False
            with self._connection.transaction():
                rows = self._connection.execute(staging.query("draw_some"), {"count": count}, binary=True).fetchall()
        return pa.array([int(row[0]) for row in rows], pa.int64())

    def _block(self, connection: Connection, staging: Staging, count: int) -> int | None:
        """Return the first of ``count`` numbers that follow each other; None when the sequence cannot be had to ourselves."""
        sequence = fid_sequence(staging.feature_type.name)
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_PATIENCE_MS)))
                # It owns nothing and nobody: this says so again, and is how a sequence is locked against everybody who would draw from it.
                connection.execute(sql.SQL("ALTER SEQUENCE {} OWNED BY NONE").format(sequence))
                row = connection.execute(staging.query("draw_block"), {"count": count}).fetchone()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
            return None
        return None if row is None else int(row[0]) - count + 1
