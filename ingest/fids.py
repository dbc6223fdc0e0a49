"""Numbers of new features, drawn in blocks: a sequence asked a million times costs a tenth of the COPY that they are for."""

from __future__ import annotations

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
SINGLE_DRAWS = 50
"""So many times nobody waits for a sequence again that could not be had: about a second of copying."""


class FidSource:
    """Draws fids that nobody else has or gets, through a connection of its own: what it draws is gone whatever becomes of the load.

    For one thread. Use it as a context; it connects when it is first asked.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._single: dict[str, int] = {}
        """FeatureType whose sequence somebody else kept busy → how many draws are still to be one by one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()

    def draw(self, staging: Staging, count: int) -> pa.Array:
        """Return ``count`` fids, int64, rising.

        They follow each other, unless somebody else kept that FeatureType's sequence busy: then this and the next `SINGLE_DRAWS` - 1
        draws of the type are of single numbers, between which others may draw.
        """
        if self._connection is None:
            self._connection = connect_beside(self._pool)
            self._connection.autocommit = True
        name = staging.feature_type.name
        if not self._single.get(name):
            first = self._block(self._connection, staging, count)
            if first is not None:
                return pa.array(np.arange(first, first + count, dtype=np.int64))
            self._single[name] = SINGLE_DRAWS
        self._single[name] -= 1
        rows = self._connection.execute(staging.query("draw_some"), {"count": count}, binary=True).fetchall()
        return pa.array([int(row[0]) for row in rows], pa.int64())

    def _block(self, connection: Connection, staging: Staging, count: int) -> int | None:
        """Return the first of ``count`` numbers that follow each other; None when the sequence cannot be had to ourselves.

        Its statements are one message and so one transaction, which the server ends though we be stopped, or our host be lost.
        """
        locked = fid_sequence(staging.feature_type.name)
        statements = staging.query("draw_block", patience=sql.Literal(_PATIENCE_MS), locked=locked, count=sql.Literal(count))
        try:
            cursor = connection.execute(statements, prepare=False)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
            return None
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        return None if row is None else int(row[0]) - count + 1
