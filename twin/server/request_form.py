"""What every request must be like before any door looks at it; what is not is refused here, once for all doors."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.errors import AddressTooLongError, BadRequestError, RangeError, TwinError, UnsupportedMediaError
from twin.server.problems import problem

MAX_ADDRESS_BYTES = 32_768
"""Path and query as sent: a filter of 8 KiB with every byte percent-encoded fits in."""
_MOST_RANGES = 16
_RANGE = re.compile(r"([0-9]{1,30})-([0-9]{0,30})|-[0-9]{1,30}")
_PLAIN = frozenset({b"", b"identity"})


class RequestForm:
    """Answers 414 to an address that is too long, 400 to a query that is not UTF-8, 415 to a packed body; passes over ranges that are none.

    A file that has not the ranges asked for is a 416 with a problem document (RFC 9110, 15.5.17).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error, asks_for_ranges = _address_fault(scope), False
        for name, value in scope["headers"]:
            if name == b"content-encoding" and value.strip().lower() not in _PLAIN:
                error = error or _packed()
            asks_for_ranges |= name == b"range"
        if error is not None:
            await problem(Request(scope), error)(scope, receive, send)
        elif asks_for_ranges:
            await self._in_ranges(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _in_ranges(self, scope: Scope, receive: Receive, send: Send) -> None:
        # What is no range of bytes is as if it were not there (RFC 9110, 14.2); the framework's files refuse it.
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range" or _are_ranges(value)]
        refused: Message | None = None

        async def told(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 416:
                refused = message
            elif refused is None:
                await send(message)

        await self._app(scope, receive, told)
        if refused is not None:
            length = Headers(raw=refused["headers"]).get("content-range", "bytes */*")
            await problem(Request(scope), RangeError(length))(scope, receive, send)


def _address_fault(scope: Scope) -> TwinError | None:
    query: bytes = scope["query_string"]
    if len(scope.get("raw_path") or b"") + len(query) > MAX_ADDRESS_BYTES:
        return AddressTooLongError(f"an address has at most {MAX_ADDRESS_BYTES} bytes", zh=f"地址至多 {MAX_ADDRESS_BYTES} 字节")
    try:
        if b"%" in query or not query.isascii():
            unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return BadRequestError("the query of the address is not UTF-8", zh="地址中的查询参数不是 UTF-8 编码").with_code("bad-encoding")
    return None


def _are_ranges(value: bytes) -> bool:
    unit, _, listed = value.decode("latin-1").partition("=")
    found = [_RANGE.fullmatch(part.strip()) for part in listed.split(",", _MOST_RANGES)]
    has_end = all(match is not None and (not match[2] or int(match[1]) <= int(match[2])) for match in found)
    return unit.strip() == "bytes" and has_end and len(found) <= _MOST_RANGES


def _packed() -> TwinError:
    error = UnsupportedMediaError("send the body as it is, without Content-Encoding", zh="请求体不要压缩，勿用 Content-Encoding")
    error.headers = {"Accept-Encoding": "identity"}
    return error
