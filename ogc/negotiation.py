"""What form and language a caller wants (RFC 9110, 12.5)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
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
_OWN: Mapping[Form, str] = {"json": "application/json", "html": "text/html"}
_WITHOUT_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")
_READ = 1000
"""Characters of a header that are looked at."""
_JSON_SUFFIX = "+json"
"""Of media types that are JSON all the same: who names one of them gets the JSON there is."""


def form(request: Request, extra: tuple[str, ...] = (), media_types: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the form asked for by ``f``, else by Accept, else ``json``.

    ``extra`` are other values that ``f`` may have; ``media_types`` says which of them Accept may name, and by which media type.
    Raises BadRequestError for another ``f``, NotAcceptableError for an Accept that names nothing there is, where all of it was read.
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
    unwanted = {name.lower() for name in _unwanted(header[:_READ]) if "/" in name}
    for name in ranges:
        if (found := media_types.get(name)) is not None:
            return found
        for known in _forms(name):
            if not (name.endswith("*") and _OWN[known] in unwanted):
                return known
    if len(header) > _READ or not (ranges or unwanted):
        return "json"
    offered = ", ".join(["application/json", "text/html", *media_types])
    raise NotAcceptableError(f"there is nothing of what Accept names; there is {offered}", zh=f"没有 Accept 所列的格式，可用 {offered}")


def _forms(name: str) -> Sequence[Form]:
    """Return the forms that a media range means, the better one first."""
    if name == "*/*":
        return ("json", "html")
    found = "json" if name.endswith(_JSON_SUFFIX) else _MEDIA.get(name)
    return () if found is None else (found,)


def takes_gzip(request: Request) -> bool:
    """Return whether the caller takes gzip (RFC 9110, 12.5.3)."""
    offered = request.headers.get("accept-encoding", "").lower()
    return "gzip" in offered and _WITHOUT_GZIP.search(offered) is None


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
    wanted = sorted((entry for entry in _weighed(header) if entry[0] > 0), key=lambda entry: -entry[0])
    return tuple((name, parameters) for _, name, parameters in wanted)


@functools.lru_cache(maxsize=1024)
def _unwanted(header: str) -> frozenset[str]:
    """Return the names in a header that are not wanted at all."""
    return frozenset(name for quality, name, _ in _weighed(header) if quality == 0)


def _weighed(header: str) -> Iterable[tuple[float, str, Sequence[str]]]:
    for part in header.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            yield float(quality), name, parameters
        except ValueError:
            continue
