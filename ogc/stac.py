"""Imagery as a SpatioTemporal Asset Catalog (STAC API 1.0.0): a collection a dataset, an item an image of any date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links
from ogc.image_tiles import ImageTiles
from ogc.parameters import EVERYWHERE, area_of, bad_parameter, page_limit, validity_of
from ogc.records.record import rfc3339
from ogc.search.door import given_parameters
from ogc.sender import Asked, Sender
from ogc.stac_documents import CONFORMS_TO, catalogue, item_document, link, stac_collection
from twin.crs import OutputCrs
from twin.crs.output import CRS84_URI
from twin.errors import NotFoundError
from twin.query import filter_ast as ast
from twin.query.collection import Collection
from twin.query.execute import fetch_row
from twin.query.feature_query import Boundary, FeatureQuery, Validity
from twin.query.filter_build import build_filter
from twin.query.images import image_days
from twin.query.items import items_page, items_statement

ITEMS = ("limit", "bbox", "datetime", "token")
SEARCH = (*ITEMS, "intersects", "ids", "collections")
_TOKEN = re.compile(r"([a-z][a-z0-9_]{0,40})\.([0-9]{1,18})")
_MOST_IDS = 1000


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_number(value: object) -> bool:
    return type(value) in {int, float}


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "collections": _are_texts,
    "ids": _are_texts,
    "bbox": _are_numbers,
    "intersects": lambda value: isinstance(value, dict),
    "limit": _is_number,
}
"""Of which JSON kind the members of a search's body are that are no text."""


class StacDoor:
    """The routes at and below ``/stac``."""

    def __init__(self, sender: Sender, tiles: ImageTiles) -> None:
        self._sender = sender
        self._tiles = tiles

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        own = "/stac/collections/{collection}"
        return [
            Route("/stac", self.landing, methods=["GET"]),
            Route("/stac/conformance", self.conformance, methods=["GET"]),
            Route("/stac/search", self.search, methods=["GET", "POST"]),
            Route("/stac/collections", self.collections, methods=["GET"]),
            Route(own, self.collection, methods=["GET"]),
            Route(f"{own}/items", self.items, methods=["GET"]),
            Route(f"{own}/items/{{item}}", self.item, methods=["GET"]),
        ]

    async def landing(self, request: Request) -> Response:
        """The catalog of all imagery."""
        asked = await self._sender.begin(request)
        return await self._sender.send(asked, catalogue(asked, self._shown(asked)))

    async def conformance(self, request: Request) -> Response:
        """What this API conforms to."""
        asked = await self._sender.begin(request)
        return await self._sender.send(asked, {"conformsTo": list(CONFORMS_TO)})

    async def collections(self, request: Request) -> Response:
        """Every collection of images that the caller may see."""
        asked = await self._sender.begin(request)
        address = f"{asked.base}/stac/collections"
        own = [link(address, "self", answers.JSON), link(f"{asked.base}/stac", "root", answers.JSON)]
        found = [await self._collection_document(asked, collection) for collection in self._shown(asked)]
        return await self._sender.send(asked, {"collections": found, "links": own})

    async def collection(self, request: Request) -> Response:
        """One collection of images."""
        asked = await self._sender.begin(request)
        return await self._sender.send(asked, await self._collection_document(asked, await self._one(asked)))

    async def items(self, request: Request) -> Response:
        """The images of a collection, in the order they were recorded."""
        asked = await self._sender.begin(request, ITEMS)
        return await self._page(asked, [await self._one(asked)])

    async def search(self, request: Request) -> Response:
        """Images of all collections; POST takes the parameters as members of a JSON object."""
        given = await given_parameters(request, EVERYWHERE | set(SEARCH), _KINDS)
        asked = self._sender.understood(request, await self._sender.keeper.state(), given)
        named = asked.given["collections"].split(",") if "collections" in asked.given else None
        return await self._page(asked, self._shown(asked), named)

    async def item(self, request: Request) -> Response:
        """One image."""
        asked = await self._sender.begin(request)
        collection = await self._one(asked)
        query = FeatureQuery(collection, _crs84(collection), fids=(collection.fid(request.path_params["item"]),), limit=1)
        found, _ = await self._features(asked, query)
        if not found:
            raise NotFoundError("there is no such item", zh="没有该影像")
        return await self._sender.send(asked, item_document(asked, collection, found[0], _now()), media_type=answers.GEOJSON)

    async def _page(self, asked: Asked, collections: list[Collection], named: Container[str] | None = None) -> Response:
        limit, begin = page_limit(asked.given.get("limit")), _token(asked.given.get("token"))
        found: list[dict[str, object]] = []
        onward: str | None = None
        queries = [_query(asked.given, collection) for collection in sorted(collections, key=lambda c: c.slug)]
        # only now, else what is given would not be read where no collection is asked with it
        ordered = [query for query in queries if query.fids != () and (named is None or query.collection.slug in named)]
        for query in ordered:
            collection = query.collection
            if begin is not None and collection.slug < begin[0]:
                continue
            boundary = Boundary(begin[1]) if begin is not None and collection.slug == begin[0] else None
            features, last = await self._features(asked, replace(query, boundary=boundary, limit=limit - len(found)))
            found += [item_document(asked, collection, feature, _now()) for feature in features]
            if last is not None:
                onward = f"{collection.slug}.{last}"
                break
            if len(found) == limit:
                onward = f"{collection.slug}.{10**18 - 1}" if query is not ordered[-1] else None
                break
        document = {"type": "FeatureCollection", "features": found, "numberReturned": len(found), "links": _page_links(asked, onward)}
        return await self._sender.send(asked, document, media_type=answers.GEOJSON)

    async def _features(self, asked: Asked, query: FeatureQuery) -> tuple[list[Mapping[str, Any]], int | None]:
        """Return the features of a page, and the last of them where there are more."""
        row = await fetch_row(self._sender.context.pool, items_statement(query, asked.principal))
        page = items_page(row, query)
        features = orjson.loads(b"[" + page.features + b"]")
        return features, page.farthest.fid if page.more and page.farthest is not None else None

    async def _collection_document(self, asked: Asked, collection: Collection) -> dict[str, object]:
        days = (await fetch_row(self._sender.context.pool, image_days(collection.dataset)))[0]
        return stac_collection(asked, collection, days)

    def _shown(self, asked: Asked) -> list[Collection]:
        return sorted((c for c in asked.visible.values() if self._tiles.shows(c)), key=lambda c: c.slug)

    async def _one(self, asked: Asked) -> Collection:
        collection = await self._sender.collection(asked)
        if not self._tiles.shows(collection):
            raise NotFoundError("this collection has no images", zh="该集合没有影像")
        return collection


def _query(given: Mapping[str, str], collection: Collection) -> FeatureQuery:
    """Return the query for the images wanted of a collection; ``fids`` is () where it can have none of them."""
    fids: tuple[int, ...] | None = None
    if "ids" in given:
        wanted = given["ids"].split(",")
        if len(wanted) > _MOST_IDS:
            raise bad_parameter("ids")
        prefix = collection.oid_prefix
        fids = tuple(collection.fid(one) for one in wanted if one.startswith(prefix) and one.removeprefix(prefix).isdecimal())
    parts = _taken(validity_of(given.get("datetime")))
    if "intersects" in given:
        parts.append(build_filter(_intersects(given["intersects"]), "cql2-json", _crs84(collection), collection))
    return FeatureQuery(
        collection,
        _crs84(collection),
        fids=fids,
        area=area_of(given, collection.crs, collection.storage_srid),
        filter=reduce(lambda left, right: ast.And((left, right)), parts) if parts else None,
    )


def _taken(days: Validity | None) -> list[ast.Predicate]:
    day = ast.Property("acquired_on", "date")
    made: list[ast.Predicate] = []
    if days is not None and days.first is not None:
        made.append(ast.Comparison(">=", day, ast.Value(days.first, "date")))
    if days is not None and days.last is not None:
        made.append(ast.Comparison("<=", day, ast.Value(days.last, "date")))
    return made


def _intersects(text: str) -> str:
    """Return the filter that a GeoJSON geometry is."""
    try:
        geometry = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise bad_parameter("intersects") from None
    return orjson.dumps({"op": "s_intersects", "args": [{"property": "geometry"}, geometry]}).decode()


def _token(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise bad_parameter("token")
    return match[1], int(match[2])


def _page_links(asked: Asked, onward: str | None) -> list[links.Link]:
    address = str(asked.request.url.replace(query=""))
    pairs = asked.request.query_params.multi_items()
    found = [link(f"{asked.base}/stac", "root", answers.JSON)]
    if asked.request.method == "POST":
        next_link = link(address, "next", answers.GEOJSON) | {"method": "POST", "body": {"token": onward}, "merge": True}
        return [*found, next_link] if onward is not None else found
    found.append(link(links.with_parameters(address, pairs), "self", answers.GEOJSON))
    if onward is not None:
        href = links.with_parameters(address, [*((n, v) for n, v in pairs if n != "token"), ("token", onward)])
        found.append(link(href, "next", answers.GEOJSON) | {"method": "GET"})
    return found


def _crs84(collection: Collection) -> OutputCrs:
    return next(crs for crs in collection.crs if crs.uri == CRS84_URI)


def _now() -> str:
    return rfc3339(dt.datetime.now(dt.UTC)) or ""
