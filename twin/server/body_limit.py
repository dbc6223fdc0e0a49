"""No request may bring more than it needs: what is not an upload is small, and is had whole before anything is done with it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.errors import BadRequestError, TooLargeError, TwinError
from twin.server.problems import problem

MAX_BODY_BYTES = 1 << 20
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyLimitMiddleware:
    """Answers 413 when a body exceeds the limit; ``unlimited`` are paths that count for themselves."""

    def __init__(self, app: ASGIApp, unlimited: frozenset[str], max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._unlimited = unlimited
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or refuse it."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if message["type"] == "http.disconnect" or len(body) > self._max_bytes:
                error = self._too_large() if len(body) > self._max_bytes else _cut_off()
                await problem(Request(scope), error)(scope, receive, send)
                return
        had: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def again() -> Message:
            return had.pop() if had else await receive()

        await self._app(scope, again, send)

    def _too_large(self) -> TwinError:
        size_kb = self._max_bytes >> 10
        return TooLargeError(f"the body of this request is at most {size_kb} kB", zh=f"请求体不能超过 {size_kb} kB")


def _cut_off() -> TwinError:
    """Return what is noted of a request whose caller has gone: it hears nothing of it."""
    return BadRequestError("the body ended before its end", zh="请求体中断").with_code("body-broken")
