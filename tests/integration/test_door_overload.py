"""More requests than a door lets wait are refused at once, and those that wait are answered."""

import asyncio

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from tests.event_loop import run_alone
from twin.db import connection_string
from twin.errors import UnavailableError
from twin.query.execute import fetch_row
from twin.query.feature_query import Statement

WHEN_FREE = Statement(sql.Composed([sql.SQL("SELECT 1 FROM pg_advisory_xact_lock_shared(7)")]), {})
"""Is answered once nobody holds the lock."""


def test_who_finds_the_queue_full_is_refused_at_once_and_the_others_are_answered(database_url: str) -> None:
    address = connection_string(database_url)

    async def ask(holder: psycopg.Connection) -> tuple[list[object], list[object]]:
        pool = AsyncConnectionPool(address, kwargs={"autocommit": True}, min_size=1, max_size=1, max_waiting=2, open=False)
        await pool.open(wait=True)
        try:
            asked = {asyncio.create_task(fetch_row(pool, WHEN_FREE)) for _ in range(5)}
            waiting = asked
            while len(waiting) > 3:  # nobody can be answered yet: who is done was refused
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused = await asyncio.gather(*(asked - waiting), return_exceptions=True)
            holder.execute("SELECT pg_advisory_unlock(7)")
            return refused, await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await pool.close()

    with psycopg.connect(address, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        refused, answered = run_alone(ask(holder))
    assert answered == [(1,), (1,), (1,)]
    assert [(error.status, error.code) for error in refused if isinstance(error, UnavailableError)] == [(503, "overloaded")] * 2
