"""What is asked of every request before any door sees it, held to RFC 9110 with the framework's own files behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from event_loop import run_alone
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.server.body_limit import BodyLimitMiddleware
from twin.server.head_requests import HeadAsGet
from twin.server.request_form import MAX_ADDRESS_BYTES, RequestForm


def asked(app: ASGIApp, address: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin") as client:
            return await client.request(method, address, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return run_alone(ask())


@pytest.fixture
def files(tmp_path: Path) -> ASGIApp:
    (tmp_path / "ten.txt").write_text("0123456789")
    return RequestForm(StaticFiles(directory=tmp_path))


@pytest.mark.parametrize("unheard", ["bytes=abc", "items=0-1", "bytes=5-2", "bytes=", "bytes", "bytes=1-2,x", f"bytes={'0-0,' * 40}0-0"])
def test_what_is_no_range_is_as_if_it_were_not_there(files: ASGIApp, unheard: str) -> None:
    answer = asked(files, "/ten.txt", range=unheard)
    assert (answer.status_code, answer.text) == (200, "0123456789")


def test_ranges_are_given_and_one_beyond_the_end_is_a_problem(files: ASGIApp) -> None:
    assert asked(files, "/ten.txt", range="bytes=2-4").text == "234"
    assert asked(files, "/ten.txt", range="bytes=-3").text == "789"
    for language, word in (("zh", "范围"), ("en", "range")):
        beyond = asked(files, "/ten.txt", range="bytes=99999999999999999999-", accept_language=language)
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
        assert beyond.headers["content-type"] == "application/problem+json"
        assert beyond.json()["code"] == "no-such-range"
        assert word in beyond.json()["detail"]


@pytest.mark.parametrize("query", ["name=%B3%A3%D6%DD", "%C0%AF=1", "name=%ED%A0%80"])
def test_a_query_that_is_not_utf_8_is_refused_and_never_read_as_something_else(files: ASGIApp, query: str) -> None:
    answer = asked(files, f"/ten.txt?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-encoding")
    assert asked(files, "/ten.txt?name=%E5%B8%B8%E5%B7%9E&rate=100%").status_code == 200


def test_addresses_are_bounded(files: ASGIApp) -> None:
    assert asked(files, f"/ten.txt?{'a' * (MAX_ADDRESS_BYTES - 9)}").status_code == 200
    assert asked(files, f"/ten.txt?{'a' * MAX_ADDRESS_BYTES}").json()["code"] == "address-too-long"


def test_packed_bodies_are_refused_before_they_are_read(files: ASGIApp) -> None:
    answer = asked(files, "/ten.txt", "POST", content_encoding="gzip")
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert asked(files, "/ten.txt", content_encoding="identity").status_code == 200


def test_head_is_get_without_its_body_but_where_answers_never_end_or_are_made_for_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = scope["method"]
        await Response(scope["method"] * 10)(scope, receive, send)

    scope: Scope = {"type": "http", "method": "HEAD", "path": "/api/commits", "headers": []}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def never() -> Message:
        raise AssertionError

    door = HeadAsGet(app, ("/api/",), re.compile(r"/api/(events|datasets/[^/]+/export)"))
    run_alone(door(scope, never, send))
    assert (b"content-length", b"30") in sent[0]["headers"]
    assert (sent[1]["body"], scope["method"], scope["route"]) == (b"", "HEAD", "GET")
    for own in ("/api/events", "/api/datasets/houses/export"):
        run_alone(door(scope | {"path": own}, never, send))
        assert sent[-1]["body"] == b"HEAD" * 10


def reached(pieces: Iterable[Message]) -> tuple[list[bytes], list[int]]:
    """Return what came through the limit of 100 bytes, a piece at a time, and the statuses that were sent."""
    waiting = iter(pieces)
    bodies: list[bytes] = []
    statuses: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        bodies.append(await Request(scope, receive).body())
        await Response()(scope, receive, send)

    async def receive() -> Message:
        return next(waiting, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [],
        "query_string": b"",
        "server": ("twin", 80),
        "scheme": "http",
    }
    run_alone(BodyLimitMiddleware(app, frozenset(), 100)(scope, receive, send))
    return bodies, [status for status in statuses if status]


def test_a_body_in_many_pieces_is_one_and_one_that_is_cut_off_reaches_nobody() -> None:
    pieces = [{"type": "http.request", "body": b"x", "more_body": True} for _ in range(100)]
    assert reached([*pieces, {"type": "http.request", "body": b"", "more_body": False}]) == ([b"x" * 100], [200])
    assert reached(pieces) == ([], [400])
    assert reached([*pieces, pieces[0]]) == ([], [413])
