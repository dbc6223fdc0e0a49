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
from twin.model import SharingClass
from twin.server import problems
from twin.server.packing import SUFFIX
from twin.server.routes.stored import forever, stored_object
from twin.store import FolderStore, Store

BODY = b"glTF" + bytes(range(256)) * 20


KEY = "c/00.glb"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path)
    store.put(KEY, BODY)
    return store


def ask(store: Store, method: str = "GET", sharing: SharingClass = SharingClass.OPEN, **headers: str) -> httpx.Response:
    """The answer of a server with this one object; ``accept_encoding`` and the like are headers."""
    app = FastAPI()
    problems.install(app)

    def door(request: Request) -> Response:
        return stored_object(request, store, KEY, forever(sharing))

    app.add_api_route("/tile", door, methods=["GET", "HEAD"])

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin") as client:
            sent = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, "/tile", headers=sent)

    return run_alone(answer())


def pack(store: Store) -> None:
    """What packing leaves beside an object."""
    held = store.held(KEY)
    assert held is not None
    store.put(KEY + SUFFIX, gzip.compress(store.get(KEY)), modified_ns=held.modified_ns)


def test_a_content_may_be_kept_for_ever_and_is_not_sent_twice(store: FolderStore) -> None:
    first = ask(store)
    assert (first.status_code, first.content, first.headers["content-type"]) == (200, BODY, "model/gltf-binary")
    assert "immutable" in first.headers["cache-control"]
    again = ask(store, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    store.put(KEY, BODY[:-1])
    assert ask(store, if_none_match=first.headers["etag"]).status_code == 200
    head = ask(store, "HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(BODY) - 1))


def test_caches_on_the_way_keep_what_is_open_to_everybody_only(store: FolderStore) -> None:
    """A proxy gave contents of a dataset that is not open to whoever knew their address."""
    said = {sharing: ask(store, sharing=sharing).headers["cache-control"] for sharing in SharingClass}
    assert {sharing for sharing, how in said.items() if "public" in how} == {SharingClass.OPEN}
    assert {how.replace("public", "private") for how in said.values()} == {said[SharingClass.RESTRICTED]}


def test_a_part_of_a_content_is_a_part_of_its_plain_bytes(store: FolderStore) -> None:
    pack(store)
    part = ask(store, range="bytes=4-9", accept_encoding="gzip")
    assert (part.status_code, part.content) == (206, BODY[4:10])
    assert "content-encoding" not in part.headers
    assert ask(store, range=f"bytes={len(BODY)}-").status_code == 416


def test_who_takes_gzip_gets_the_packed_file_while_it_is_that_of_the_content(store: FolderStore) -> None:
    plain = ask(store, accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    pack(store)
    short = ask(store, accept_encoding="br, gzip")
    assert (short.headers["content-encoding"], short.content, short.headers["vary"]) == ("gzip", BODY, "Accept-Encoding")
    assert int(short.headers["content-length"]) < len(BODY) / 4
    assert short.headers["etag"] != plain.headers["etag"]
    for refuses in ("identity", "br", "gzip;q=0, br", "gzip; q=0.0"):
        assert "content-encoding" not in ask(store, accept_encoding=refuses).headers
    for s in (-1, 1):  # packed from what was there before; younger too, where a build replaced the file while it was packed
        os.utime(store.path(KEY + SUFFIX), ns=(0, store.path(KEY).stat().st_mtime_ns + s * 10**9))
        assert "content-encoding" not in ask(store, accept_encoding="gzip").headers


def test_a_content_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    answer = ask(FolderStore(tmp_path))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
