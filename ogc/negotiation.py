"""What form and language a caller wants (RFC 9110, 12.5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from starlette.requests import Request

from twin.errors import BadRequestError

Form = Literal["json", "html"]
Language = Literal["zh", "en"]

_MEDIA: Mapping[str, Form] = {
    "application/json": "json",
    "application/geo+json": "json",
    "application/schema+json": "json",
    "application/*": "json",
    "text/html": "html",
    "application/xhtml+xml": "html",
}


def form(request: Request, extra: tuple[str, ...] = (), media_types: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the form asked for by ``f``, else by Accept, else ``json``.

    ``extra`` are other values that ``f`` may have; ``media_types`` says which of them Accept may name, and by which media type.
    """
    asked = request.query_params.get("f")
    if asked is None:
        known = {**_MEDIA, **media_types}
        return next((known[kind] for kind in _by_preference(request.headers.get("accept", "")) if kind in known), "json")
    if asked not in {"json", "html", *extra}:
        error = BadRequestError(f"f is one of json, html{''.join(', ' + e for e in extra)}", zh="f 的取值不受支持")
        error.code = "bad-format"
        raise error
    return asked


def language(request: Request) -> Language:
    """Return the language asked for by ``lang``, else by Accept-Language; Chinese where neither says English first."""
    asked = request.query_params.get("lang")
    if asked is not None:
        if asked.split("-")[0].lower() not in {"zh", "en"}:
            error = BadRequestError("lang is zh or en", zh="lang 应为 zh 或 en")
            error.code = "bad-language"
            raise error
        return "zh" if asked.lower().startswith("zh") else "en"
    for tag in _by_preference(request.headers.get("accept-language", "")):
        primary = tag.split("-")[0].lower()
        if primary in {"zh", "en"}:
            return "zh" if primary == "zh" else "en"
    return "zh"


def _by_preference(header: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weighed.append((-float(quality), name))
        except ValueError:
            continue
    return [name for quality, name in sorted(weighed, key=lambda pair: pair[0]) if quality < 0]
