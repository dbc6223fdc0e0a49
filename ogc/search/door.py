"""/search: features of all collections under one question, page by page, all pages of one recorded state."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.pages import Pages
from ogc.paging import head
from ogc.parameters import EVERYWHERE, single_values
from ogc.search.request import SEARCH, SearchRequest, body_parameters, cursor_of, search_request
from ogc.state import OgcContext, StateKeeper
from twin.errors import UnavailableError, UnsupportedMediaError
from twin.featuretypes.json_schema import shared_queryables
from twin.model import Principal
from twin.query.execute import fetch_pinned
from twin.query.items import items_page, items_statement

_LONGEST_S = 10.0
"""A search that takes longer over all its collections is given up."""


class SearchDoor:
    """The routes ``/search`` and ``/queryables``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages) -> None:
        self._context = context
        self._keeper = keeper
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        return [Route("/search", self.search, methods=["GET", "POST"]), Route("/queryables", self.queryables, methods=["GET"])]

    async def search(self, request: Request) -> Response:
        """A page of features, by collection and then by ascending fid; POST takes the parameters as members of a JSON object."""
        language, form = negotiation.language(request), negotiation.form(request)
        given = await given_parameters(request, SEARCH)
        principal = self._context.principal_of(request)
        # All pages are of the state that the first is pinned to: it is that of now, not of a moment ago.
        visible = (await self._keeper.state(max_age_s=0)).visible(principal)
        asked = search_request(given, visible)
        if asked.as_of is None:
            at = max((c.revision.commit for c in visible.values()), default=0)
        else:
            moment = asked.as_of
            at = await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(moment))
        try:
            async with asyncio.timeout(_LONGEST_S):
                features, count, onward = await self._page(asked, at, principal)
        except TimeoutError:
            raise UnavailableError("the search took longer than this door allows", zh="搜索超时，请缩小范围") from None
        found = _links(request, given, onward, form, language)
        document = head(count, count if onward is None and asked.is_first else None, at, found)
        headers = {"Content-Crs": f"<{asked.crs.uri}>", "Link": links.header(link for link in found if "body" not in link)}
        if form == "html":
            whole = document | {"features": orjson.loads(b"[" + features + b"]"), "given": given}
            shown = await self._pages.render(request, "search.html", whole, language)
            return await answers.answer(request, shown, answers.HTML, headers=headers)
        content = orjson.dumps(document)[:-1] + b',"features":[' + features + b"]}"
        return await answers.answer(request, content, answers.GEOJSON, headers=headers)

    async def queryables(self, request: Request) -> Response:
        """What a filter may name in every collection the caller may see."""
        single_values(request.query_params.multi_items(), EVERYWHERE)
        language = negotiation.language(request)
        visible = (await self._keeper.state()).visible(self._context.principal_of(request))
        address = f"{links.base_url(request)}/queryables"
        document = {"$id": address} | shared_queryables([c.feature_type for c in visible.values()], language)
        if negotiation.form(request) == "html":
            content = await self._pages.render(request, "collections/schema.html", document, language)
            return await answers.answer(request, content, answers.HTML)
        return await answers.answer(request, orjson.dumps(document), answers.SCHEMA)

    async def _page(self, asked: SearchRequest, at: int, principal: Principal) -> tuple[bytes, int, str | None]:
        """Return the features, how many, and the cursor of the next page: one statement a collection until the page is full."""
        pieces: list[bytes] = []
        room = asked.limit
        for query in asked.queries:
            slug = query.collection.slug
            if room == 0:
                return b",".join(pieces), asked.limit, cursor_of(at, slug, 0)
            wanted = dataclasses.replace(query, limit=room)
            row = await fetch_pinned(self._context.dear, wanted, at, lambda q: items_statement(q, principal))
            page = items_page(row, room)
            if page.count:
                pieces.append(page.features)
            room -= page.count
            if page.farthest is not None:
                return b",".join(pieces), asked.limit, cursor_of(at, slug, page.farthest.fid)
        return b",".join(pieces), asked.limit - room, None


async def given_parameters(request: Request, allowed: Iterable[str]) -> Mapping[str, str]:
    """Return the parameters of a search: of the address or, by POST, the members of a JSON object of the same names."""
    in_address = single_values(request.query_params.multi_items(), allowed if request.method != "POST" else EVERYWHERE)
    if request.method != "POST":
        return in_address
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaError("the body is application/json", zh="请求体应为 application/json")
    return body_parameters(await request.body(), allowed) | in_address


def _links(request: Request, given: Mapping[str, str], onward: str | None, form: str, language: str) -> list[links.Link]:
    address = f"{links.base_url(request)}/search"
    shown = links.self_and_alternate(address, request.query_params.multi_items(), form, answers.GEOJSON, language)
    found = shown if request.method != "POST" else []
    if onward is None:
        return found
    rest = {name: value for name, value in given.items() if name not in {"cursor", "as-of"}} | {"cursor": onward}
    media_type = "text/html" if form == "html" else answers.GEOJSON
    if request.method != "POST":
        href = links.with_parameters(address, rest.items())
        return [*found, links.link(href, "next", media_type, links.title("next", language))]
    return [links.link(address, "next", media_type, links.title("next", language)) | {"method": "POST", "body": rest}]
