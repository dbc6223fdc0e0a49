"""A web application with one route that says nothing: what HTTP itself costs, for ``serve.tile_cached``."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response


def create_app() -> FastAPI:
    """Return the application; uvicorn runs it by ``--factory``."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    async def empty(_: Request) -> Response:
        return Response(b"")

    app.add_route("/", empty)
    return app
