"""The web application: every door of one city behind one address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from psycopg_pool import AsyncConnectionPool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogc.export_job import ExportMeans
from ogc.formats import Formats
from ogc.router import OgcContext, build_router
from twin.db import connection_string
from twin.query.execute import DOOR_SETTINGS, AsyncPool
from twin.server import problems
from twin.server.access import principal_of
from twin.server.admission import Admission
from twin.server.body_limit import BodyLimitMiddleware
from twin.server.city import City
from twin.server.cityjson.formats import cityjson_formats
from twin.server.events import EventHub
from twin.server.exports import exports_connections
from twin.server.feature_writes import FeatureWrites
from twin.server.head_requests import HeadAsGet
from twin.server.pictures import Pictures
from twin.server.process_jobs import ProcessJobs
from twin.server.public_address import PublicAddressMiddleware, public_address
from twin.server.publishing import Publishing
from twin.server.request_form import RequestForm
from twin.server.routes.city import city_router
from twin.server.routes.events import events_router
from twin.server.routes.exports import exports_router
from twin.server.routes.health import Metrics, MetricsMiddleware, health_router
from twin.server.routes.imagery import imagery_router
from twin.server.routes.objects import objects_router
from twin.server.routes.submissions import submissions_router
from twin.server.routes.tiles import tiles_router
from twin.server.routes.tokens import tokens_router
from twin.server.routes.vocabulary import definition_router, vocabulary_router
from twin.server.routes_below import RoutesBelow
from twin.server.settings import Settings
from twin.server.volumes import BuiltVolumes
from twin.tile_cache import TileCache
from twin.tokens import Tokens

STATEMENT_TIMEOUT_S = 10.0
"""No request may keep the database busy longer (a 72 KB star would cost a tile 27 s, DESIGN 4)."""
DOOR_CONNECTIONS = 8
DOOR_WAITING = 16
"""Requests that may wait for a connection: who comes when so many wait is told to come again (503), before they all wait for ever."""
DEAR_CONNECTIONS = 3
"""For counts, searches, WFS and FeatureServer, whose statements take long: the others do not wait for them."""
TILE_TIMEOUT_S = 3.0
"""A vector tile that takes longer is drawn again without what makes it slow."""
TILE_CONNECTIONS = 4
TILE_WAITING = 128
"""A map asks for a whole screen of tiles at once, and does not come again for one that was refused."""
_TILE_SETTINGS = {**DOOR_SETTINGS, "work_mem": "32MB"}
VIEWER = Path(__file__).parents[1] / "viewer" / "dist"
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' data: blob:;"
    " style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)
_SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", _CONTENT_SECURITY_POLICY.encode("ascii")),
)
_NO_VIEWER = (
    "<!doctype html><meta charset=utf-8><title>citytwin</title><p>三维界面尚未构建：请运行 <code>make setup</code>。"
    "<p>The viewer has not been built: run <code>make setup</code>. The data is served at <a href=ogc>ogc</a>."
)


def create_app(city: City) -> FastAPI:
    """Return the application serving ``city``; the caller keeps the city open while it runs."""
    conninfo = connection_string(
        city.database_url, application="twin-door", statement_timeout_s=STATEMENT_TIMEOUT_S, settings=DOOR_SETTINGS
    )
    pool, dear_pool = (_connections(conninfo, size, DOOR_WAITING) for size in (DOOR_CONNECTIONS, DEAR_CONNECTIONS))
    tile_pool = _connections(
        connection_string(city.database_url, application="twin-tiles", statement_timeout_s=TILE_TIMEOUT_S, settings=_TILE_SETTINGS),
        TILE_CONNECTIONS,
        TILE_WAITING,
    )
    exports_pool = exports_connections(city.database_url)
    hub = EventHub(city.catalogue.sharing_of)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await pool.open()
        await dear_pool.open()
        await tile_pool.open()
        await asyncio.to_thread(exports_pool.open)
        listening = asyncio.create_task(hub.run(connection_string(city.database_url, application="twin-events")))
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await pool.close()
            await dear_pool.close()
            await tile_pool.close()
            await asyncio.to_thread(exports_pool.close)

    app = FastAPI(title="citytwin", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    metrics = Metrics()
    app.state.events = hub
    _surround(app, metrics, pool)
    problems.install(app)
    _know_address(app, city.settings)
    app.include_router(health_router(city, metrics))
    city_doors = city_router(city)
    app.include_router(city_doors)
    tile_cache = _tile_cache(city)
    pictures = Pictures(city, tile_cache)
    app.include_router(imagery_router(city, pictures))
    app.include_router(tiles_router(city))
    tokens = Tokens(city.pool)
    own = (
        objects_router(city),
        exports_router(city),
        submissions_router(city, tokens),
        tokens_router(tokens),
        vocabulary_router(city),
        events_router(hub),
    )
    for router in own:
        app.include_router(router)
    app.include_router(
        definition_router(f"{city.deployment.name} · API", [route for router in (city_doors, *own) for route in router.routes])
    )
    doors = build_router(
        OgcContext(
            catalogue=city.catalogue,
            pool=pool,
            principal_of=principal_of,
            tile_pool=tile_pool,
            dear_pool=dear_pool,
            tile_cache=tile_cache,
            pictures=pictures,
            volumes=BuiltVolumes(city),
            styles=city.styles,
            writer=FeatureWrites(city, tokens),
            exports=ExportMeans(exports_pool, city.store, Formats(cityjson_formats(city)), city.settings.exports_bytes),
            jobs=ProcessJobs(city, tokens, Publishing(city).wake_worker),
            on_change=hub.on_change,
        )
    )
    # first, and found by its prefix: its routes are asked for most
    app.router.routes.insert(0, RoutesBelow("/ogc", doors.routes))
    if (VIEWER / "index.html").is_file():
        # behind all routes: a mount would take a method that a route has not for a file that is not there
        app.frontend("/", directory=VIEWER, fallback=None)
    else:
        app.add_api_route("/", lambda: HTMLResponse(_NO_VIEWER), methods=["GET"])
    return app


def _surround(app: FastAPI, metrics: Metrics, pool: AsyncPool) -> None:
    """Put around every route what all of them have in common; what is added last is met first."""
    app.add_middleware(HeadAsGet, prefixes=("/api/", "/scene.json", "/livez", "/readyz", "/metrics"), endless=frozenset({"/api/events"}))
    app.add_middleware(BodyLimitMiddleware, unlimited=frozenset({"/api/submissions"}))
    app.add_middleware(RequestForm)
    app.add_middleware(Admission, pool=pool)
    app.add_middleware(_SafeHeaders)
    app.add_middleware(MetricsMiddleware, metrics=metrics)


def _know_address(app: FastAPI, settings: Settings) -> None:
    known_as = None if settings.public_url is None else public_address(settings.public_url)
    if known_as is not None or settings.allowed_hosts:
        app.add_middleware(PublicAddressMiddleware, address=known_as, hosts=settings.allowed_hosts)


def _connections(conninfo: str, most: int, most_waiting: int) -> AsyncPool:
    """Return a closed pool for statements of a door, each of which stands alone."""
    autocommit = {"autocommit": True}
    return AsyncConnectionPool(conninfo, kwargs=autocommit, min_size=1, max_size=most, max_waiting=most_waiting, open=False, timeout=10)


def _tile_cache(city: City) -> TileCache | None:
    settings = city.settings
    return TileCache(settings.tile_cache_folder, settings.tile_cache_bytes) if settings.tile_cache_bytes else None


class _SafeHeaders:
    """Adds the headers that keep a browser from doing more than the page needs, where an answer has not its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in _SAFE_HEADERS if header[0] not in own)]
            await send(message)

        await self._app(scope, receive, safe if scope["type"] == "http" else send)
