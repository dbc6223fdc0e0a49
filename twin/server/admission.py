"""Pages and features are refused before anything is done for them when as many wait as may.

More statements at once than there are processors make none of them faster, and take the processor from the event loop that sends what is
finished; and a refusal that comes as far as the pool costs half of an answer. So pages wait here, for one of a few places, and who is
refused gets bytes that are ready.
"""

from __future__ import annotations

import asyncio
import functools
import re
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogc.negotiation import LANGUAGE_TAGS, Language, spoken_language
from twin.db import overloaded
from twin.server.problems import problem, request_id
from twin.server.waiting_line import LineLimits, Place, WaitingLine

_FEWEST, _MOST = 2, 6
"""Pages at work in one process: the others of its eight connections are for those who are at work for long."""
_PAGE = re.compile(r"/ogc/collections/[^/]+/items(?:/[^/]+)?/?")
_FORM = re.compile(rb"(?:^|&)f=([^&]*)")
_FORMS = frozenset({b"json", b"html"})
_COUNTED = re.compile(rb"(?:^|&)resulttype=hits(?:&|$)", re.IGNORECASE)
_MEDIA = frozenset({b"", b"*/*", b"application/json", b"application/geo+json", b"text/html", b"application/xhtml+xml"})
"""Those of pages, where they are what Accept names first."""


def page_limits(processors: int, web_processes: int, connections: int) -> LineLimits:
    """Return the limits of one of ``web_processes`` on so many processors: one page for each of them, and one that is being sent.

    Who is at work for long, as with 10,000 features, leaves his place to the next and only keeps his connection, while there is one of
    the ``connections`` for each place besides.
    """
    places = max(_FEWEST, min(_MOST, processors // web_processes + 1))
    return LineLimits(places, standing=places, sudden=32, sudden_s=0.03, long_s=0.25, beside=max(0, connections - places))


class Admission:
    """Has requests for a page or a feature wait for their turn, and answers 503 ``overloaded`` where no more may wait.

    Files and counts, which have connections of their own, what may be known without any, and whatever is not surely a page, go on: the
    pool itself refuses what it cannot take. A place is held until the answer begins, however slowly the caller reads it.
    """

    path = "/ogc/collections/{collection}/items"
    """What a refusal is counted under."""

    def __init__(self, app: ASGIApp, line: WaitingLine) -> None:
        self._app, self._line = app, line
        self._refusals = {language: _Refusal(language) for language in LANGUAGE_TAGS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it is its turn, or refuse it."""
        if scope["type"] != "http" or not _PAGE.fullmatch(scope["path"]) or not _asks_for_page(scope):
            await self._app(scope, receive, send)
        elif (place := self._line.take()) is not None:
            await self._answer(place, scope, receive, send)
        elif self._line.is_full() or (place := await _turn(self._line, receive)) is None:
            scope["route"] = self
            await self._refusals[_language(scope)].send(scope, send)
        else:
            await self._answer(place, scope, _without_content(receive), send)

    async def _answer(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        async def begun(message: Message) -> None:
            place.give_back()
            await send(message)

        try:
            await self._app(scope, receive, begun)
        finally:
            place.give_back()


class _Refusal:
    """What those who are refused are told in one language, but for what is of each of them."""

    def __init__(self, language: Language) -> None:
        asked = Request({"type": "http", "method": "GET", "path": "", "query_string": f"lang={language}".encode(), "headers": []})
        made = problem(asked, overloaded())
        self._document: dict[str, object] = orjson.loads(made.body)
        self._headers = [header for header in made.raw_headers if header[0] not in {b"content-length", b"x-request-id"}]

    async def send(self, scope: Scope, send: Send) -> None:
        number = request_id(Request(scope))
        body = orjson.dumps(self._document | {"instance": scope["path"], "request_id": number})
        own = [(b"content-length", b"%d" % len(body)), (b"x-request-id", number.encode("ascii"))]
        await send({"type": "http.response.start", "status": 503, "headers": [*self._headers, *own]})
        await send({"type": "http.response.body", "body": body})


async def _turn(line: WaitingLine, receive: Receive) -> Place | None:
    """Return a place when it is the caller's turn; None if he goes before."""
    turn, gone = line.join(), asyncio.ensure_future(_until_gone(receive))
    either: set[asyncio.Future[Any]] = {turn, gone}
    place = None
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        place = turn.result() if turn.done() else None
    finally:
        gone.cancel()
        if place is None:
            line.leave(turn)
    return place


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _without_content(receive: Receive) -> Receive:
    """Return a ``receive`` that begins anew after the content was read; that of a GET means nothing (RFC 9110, 9.3.1)."""
    begun = False

    async def again() -> Message:
        nonlocal begun
        if begun:
            return await receive()
        begun = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return again


def _language(scope: Scope) -> Language:
    accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return _spoken(scope["query_string"] if b"lang=" in scope["query_string"] else b"", accepted)


@functools.lru_cache(maxsize=128)
def _spoken(query: bytes, accepted: bytes) -> Language:
    return spoken_language(Request({"type": "http", "query_string": query, "headers": [(b"accept-language", accepted)]}))


def _asks_for_page(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    if scope["method"] not in {"GET", "HEAD"} or b"if-none-match" in headers or _COUNTED.search(scope["query_string"]):
        return False
    asked = _FORM.search(scope["query_string"])
    if asked is not None:
        return asked[1] in _FORMS
    first = re.split(rb"[,;]", headers.get(b"accept", b""), maxsplit=1)[0]
    return first.strip().lower() in _MEDIA
