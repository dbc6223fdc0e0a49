"""The documents around the features: landing page, conformance, OpenAPI, collections, schemas, queryables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.beside_features import completed, landing_links
from ogc.conformance import classes
from ogc.degree_boxes import boxes_meet, degree_box
from ogc.downloads import DownloadDoor
from ogc.findings import findings_collection
from ogc.openapi import MEDIA_TYPE as OPENAPI
from ogc.openapi import openapi_document
from ogc.openapi.build import Described
from ogc.pages import Pages
from ogc.parameters import EVERYWHERE, single_values
from ogc.records.documents import catalogue_collection
from ogc.shell import Shell, completed_collection
from ogc.state import DoorState, OgcContext, StateKeeper
from ogc.volumes import Volume
from twin.featuretypes.json_schema import feature_schema, queryables
from twin.featuretypes.json_schema import sortables as sortables_schema
from twin.query.collection import Collection
from twin.query.filter_functions import FUNCTIONS, FilterFunction
from twin.query.order import sortables

DOCUMENT_VERSION = 2
_CODES_INLINE = "http://www.opengis.net/def/profile/OGC/0/codelist-inline"
_JSON_TYPES = {"text": "string", "number": "number", "geometry": "geometry"}
_SERVED_RELATIONS = frozenset({"about", "self", "alternate", "service-desc", "service-doc", "conformance", "data"})


class DocumentDoor:
    """Routes whose answer changes only with the catalogue's version."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages, downloads: DownloadDoor | None = None) -> None:
        self._context = context
        self._keeper = keeper
        self._pages = pages
        self._downloads = downloads
        self._shell = Shell(context.catalogue)

    def routes(self) -> list[Route]:
        """Return the routes of the door, but for the landing page's address without a slash."""
        collection = "/collections/{collection}"
        answered_by = {
            "/": self.landing,
            "/conformance": self.conformance,
            "/openapi": self.openapi,
            "/collections": self.collections,
            collection: self.collection,
            f"{collection}/schema": self.schema,
            f"{collection}/queryables": self.queryables,
            f"{collection}/sortables": self.sortables,
            "/functions": self.functions,
        }
        return [Route(path, endpoint, methods=["GET"]) for path, endpoint in answered_by.items()]

    async def landing(self, request: Request) -> Response:
        """The landing page."""
        state, language, _ = await self._begin(request)
        principal = self._context.principal_of(request)
        base = links.base_url(request)
        document = await self._keeper.in_thread(lambda: self._shell.landing(state, principal, base, language))
        found = [entry for entry in document["links"] if entry["rel"] in _SERVED_RELATIONS and entry.get("type") != "application/ld+json"]
        found.append(
            links.link(
                f"{base}/tileMatrixSets",
                f"{links.RELATIONS}tiling-schemes",
                answers.JSON,
                "瓦片矩阵集" if language == "zh" else "Tile matrix sets",
            )
        )
        found.append(links.link(f"{base}/search", "search", answers.GEOJSON, links.title("search", language)))
        found.append(links.link(f"{base}/queryables", f"{links.RELATIONS}queryables", answers.SCHEMA, links.title("queryables", language)))
        found.append(links.link(f"{base}/functions", f"{links.RELATIONS}functions", answers.JSON, links.title("functions", language)))
        found += landing_links(self._context, base, language)
        return await self._send(request, state, "landing_page.html", document | {"links": found}, language)

    async def conformance(self, request: Request) -> Response:
        """The conformance classes that are true."""
        state, language, _ = await self._begin(request)
        document = {"conformsTo": list(classes(self._context.can))}
        return await self._send(request, state, "conformance.html", document, language)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI 3.0 definition of every route."""
        state, language, _ = await self._begin(request)
        visible = state.visible(self._context.principal_of(request))
        document = openapi_document(Described(state.deployment, visible, language, self._context.can), links.base_url(request))
        return await self._send(request, state, "openapi.html", document, language, media_type=OPENAPI)

    async def collections(self, request: Request) -> Response:
        """All collections the caller may see, those that meet ``bbox`` where it is given."""
        box = degree_box(single_values(request.query_params.multi_items(), EVERYWHERE | {"bbox"}).get("bbox"))
        state, language, form = await self._keeper.state(), negotiation.language(request), negotiation.form(request)
        principal, base = self._context.principal_of(request), links.base_url(request)
        document = await self._keeper.in_thread(lambda: self._shell.collections(state, principal, base, language))
        visible = state.visible(principal)
        volumes = await self._volumes()
        listed = [
            completed(
                completed_collection(entry, visible[entry["id"]], base, language),
                visible[entry["id"]],
                self._context,
                volumes,
                base,
                language,
            )
            for entry in document["collections"]
        ]
        listed += [findings_collection(state.deployment, base, language), catalogue_collection(state.deployment, base, language)]
        document["collections"] = [e for e in listed if box is None or boxes_meet(tuple(e["extent"]["spatial"]["bbox"][0]), box)]
        document["links"] = links.self_and_alternate(f"{base}/collections", [], form, answers.JSON, language)
        return await self._send(request, state, "collections/index.html", document, language, more=volumes)

    async def collection(self, request: Request) -> Response:
        """One collection."""
        found, state, language = await self._one(request)
        principal, base = self._context.principal_of(request), links.base_url(request)
        document = await self._keeper.in_thread(lambda: self._shell.collection(state, principal, base, language, found.slug))
        volumes = await self._volumes()
        made = completed(completed_collection(document, found, base, language), found, self._context, volumes, base, language)
        made["links"] += await self._downloads.links(found, base, language) if self._downloads else []
        return await self._send(request, state, "collections/collection.html", made, language, found, more=volumes.get(found.slug))

    async def schema(self, request: Request) -> Response:
        """The JSON Schema of a collection's features (Part 5)."""
        found, state, language = await self._one(request)
        address = f"{links.base_url(request)}/collections/{found.slug}/schema"
        targets = _reference_templates(found, state.visible(self._context.principal_of(request)), links.base_url(request))
        document = {"$id": address} | feature_schema(found.feature_type, language, targets)
        return await self._send(request, state, "collections/schema.html", document, language, found, answers.SCHEMA)

    async def queryables(self, request: Request) -> Response:
        """What a filter may name (Part 3)."""
        found, state, language = await self._one(request)
        address = f"{links.base_url(request)}/collections/{found.slug}/queryables"
        document = {"$id": address} | queryables(found.feature_type, language)
        return await self._send(request, state, "collections/schema.html", document, language, found, answers.SCHEMA)

    async def sortables(self, request: Request) -> Response:
        """What a page may be sorted by (Part 8)."""
        found, state, language = await self._one(request)
        address = f"{links.base_url(request)}/collections/{found.slug}/sortables"
        document = {"$id": address} | sortables_schema(found.feature_type, sortables(found), language)
        return await self._send(request, state, "collections/schema.html", document, language, found, answers.SCHEMA)

    async def functions(self, request: Request) -> Response:
        """The functions a filter may call (CQL2, 7.13)."""
        state, language, form = await self._begin(request)
        document = {
            "title": "过滤函数" if language == "zh" else "Functions of filters",
            "functions": [_described(name, function, language) for name, function in FUNCTIONS.items()],
            "links": links.self_and_alternate(f"{links.base_url(request)}/functions", [], form, answers.JSON, language),
        }
        return await self._send(request, state, "document.html", document, language)

    async def _volumes(self) -> Mapping[str, Volume]:
        volumes = self._context.volumes
        return {} if volumes is None else await self._keeper.in_thread(volumes.current)

    async def _begin(self, request: Request, forms: tuple[str, ...] = ()) -> tuple[DoorState, negotiation.Language, str]:
        single_values(request.query_params.multi_items(), EVERYWHERE)
        return await self._keeper.state(), negotiation.language(request), negotiation.form(request, forms)

    async def _one(self, request: Request, forms: tuple[str, ...] = ()) -> tuple[Collection, DoorState, negotiation.Language]:
        found = await self._keeper.collection(request.path_params["collection"], self._context.principal_of(request))
        state, language, _ = await self._begin(request, forms)
        return state.collections.get(found.slug, found), state, language

    async def _send(
        self,
        request: Request,
        state: DoorState,
        template: str,
        document: dict[str, Any],
        language: negotiation.Language,
        collection: Collection | None = None,
        media_type: str = answers.JSON,
        more: object = None,
    ) -> Response:
        tag = answers.etag(request, DOCUMENT_VERSION, state.version, sorted(self._context.principal_of(request).classes), more)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag)
        headers = {"Content-Language": negotiation.LANGUAGE_TAGS[language]}
        if media_type == answers.SCHEMA:
            headers["Link"] = f'<{_CODES_INLINE}>; rel="profile"'
        if negotiation.form(request) == "html":
            content = await self._pages.render(request, template, document, language, collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        return await answers.answer(request, orjson.dumps(document), media_type, tag, headers)


def _reference_templates(collection: Collection, visible: Mapping[str, Collection], base: str) -> dict[str, str]:
    """Return where what a field's values name is found, for fields that name features of exactly one collection."""
    found: dict[str, str] = {}
    for field in collection.feature_type.fields:
        if field.reference is None:
            continue
        slugs = [slug for slug, other in visible.items() if other.feature_type.name == field.reference.type]
        if len(slugs) == 1:
            found[field.name] = f"{base}/collections/{slugs[0]}/items?{field.reference.field}={{resourceId}}"
    return found


def _described(name: str, function: FilterFunction, language: str) -> dict[str, object]:
    return {
        "name": name,
        "description": function.description.in_language(language),
        "arguments": [{"type": [_JSON_TYPES[kind]]} for kind in function.arguments],
        "returns": [_JSON_TYPES[function.returns]],
    }
