"""HEAD where the routes have GET alone: the same answer without its body (RFC 9110, 9.3.2)."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Asks the application with GET for a HEAD below ``prefixes``, but not for a path that ``costly`` is all of.

    Answers of those never end, or are a file that would be made for nothing: HEAD is refused there (405).
    """

    def __init__(self, app: ASGIApp, prefixes: tuple[str, ...], costly: re.Pattern[str]) -> None:
        self._app = app
        self._prefixes = prefixes
        self._costly = costly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and of its answer the head alone where that was asked for."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not self._takes(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"}
        await self._app(asked, receive, without_body)
        scope["route"] = asked.get("route")

    def _takes(self, path: str) -> bool:
        return path.startswith(self._prefixes) and self._costly.fullmatch(path) is None
