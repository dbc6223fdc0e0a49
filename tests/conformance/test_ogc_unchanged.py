"""A 304 is what the definition says of it: every reading operation is asked, and asked again with the entity tag of its answer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ogc_server
import pytest
import query_city

from tests.asked_by_schemathesis import place_in
from tests.whole_city import whole_city
from twin.embedded import EmbeddedCluster
from twin.server.app import create_app

JsonObject = dict[str, Any]
KEPT = {"etag", "cache-control", "vary"}
STATE = {"content-location", "memento-datetime"}
EVERYWHERE = {"date", "server", "connection", "content-security-policy", "referrer-policy", "x-content-type-options"}
"""Headers of the server, and those that every answer bears."""
EARLY = {"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"}
NEEDED = {"service": "WMTS", "request": "GetCapabilities"}
NEVER_THERE = {"/jobs/{job}", "/jobs/{job}/results", "/collections/findings/items/{item}"}
"""What needs a worker or a faulty file: their answers are asked again in the tests of jobs and of findings."""


@pytest.fixture(scope="module")
def door(cluster: EmbeddedCluster, template: str, tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[httpx.Client]:
    files, data = tmp_path_factory.mktemp("files"), run_folder / f"unchanged-{os.getpid()}"
    data.mkdir(mode=0o711)
    with (
        query_city.clone_of(template, cluster.dsn) as url,
        whole_city(url, files, data) as city,
        ogc_server.running(create_app(city)) as address,
        httpx.Client(base_url=f"{address}/ogc", timeout=60) as client,
    ):
        yield client


def asked(door: httpx.Client, definition: JsonObject, path: str, described: JsonObject) -> httpx.Request:
    """Return a request of an operation for something that is there."""
    shared = definition["components"]["parameters"]
    parameters = [shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in described["parameters"]]
    given = {p["name"]: str(value) for p in parameters if (value := needed(door, path, p)) is not None}
    address = re.sub(r"\{(\w+)\}", lambda found: given.pop(found[1]), path)
    return door.build_request("GET", address, params=given)


def needed(door: httpx.Client, path: str, parameter: JsonObject) -> object:
    """Return a value of a parameter that has to be given, None of others."""
    name, schema = parameter["name"], parameter["schema"]
    if not parameter["required"]:
        return None
    if name == "item":
        items = path.partition("/{item}")[0].replace("{collection}", "imagery")
        return door.get(items, params={"f": "json"}).json()["features"][0]["id"]
    if name.lower() in {"tilematrix", "tilerow", "tilecol"}:
        grid = re.search(r"/(\w+)/\{tileMatrix\}", path)
        return place_in(grid[1] if grid else "WebMercatorQuad")[name.lower()]
    known = {**NEEDED, "tilematrixset": "WebMercatorQuad", "time": "2021-01-01", "collection": "imagery", "f": "csv"}
    return known.get(name.lower()) if name.lower() in known and "/geovolumes" not in path else schema["enum"][0]


def named(response: JsonObject) -> set[str]:
    return {name.lower() for name in response.get("headers", {})}


def always(response: JsonObject) -> set[str]:
    return {name.lower() for name, header in response["headers"].items() if header.get("required")}


def test_every_304_has_the_headers_that_the_definition_names_and_no_others(door: httpx.Client) -> None:
    definition, seen = door.get("/openapi").json(), set()
    for path, item in definition["paths"].items():
        responses = item.get("get", {}).get("responses", {})
        if "304" not in responses or path in NEVER_THERE:
            continue
        request = asked(door, definition, path, item["get"])
        is_timed = {"$ref": "#/components/parameters/Accept-Datetime"} in item["get"]["parameters"]
        for time in ({}, EARLY) if is_timed else ({},):
            request.headers.update(time)
            whole = door.send(request)
            request.headers["If-None-Match"] = whole.headers["etag"]
            held = door.send(request)
            del request.headers["If-None-Match"]
            assert (held.status_code, held.content) == (304, b""), path
            sent = held.headers.keys() - EVERYWHERE
            assert always(responses["304"]) == KEPT <= sent <= named(responses["304"]), path
            said = whole.headers.keys() & (KEPT | STATE)
            assert {name: held.headers[name] for name in sent} == {name: whole.headers[name] for name in said}, path
            assert said <= named(responses[str(whole.status_code)]), path
            if time and "capabilities" not in whole.text[:200].lower():
                assert said >= STATE, path
            seen.add((path, bool(time)))
    assert len(seen) > 90
    assert {path.split("/")[-1] for path, is_past in seen if is_past} >= {"items", "{item}", "{tileCol}", "{tilecol}.{suffix}", "search"}
