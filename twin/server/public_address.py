"""Under which address the doors are used: what links begin with, and which hosts are answered at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from twin.errors import BadRequestError
from twin.server import problems


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Scheme and host (with its port, if any) under which callers know this server."""

    scheme: str
    host: str


def public_address(text: str) -> PublicAddress:
    """Read ``https://host[:port]``; BadRequestError for anything else, a path included."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and parts.hostname is not None and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    if not is_one or "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadRequestError(f"not an address https://host[:port]: {text}", zh=f"不是 https://主机[:端口] 形式的地址：{text}")
    return PublicAddress(parts.scheme, parts.netloc)


class PublicAddressMiddleware:
    """Refuses requests for hosts that are not ours, 400 ``unknown-host``, and has all others answered as if asked at our address.

    Without ``address`` links begin with what the caller sent as Host, which a cache in between may hand to others; without ``hosts``
    every host is answered.
    """

    def __init__(self, app: ASGIApp, address: PublicAddress | None, hosts: Sequence[str]) -> None:
        self._app = app
        self._address = address
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._hosts and _name(_host(scope)) not in self._hosts:
            error = BadRequestError("this server does not answer for that host", zh="本服务器不以该主机名提供服务")
            await problems.problem(Request(scope), error.with_code("unknown-host"))(scope, receive, send)
            return
        await self._app(scope if self._address is None else _asked_at(scope, self._address), receive, send)


def _asked_at(scope: Scope, address: PublicAddress) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "scheme": address.scheme, "headers": [(b"host", address.host.encode("ascii", "replace")), *headers]}


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def _name(host: str) -> str:
    """Return a host without its port; an IPv6 address stands in brackets."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()
