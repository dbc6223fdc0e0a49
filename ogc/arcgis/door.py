"""The routes of the FeatureServer below ``/arcgis/rest``.

What goes wrong is answered as ArcGIS Server answers it: HTTP 200 with a member ``error`` that has the status, the reason and our code.
ArcGIS Pro, ArcMap and GDAL read the reason there; of another status they tell no more than that the service is broken.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, negotiation
from ogc.arcgis import layers
from ogc.arcgis.answer import feature_set, geojson
from ogc.arcgis.esri_geometry import spatial_reference
from ogc.arcgis.groups import Groups, group_geojson, group_table
from ogc.arcgis.pbf import MEDIA_TYPE, encoded
from ogc.arcgis.query import ALL_IDS, LayerQuery, layer_query, named_values
from ogc.forms import form_fields
from ogc.state import DoorState, OgcContext, StateKeeper
from ogc.windows import Window, Windows
from twin.errors import NotFoundError, TwinError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned
from twin.query.grouping import group_count_statement, groups_statement
from twin.query.items import matched_statement
from twin.query.summaries import ids_statement, summary, summary_statement

ROOT = "/arcgis/rest"
_METHODS = ["GET", "POST"]
_PRETTY = "pjson"


@dataclasses.dataclass(frozen=True, slots=True)
class _Packed:
    """An answer as protocol buffers."""

    content: bytes


class ArcgisDoor:
    """Answers as an ArcGIS Server with one feature service a collection."""

    def __init__(self, context: OgcContext, keeper: StateKeeper) -> None:
        self._context = context
        self._keeper = keeper
        self._windows = Windows(context.dear)

    def routes(self) -> list[Route]:
        """Return the routes of this door."""
        service = f"{ROOT}/services/{{service}}/FeatureServer"
        return [
            Route(f"{ROOT}/info", self._answered(self._info), methods=_METHODS),
            Route(f"{ROOT}/services", self._answered(self._services), methods=_METHODS),
            Route(service, self._answered(self._service), methods=_METHODS),
            Route(f"{service}/layers", self._answered(self._layers), methods=_METHODS),
            Route(f"{service}/{{layer}}", self._answered(self._layer), methods=_METHODS),
            Route(f"{service}/{{layer}}/query", self._answered(self._query), methods=_METHODS),
        ]

    def _answered(self, work: Callable[[Request, dict[str, str]], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
        """Return a route of ``work``: its parameters in, its document or its error out."""

        async def route(request: Request) -> Response:
            pretty = request.query_params.get("f") == _PRETTY
            try:
                pairs = request.query_params.multi_items()
                given = named_values(pairs + await form_fields(request) if request.method == "POST" else pairs)
                pretty = given.get("f") == _PRETTY
                negotiation.language(request)  # refused wherever it is wrong
                document = await work(request, given)
            except TwinError as error:
                document = _error(error.status, error.code, error.text.in_language(_language(request)))
            if isinstance(document, _Packed):
                return await answers.answer(request, document.content, MEDIA_TYPE)
            if isinstance(document, bytes):
                return await answers.answer(request, document, answers.JSON)
            return await answers.answer(request, orjson.dumps(document, option=orjson.OPT_INDENT_2 if pretty else 0), answers.JSON)

        return route

    async def _info(self, request: Request, given: dict[str, str]) -> object:  # noqa: ARG002 - the same for all
        return layers.info()

    async def _services(self, request: Request, given: dict[str, str]) -> object:  # noqa: ARG002
        return layers.catalogue((await self._keeper.state()).visible(self._context.principal_of(request)))

    async def _service(self, request: Request, given: dict[str, str]) -> object:  # noqa: ARG002
        collection, state = await self._collection(request)
        return layers.service(state.deployment, collection, negotiation.language(request))

    async def _layers(self, request: Request, given: dict[str, str]) -> object:  # noqa: ARG002
        collection, _ = await self._collection(request)
        return {"layers": [layers.layer(collection, negotiation.language(request))], "tables": []}

    async def _layer(self, request: Request, given: dict[str, str]) -> object:  # noqa: ARG002
        collection, _ = await self._collection(request)
        return layers.layer(collection, negotiation.language(request))

    async def _query(self, request: Request, given: dict[str, str]) -> object:
        collection, _ = await self._collection(request)
        # A geometry may be a megabyte: beside the event loop, so that nobody else waits for it.
        asked = await asyncio.to_thread(layer_query, given, collection, dt.datetime.now(dt.UTC))
        historic = asked.historic
        if historic is not None:
            at = await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(historic))
            asked = dataclasses.replace(asked, query=dataclasses.replace(asked.query, as_of=at))
        found = await self._found(asked, self._context.principal_of(request), negotiation.language(request))
        return await asyncio.to_thread(_packed, found, asked) if asked.form == "pbf" else found

    async def _found(self, asked: LayerQuery, principal: Principal, language: str) -> object:
        pool, query, at = self._context.dear, asked.query, asked.query.as_of
        if asked.groups is not None:
            return await self._grouped(asked, asked.groups, principal, language)
        match asked.wanted:
            case "count":
                row = await fetch_pinned(pool, query, at, lambda q: matched_statement(q, principal))
                return {"count": row[1]}
            case "ids":
                every = dataclasses.replace(query, limit=ALL_IDS)
                row = await fetch_pinned(pool, every, at, lambda q: ids_statement(q, principal))
                return f'{{"objectIdFieldName":"{layers.OBJECT_ID}","objectIds":[{row[1]}]}}'.encode()
            case "extent":
                found = summary(await fetch_pinned(pool, query, at, lambda q: summary_statement(q, principal)))
                bounds = found.bounds or (None, None, None, None)
                extent = dict(zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True))
                return {"count": found.count, "extent": {**extent, "spatialReference": spatial_reference(query.crs.srid)}}
        pages = [page async for page in self._windows.pieces(Window(query, principal, asked.start, asked.count))]
        if asked.form == "pbf":
            return await asyncio.to_thread(feature_set, asked, pages, language)
        write = geojson if asked.form == "geojson" else partial(feature_set, language=language)
        # 2,000 features take a tenth of a second: beside the event loop, so that nobody else waits for them.
        return await asyncio.to_thread(lambda: orjson.dumps(write(asked, pages)))

    async def _grouped(self, asked: LayerQuery, groups: Groups, principal: Principal, language: str) -> object:
        pool, query, at, grouping = self._context.dear, asked.query, asked.query.as_of, groups.grouping
        if asked.wanted == "count":
            return {"count": (await fetch_pinned(pool, query, at, lambda q: group_count_statement(q, principal, grouping)))[1]}
        row = await fetch_pinned(pool, query, at, lambda q: groups_statement(q, principal, grouping))
        rows = orjson.loads(row[1])
        if asked.form == "geojson":
            return group_geojson(groups, rows, query.collection)
        return group_table(groups, rows, query.collection, language)

    async def _collection(self, request: Request) -> tuple[Collection, DoorState]:
        found = await self._keeper.collection(request.path_params["service"], self._context.principal_of(request))
        if request.path_params.get("layer", "0") != "0":
            raise NotFoundError("the service has layer 0", zh="该服务仅有图层 0")
        return found, await self._keeper.state()


def _packed(document: object, asked: LayerQuery) -> _Packed:
    answer = orjson.loads(document) if isinstance(document, bytes) else document
    if not isinstance(answer, dict):
        raise TypeError(answer)
    return _Packed(encoded(answer, asked.query.crs, asked.steps))


def _language(request: Request) -> str:
    """Return the language to say an error in, Chinese where what it is asked for is the error."""
    try:
        return negotiation.language(request)
    except TwinError:
        return "zh"


def _error(status: int, code: str, text: str) -> dict[str, object]:
    return {"error": {"code": status, "message": text, "details": [code]}}
