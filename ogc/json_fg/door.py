"""Items as JSON-FG: the pages and the single features of the GeoJSON door, with what JSON-FG says besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ogc import answers, links, negotiation
from ogc.form_links import form_links
from ogc.formats import Formats
from ogc.item_document import item_address, item_tag
from ogc.json_fg.document import Document, Shape, converted, is_lonlat, root_members, takes_bodies
from ogc.json_fg.geometry import Geometry, prism
from ogc.json_fg.profile import FORM, asked_profile, profile_link
from ogc.json_fg.solids import solids_of
from ogc.paging import link_header, page_head
from ogc.parameters import ITEM, ItemsRequest, asked_crs, bad_parameter, moment, single_values
from ogc.state import OgcContext
from ogc.time_gate import TimeGate
from twin.model import Principal
from twin.query.bodies import separations_statement
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned, fetch_row, fetch_rows
from twin.query.feature_query import FeatureQuery
from twin.query.items import ItemsPage, fetch_page, item, item_statement, items_page, items_statement

VERSION = 1
"""Part of every entity tag: raise it when the same rows are written differently."""


class JsonFgDoor:
    """Answers ``/items`` and ``/items/{oid}`` as JSON-FG."""

    def __init__(self, context: OgcContext, gate: TimeGate, formats: Formats) -> None:
        self._context = context
        self._gate = gate
        self._formats = formats

    async def items(self, request: Request, collection: Collection, asked: ItemsRequest) -> Response:
        """A page of features."""
        if asked.hits:
            raise bad_parameter("resulttype")
        principal, language = self._context.principal_of(request), negotiation.language(request)
        profile = asked_profile(request)
        at = await self._gate.asked(request, asked.as_of, collection, principal)
        page, features, commit = await self._features(asked.query, at, principal, for_geojson_readers=profile == "jsonfg-plus")
        document = page_head(request, collection, page, asked.query.boundary, commit, FORM, language)
        made = [*cast("list[links.Link]", document["links"]), _self_link(request)]
        headers = await self._gate.headers(request, collection, commit)
        headers["Link"] = f"{link_header(request, collection, made, language)}, {headers['Link']}, {profile_link(profile)}"
        address, pairs = f"{links.collection_address(request, collection.slug)}/items", request.query_params.multi_items()
        made += form_links(address, pairs, "alternate", self._formats.offered(collection), language, shown=FORM)
        root = root_members(features, asked.query.crs, collection, _schema_url(request, collection))
        kind, classes = collection.feature_type, sorted(principal.classes)
        tag = answers.etag(request, VERSION, collection.dataset.id, commit, kind.name, kind.version, classes)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, headers)
        return await self._answer(request, asked.query, tag, {**document, "links": made, **root, "features": features}, headers)

    async def item(self, request: Request, collection: Collection) -> Response:
        """One feature."""
        given = single_values(request.query_params.multi_items(), ITEM)
        fid, pairs = collection.fid(request.path_params["item"]), request.query_params.multi_items()
        query = FeatureQuery(collection, asked_crs(given, "crs", collection), fid=fid, limit=1)
        profile, principal = asked_profile(request), self._context.principal_of(request)
        at = await self._gate.asked(request, moment(given.get("as-of")), collection, principal, fid)
        found = item(await fetch_pinned(self._context.pool, query, at, lambda q: item_statement(q, principal)))
        if found.since is None:
            raise await self._gate.missing(request, collection, principal, fid)
        tag = item_tag(request, collection, fid, found.since, pairs, f"{profile}-{VERSION}")
        standing = found.commit if at is None else at
        headers = await self._gate.headers(request, collection, standing, (fid, found.since))
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, headers)
        _, features, _ = await self._features(query, standing, principal, for_geojson_readers=profile == "jsonfg-plus")
        root = root_members(features, query.crs, collection, _schema_url(request, collection))
        language = negotiation.language(request)
        address = f"{links.base_url(request)}/collections/{collection.slug}"
        about = links.link(address, "collection", answers.JSON, collection.dataset.title.in_language(language))
        root.pop("geometryDimension", None)
        own = item_address(request, collection, fid)
        others = links.self_and_alternate(own, pairs, FORM, answers.GEOJSON, language)
        document = {**root, **features[0], "links": [_self_link(request), *others, about]}
        headers["Link"] += f", {profile_link(profile)}"
        return await self._answer(request, query, tag, document, headers)

    async def _features(
        self, query: FeatureQuery, at: int | None, principal: Principal, *, for_geojson_readers: bool
    ) -> tuple[ItemsPage, list[Document], int]:
        """Return the page, its features as JSON-FG and their commit; solids are read as of the same."""
        shape_fields = tuple(query.collection.feature_type.recipe_fields.values())
        hidden = [n for n in (*shape_fields, "valid_from", "valid_to") if n not in query.wanted_properties]
        wider = replace(query, properties=(*query.wanted_properties, *hidden))
        page = await fetch_page(self._context.pool, wider, at, principal)
        commit = page.commit if at is None else min(at, page.commit)
        plain: list[Document] = orjson.loads(b"[" + page.features + b"]")
        fids = tuple(query.collection.fid(f["id"]) for f in plain)
        same = FeatureQuery(query.collection, query.crs, as_of=commit, fids=fids, limit=max(1, len(fids)))
        shapes = await self._shapes(same, plain, principal) if query.with_geometry and fids else {}
        nothing = Shape(None, None)
        made = [converted(f, shapes.get(f["id"], nothing), query.crs, for_geojson_readers=for_geojson_readers) for f in plain]
        for feature in made:
            for name in hidden:
                feature["properties"].pop(name, None)
        return page, made, commit

    async def _shapes(self, query: FeatureQuery, features: Sequence[Document], principal: Principal) -> dict[str, Shape]:
        bodies: Mapping[str, Geometry] = {}
        if takes_bodies(query.crs, query.collection):
            bodies = await solids_of(self._context.pool, query, principal)
            bodies = {**await self._prisms(query, [f for f in features if f["id"] not in bodies], principal), **bodies}
        fallback: Mapping[str, Any] = {}
        if not is_lonlat(query.crs):
            lonlat = replace(query, crs=next(c for c in query.collection.crs if is_lonlat(c)), properties=())
            page = items_page(await fetch_row(self._context.pool, items_statement(lonlat, principal)), lonlat)
            fallback = {f["id"]: f["geometry"] for f in orjson.loads(b"[" + page.features + b"]")}
        return {f["id"]: Shape(fallback.get(f["id"]), bodies.get(f["id"])) for f in features}

    async def _prisms(self, query: FeatureQuery, features: Sequence[Document], principal: Principal) -> dict[str, Geometry]:
        kind = query.collection.feature_type
        fields = kind.recipe_fields
        if kind.recipe != "extrude" or not {"base", "height"} <= fields.keys() or not features:
            return {}
        above: Mapping[int, float] = {}
        if query.crs.height == "ellipsoidal":
            above = dict(await fetch_rows(self._context.pool, separations_statement(query, principal)))
        found = {}
        for feature in features:
            base_m, height_m = (feature["properties"].get(fields[role]) for role in ("base", "height"))
            if feature["geometry"] is not None and base_m is not None and height_m is not None and height_m > 0:
                low_m = base_m + above.get(query.collection.fid(feature["id"]), 0.0)
                found[feature["id"]] = prism(feature["geometry"], low_m, low_m + height_m)
        return found

    async def _answer(self, request: Request, query: FeatureQuery, tag: str, document: Document, headers: dict[str, str]) -> Response:
        return await answers.answer(request, orjson.dumps(document), answers.GEOJSON, tag, headers | {"Content-Crs": f"<{query.crs.uri}>"})


def _self_link(request: Request) -> links.Link:
    return links.link(str(request.url), "self", answers.GEOJSON, "JSON-FG")


def _schema_url(request: Request, collection: Collection) -> str:
    return f"{links.base_url(request)}/collections/{collection.slug}/schema"
