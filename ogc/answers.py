"""Bytes → HTTP answers: revalidation by revision, compression off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from ogc import negotiation

GEOJSON = "application/geo+json"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
SCHEMA = "application/schema+json"
MVT = "application/vnd.mapbox-vector-tile"

_KEPT = frozenset({"Cache-Control", "Content-Location", "Memento-Datetime", "Vary"})
_SMALLEST_COMPRESSED = 1400
_LARGEST_ON_LOOP = 16_384


def etag(request: Request, *state: object) -> str:
    """Return the weak entity tag of what a request means in a state (dataset, commit, versions, rights)."""
    asked = f"{request.url}\n{request.headers.get('accept', '')}\n{request.headers.get('accept-language', '')}"
    digest = hashlib.blake2b(f"{asked}\n{state}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return f'W/"{digest}"'


def unchanged(request: Request, tag: str) -> bool:
    """True when the caller reads and holds the representation already (weak comparison, RFC 9110 13.1.2)."""
    if request.method not in {"GET", "HEAD"}:
        return False
    held = ",".join(request.headers.getlist("if-none-match"))  # a list may stand in several lines (RFC 9110, 5.3)
    if not held:
        return False
    return held.strip() == "*" or tag.removeprefix("W/") in {part.strip().removeprefix("W/") for part in held.split(",")}


def not_modified(tag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the 304 of a tag; of the ``headers`` of the 200 those by which it is kept, and of what state it is (RFC 9110, 15.4.5)."""
    kept = {name: value for name, value in (headers or {}).items() if name in _KEPT}
    return Response(status_code=304, headers=caching(tag) | kept)


async def answer(
    request: Request, content: bytes, media_type: str, tag: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a 200 with ``content``, compressed where the caller takes it and it pays."""
    sent = {**caching(tag), **(headers or {})}
    if len(content) >= _SMALLEST_COMPRESSED and negotiation.takes_gzip(request):
        content = await asyncio.to_thread(_gzip, content) if len(content) > _LARGEST_ON_LOOP else _gzip(content)
        sent["Content-Encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=sent)


def empty(tag: str) -> Response:
    """Return a 204: there is nothing in it, and that may be kept like anything else."""
    return Response(status_code=204, headers=caching(tag))


def caching(tag: str | None) -> dict[str, str]:
    """Return the headers by which an answer is kept and asked for again."""
    # no-cache: keep it, but ask each time; an edit is seen at once and costs a 304 otherwise.
    head = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding, Accept-Language"}
    return head | {"ETag": tag} if tag else head


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(level=3, wbits=31)
    return packer.compress(content) + packer.flush()
