"""Items and single items: GeoJSON straight from PostGIS, HTML of the same page."""

from __future__ import annotations

import datetime as dt
from typing import cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, memento, negotiation
from ogc.escapes import client_proof
from ogc.exports import ExportDoor
from ogc.form_links import form_links
from ogc.item_document import FEATURE_VERSION, item_content, item_links, item_tag
from ogc.json_fg.profile import profile_link
from ogc.pages import Pages
from ogc.paging import Head, hits_head, link_header, page_head
from ogc.parameters import ITEM, Moment, asked_crs, items_request, moment, single_values
from ogc.state import OgcContext, StateKeeper
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned, fetch_row
from twin.query.feature_query import FeatureQuery
from twin.query.items import fetch_page, item, item_statement, matched_statement
from twin.query.versions import first_commit_statement, standing_at_statement, time_statement

_GEOJSON_ONLY = profile_link("rfc7946")


class FeatureDoor:
    """The routes ``/collections/{id}/items`` and ``…/items/{oid}``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages, exports: ExportDoor | None = None) -> None:
        self._context = context
        self._keeper = keeper
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
        at = await self.commit(asked.as_of) if asked.as_of is not None else await self.negotiated(request, collection, principal)
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        if answers.unchanged(request, self._tag(request, collection, principal, known)):
            return answers.not_modified(self._tag(request, collection, principal, known), memento.VARY)
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
        headers = await self._recorded(request, collection, commit)
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
        at = await self.commit(moment(given["as-of"])) if "as-of" in given else await self.negotiated(request, collection, principal, fid)
        found = item(await fetch_pinned(self._context.pool, query, at, lambda q: item_statement(q, principal)))
        if found.feature is None or found.since is None:
            raise await self._missing(request, collection, principal, fid)
        pairs = request.query_params.multi_items()
        tag = item_tag(request, collection, fid, found.since, pairs, form)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, memento.VARY)
        headers = await self._recorded(request, collection, found.commit if at is None else at, (fid, found.since))
        headers |= {"Content-Crs": f"<{query.crs.uri}>"}
        made = item_links(request, collection, fid, pairs, form, language, json_fg=self._exports is not None)
        if form == "html":
            document = orjson.loads(found.feature) | {"links": made}
            content = await self._pages.render(request, "collections/items/item.html", document, language, collection=collection)
            return await answers.answer(request, content, answers.HTML, tag, headers)
        headers["Link"] += f", {_GEOJSON_ONLY}"
        return await answers.answer(request, item_content(found.feature, made), answers.GEOJSON, tag, headers)

    async def commit(self, asked: Moment | None) -> int | None:
        """Return the commit that an as-of means, None for the current state."""
        if asked is None:
            return None
        return await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(asked))

    async def negotiated(self, request: Request, collection: Collection, principal: Principal, fid: int | None = None) -> int | None:
        """Return the commit that Accept-Datetime means for a collection or a feature of it, None without one.

        A time before the first state means that one (RFC 7089, 4.5.2).
        """
        time = memento.accepted_time(request)
        if time is None:
            return None
        at = await self.commit(time) or 0
        (first,) = await fetch_row(self._context.pool, first_commit_statement(collection, principal, fid))
        return at if first is None else max(at, first)

    async def _recorded(
        self, request: Request, collection: Collection, commit: int, state: tuple[int, int] | None = None
    ) -> dict[str, str]:
        """Return the headers that say of which recorded state an answer is; ``state`` is (fid, commit that wrote it) of a feature."""
        address = f"{links.base_url(request)}/collections/{collection.slug}"
        item_address = address if state is None else f"{address}/items/{collection.oid_prefix}{state[0]}"
        original = f"{address}/items" if state is None else item_address
        past: tuple[int, dt.datetime] | None = None
        if await self._names_fixed_state(request):
            principal = self._context.principal_of(request)
            if state is not None:
                past = state[1], (await fetch_row(self._context.pool, time_statement(state[1])))[0]
            elif (found := await fetch_row(self._context.pool, standing_at_statement(collection, principal, commit)))[0] is not None:
                past = found[0], found[1]
        return memento.headers(request, original, f"{item_address}/versions", past)

    async def _names_fixed_state(self, request: Request) -> bool:
        """Return whether a request asks for a recorded state that will never be another: a time after the newest commit may become one."""
        if "as-of" not in request.query_params:
            return "accept-datetime" in request.headers
        asked, catalogue = moment(request.query_params["as-of"]), self._context.catalogue
        if not isinstance(asked, dt.datetime):
            return True
        return await self._keeper.in_thread(lambda: catalogue.commit_as_of(asked) < catalogue.last_commit())

    async def _missing(self, request: Request, collection: Collection, principal: Principal, fid: int) -> NotFoundError:
        """Return the error that a feature is not there, saying where its recorded states are when it was."""
        (first,) = await fetch_row(self._context.pool, first_commit_statement(collection, principal, fid))
        if first is None:
            return NotFoundError("there is no such feature", zh="没有该要素")
        versions = f"{links.base_url(request)}/collections/{collection.slug}/items/{collection.oid_prefix}{fid}/versions"
        return NotFoundError(
            "the feature is recorded, but not in this state", zh="该要素有历史记录，但不在此状态", extra={"versions": versions}
        )

    def _tag(self, request: Request, collection: Collection, principal: Principal, commit: int) -> str:
        kind = collection.feature_type
        return answers.etag(request, FEATURE_VERSION, collection.dataset.id, commit, kind.name, kind.version, sorted(principal.classes))
