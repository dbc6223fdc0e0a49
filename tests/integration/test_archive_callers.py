"""Tilesets as one file, on their way: what they hold stays, few are given at a time, and who does not take his is given up."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import os
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.event_loop import run_alone
from tests.integration.test_filtered_tiles import OWN, SLUG, building
from tests.opened_city import get, load, opened_city, request
from tiles import archive
from tiles.build import BuildOptions
from tiles.tiling import Budget
from twin.errors import ConflictError
from twin.server import archived_tiles, builds, filtered_tiles, problems
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.routes.tile_archives import ArchiveLimits
from twin.server.routes.tiles import tiles_router
from twin.server.tile_garbage import collect

EXPORT = f"/tiles/{SLUG}/export.3tz"
FILTER = "filter=height_m%20%3C%2012"


@pytest.fixture
def city(database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    for module in (builds, filtered_tiles):
        monkeypatch.setattr(module, "BuildOptions", functools.partial(BuildOptions, budget=Budget(400, 4_000)))
    monkeypatch.setattr(archive, "_PIECE_BYTES", 1_000)
    with opened_city(database_url, open_folder / "city", 4549) as opened:
        path = open_folder / "buildings.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [building(i) for i in range(40)]}), encoding="utf-8")
        load(opened, request(path, (None, "building", SLUG), crs="EPSG:4549"))
        assert build_missing(opened, lambda *_: None) is None
        yield opened


def app_of(city: City, limits: ArchiveLimits) -> FastAPI:
    """An application of tiles only."""
    app = FastAPI()
    problems.install(app)
    app.include_router(tiles_router(city, limits))
    return app


def taken(city: City, query: str, between: Callable[[httpx.AsyncClient, int], Awaitable[object]], taken_within_s: float = 60.0) -> bytes:
    """What a caller got who did ``between`` after each piece, told which piece it was, where one archive is given at a time."""

    async def take() -> bytes:
        app, body = app_of(city, ArchiveLimits(1, taken_within_s)), list[bytes]()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                body.append(message["body"])
                await between(client, len(body))

        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
        }
        scope |= {
            "path": EXPORT,
            "raw_path": EXPORT.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", b"t")],
        }
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin")
        async with app.router.lifespan_context(app), client:
            await app({**scope, "server": ("t", 80), "client": ("t", 1)}, asyncio.Event().wait, send)  # type: ignore[arg-type]
        return b"".join(body)

    return run_alone(take())


@pytest.mark.parametrize("query", ["", FILTER])
def test_an_archive_on_its_way_is_whole_and_one_of_few(city: City, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(archived_tiles, "_TOUCHED_S", 0.0)
    dataset, seen = city.catalogue.dataset(SLUG), list[object]()

    async def between(client: httpx.AsyncClient, piece: int) -> None:
        if piece == 1:
            with pytest.raises(ConflictError):
                await asyncio.to_thread(collect, city, dataset, 0)
            for again in (client.get(EXPORT), client.head(EXPORT), client.get(f"{EXPORT}?{FILTER}", headers={"If-None-Match": '"x"'})):
                seen.append((await again).status_code)
            for key in city.store.keys(OWN):
                os.utime(city.store.file(key), (0, 0))

    with zipfile.ZipFile(io.BytesIO(taken(city, query, between))) as file:
        assert file.testzip() is None
    assert seen == [429, 429, 429]
    assert [held.modified_ns > 0 for held in city.store.entries(OWN) if held.key.endswith("/tileset.json")] == [True] * bool(query)
    assert get(city, EXPORT)[0].status_code == 200
    assert collect(city, dataset, 0).dropped > 0


def test_who_does_not_take_his_archive_is_given_up(city: City) -> None:

    async def never(client: httpx.AsyncClient, piece: int) -> None:
        if piece == 2:
            await asyncio.Event().wait()

    begun = taken(city, "", never, taken_within_s=0.05)
    whole = get(city, EXPORT)[0].content
    assert whole.startswith(begun)
    assert len(begun) < len(whole)
