"""How stored tiles are answered: for ever, packed, in ranges, and not again to who holds them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from tests.event_loop import run_alone
from twin.server import problems
from twin.server.packing import packed
from twin.server.routes.stored import FOREVER, stored_file

BODY = b"glTF" + bytes(range(256)) * 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "00.glb"
    path.write_bytes(BODY)
    return path


def ask(file: Path, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer of a server with this one file; ``accept_encoding`` and the like are headers."""
    app = FastAPI()
    problems.install(app)

    def door(request: Request) -> Response:
        return stored_file(request, file, FOREVER)

    app.add_api_route("/tile", door, methods=["GET", "HEAD"])

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin") as client:
            sent = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, "/tile", headers=sent)

    return run_alone(answer())


def pack(file: Path) -> None:
    """What packing leaves beside a file."""
    packed(file).write_bytes(gzip.compress(file.read_bytes()))
    os.utime(packed(file), ns=(0, file.stat().st_mtime_ns))


def test_a_content_may_be_kept_for_ever_and_is_not_sent_twice(file: Path) -> None:
    first = ask(file)
    assert (first.status_code, first.content, first.headers["content-type"]) == (200, BODY, "model/gltf-binary")
    assert "immutable" in first.headers["cache-control"]
    again = ask(file, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    file.write_bytes(BODY[:-1])
    assert ask(file, if_none_match=first.headers["etag"]).status_code == 200
    head = ask(file, "HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(BODY) - 1))


def test_a_part_of_a_content_is_a_part_of_its_plain_bytes(file: Path) -> None:
    pack(file)
    part = ask(file, range="bytes=4-9", accept_encoding="gzip")
    assert (part.status_code, part.content) == (206, BODY[4:10])
    assert "content-encoding" not in part.headers
    assert ask(file, range=f"bytes={len(BODY)}-").status_code == 416


def test_who_takes_gzip_gets_the_packed_file_while_it_is_that_of_the_content(file: Path) -> None:
    plain = ask(file, accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    pack(file)
    short = ask(file, accept_encoding="br, gzip")
    assert (short.headers["content-encoding"], short.content, short.headers["vary"]) == ("gzip", BODY, "Accept-Encoding")
    assert int(short.headers["content-length"]) < len(BODY) / 4
    assert short.headers["etag"] != plain.headers["etag"]
    for refuses in ("identity", "br", "gzip;q=0, br", "gzip; q=0.0"):
        assert "content-encoding" not in ask(file, accept_encoding=refuses).headers
    for s in (-1, 1):  # packed from what was there before; younger too, where a build replaced the file while it was packed
        os.utime(packed(file), ns=(0, file.stat().st_mtime_ns + s * 10**9))
        assert "content-encoding" not in ask(file, accept_encoding="gzip").headers


def test_a_content_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    answer = ask(tmp_path / "01.glb")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
