"""The bound of loading: the very rows that a check has staged, as ready COPY BINARY bytes, into bare unlogged tables."""

from __future__ import annotations

import time
import uuid

from psycopg import sql

from bench.stage import Stage
from ingest.staging import tables_of


class BareTables:
    """Tables without key or index, made like those of a submission, and the bytes that fill them."""

    def __init__(self, stage: Stage, submission: uuid.UUID, name: str, *, features_only: bool = True) -> None:
        """Take what a submission has staged; ``features_only`` leaves out what stands beside the features: 3D, documents."""
        self._stage = stage
        self._bodies: list[tuple[sql.Identifier, bytes]] = []
        with stage.city.pool.connection() as connection:
            staged = stage.staged(connection, submission) if features_only else _all(stage, submission)
            for number, table in enumerate(staged):
                bare = sql.Identifier("public", f"{name}_{number}")
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(bare))
                connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} (LIKE {})").format(bare, table))
                with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(table)) as copy:
                    self._bodies.append((bare, b"".join(bytes(piece) for piece in copy)))

    def fill_s(self) -> float:
        """Return the seconds that COPY takes into the emptied tables."""
        with self._stage.city.pool.connection() as connection:
            for bare, _ in self._bodies:
                connection.execute(sql.SQL("TRUNCATE {}").format(bare))
        started = time.perf_counter()
        with self._stage.city.pool.connection() as connection, connection.cursor() as cursor:
            for bare, body in self._bodies:
                with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(bare)) as copy:
                    copy.write(body)
        return time.perf_counter() - started


def _all(stage: Stage, submission: uuid.UUID) -> list[sql.Identifier]:
    with stage.city.pool.connection() as connection:
        return [sql.Identifier("staging", name) for name in sorted(tables_of(connection, submission))]
