"""More requests than a door lets wait are refused at once, and those that wait are answered."""

import asyncio

from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from tests.event_loop import run_alone
from twin.db import connection_string
from twin.errors import UnavailableError
from twin.query.execute import fetch_row
from twin.query.feature_query import Statement

SLEEP = Statement(sql.Composed([sql.SQL("SELECT 1 FROM pg_sleep(0.2)")]), {})


def test_who_finds_the_queue_full_is_refused_at_once_and_the_others_are_answered(database_url: str) -> None:
    async def ask() -> list[object]:
        pool = AsyncConnectionPool(
            connection_string(database_url), kwargs={"autocommit": True}, min_size=1, max_size=1, max_waiting=2, open=False
        )
        await pool.open(wait=True)
        try:
            first = asyncio.create_task(fetch_row(pool, SLEEP))
            await asyncio.sleep(0.05)
            rest = await asyncio.gather(*(fetch_row(pool, SLEEP) for _ in range(4)), return_exceptions=True)
            return [await first, *rest]
        finally:
            await pool.close()

    answers = run_alone(ask())
    refused = [answer for answer in answers if isinstance(answer, UnavailableError)]
    assert [answer for answer in answers if not isinstance(answer, UnavailableError)] == [(1,), (1,), (1,)]
    assert [(error.status, error.code) for error in refused] == [(503, "overloaded")] * 2
