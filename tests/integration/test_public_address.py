"""Behind which address and which proxies the server believes itself to be."""

from __future__ import annotations

from typing import cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.event_loop import run_alone
from twin.errors import BadRequestError
from twin.server.public_address import PublicAddressMiddleware, public_address
from twin.server.serving import server_config
from twin.server.settings import read_settings


async def _told(request: Request) -> Response:
    return JSONResponse({"base": str(request.base_url), "client": request.client.host if request.client else ""})


APP = Starlette(routes=[Route("/", _told)])


def _get(app: object, **headers: str) -> httpx.Response:
    """Return what an application answers a caller of this machine."""

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(cast("ASGIApp", app)), base_url="http://here") as client:
            return await client.get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})

    return run_alone(asked())


def test_links_begin_with_the_public_address_whatever_the_request_says() -> None:
    app = PublicAddressMiddleware(APP, public_address("https://twin.example.cn:8443"), ())
    assert _get(app, Host="evil.example").json()["base"] == "https://twin.example.cn:8443/"


def test_hosts_that_are_not_ours_are_refused_as_a_problem() -> None:
    app = PublicAddressMiddleware(APP, None, ("twin.example.cn", "[::1]"))
    for known in ("twin.example.cn", "TWIN.example.cn:8000", "[::1]:80"):
        assert _get(app, Host=known).status_code == 200
    for other in ("evil.example", "twin.example.cn.evil.example", "", "[::2]"):
        refused = _get(app, Host=other)
        assert (refused.status_code, refused.json()["code"]) == (400, "unknown-host")
        assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "text", ["twin.example.cn", "ftp://x", "https://", "https://x/below", "https://x?y", "https://a@b", "http://x:99999"]
)
def test_an_address_that_is_none_is_refused_when_the_server_starts(text: str) -> None:
    with pytest.raises(BadRequestError):
        public_address(text)


@pytest.mark.parametrize(("proxies", "seen"), [("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.1", "203.0.113.7")])
def test_who_a_caller_is_said_to_be_is_believed_of_named_proxies_only(proxies: str, seen: str) -> None:
    config = server_config(read_settings({"TWIN_TRUSTED_PROXIES": proxies}), APP)
    config.load()
    assert _get(config.loaded_app, X_Forwarded_For="203.0.113.7").json()["client"] == seen
    assert isinstance(config.loaded_app, ProxyHeadersMiddleware) == bool(proxies)
