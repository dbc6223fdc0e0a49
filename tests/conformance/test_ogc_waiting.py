"""Who waits for what behind the door: reading does not wait for writing, and what was written is seen at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import ogc_server
import psycopg
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from starlette.requests import HTTPConnection

from ogc.router import OgcContext, build_router
from ogc.state import MOST_WRITES_WAITING, WRITES_AT_ONCE, StateKeeper
from ogc.writing.writer import WriteAction, Written, WrittenState
from tests.event_loop import run_alone
from twin.catalogue import Catalogue
from twin.db import connection_string
from twin.model import Principal
from twin.server import problems
from twin.server.events import EventHub


class _SlowWriter:
    """A writer whose writes last until they are let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = threading.Semaphore(0)

    def actor_of(self, request: HTTPConnection) -> str:
        return "测绘院"

    def write(self, actions: Sequence[WriteAction], actor: str, reason: str) -> Written:
        self.begun.release()
        assert self.let_go.wait(30)
        return Written(None, tuple(WrittenState(1, 1) for _ in actions))


def test_reading_goes_on_while_more_writes_wait_than_there_are_threads(catalogue: Catalogue, database: str) -> None:
    feature: dict[str, object] = {"type": "Feature", "geometry": None, "properties": {}}
    writer, body = _SlowWriter(), {"type": "FeatureCollection", "features": [feature]}
    with (
        ogc_server.served(catalogue, database, writer=writer) as base,
        httpx.Client(base_url=base, timeout=20) as client,
        ThreadPoolExecutor(MOST_WRITES_WAITING + WRITES_AT_ONCE + 1) as callers,
    ):
        slug = client.get("/collections").json()["collections"][0]["id"]
        items = f"/collections/{slug}/items"
        try:
            crowd = range(MOST_WRITES_WAITING + WRITES_AT_ONCE + 1)
            posted = [callers.submit(client.post, items, json=body) for _ in crowd]
            assert all(writer.begun.acquire(timeout=10) for _ in range(WRITES_AT_ONCE))
            for _ in range(3):
                assert client.get(items, params={"limit": 1}).status_code == 200
            assert client.get("/collections/nothing").status_code == 404  # which looks at the catalogue once more
        finally:
            writer.let_go.set()
        statuses = sorted(answer.result().status_code for answer in posted)
        assert statuses[-1] == 429
        assert statuses.count(429) == 1


def test_pages_do_not_wait_for_searches(catalogue: Catalogue, database: str) -> None:
    async def asked() -> list[int]:
        conninfo, autocommit = connection_string(database), {"autocommit": True}
        async with (
            AsyncConnectionPool(conninfo, kwargs=autocommit, min_size=1, max_size=1, open=False) as pool,
            AsyncConnectionPool(conninfo, kwargs=autocommit, min_size=1, max_size=1, timeout=0.1, open=False) as dear,
            dear.connection(),  # a search that lasts
        ):
            app = FastAPI()
            problems.install(app)
            context = OgcContext(catalogue, pool, lambda _: Principal.anonymous(), dear_pool=dear)
            app.include_router(build_router(context), prefix="/ogc")
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here/ogc") as client:
                paths = ("/search", "/collections/buildings/items?resulttype=hits", "/collections/buildings/items?limit=1")
                return [(await client.get(path)).status_code for path in paths]

    assert run_alone(asked()) == [503, 503, 200]


def test_a_change_made_by_another_process_is_told_and_not_waited_for(catalogue: Catalogue, database: str) -> None:
    async def seen() -> bool:
        keeper, hub = StateKeeper(catalogue), EventHub(catalogue.sharing_of)
        told = asyncio.Event()
        hub.on_change(keeper.outdate)
        hub.on_change(told.set)
        listening = asyncio.create_task(hub.run(database))
        try:
            async with asyncio.timeout(20):
                await told.wait()  # it listens
                before = await keeper.state(max_age_s=60)
                assert await keeper.state(max_age_s=60) is before
                told.clear()
                async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
                    await other.execute("UPDATE catalog.dataset SET slug = slug")
                await told.wait()
                for _ in range(1000):  # where the database is slow, what is held is given first
                    if (await keeper.state(max_age_s=60)).version > before.version:
                        return True
                    await asyncio.sleep(0.01)
                return False
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    assert run_alone(seen())
