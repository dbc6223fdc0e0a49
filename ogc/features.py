"""Items and single items: GeoJSON straight from PostGIS, HTML of the same page."""

from __future__ import annotations

import datetime as dt

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ogc import answers, links, negotiation
from ogc.pages import Pages
from ogc.parameters import ITEM, Moment, asked_crs, items_request, moment, single_values
from ogc.state import OgcContext, StateKeeper
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.items import ItemsPage, item, item_statement, items_page, items_statement

FEATURE_VERSION = 1
"""Part of every entity tag: raise it when the same rows are written differently."""


class FeatureDoor:
    """The routes ``/collections/{id}/items`` and ``…/items/{oid}``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages) -> None:
        self._context = context
        self._keeper = keeper
        self._pages = pages

    async def items(self, request: Request) -> Response:
        """A page of features, in ascending fid; ``next`` links stay at the commit of the first page."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        form = negotiation.form(request)
        language = negotiation.language(request)
        asked = items_request(request.query_params.multi_items(), collection)
        at = await self.commit(asked.as_of)
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        if answers.unchanged(request, self._tag(request, collection, principal, known)):
            return answers.not_modified(self._tag(request, collection, principal, known))
        row = await fetch_pinned(self._context.pool, asked.query, at, lambda q: items_statement(q, principal))
        page = items_page(row, asked.query.limit)
        commit = page.commit if at is None else min(at, page.commit)
        tag = self._tag(request, collection, principal, commit)
        headers = {"Content-Crs": f"<{asked.query.crs.uri}>"}
        document = _collection_head(request, collection, page, commit, form, language)
        if form == "html":
            whole = document | {"features": orjson.loads(b"[" + page.features + b"]")}
            content = await self._pages.render(request, "collections/items/index.html", whole, language, collection=collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        content = orjson.dumps(document)[:-1] + b',"features":[' + page.features + b"]}"
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


def _collection_head(request: Request, collection: Collection, page: ItemsPage, commit: int, form: str, language: str) -> dict[str, object]:
    address = f"{links.base_url(request)}/collections/{collection.slug}"
    pairs = request.query_params.multi_items()
    made = links.self_and_alternate(f"{address}/items", pairs, form, answers.GEOJSON, language)
    if page.more:
        onward = [(name, value) for name, value in pairs if name not in {"cursor", "as-of"}]
        href = links.with_parameters(f"{address}/items", [*onward, ("cursor", f"{commit}.{page.last_fid}")])
        made.append(links.link(href, "next", answers.HTML if form == "html" else answers.GEOJSON, links.title("next", language)))
    made.append(links.link(address, "collection", answers.JSON, collection.dataset.title.in_language(language)))
    return {
        "type": "FeatureCollection",
        "commit": commit,
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "numberReturned": page.count,
        "links": made,
    }


def _item_links(request: Request, collection: Collection, fid: int, form: str, language: str) -> list[links.Link]:
    address = f"{links.base_url(request)}/collections/{collection.slug}"
    own = f"{address}/items/{collection.oid_prefix}{fid}"
    made = links.self_and_alternate(own, request.query_params.multi_items(), form, answers.GEOJSON, language)
    return [*made, links.link(address, "collection", answers.JSON, collection.dataset.title.in_language(language))]
