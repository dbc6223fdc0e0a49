"""Stored objects as HTTP answers: packed where the caller takes it, 304 where it holds them, Range and HEAD by Starlette (RFC 9110)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ogc.answers import unchanged
from twin.errors import NotFoundError
from twin.server.packing import is_packed_from, packed

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
ASK_AGAIN = {"Cache-Control": "no-cache"}
_REFUSED = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")
_MEDIA = {".glb": "model/gltf-binary", ".json": "application/json", ".terrain": "application/vnd.quantized-mesh"}
_MEDIA |= {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def stored_file(request: Request, file: Path, headers: Mapping[str, str]) -> Response:
    """Return the answer with ``file``, which never changes or is replaced whole; blocking for a look at the folder only.

    A caller that takes gzip and asks for all of it gets the packed file beside it, if there is one. NotFoundError when there is no file.
    """
    try:
        held = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("there is no such tile", zh="没有此瓦片") from None
    chosen, sent = file, dict(headers)
    if "Content-Encoding" not in sent:
        sent["Vary"] = "Accept-Encoding"
        if takes_gzip(request) and "range" not in request.headers and (beside := _current(packed(file), held)) is not None:
            chosen, held = packed(file), beside
            sent["Content-Encoding"] = "gzip"
    sent["ETag"] = f'"{held.st_mtime_ns:x}-{held.st_size:x}"'
    if unchanged(request, sent["ETag"]):
        return Response(status_code=304, headers=sent)
    return FileResponse(chosen, media_type=_MEDIA.get(file.suffix, "application/octet-stream"), headers=sent, stat_result=held)


def takes_gzip(request: Request) -> bool:
    """Return whether the caller takes gzip."""
    offered = request.headers.get("accept-encoding", "").lower()
    return "gzip" in offered and _REFUSED.search(offered) is None


def _current(beside: Path, held: os.stat_result) -> os.stat_result | None:
    """Return what is known of the packed file, None where there is none or it is of an earlier state."""
    try:
        found = beside.stat()
    except FileNotFoundError:
        return None
    return found if is_packed_from(found, held) else None
