"""Items and single items: GeoJSON straight from PostGIS, HTML of the same page."""

from __future__ import annotations

from typing import cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ogc import answers, links, negotiation
from ogc.exports import ExportDoor
from ogc.pages import Pages
from ogc.paging import Head, hits_head, link_header, page_head
from ogc.parameters import ITEM, Moment, asked_crs, items_request, moment, single_values
from ogc.state import OgcContext, StateKeeper
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.items import item, item_statement, items_page, items_statement, matched_statement

FEATURE_VERSION = 1
"""Part of every entity tag: raise it when the same rows are written differently."""


class FeatureDoor:
    """The routes ``/collections/{id}/items`` and ``…/items/{oid}``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages, exports: ExportDoor | None = None) -> None:
        self._context = context
        self._keeper = keeper
        self._pages = pages
        self._exports = exports

    async def items(self, request: Request) -> Response:
        """A page of features; its links to other pages stay at the commit of the first one."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        if self._exports is not None and (file_form := self._exports.form(request)) is not None:
            return await self._exports.items(request, collection, file_form)
        form = negotiation.form(request)
        language = negotiation.language(request)
        asked = items_request(request.query_params.multi_items(), collection)
        at = await self.commit(asked.as_of)
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        if answers.unchanged(request, self._tag(request, collection, principal, known)):
            return answers.not_modified(self._tag(request, collection, principal, known))
        if asked.hits:
            return await self._hits(request, collection, asked.query, at)
        row = await fetch_pinned(self._context.pool, asked.query, at, lambda q: items_statement(q, principal))
        page = items_page(row, asked.query.limit)
        commit = page.commit if at is None else min(at, page.commit)
        document = page_head(request, collection, page, asked.query.boundary, commit, form, language)
        return await self._send_page(request, collection, asked.query, document, page.features, commit)

    async def _hits(self, request: Request, collection: Collection, query: FeatureQuery, at: int | None) -> Response:
        principal = self._context.principal_of(request)
        standing, matched = await fetch_pinned(self._context.pool, query, at, lambda q: matched_statement(q, principal))
        commit = standing if at is None else min(at, standing)
        document = hits_head(request, collection, matched, commit, negotiation.form(request), negotiation.language(request))
        return await self._send_page(request, collection, query, document, b"", commit)

    async def _send_page(
        self, request: Request, collection: Collection, query: FeatureQuery, document: Head, features: bytes, commit: int
    ) -> Response:
        language = negotiation.language(request)
        tag = self._tag(request, collection, self._context.principal_of(request), commit)
        made = cast("list[links.Link]", document["links"])
        headers = {"Content-Crs": f"<{query.crs.uri}>", "Link": link_header(request, collection, made, language)}
        if negotiation.form(request) == "html":
            whole = document | {"features": orjson.loads(b"[" + features + b"]")}
            content = await self._pages.render(request, "collections/items/index.html", whole, language, collection=collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        content = orjson.dumps(document)[:-1] + b',"features":[' + features + b"]}"
        return await answers.answer(request, content, answers.GEOJSON, tag, headers)

    async def item(self, request: Request) -> Response:
        """One feature by its OID."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        form = negotiation.form(request)
        language = negotiation.language(request)
        given = single_values(request.query_params.multi_items(), ITEM)
        fid = collection.fid(request.path_params["item"])
        query = FeatureQuery(collection, asked_crs(given, "crs", collection), fid=fid)
        at = await self.commit(moment(given.get("as-of")))
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        if answers.unchanged(request, self._tag(request, collection, principal, known)):
            return answers.not_modified(self._tag(request, collection, principal, known))
        found = item(await fetch_pinned(self._context.pool, query, at, lambda q: item_statement(q, principal)))
        if found.feature is None:
            raise NotFoundError("there is no such feature", zh="没有该要素")
        tag = self._tag(request, collection, principal, found.commit if at is None else min(at, found.commit))
        headers = {"Content-Crs": f"<{query.crs.uri}>"}
        made = _item_links(request, collection, fid, form, language)
        if form == "html":
            document = orjson.loads(found.feature) | {"links": made}
            content = await self._pages.render(request, "collections/items/item.html", document, language, collection=collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        content = found.feature[:-1] + b',"links":' + orjson.dumps(made) + b"}"
        return await answers.answer(request, content, answers.GEOJSON, tag, headers)

    async def commit(self, asked: Moment | None) -> int | None:
        """Return the commit that an as-of means, None for the current state."""
        if asked is None:
            return None
        return await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(asked))

    def _tag(self, request: Request, collection: Collection, principal: Principal, commit: int) -> str:
        kind = collection.feature_type
        return answers.etag(request, FEATURE_VERSION, collection.dataset.id, commit, kind.name, kind.version, sorted(principal.classes))


def _item_links(request: Request, collection: Collection, fid: int, form: str, language: str) -> list[links.Link]:
    address = f"{links.base_url(request)}/collections/{collection.slug}"
    own = f"{address}/items/{collection.oid_prefix}{fid}"
    made = links.self_and_alternate(own, request.query_params.multi_items(), form, answers.GEOJSON, language)
    return [*made, links.link(address, "collection", answers.JSON, collection.dataset.title.in_language(language))]
