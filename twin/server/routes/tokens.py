"""/api/token: what the token of a request may do, so that a page shows its holder no more than that."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from twin.server.access import token_of
from twin.tokens import Tokens


def tokens_router(tokens: Tokens) -> APIRouter:
    """Return /api/token."""
    router = APIRouter(tags=["Tokens"])

    def token(request: Request) -> Response:
        """Name and role of the token the request carries; 401 without one in force."""
        found = token_of(request, tokens)
        return JSONResponse({"name": found.name, "role": found.role}, headers={"Cache-Control": "no-store"})

    router.add_api_route("/api/token", token, methods=["GET"], responses={401: {"description": "No token, or one not in force"}})
    return router
