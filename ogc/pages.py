"""HTML of the documents: our own templates, nothing loaded from elsewhere, so it works in an intranet and under a strict CSP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links
from ogc.parameters import asked_crs
from ogc.preview import drawing
from ogc.state import StateKeeper
from twin.errors import NotFoundError, Text
from twin.featuretypes.validity import validity_fields
from twin.model import Field
from twin.query.collection import Collection

_MEDIA_TYPES = {"style.css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Subject:
    """The collection a page is of: its path and title, and the fields whose titles, units and code titles the page shows."""

    slug: str
    title: Text
    fields: Sequence[Field]


class Pages:
    """Renders templates of ``ogc/templates`` and serves ``ogc/static``."""

    def __init__(self, keeper: StateKeeper) -> None:
        self._keeper = keeper
        self._environment = Environment(
            loader=PackageLoader("ogc"), autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
        )
        self._environment.filters["pretty_json"] = lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        self._environment.globals["drawing"] = drawing

    async def render(
        self,
        request: Request,
        template: str,
        document: Mapping[str, object],
        language: str,
        collection: Collection | Subject | None = None,
    ) -> bytes:
        """Return the page of a document; a ``collection`` that has no features is told as its Subject."""
        state = await self._keeper.state()
        subject = _subject_of(collection) if isinstance(collection, Collection) else collection
        values = {
            "document": document,
            "city": state.deployment.name,
            "base": links.base_url(request),
            "root": str(request.base_url).rstrip("/"),
            "zh": language == "zh",
            "subject": subject,
            "collection": collection,
            "crs": asked_crs(request.query_params, "crs", collection).uri if isinstance(collection, Collection) else None,
            "other_language": links.with_parameters(
                str(request.url.replace(query="")),
                [*((k, v) for k, v in request.query_params.multi_items() if k != "lang"), ("lang", "en" if language == "zh" else "zh")],
            ),
            "as_json": links.with_parameters(
                str(request.url.replace(query="")), [*((k, v) for k, v in request.query_params.multi_items() if k != "f"), ("f", "json")]
            ),
        }
        values |= _labels(() if subject is None else subject.fields, language)
        return (await asyncio.to_thread(self._environment.get_template(template).render, values)).encode()

    def routes(self) -> list[Route]:
        """Return the routes of what pages use."""
        return [Route("/static/{name}", self.static, methods=["GET"])]

    async def static(self, request: Request) -> Response:
        """A file the pages use."""
        name = request.path_params["name"]
        if name not in _MEDIA_TYPES:
            raise NotFoundError("there is no such file", zh="没有该文件")
        content = resources.files("ogc").joinpath("static", name).read_bytes()
        return await answers.answer(request, content, _MEDIA_TYPES[name])


def _subject_of(collection: Collection) -> Subject:
    return Subject(collection.slug, collection.dataset.title, collection.feature_type.fields)


def _labels(fields: Sequence[Field], language: str) -> dict[str, Any]:
    """Return titles, units and code titles of a collection's properties, for people."""
    return {
        "titles": {f.name: f.title.in_language(language) for f in (*fields, *validity_fields())},
        "units": {f.name: f.unit for f in fields if f.unit},
        "codes": {
            f.name: {c.code: c.title.in_language(language) for c in f.codelist.codes if c.code != c.title.in_language(language)}
            for f in fields
            if f.codelist
        },
    }
