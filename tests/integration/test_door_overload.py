"""More requests than a door lets wait are refused at once, and those that wait are answered."""

import asyncio
import json

import httpx
import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from starlette.responses import PlainTextResponse

from tests.event_loop import run_alone
from twin.db import connection_string
from twin.errors import UnavailableError
from twin.query.execute import fetch_row, is_full
from twin.query.feature_query import Statement
from twin.server.admission import Admission

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


PAGES = ["/ogc/collections/houses/items", "/ogc/collections/houses/items/7?f=html", "/ogc/collections/houses/items?limit=9&f=json"]
OTHERS = [
    "/ogc/collections/houses/items?f=gpkg",
    "/ogc/collections/houses",
    "/ogc/collections/houses/tiles/WebMercatorQuad/14/1/2",
    "/livez",
    "/ogc/collections/houses/items?resultType=hits",
]
OTHER_HEADERS = [
    {"If-None-Match": '"7"'},
    {"Accept": "application/geo+json-seq"},
    {"Accept": "application/city+json"},
    {"Accept": "text/csv, application/json;q=0.1"},
]


def test_pages_are_refused_before_they_are_looked_at_while_the_queue_is_full_and_nothing_else_is(database_url: str) -> None:
    address = connection_string(database_url)

    async def ask() -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        pool = AsyncConnectionPool(address, kwargs={"autocommit": True}, min_size=1, max_size=1, max_waiting=1, open=False)
        await pool.open(wait=True)
        door = httpx.ASGITransport(Admission(PlainTextResponse("looked at"), pool))
        try:
            async with httpx.AsyncClient(transport=door, base_url="http://city") as client:
                async with pool.connection():
                    waiting = asyncio.create_task(fetch_row(pool, WHEN_FREE))
                    await asyncio.sleep(0)  # it has begun, and waits
                    assert is_full(pool)
                    full = [await client.get(path) for path in (*PAGES, *OTHERS)]
                    full.extend([await client.get(PAGES[0], headers=headers) for headers in OTHER_HEADERS])
                    full.append(await client.post(PAGES[0], content=b"{}"))
                await waiting
                free = [await client.get(path) for path in PAGES]
        finally:
            await pool.close()
        return [(a.status_code, a.text) for a in full], [(a.status_code, a.text) for a in free]

    full, free = run_alone(ask())
    refused, passed = full[: len(PAGES)], full[len(PAGES) :]
    assert [(status, json.loads(text)["code"]) for status, text in refused] == [(503, "overloaded")] * len(PAGES)
    assert passed + free == [(200, "looked at")] * (len(OTHERS) + len(OTHER_HEADERS) + 1 + len(PAGES))
