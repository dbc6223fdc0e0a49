"""Stored objects as HTTP answers: packed where the caller takes it, 304 where it holds them, Range and HEAD by Starlette (RFC 9110)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ogc.answers import unchanged
from ogc.negotiation import takes_gzip
from twin.errors import NotFoundError
from twin.model import SharingClass
from twin.server.packing import SMALLEST, SUFFIX, is_packed_from
from twin.store import Held, Store

_IMMUTABLE = "max-age=31536000, immutable"
ASK_AGAIN = {"Cache-Control": "no-cache"}
_MEDIA = {".glb": "model/gltf-binary", ".json": "application/json", ".terrain": "application/vnd.quantized-mesh"}
_MEDIA |= {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_MEDIA |= {".tif": "image/tiff; application=geotiff; profile=cloud-optimized"}


def forever(sharing: SharingClass) -> dict[str, str]:
    """Return the headers of what never changes: only of data that is open to everybody may caches between us and the caller keep it."""
    return {"Cache-Control": f"{'public' if sharing is SharingClass.OPEN else 'private'}, {_IMMUTABLE}"}


def stored_object(request: Request, store: Store, key: str, headers: Mapping[str, str]) -> Response:
    """Return the answer with the object ``key``; blocking, for a look at a folder or the time it takes to fetch it.

    A caller that takes gzip and asks for all of it gets the packed object beside it, if there is one. What may be kept for ever is taken
    for unchanging in the store, too. NotFoundError when there is no object.
    """
    unchanging = headers["Cache-Control"].endswith(_IMMUTABLE)
    held = store.held(key, unchanging=unchanging)
    if held is None:
        raise NotFoundError("there is no such tile", zh="没有此瓦片")
    chosen, sent = held, dict(headers)
    if "Content-Encoding" not in sent:
        sent["Vary"] = "Accept-Encoding"
        if takes_gzip(request) and "range" not in request.headers and (beside := _packed(store, held, unchanging=unchanging)) is not None:
            chosen = beside
            sent["Content-Encoding"] = "gzip"
    sent["ETag"] = f'"{chosen.modified_ns:x}-{chosen.size:x}"'
    if unchanged(request, sent["ETag"]):
        return Response(status_code=304, headers=sent)
    file = store.file(chosen.key, unchanging=unchanging)
    return FileResponse(
        file, media_type=_MEDIA.get(PurePosixPath(key).suffix, "application/octet-stream"), headers=sent, stat_result=file.stat()
    )


def _packed(store: Store, held: Held, *, unchanging: bool) -> Held | None:
    """Return what is known of the packed object, None where there is none or it is of an earlier state."""
    beside = None if held.size < SMALLEST else store.held(held.key + SUFFIX, unchanging=unchanging)
    return beside if beside is not None and is_packed_from(beside, held) else None
