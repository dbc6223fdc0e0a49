"""Pages wait for their turn before anything is done for them, and who finds the line full is told so; all else goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.event_loop import run_alone
from twin.db import overloaded
from twin.server.admission import Admission, page_limits
from twin.server.problems import problem
from twin.server.routes.health import Metrics, MetricsMiddleware
from twin.server.waiting_line import LineLimits, WaitingLine

ONE = LineLimits(places=1, standing=1, sudden=1, sudden_s=0.0, long_s=3600.0, beside=0)
NONE = LineLimits(places=1, standing=0, sudden=0, sudden_s=0.0, long_s=3600.0, beside=0)
PAGES = ["/ogc/collections/houses/items", "/ogc/collections/houses/items/7?f=html", "/ogc/collections/houses/items?limit=9&f=json"]
OTHERS = [
    "/ogc/collections/houses/items?f=gpkg",
    "/ogc/collections/houses",
    "/ogc/collections/houses/tiles/WebMercatorQuad/14/1/2",
    "/livez",
    "/ogc/collections/houses/items?resultType=hits",
]
FILES = {
    "application/geopackage+sqlite3": "gpkg",
    "application/geo+json-seq": "geojsonseq",
    "text/csv": "csv",
    "application/city+json": "cityjson",
}
OTHER_HEADERS = [
    {"Accept": "application/geo+json-seq"},
    {"Accept": "application/city+json"},
    {"Accept": "text/csv, application/json;q=0.1"},
]
AROUND = [
    (PAGES[0], [("If-None-Match", '"7"')]),
    (PAGES[0], [("Accept", "application/vnd.ogc.fg+json, application/json")]),
    (PAGES[0], [("Accept", "application/*")]),
    (PAGES[0], [("Accept", "application/json;q=0.1, text/csv;q=0")]),
    (PAGES[0], [("Accept", "image/png")]),
    (PAGES[0], [("Accept", "application/json"), ("Accept", "text/csv")]),
    (PAGES[0] + "?f=html", [("Accept", "text/csv")]),
    (PAGES[0] + "?%66=html", [("Accept", "text/csv")]),
    (PAGES[0] + "?f=x&f=json", []),
    (PAGES[0] + "?f=csv&f=json", []),
    (PAGES[0] + "?f=jsonfg", []),
    (PAGES[0] + "?f=%6ason", []),
    (PAGES[0] + "?f=", []),
]
"""Pages, and what the door refuses, asked for in ways that once went past the line."""


@pytest.mark.parametrize(
    ("processors", "processes", "places"), [(1, 1, 2), (2, 1, 3), (2, 2, 2), (8, 1, 6), (64, 1, 6), (16, 4, 5), (8, 8, 2), (2, 7, 2)]
)
def test_about_as_many_pages_are_made_at_once_as_there_are_processors_for_a_process(processors: int, processes: int, places: int) -> None:
    limits = page_limits(processors, processes, 8)
    assert (limits.places, limits.places + limits.beside) == (places, 8)
    assert limits.sudden > limits.standing
    # Eight connections on which one page is asked for after the other (the bench, a map) were refused where as many waited as were made.
    assert limits.places + limits.standing >= 8


class Door:
    """Looks at what comes to it, and answers once it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.looked_at: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.looked_at.append(scope["path"])
        await self.let.wait()
        await PlainTextResponse(await Request(scope, receive).body() + b"looked at")(scope, receive, send)


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city")


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


def full_line() -> WaitingLine:
    """Return a line before a place that somebody has, in which nobody may wait."""
    line = WaitingLine(NONE)
    assert line.take() is not None
    return line


def test_pages_are_refused_before_they_are_looked_at_while_the_line_is_full_and_nothing_else_is() -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        refused = [await client.get(path) for path in PAGES]
        assert [(a.status_code, a.json()["code"], a.headers["Retry-After"]) for a in refused] == [(503, "overloaded", "5")] * len(PAGES)
        passed = [await client.get(path) for path in OTHERS]
        passed += [await client.get(PAGES[0], headers=headers) for headers in OTHER_HEADERS]
        passed.append(await client.post(PAGES[0], content=b"{}"))
        assert [(a.status_code, a.text) for a in passed] == [(200, "looked at")] * len(passed)

    async def run() -> None:
        app = Admission(PlainTextResponse("looked at"), full_line(), FILES)
        async with client_of(app) as client:
            await ask(client)

    run_alone(run())


@pytest.mark.parametrize(("path", "headers"), AROUND)
def test_whatever_may_be_a_page_waits_however_it_is_asked_for(path: str, headers: list[tuple[str, str]]) -> None:
    async def run() -> int:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(Admission(PlainTextResponse("looked at"), full_line(), FILES))
        ) as client:
            request = httpx.Request("GET", httpx.URL("http://city" + path), headers=headers)
            return (await client.send(request)).status_code

    assert run_alone(run()) == 503


def test_as_many_are_looked_at_as_there_are_places_the_next_waits_and_is_answered_and_the_others_are_refused() -> None:
    async def run() -> None:
        line, door = WaitingLine(ONE), Door()
        async with client_of(Admission(door, line, FILES)) as client:
            answers = [asyncio.create_task(client.get(f"/ogc/collections/c{k}/items")) for k in range(2)]
            await until(lambda: line.length == 1)
            assert len(door.looked_at) == 1
            assert [(await client.get(PAGES[0])).status_code for _ in range(3)] == [503] * 3
            door.let.set()
            assert [(a.status_code, a.text) for a in await asyncio.gather(*answers)] == [(200, "looked at")] * 2
            assert (await client.get(PAGES[0])).status_code == 200
        assert sorted(door.looked_at[:2]) == ["/ogc/collections/c0/items", "/ogc/collections/c1/items"]

    run_alone(run())


@pytest.mark.parametrize("headers", [{}, {"Accept-Language": "en"}, {"X-Request-ID": "mine-7"}])
def test_a_refusal_says_what_the_problem_document_of_its_error_says(headers: dict[str, str]) -> None:
    headers = {"X-Request-ID": "seven", **headers}

    async def run() -> tuple[httpx.Response, httpx.Response]:
        async def plain(scope: Scope, receive: Receive, send: Send) -> None:
            await problem(Request(scope), overloaded())(scope, receive, send)

        answers = []
        for app in (Admission(plain, full_line(), FILES), plain):
            async with client_of(app) as client:
                answers.append(await client.get("/ogc/collections/城 市/items?lang=x", headers=headers))
        return answers[0], answers[1]

    made, wanted = run_alone(run())
    assert made.content == wanted.content
    assert dict(made.headers) == dict(wanted.headers)


def test_refusals_are_counted_under_the_route() -> None:
    metrics = Metrics()

    async def run() -> None:
        app = MetricsMiddleware(Admission(PlainTextResponse("looked at"), full_line(), FILES), metrics)
        async with client_of(app) as client:
            for _ in range(3):
                await client.get(PAGES[0])

    run_alone(run())
    labels = {"method": "GET", "route": "/ogc/collections/{collection}/items", "status": "503"}
    assert metrics.registry.get_sample_value("twin_requests_total", labels) == 3


def page_scope() -> Scope:
    return {"type": "http", "method": "GET", "path": PAGES[0], "query_string": b"", "headers": [], "server": ("city", 80), "scheme": "http"}


async def send_to_nobody(_: Message) -> None:
    return


def test_who_goes_while_he_waits_leaves_the_line_and_nothing_is_done_for_him() -> None:
    async def run() -> None:
        line, door, gone = WaitingLine(ONE), Door(), asyncio.Event()
        app = Admission(door, line, FILES)
        held = line.take()
        assert held is not None
        begun = False

        async def receive() -> Message:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        going = asyncio.create_task(app(page_scope(), receive, send_to_nobody))
        await until(lambda: line.length == 1)
        gone.set()
        await going
        assert line.length == 0
        held.give_back()
        assert line.take() is not None
        assert door.looked_at == []

    run_alone(run())


async def asked(listener: socket.socket, collection: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection over which a page has been asked for."""
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(f"GET /ogc/collections/{collection}/items HTTP/1.1\r\nHost: city\r\nConnection: close\r\n\r\n".encode())
    return reader, writer


def test_a_client_that_hangs_up_while_it_waits_leaves_the_line_of_a_real_server_and_its_neighbour_is_answered() -> None:
    async def run() -> tuple[bytes, list[str]]:
        line, door = WaitingLine(LineLimits(places=1, standing=2, sudden=2, sudden_s=0.0, long_s=3600.0, beside=0)), Door()
        held = line.take()
        assert held is not None
        door.let.set()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(Admission(door, line, FILES), lifespan="off", log_level="critical"))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            connections = [await asked(listener, "gone")]
            await until(lambda: line.length == 1)
            connections.append(await asked(listener, "patient"))
            await until(lambda: line.length == 2)
            connections[0][1].close()
            await until(lambda: line.length == 1)
            held.give_back()
            said = await connections[1][0].read()
            connections[1][1].close()
            server.should_exit = True
            await serving
        return said, door.looked_at

    said, looked_at = run_alone(run())
    assert said.startswith(b"HTTP/1.1 200")
    assert looked_at == ["/ogc/collections/patient/items"]


def test_whose_request_is_cancelled_leaves_no_place_taken() -> None:
    async def run() -> None:
        line, door = WaitingLine(ONE), Door()
        app = Admission(door, line, FILES)

        async def receive() -> Message:
            return await asyncio.get_running_loop().create_future()

        working = asyncio.create_task(app(page_scope(), receive, send_to_nobody))
        waiting = asyncio.create_task(app(page_scope(), receive, send_to_nobody))
        await until(lambda: line.length == 1)
        working.cancel()
        waiting.cancel()
        await asyncio.wait({working, waiting})
        assert line.length == 0
        assert line.take() is not None
        assert line.take() is None

    run_alone(run())


def test_who_reads_his_answer_slowly_holds_nobody_up() -> None:
    async def run() -> None:
        line, read = WaitingLine(NONE), asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            await read.wait()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await StreamingResponse(pieces())(scope, receive, send)

        begun = asyncio.Event()

        async def send(_: Message) -> None:
            begun.set()

        async def receive() -> Message:
            return await asyncio.get_running_loop().create_future()

        answering = asyncio.create_task(Admission(slow, line, FILES)(page_scope(), receive, send))
        await begun.wait()
        assert line.take() is not None
        read.set()
        await answering

    run_alone(run())


def test_who_has_waited_is_asked_for_his_content_anew() -> None:
    async def run() -> httpx.Response:
        line, door = WaitingLine(ONE), Door()
        held = line.take()
        assert held is not None
        door.let.set()
        async with client_of(Admission(door, line, FILES)) as client:
            answer = asyncio.create_task(client.request("GET", PAGES[0], content=b"means nothing"))
            await until(lambda: line.length == 1)
            held.give_back()
            return await answer

    assert run_alone(run()).text == "looked at"
