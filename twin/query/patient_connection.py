"""A connection of the event loop that reads a whole answer at once, not by one turn of the loop for every 8 kB that PostgreSQL sends.

A turn costs tens of microseconds, a page of 500 features is thirty pieces, and they follow one another within microseconds: whoever has
the first waits for the others where he is, for a millisecond at most.
"""

from __future__ import annotations

import select
import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.waiting import READY_R, WAIT_R

_INTERVAL_S = 0.1
"""After so long psycopg looks whether it was interrupted."""
PATIENCE_S = 0.001
"""So long others wait for the pieces of one answer after the first."""


class PatientConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection whose generators are driven by :func:`patiently`."""

    async def wait[Result](self, gen: Generator[Any, Any, Result], interval: float = _INTERVAL_S, timeout: float | None = None) -> Result:  # noqa: ASYNC109 - as psycopg has it
        """Consume a generator that operates on the connection."""
        return await super().wait(patiently(gen, self.pgconn.socket), interval, timeout)


def patiently[Result](gen: Generator[Any, Any, Result], descriptor: int) -> Generator[Any, Any, Result]:
    """Drive ``gen``, which yields what it waits for: the first wait is the caller's, those for more to read are borne here for a while."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            until, wanted = time.monotonic() + PATIENCE_S, gen.send(ready)
            while wanted == WAIT_R and (left_s := until - time.monotonic()) > 0:
                if not _is_readable(descriptor, left_s):
                    break
                wanted = gen.send(READY_R)
    except StopIteration as end:
        result: Result = end.value
        return result


def _is_readable(descriptor: int, within_s: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(1000 * within_s))
