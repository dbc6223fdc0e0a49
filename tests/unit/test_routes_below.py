"""Routes found by prefix and depth are those an application finds that tries them one after another."""

import itertools
from collections.abc import Sequence

import httpx
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.event_loop import run_alone
from twin.errors import MethodNotAllowedError
from twin.server import problems
from twin.server.routes_below import RoutesBelow


def answering(name: str):
    async def answer(request: Request) -> Response:
        return PlainTextResponse(f"{name} {sorted(request.path_params.items())} {request.base_url}")

    return answer


ROUTES = [
    Route("/", answering("landing")),
    Route("/collections", answering("collections")),
    Route("/collections/findings", answering("findings")),
    Route("/collections/{id}", answering("one")),
    Route("/collections/{id}/items", answering("items")),
    Route("/collections/{id}/items", answering("write"), methods=["POST"]),
    Route("/files/{rest:path}", answering("file")),
    Route("/tiles/{z}/{y}/{x}", answering("tile")),
]


WHOLE = [Route("/ogc" + r.path, r.endpoint, methods=sorted(r.methods or ())) for r in ROUTES]
BESIDE = Route("/ogcx", answering("beside"))


METHODS = ["GET", "HEAD", "POST", "DELETE"]
PATHS = [
    "/ogc", "/ogc/", "/ogcx", "/ogc/collections", "/ogc/collections/", "/ogc/collections/findings", "/ogc/collections/a%2Fb",
    "/ogc/collections/建筑", "/ogc/collections/a/items", "/ogc/collections/a/items/", "/ogc/files/a/b/c", "/ogc/tiles/1/2/3",
    "/ogc/tiles/1/2", "/ogc//collections", "/elsewhere",
]  # fmt: skip


def answers(app: Starlette, asked: Sequence[tuple[str, str]]) -> list[tuple[object, ...]]:
    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
            return [await client.request(method, path) for method, path in asked]

    return [(a.status_code, a.text, a.headers.get("location")) for a in run_alone(ask())]


def test_the_same_answers_as_one_after_another() -> None:
    found, tried = Starlette(routes=[RoutesBelow("/ogc", ROUTES), BESIDE]), Starlette(routes=[*WHOLE, BESIDE])
    asked = list(itertools.product(METHODS, PATHS))
    ours, theirs = answers(found, asked), answers(tried, asked)
    assert dict(zip(asked, ours, strict=True)) == dict(zip(asked, theirs, strict=True))
    assert {status for status, *_ in ours} == {200, 307, 404, 405}


def test_a_method_that_no_route_takes_is_told_all_that_some_take() -> None:
    async def allowed(request: Request) -> Response:
        raise MethodNotAllowedError(("GET", "HEAD", "OPTIONS", "PUT"))

    routes = [*ROUTES, Route("/jobs/{id}", answering("job")), Route("/jobs/{id}", allowed, methods=["OPTIONS", "PUT", "PATCH"])]
    app = FastAPI()
    app.router.routes.append(RoutesBelow("/ogc", routes))
    problems.install(app)

    async def ask() -> list[str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
            paths = ("/ogc/collections", "/ogc/collections/a/items", "/ogc/files/a/b", "/ogc/jobs/7")
            found = [await client.request("PROPFIND", path) for path in paths]
        assert [answer.json()["code"] for answer in found] == ["method-not-allowed"] * 4
        return [answer.headers["allow"] for answer in found]

    # the writers of jobs answer OPTIONS: what they say counts, not what their route takes
    assert run_alone(ask()) == ["GET, HEAD", "GET, HEAD, POST", "GET, HEAD", "GET, HEAD, OPTIONS, PUT"]


def test_metrics_see_the_pattern_with_its_prefix() -> None:
    seen = []

    async def note(request: Request) -> Response:
        seen.append(request.scope["route"].path)
        return Response()

    app = Starlette(routes=[RoutesBelow("/ogc", [Route("/collections/{id}", note)])])
    answers(app, [("GET", "/ogc/collections/buildings")])
    assert seen == ["/ogc/collections/{id}"]
