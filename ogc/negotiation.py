"""What form and language a caller wants (RFC 9110, 12.5)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from starlette.requests import Request

from twin.errors import BadRequestError, NotAcceptableError

Form = Literal["json", "html"]
Language = Literal["zh", "en"]
LANGUAGE_TAGS: Mapping[Language, str] = MappingProxyType({"zh": "zh-Hans", "en": "en"})
"""What documents and errors say of their language (RFC 5646)."""

_MEDIA: Mapping[str, Form] = {
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/*": "html",
}
_READ = 1000
"""Characters of a header that are looked at."""
_JSON_SUFFIX = "+json"
"""Of media types that are JSON all the same: who names one of them gets the JSON there is."""


def form(request: Request, extra: tuple[str, ...] = (), media_types: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the form asked for by ``f``, else by Accept, else ``json``.

    ``extra`` are other values that ``f`` may have; ``media_types`` says which of them Accept may name, and by which media type.
    Raises BadRequestError for another ``f``, NotAcceptableError for an Accept that names nothing there is.
    """
    asked = request.query_params.get("f")
    if asked is None:
        accepted = request.headers.get("accept", "")
        return "json" if accepted in {"", "*/*"} else _accepted(accepted, media_types)
    if asked not in {"json", "html", *extra}:
        raise BadRequestError(f"f is one of json, html{''.join(', ' + e for e in extra)}", zh="f 的取值不受支持").with_code("bad-format")
    return asked


def _accepted(header: str, media_types: Mapping[str, str]) -> str:
    """Return the best liked form that there is; a header without any media range says nothing."""
    ranges = [name.lower() for name, _ in _by_preference(header[:_READ]) if "/" in name]
    for name in ranges:
        if (found := media_types.get(name) or _MEDIA.get(name)) is not None:
            return found
        if name.endswith(_JSON_SUFFIX):
            return "json"
    if not ranges:
        return "json"
    offered = ", ".join(["application/json", "text/html", *media_types])
    raise NotAcceptableError(f"there is nothing of what Accept names; there is {offered}", zh=f"没有 Accept 所列的格式，可用 {offered}")


def language(request: Request) -> Language:
    """Return the language asked for by ``lang``, else by Accept-Language; Chinese where neither says English first."""
    asked = request.query_params.get("lang")
    if asked is not None and _known(asked) is None:
        raise BadRequestError("lang is zh or en", zh="lang 应为 zh 或 en").with_code("bad-language")
    return spoken_language(request)


def spoken_language(request: Request) -> Language:
    """Return the language of whatever is answered, an error too: that of :func:`language`, passing over a ``lang`` that is none."""
    accepted = (tag for tag, _ in _by_preference(request.headers.get("accept-language", "")[:_READ]))
    return next((found for tag in (request.query_params.get("lang", ""), *accepted) if (found := _known(tag)) is not None), "zh")


def _known(tag: str) -> Language | None:
    match tag.partition("-")[0].lower():
        case "zh":
            return "zh"
        case "en":
            return "en"
        case _:
            return None


def accepted_profiles(request: Request) -> list[tuple[str, Sequence[str]]]:
    """Return the media types of Accept, the best liked first, each with the URIs of its parameter ``profile`` (RFC 6906)."""
    found: list[tuple[str, Sequence[str]]] = []
    for name, parameters in _by_preference(request.headers.get("accept", "")[:_READ]):
        said = next((p.partition("=")[2].strip(' "') for p in parameters if p.lower().startswith("profile=")), "")
        found.append((name, said.split()))
    return found


@functools.lru_cache(maxsize=1024)
def _by_preference(header: str) -> Sequence[tuple[str, Sequence[str]]]:
    """Return the names in a header, the best liked first, and the parameters of each; without those that are not wanted at all."""
    weighed: list[tuple[float, str, Sequence[str]]] = []
    for part in header.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weighed.append((-float(quality), name, parameters))
        except ValueError:
            continue
    return tuple((name, parameters) for quality, name, parameters in sorted(weighed, key=lambda entry: entry[0]) if quality < 0)
