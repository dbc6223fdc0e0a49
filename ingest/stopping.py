"""A check that somebody broke off: who is at work on it is told, and what PostgreSQL does for it is cancelled."""

from __future__ import annotations

import threading
import uuid

from ingest.staging import tables_of
from twin.db import Pool, translated
from twin.errors import ConflictError

_CANCEL = """
SELECT pg_cancel_backend(pid) FROM (
    SELECT DISTINCT l.pid FROM pg_locks AS l
    JOIN pg_class AS c ON c.oid = l.relation AND c.relnamespace = 'staging'::regnamespace
    JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.backend_type = 'client backend' AND a.usename = current_user
         AND a.application_name = current_setting('application_name')
    WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid <> pg_backend_pid()
          AND c.relname = ANY (%s)
) AS at_work
"""
"""Of ours only the check itself knows what it stages before it is accepted; a backup or autovacuum that locks it, too, goes on."""


class Stop:
    """Whether a check is to end before its time; safe to ask and to tell from any thread."""

    def __init__(self, pool: Pool, submission: uuid.UUID) -> None:
        self._pool = pool
        self._submission = submission
        self._told = threading.Event()

    def is_told(self) -> bool:
        """Return whether it is to end."""
        return self._told.is_set()

    def tell(self) -> None:
        """Have the reader end, and cancel the statements over the staged rows that run now; told again it cancels those that run then."""
        self._told.set()
        with translated(), self._pool.connection() as connection:
            connection.execute(_CANCEL, (tables_of(connection, self._submission),))


def stopped() -> ConflictError:
    """Return the error by which a check ends that was broken off."""
    error = ConflictError("the submission was withdrawn while it was being checked", zh="该提交在检查过程中已被撤回")
    error.with_code("withdrawn")
    return error
