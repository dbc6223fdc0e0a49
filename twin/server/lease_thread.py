"""A lease of the database is prolonged from a thread beside the work it is for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from twin.errors import TwinError

_LOG = logging.getLogger("twin.lease")


@contextmanager
def prolonged(name: str, every_s: float, prolong: Callable[[], bool]) -> Iterator[None]:
    """Call ``prolong`` every so many seconds for as long as the block runs and it says True.

    What the database raises is logged, and it is called again: it may answer before the lease ends. When this process ends, however it
    does, nothing is prolonged, and the lease ends by itself.
    """
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(every_s):
            try:
                if not prolong():
                    return
            except (TwinError, psycopg.Error) as error:
                _LOG.warning("the %s could not be prolonged: %s", name, error)

    beside = threading.Thread(target=keep, name=name, daemon=True)
    beside.start()
    try:
        yield
    finally:
        ended.set()
        beside.join()
