"""Pages and features are refused before anything is done for them when as many wait as may.

A refusal that has come as far as the queue costs half of an answer, and all the while finished rows wait for the event loop: at twice
as many requests as can be answered, that alone would halve how many are.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from twin.db import overloaded
from twin.query.execute import AsyncPool, is_full
from twin.server.problems import problem

_PAGE = re.compile(r"/ogc/collections/[^/]+/items(?:/[^/]+)?/?")
_FORM = re.compile(rb"(?:^|&)f=([^&]*)")
_FORMS = frozenset({b"json", b"html"})
_COUNTED = re.compile(rb"(?:^|&)resulttype=hits(?:&|$)", re.IGNORECASE)
_MEDIA = frozenset({b"", b"*/*", b"application/json", b"application/geo+json", b"text/html", b"application/xhtml+xml"})
"""Those of pages, where they are what Accept names first."""


class Admission:
    """Answers 503 ``overloaded`` to a request for a page or a feature that the queue before ``pool`` has no room for.

    Files and counts, which have connections of their own, what may be known without any, and whatever is not surely a page, go on: the
    pool itself refuses what it cannot take.
    """

    path = "/ogc/collections/{collection}/items"
    """What a refusal is counted under."""

    def __init__(self, app: ASGIApp, pool: AsyncPool) -> None:
        self._app, self._pool = app, pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and _PAGE.fullmatch(scope["path"]) and is_full(self._pool) and _asks_for_page(scope):
            scope["route"] = self
            await problem(Request(scope), overloaded())(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _asks_for_page(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    if scope["method"] not in {"GET", "HEAD"} or b"if-none-match" in headers or _COUNTED.search(scope["query_string"]):
        return False
    asked = _FORM.search(scope["query_string"])
    if asked is not None:
        return asked[1] in _FORMS
    first = re.split(rb"[,;]", headers.get(b"accept", b""), maxsplit=1)[0]
    return first.strip().lower() in _MEDIA
