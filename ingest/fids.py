"""Numbers of new features, drawn in blocks: a sequence asked a million times costs a tenth of the COPY that they are for."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
from psycopg import sql

from ingest.staging import Staging
from twin.db import Connection, Pool, connect_beside
from twin.tables import fid_sequence

_PATIENCE_MS = 50
"""Whoever draws single numbers holds the sequence until the end of his transaction, and others wait behind us."""
MANY = 10_000
"""Who has drawn so many of a FeatureType draws `BATCHES` batches at once: a batch of buildings in 3D costs a twentieth of its draw."""
BATCHES = 4
SINGLE_DRAWS = 50
"""So many times nobody waits for a sequence again that could not be had: about a second of copying."""


class FidSource:
    """Draws fids that nobody else has or gets, through a connection of its own: what it draws is gone whatever becomes of the load.

    Of a large load some are drawn that it does not need, fewer than `BATCHES` batches. For one thread. Use it as a context; it connects
    when it is first asked.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._single: dict[str, int] = {}
        """FeatureType whose sequence somebody else kept busy → how many draws are still to be one by one."""
        self._drawn: Counter[str] = Counter()
        self._ahead: dict[str, range] = {}
        """By FeatureType: how many have been handed out, and what has been drawn beyond those."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()

    def draw(self, staging: Staging, count: int) -> pa.Array:
        """Return ``count`` fids, int64, rising.

        They follow each other, unless somebody else kept that FeatureType's sequence busy: then this and the next `SINGLE_DRAWS` - 1
        draws of the type are of single numbers, between which others may draw. Nor do those of a large load, where others draw meanwhile.
        """
        name = staging.feature_type.name
        ahead = self._ahead.get(name, range(0))
        own, missing = ahead[:count], count - len(ahead)
        self._ahead[name] = ahead[count:]
        drawn = [np.arange(own.start, own.stop, dtype=np.int64)]
        if missing > 0:
            drawn.append(self._drawn_now(staging, missing, count * (BATCHES - 1) if self._drawn[name] >= MANY else 0))
        self._drawn[name] += count
        return pa.array(np.concatenate(drawn))

    def _drawn_now(self, staging: Staging, count: int, more: int) -> npt.NDArray[np.int64]:
        """Return ``count`` fids of a new block, and keep ``more`` that follow; or ``count`` single ones."""
        if self._connection is None:
            self._connection = connect_beside(self._pool)
            self._connection.autocommit = True
        name = staging.feature_type.name
        if not self._single.get(name):
            first = self._block(self._connection, staging, count + more)
            if first is not None:
                self._ahead[name] = range(first + count, first + count + more)
                return np.arange(first, first + count, dtype=np.int64)
            self._single[name] = SINGLE_DRAWS
        self._single[name] -= 1
        rows = self._connection.execute(staging.query("draw_some"), {"count": count}, binary=True).fetchall()
        return np.array([int(row[0]) for row in rows], np.int64)

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
