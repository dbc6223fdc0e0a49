"""How the JSON of our own doors is answered: revalidated by ETag, never served stale."""

from __future__ import annotations

import hashlib

import orjson
from fastapi import Request, Response

from ogc.answers import unchanged


def json_answer(request: Request, document: object) -> Response:
    """Return ``document`` as JSON, or 304 when the caller has it already."""
    content = orjson.dumps(document)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
