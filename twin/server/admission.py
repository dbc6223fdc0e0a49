"""Pages and features are refused before anything is done for them when as many wait as may.

More statements at once than there are processors make none of them faster, and take the processor from the event loop that sends what is
finished; and a refusal that comes as far as the pool costs half of an answer. So pages wait here, for one of a few places, and who is
refused gets bytes that are ready.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogc.negotiation import LANGUAGE_TAGS, Language, form, spoken_language
from twin.db import overloaded
from twin.errors import TwinError
from twin.server.problems import problem, request_id
from twin.server.waiting_line import LineLimits, Place, WaitingLine

_FEWEST, _MOST = 2, 6
"""Pages at work in one process: the others of its eight connections are for those who are at work for long."""
_STANDING = 6
"""Pages that may wait all the time: a map or a script asks for eight at once, one after the other, and is never refused for that."""
_PAGE = re.compile(r"/ogc/collections/[^/]+/items(?:/[^/]+)?/?")
_FORM = re.compile(rb"(?:^|&)(?:f|%66)=([^&]*)")
_COUNTED = re.compile(rb"(?:^|&)resulttype=hits(?:&|$)", re.IGNORECASE)


def page_limits(processors: int, web_processes: int, connections: int) -> LineLimits:
    """Return the limits of one of ``web_processes`` on so many processors: one page for each of them, and one that is being sent.

    Who is at work for long, as with 10,000 features, leaves his place to the next and only keeps his connection, while there is one of
    the ``connections`` for each place besides.
    """
    places = max(_FEWEST, min(_MOST, processors // web_processes + 1))
    return LineLimits(places, standing=_STANDING, sudden=32, sudden_s=0.03, long_s=0.25, beside=max(0, connections - places))


class Admission:
    """Has requests for a page or a feature wait for their turn, and answers 503 ``overloaded`` where no more may wait.

    Counts and ``files`` (media type → value of ``f``), which have connections of their own, go on; whatever may be a page waits, and so
    does who holds it already. A place is held until the answer begins, however slowly the caller reads it.
    """

    path = "/ogc/collections/{collection}/items"
    """What a refusal is counted under."""

    def __init__(self, app: ASGIApp, line: WaitingLine, files: Mapping[str, str]) -> None:
        self._app, self._line = app, line
        self._forms = frozenset(name.encode() for name in files.values())
        self._means_file = functools.lru_cache(maxsize=128)(functools.partial(_means_file, files))
        self._refusals = {language: _Refusal(language) for language in LANGUAGE_TAGS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it is its turn, or refuse it."""
        if scope["type"] != "http" or not _PAGE.fullmatch(scope["path"]) or not self._may_be_page(scope):
            await self._app(scope, receive, send)
        elif (place := self._line.take()) is not None:
            await self._answer(place, scope, receive, send)
        elif self._line.is_full() or (place := await _turn(self._line, receive)) is None:
            scope["route"] = self
            await self._refusals[_language(scope)].send(scope, send)
        else:
            await self._answer(place, scope, _without_content(receive), send)

    def _may_be_page(self, scope: Scope) -> bool:
        if scope["method"] not in {"GET", "HEAD"} or _COUNTED.search(scope["query_string"]):
            return False
        asked = _FORM.findall(scope["query_string"])
        if asked:
            return asked[-1] not in self._forms
        return not self._means_file(next((value for name, value in scope["headers"] if name == b"accept"), b""))

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


def _means_file(files: Mapping[str, str], accepted: bytes) -> bool:
    """Return whether an Accept means one of ``files``, as the doors read it; JSON-FG is a page."""
    asked = Request({"type": "http", "query_string": b"", "headers": [(b"accept", accepted)]})
    try:
        return form(asked, media_types=files) in files.values()
    except TwinError:
        return False
