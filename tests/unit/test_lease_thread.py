"""A lease is prolonged while work goes on, and no longer."""

from __future__ import annotations

import threading

import psycopg

from twin.errors import UnavailableError
from twin.server.lease_thread import prolonged


def test_a_lease_is_prolonged_until_it_is_lost_whatever_the_database_says_meanwhile() -> None:
    called, lost = list[int](), threading.Event()

    def prolong() -> bool:
        called.append(len(called))
        if len(called) == 2:
            raise UnavailableError("the database does not answer")
        if len(called) == 3:
            raise psycopg.InterfaceError("the connection is closed")
        if len(called) == 5:
            lost.set()
        return len(called) < 5

    with prolonged("lease of a test", 0.001, prolong):
        assert lost.wait(60)
    assert called == [0, 1, 2, 3, 4]
    assert "lease of a test" not in {thread.name for thread in threading.enumerate()}


def test_a_lease_is_not_prolonged_once_the_work_has_ended() -> None:
    called = list[int]()

    def prolong() -> bool:
        called.append(0)
        return True

    with prolonged("lease of a test", 3600.0, prolong):
        pass
    assert not called
    assert "lease of a test" not in {thread.name for thread in threading.enumerate()}
