"""A connection of the event loop that reads a whole answer at once, not by one turn of the loop for every 8 kB that PostgreSQL sends.

A turn costs tens of microseconds, a page of 500 features is thirty pieces, and they follow one another within microseconds: whoever has
the first waits for the others where he is. All others stand meanwhile, so an answer holds them up for a millisecond at most in all, and
one whose next piece is not soon there is waited for by turns of the loop from then on.
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
"""So long others wait for the pieces of one answer after the first, in all."""
SOON_S = 0.0002
"""So long they wait for one piece: what does not come by then is costly to find, and so is what follows it."""


class PatientConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection whose generators are driven by :func:`patiently`."""

    async def wait[Result](self, gen: Generator[Any, Any, Result], interval: float = _INTERVAL_S, timeout: float | None = None) -> Result:  # noqa: ASYNC109 - as psycopg has it
        """Consume a generator that operates on the connection."""
        return await super().wait(patiently(gen, self.pgconn.socket), interval, timeout)


def patiently[Result](gen: Generator[Any, Any, Result], descriptor: int) -> Generator[Any, Any, Result]:
    """Drive ``gen``, which yields what it waits for: the first wait is the caller's, those for more to read are borne here for a while.

    ``gen`` is one answer, and has one budget: :data:`PATIENCE_S` in which the caller has no turn, reading included.
    """
    left_s = PATIENCE_S
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            begun, wanted = time.monotonic(), gen.send(ready)
            # Without anything read the caller has only looked whether it was interrupted, or was (psycopg then sends None), and waits on.
            while ready and ready & READY_R and wanted == WAIT_R and (rest_s := begun + left_s - time.monotonic()) > 0:
                if not _is_readable(descriptor, min(SOON_S, rest_s)):
                    left_s = 0.0
                    break
                wanted = gen.send(READY_R)
            left_s -= time.monotonic() - begun
    except StopIteration as end:
        result: Result = end.value
        return result


def _is_readable(descriptor: int, within_s: float) -> bool:
    try:
        return bool(select.select([descriptor], (), (), within_s)[0])  # poll and epoll round up to milliseconds
    except ValueError:
        return False  # one of more than 1,024 open files: select has no room for it
