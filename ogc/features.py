"""Items and single items: GeoJSON straight from PostGIS, HTML of the same page."""

from __future__ import annotations

from typing import cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.escapes import client_proof
from ogc.exports import ExportDoor
from ogc.form_links import form_links
from ogc.item_document import FEATURE_VERSION, item_content, item_links, item_tag
from ogc.json_fg.profile import profile_link
from ogc.pages import Pages
from ogc.paging import Head, hits_head, link_header, page_head
from ogc.parameters import ITEM, asked_crs, items_request, moment, single_values
from ogc.state import OgcContext, StateKeeper
from ogc.time_gate import TimeGate
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.items import fetch_page, item, item_statement, matched_statement

_GEOJSON_ONLY = profile_link("rfc7946")


class FeatureDoor:
    """The routes ``/collections/{id}/items`` and ``…/items/{oid}``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages, gate: TimeGate, exports: ExportDoor | None = None) -> None:
        self._context = context
        self._keeper = keeper
        self._gate = gate
        self._pages = pages
        self._exports = exports

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        items = "/collections/{collection}/items"
        return [Route(items, self.items, methods=["GET"]), Route(f"{items}/{{item}}", self.item, methods=["GET"])]

    async def items(self, request: Request) -> Response:
        """A page of features; its links to other pages stay at the commit of the first one."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        if self._exports is not None and (file_form := self._exports.form(request)) is not None:
            return await self._exports.items(request, collection, file_form)
        form = negotiation.form(request)
        language = negotiation.language(request)
        asked = items_request(request.query_params.multi_items(), collection)
        at = await self._gate.asked(request, asked.as_of, collection, principal)
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        tag = self._tag(request, collection, principal, known)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, await self._gate.headers(request, collection, known))
        if asked.hits:
            return await self._hits(request, collection, asked.query, at)
        page = await fetch_page(self._context.pool, asked.query, at, principal)
        commit = page.commit if at is None else min(at, page.commit)
        document = page_head(request, collection, page, asked.query.boundary, commit, form, language)
        return await self._send_page(request, collection, asked.query, document, page.features, commit)

    async def _hits(self, request: Request, collection: Collection, query: FeatureQuery, at: int | None) -> Response:
        principal = self._context.principal_of(request)
        standing, matched = await fetch_pinned(self._context.dear, query, at, lambda q: matched_statement(q, principal))
        commit = standing if at is None else min(at, standing)
        document = hits_head(request, collection, matched, commit, negotiation.form(request), negotiation.language(request))
        return await self._send_page(request, collection, query, document, b"", commit)

    async def _send_page(
        self, request: Request, collection: Collection, query: FeatureQuery, document: Head, features: bytes, commit: int
    ) -> Response:
        language = negotiation.language(request)
        tag = self._tag(request, collection, self._context.principal_of(request), commit)
        made = cast("list[links.Link]", document["links"])
        headers = await self._gate.headers(request, collection, commit)
        headers |= {
            "Content-Crs": f"<{query.crs.uri}>",
            "Link": f"{link_header(request, collection, made, language)}, {headers['Link']}",
        }
        if self._exports is not None:  # in the document alone: in the header they would double it
            offered = self._exports.formats.offered(collection)
            address = f"{links.collection_address(request, collection.slug)}/items"
            made += form_links(address, request.query_params.multi_items(), "alternate", offered, language)
        if negotiation.form(request) == "html":
            whole = document | {"features": orjson.loads(b"[" + features + b"]")}
            content = await self._pages.render(request, "collections/items/index.html", whole, language, collection=collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        headers["Link"] += f", {_GEOJSON_ONLY}"
        content = b"".join((orjson.dumps(document)[:-1], b',"features":[', client_proof(features), b"]}"))  # a page is copied once
        return await answers.answer(request, content, answers.GEOJSON, tag, headers)

    async def item(self, request: Request) -> Response:
        """One feature by its OID."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        if self._exports is not None and (other_form := self._exports.form(request)) is not None:
            return await self._exports.item(request, collection, other_form)
        form = negotiation.form(request)
        language = negotiation.language(request)
        given = single_values(request.query_params.multi_items(), ITEM)
        fid = collection.fid(request.path_params["item"])
        query = FeatureQuery(collection, asked_crs(given, "crs", collection), fid=fid)
        at = await self._gate.asked(request, moment(given.get("as-of")), collection, principal, fid)
        found = item(await fetch_pinned(self._context.pool, query, at, lambda q: item_statement(q, principal)))
        if found.feature is None or found.since is None:
            raise await self._gate.missing(request, collection, principal, fid)
        pairs = request.query_params.multi_items()
        tag = item_tag(request, collection, fid, found.since, pairs, form)
        headers = await self._gate.headers(request, collection, found.commit if at is None else at, (fid, found.since))
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, headers)
        headers |= {"Content-Crs": f"<{query.crs.uri}>"}
        made = item_links(request, collection, fid, pairs, form, language, json_fg=self._exports is not None)
        if form == "html":
            document = orjson.loads(found.feature) | {"links": made}
            content = await self._pages.render(request, "collections/items/item.html", document, language, collection=collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        headers["Link"] += f", {_GEOJSON_ONLY}"
        return await answers.answer(request, item_content(found.feature, made), answers.GEOJSON, tag, headers)

    def _tag(self, request: Request, collection: Collection, principal: Principal, commit: int) -> str:
        kind = collection.feature_type
        return answers.etag(request, FEATURE_VERSION, collection.dataset.id, commit, kind.name, kind.version, sorted(principal.classes))
