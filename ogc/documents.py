"""The documents around the features: landing page, conformance, OpenAPI, collections, schemas, queryables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
from ogc.records.documents import catalogue_collection
from ogc.sender import Asked, Sender
from ogc.shell import Shell, completed_collection
from ogc.volumes import Volume
from twin.featuretypes.json_schema import feature_schema, queryables
from twin.featuretypes.json_schema import sortables as sortables_schema
from twin.query.collection import Collection
from twin.query.filter_functions import FUNCTIONS, FilterFunction
from twin.query.order import sortables

_CODES_INLINE = "http://www.opengis.net/def/profile/OGC/0/codelist-inline"
_JSON_TYPES = {"text": "string", "number": "number", "geometry": "geometry"}
_SERVED_RELATIONS = frozenset({"about", "self", "alternate", "service-desc", "service-doc", "conformance", "data"})


class DocumentDoor:
    """Routes whose answer changes only with the catalogue's version."""

    def __init__(self, sender: Sender, downloads: DownloadDoor | None = None) -> None:
        self._sender = sender
        self._context = sender.context
        self._downloads = downloads
        self._shell = Shell(sender.context.catalogue)

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
        asked = await self._sender.begin(request)
        base, language = asked.base, asked.language
        document = await self._in_thread(lambda: self._shell.landing(asked.state, asked.principal, base, language))
        found = [entry for entry in document["links"] if entry["rel"] in _SERVED_RELATIONS and entry.get("type") != "application/ld+json"]
        schemes = asked.text("瓦片矩阵集", "Tile matrix sets")
        found.append(links.link(f"{base}/tileMatrixSets", f"{links.RELATIONS}tiling-schemes", answers.JSON, schemes))
        found.append(links.link(f"{base}/search", "search", answers.GEOJSON, links.title("search", language)))
        found.append(links.link(f"{base}/queryables", f"{links.RELATIONS}queryables", answers.SCHEMA, links.title("queryables", language)))
        found.append(links.link(f"{base}/functions", f"{links.RELATIONS}functions", answers.JSON, links.title("functions", language)))
        found += landing_links(self._context, base, language)
        return await self._sender.send(asked, document | {"links": found}, "landing_page.html")

    async def conformance(self, request: Request) -> Response:
        """The conformance classes that are true."""
        asked = await self._sender.begin(request)
        return await self._sender.send(asked, {"conformsTo": list(classes(self._context.can))}, "conformance.html")

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI 3.0 definition of every route."""
        asked = await self._sender.begin(request)
        described = Described(asked.state.deployment, asked.visible, asked.language, self._context.can)
        return await self._sender.send(asked, openapi_document(described, asked.base), "openapi.html", media_type=OPENAPI)

    async def collections(self, request: Request) -> Response:
        """All collections the caller may see, those that meet ``bbox`` where it is given."""
        asked = await self._sender.begin(request, {"bbox"})
        box, base, language, visible = degree_box(asked.given.get("bbox")), asked.base, asked.language, asked.visible
        document = await self._in_thread(lambda: self._shell.collections(asked.state, asked.principal, base, language))
        volumes = await self._volumes()
        listed = [self._completed(asked, entry, visible[entry["id"]], volumes) for entry in document["collections"]]
        listed += [describe(asked.state.deployment, base, language) for describe in (findings_collection, catalogue_collection)]
        document["collections"] = [e for e in listed if box is None or boxes_meet(tuple(e["extent"]["spatial"]["bbox"][0]), box)]
        document["links"] = links.self_and_alternate(f"{base}/collections", [], negotiation.form(request), answers.JSON, language)
        return await self._sender.send(asked, document, "collections/index.html")

    async def collection(self, request: Request) -> Response:
        """One collection."""
        asked, found = await self._one(request)
        base, language = asked.base, asked.language
        document = await self._in_thread(lambda: self._shell.collection(asked.state, asked.principal, base, language, found.slug))
        made = self._completed(asked, document, found, await self._volumes())
        made["links"] += await self._downloads.links(found, base, language) if self._downloads else []
        return await self._sender.send(asked, made, "collections/collection.html", collection=found)

    async def schema(self, request: Request) -> Response:
        """The JSON Schema of a collection's features (Part 5)."""
        asked, found = await self._one(request)
        targets = _reference_templates(found, asked.visible, asked.base)
        return await self._send_schema(asked, found, "schema", feature_schema(found.feature_type, asked.language, targets))

    async def queryables(self, request: Request) -> Response:
        """What a filter may name (Part 3)."""
        asked, found = await self._one(request)
        return await self._send_schema(asked, found, "queryables", queryables(found.feature_type, asked.language))

    async def sortables(self, request: Request) -> Response:
        """What a page may be sorted by (Part 8)."""
        asked, found = await self._one(request)
        return await self._send_schema(asked, found, "sortables", sortables_schema(found.feature_type, sortables(found), asked.language))

    async def functions(self, request: Request) -> Response:
        """The functions a filter may call (CQL2, 7.13)."""
        asked = await self._sender.begin(request)
        form = negotiation.form(request)
        document = {
            "title": asked.text("过滤函数", "Functions of filters"),
            "functions": [_described(name, function, asked.language) for name, function in FUNCTIONS.items()],
            "links": links.self_and_alternate(f"{asked.base}/functions", [], form, answers.JSON, asked.language),
        }
        return await self._sender.send(asked, document)

    def _completed(self, asked: Asked, entry: dict[str, Any], found: Collection, volumes: Mapping[str, Volume]) -> dict[str, Any]:
        """Return pygeoapi's description of a collection with what only this door knows of it."""
        made = completed_collection(entry, found, asked.base, asked.language)
        return completed(made, found, self._context, volumes, asked.base, asked.language)

    async def _volumes(self) -> Mapping[str, Volume]:
        volumes = self._context.volumes
        return {} if volumes is None else await self._in_thread(volumes.current)

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        return await self._sender.keeper.in_thread(work)

    async def _one(self, request: Request) -> tuple[Asked, Collection]:
        asked = await self._sender.begin(request)
        found = await self._sender.collection(asked)
        if found.slug not in asked.state.collections:  # published since; the documents are of the state that knows it
            asked = await self._sender.begin(request)
        return asked, asked.state.collections.get(found.slug, found)

    async def _send_schema(self, asked: Asked, found: Collection, name: str, schema: dict[str, object]) -> Response:
        document = {"$id": f"{asked.base}/collections/{found.slug}/{name}"} | schema
        profile = {"Link": f'<{_CODES_INLINE}>; rel="profile"'}
        return await self._sender.send(
            asked, document, "collections/schema.html", media_type=answers.SCHEMA, collection=found, headers=profile
        )


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
