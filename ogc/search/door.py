"""/search: features of all collections under one question, page by page, all pages of one recorded state."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.item_document import FEATURE_VERSION
from ogc.paging import head
from ogc.parameters import EVERYWHERE, single_values
from ogc.search.request import SEARCH, SearchRequest, body_parameters, cursor_of, search_request
from ogc.sender import Asked, Sender
from ogc.time_gate import TimeGate
from twin.errors import UnavailableError, UnsupportedMediaError
from twin.featuretypes.json_schema import shared_queryables
from twin.model import Principal
from twin.query.items import fetch_page

_LONGEST_S = 10.0
"""A search that takes longer over all its collections is given up."""


class SearchDoor:
    """The routes ``/search`` and ``/queryables``."""

    def __init__(self, sender: Sender, gate: TimeGate) -> None:
        self._sender = sender
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        return [Route("/search", self.search, methods=["GET", "POST"]), Route("/queryables", self.queryables, methods=["GET"])]

    async def search(self, request: Request) -> Response:
        """A page of features, by collection and then by ascending fid; POST takes the parameters as members of a JSON object."""
        form, given = negotiation.form(request), await given_parameters(request, SEARCH)
        # All pages are of the state that the first is pinned to: it is that of now, not of a moment ago.
        asked = self._sender.understood(request, await self._sender.keeper.state(max_age_s=0), given)
        search = search_request(given, asked.visible)
        at = await self._commit(asked, search)
        # What is published, granted, withdrawn or renamed in any dataset makes it another answer; a POST is not asked for again.
        tag = answers.etag(request, FEATURE_VERSION, asked.state.version, at, sorted(asked.principal.classes))
        recorded: dict[str, str] = {}
        if request.method != "POST":  # what is sent is no address that could be of another time
            recorded = await self._gate.headers_at(request, f"{asked.base}/search", search.collections, at)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, recorded)
        features, count, onward = await self._within_time(search, at, asked.principal)
        found = _links(request, given, onward, form, asked.language)
        document = head(count, count if onward is None and search.is_first else None, at, found)
        headers = {"Content-Crs": f"<{search.crs.uri}>", "Link": links.header(link for link in found if "body" not in link)}
        if recorded:
            headers |= recorded | {"Link": f"{headers['Link']}, {recorded['Link']}"}
        if form == "html":
            whole = document | {"features": orjson.loads(b"[" + features + b"]"), "given": given}
            content, media_type = await self._sender.pages.render(request, "search.html", whole, asked.language), answers.HTML
        else:
            content, media_type = orjson.dumps(document)[:-1] + b',"features":[' + features + b"]}", answers.GEOJSON
        return await answers.answer(request, content, media_type, tag if request.method != "POST" else None, headers)

    async def queryables(self, request: Request) -> Response:
        """What a filter may name in every collection the caller may see."""
        asked = await self._sender.begin(request)
        shared = shared_queryables([c.feature_type for c in asked.visible.values()], asked.language)
        document = {"$id": f"{asked.base}/queryables"} | shared
        return await self._sender.send(asked, document, "collections/schema.html", media_type=answers.SCHEMA)

    async def _commit(self, asked: Asked, search: SearchRequest) -> int:
        """Return the commit whose state a search is of."""
        at = await self._gate.asked_of_all(asked.request, search.as_of, search.collections, asked.principal)
        return max((c.revision.commit for c in asked.visible.values()), default=0) if at is None else at

    async def _within_time(self, search: SearchRequest, at: int, principal: Principal) -> tuple[bytes, int, str | None]:
        try:
            async with asyncio.timeout(_LONGEST_S):
                return await self._page(search, at, principal)
        except TimeoutError:
            raise UnavailableError("the search took longer than this door allows", zh="搜索超时，请缩小范围") from None

    async def _page(self, search: SearchRequest, at: int, principal: Principal) -> tuple[bytes, int, str | None]:
        """Return the features, how many, and the cursor of the next page: one statement a collection until the page is full."""
        pieces: list[bytes] = []
        room = search.limit
        for query in search.queries:
            slug = query.collection.slug
            if room == 0:
                return b",".join(pieces), search.limit, cursor_of(at, slug, 0)
            wanted = dataclasses.replace(query, limit=room)
            page = await fetch_page(self._sender.context.dear, wanted, at, principal)
            if page.count:
                pieces.append(page.features)
            room -= page.count
            if page.farthest is not None:
                return b",".join(pieces), search.limit, cursor_of(at, slug, page.farthest.fid)
        return b",".join(pieces), search.limit - room, None


async def given_parameters(
    request: Request, allowed: Iterable[str], kinds: Mapping[str, Callable[[object], bool]] | None = None
) -> Mapping[str, str]:
    """Return the parameters of a search: of the address or, by POST, the members of a JSON object (`body_parameters`) of the same names."""
    in_address = single_values(request.query_params.multi_items(), allowed if request.method != "POST" else EVERYWHERE)
    if request.method != "POST":
        return in_address
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaError("the body is application/json", zh="请求体应为 application/json")
    return body_parameters(await request.body(), allowed, kinds) | in_address


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
