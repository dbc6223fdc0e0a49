"""The OGC door behind a real HTTP server, for clients that are not ours."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import unquote_plus

import httpx
import uvicorn
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from starlette.types import ASGIApp, Receive, Scope, Send

from ogc.export_job import ExportMeans
from ogc.formats import Formats
from ogc.router import OgcContext, build_router
from ogc.writing.writer import FeatureWriter
from twin.catalogue import Catalogue
from twin.db import connection_string
from twin.model import Principal
from twin.query.execute import DOOR_SETTINGS
from twin.server import problems
from twin.server.request_form import RequestForm
from twin.store import FolderStore
from twin.tile_cache import TileCache


@contextmanager
def served(
    catalogue: Catalogue,
    database_url: str,
    principal: Principal | None = None,
    writer: FeatureWriter | None = None,
    seen: list[str] | None = None,
    tile_cache: TileCache | None = None,
    **limits: int,
) -> Iterator[str]:
    """Yield the address of the door's landing page while it is served; ``seen`` gets the path and query of every request.

    ``limits`` are those of :class:`ExportMeans`.
    """
    pool = AsyncConnectionPool(
        connection_string(database_url, statement_timeout_s=10, settings=DOOR_SETTINGS),
        min_size=1,
        max_size=4,
        open=False,
        kwargs={"autocommit": True},
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await pool.open()
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    if seen is not None:
        app.add_middleware(_Noting, seen=seen)
    problems.install(app)
    app.add_middleware(RequestForm)
    who = principal or Principal.anonymous()
    with tempfile.TemporaryDirectory(prefix="ct-store-") as kept:
        exports = ExportMeans(catalogue.pool, FolderStore(Path(kept)), Formats(), **limits)
        context = OgcContext(catalogue, pool, lambda _: who, exports=exports, writer=writer, tile_cache=tile_cache)
        app.include_router(build_router(context), prefix="/ogc")
        with running(app) as address:
            yield f"{address}/ogc"


@cache
def client() -> httpx.Client:
    """Return one client for all: each reads the certificates of the world anew."""
    return httpx.Client(timeout=60)


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Yield the address of an application while it is served on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class _Noting:
    """Notes what is asked for, as an access log would."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._seen.append(f"{scope['path']}?{unquote_plus(scope['query_string'].decode())}")
        await self._app(scope, receive, send)
