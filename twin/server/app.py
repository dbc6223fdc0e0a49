"""The web application: every door of one city behind one address."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from ogc.export_job import ExportMeans
from ogc.formats import Formats
from ogc.router import OgcContext, build_router
from twin.db import connection_string
from twin.server import problems
from twin.server.access import principal_of
from twin.server.admission import Admission, page_limits
from twin.server.body_limit import BodyLimitMiddleware
from twin.server.city import City
from twin.server.cityjson.formats import cityjson_formats
from twin.server.door_pools import DOOR_CONNECTIONS, door_pools
from twin.server.events import EventHub
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
from twin.server.safe_headers import SafeHeaders
from twin.server.settings import Settings
from twin.server.volumes import BuiltVolumes
from twin.server.waiting_line import WaitingLine
from twin.tile_cache import TileCache
from twin.tokens import Tokens

_NO_HEAD = re.compile(r"/api/(?:events|datasets/[^/]+/export)")
VIEWER = Path(__file__).parents[1] / "viewer" / "dist"
_NO_VIEWER = (
    "<!doctype html><meta charset=utf-8><title>citytwin</title><p>三维界面尚未构建：请运行 <code>make setup</code>。"
    "<p>The viewer has not been built: run <code>make setup</code>. The data is served at <a href=ogc>ogc</a>."
)


def create_app(city: City) -> FastAPI:
    """Return the application serving ``city``; the caller keeps the city open while it runs."""
    pools, hub, tokens = door_pools(city.database_url), EventHub(city.catalogue.sharing_of), Tokens(city.pool)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pools.opened(), _listening(hub, connection_string(city.database_url, application="twin-events")):
            yield

    app = FastAPI(title="citytwin", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.events = hub
    metrics, tile_cache = Metrics(), _tile_cache(city)
    pictures = Pictures(city, tile_cache)
    formats = Formats(cityjson_formats(city))
    _surround(app, city.settings, metrics, formats)
    problems.install(app)
    for router in (health_router(city, metrics), imagery_router(city, pictures), tiles_router(city)):
        app.include_router(router)
    _serve_own_interface(app, city, tokens, hub)
    doors = build_router(
        OgcContext(
            catalogue=city.catalogue,
            pool=pools.quick,
            principal_of=principal_of,
            tile_pool=pools.tiles,
            dear_pool=pools.dear,
            tile_cache=tile_cache,
            pictures=pictures,
            volumes=BuiltVolumes(city),
            styles=city.styles,
            writer=FeatureWrites(city, tokens),
            exports=ExportMeans(pools.exports, city.store, formats, city.settings.exports_bytes),
            jobs=ProcessJobs(city, tokens, Publishing(city).wake_worker),
            on_change=hub.on_change,
        )
    )
    # first, and found by its prefix: its routes are asked for most
    app.router.routes.insert(0, RoutesBelow("/ogc", doors.routes))
    _serve_viewer(app)
    return app


def _serve_own_interface(app: FastAPI, city: City, tokens: Tokens, hub: EventHub) -> None:
    """Serve what is the platform's own, and its definition."""
    own = (
        city_router(city),
        objects_router(city),
        exports_router(city),
        submissions_router(city, tokens),
        tokens_router(tokens),
        vocabulary_router(city),
        events_router(hub),
    )
    for router in own:
        app.include_router(router)
    app.include_router(definition_router(f"{city.deployment.name} · API", [route for router in own for route in router.routes]))


def _serve_viewer(app: FastAPI) -> None:
    if (VIEWER / "index.html").is_file():
        # behind all routes: a mount would take a method that a route has not for a file that is not there
        app.frontend("/", directory=VIEWER, fallback=None)
    else:
        app.add_api_route("/", lambda: HTMLResponse(_NO_VIEWER), methods=["GET"])


@asynccontextmanager
async def _listening(hub: EventHub, conninfo: str) -> AsyncIterator[None]:
    """Have the hub hear of what happens in the database for the block."""
    listening = asyncio.create_task(hub.run(conninfo))
    try:
        yield
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


def _surround(app: FastAPI, settings: Settings, metrics: Metrics, formats: Formats) -> None:
    """Put around every route what all of them have in common; what is added last is met first."""
    app.add_middleware(HeadAsGet, prefixes=("/api/", "/scene.json", "/livez", "/readyz", "/metrics"), costly=_NO_HEAD)
    app.add_middleware(BodyLimitMiddleware, unlimited=frozenset({"/api/submissions"}))
    app.add_middleware(RequestForm)
    processors = len(os.sched_getaffinity(0))
    line = WaitingLine(page_limits(processors, settings.web_processes, DOOR_CONNECTIONS))
    app.add_middleware(Admission, line=line, files={f.media_type: f.name for f in formats.all})
    app.add_middleware(SafeHeaders)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    known_as = None if settings.public_url is None else public_address(settings.public_url)
    if known_as is not None or settings.allowed_hosts:
        app.add_middleware(PublicAddressMiddleware, address=known_as, hosts=settings.allowed_hosts)


def _tile_cache(city: City) -> TileCache | None:
    settings = city.settings
    return TileCache(settings.tile_cache_folder, settings.tile_cache_bytes) if settings.tile_cache_bytes else None
