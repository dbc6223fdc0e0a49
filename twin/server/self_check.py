"""`demo --check`: serve for a moment, ask every door once over HTTP, say what each answered."""

from __future__ import annotations

import http.client
import math
import posixpath
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import uvicorn

from twin.server.app import create_app
from twin.server.city import City
from twin.server.terminal import Terminal

_START_S = 30.0
_TIMEOUT_S = 30.0
_TILE_LEVEL = 12


def check_doors(city: City, listener: socket.socket, terminal: Terminal) -> int:
    """Return 0 when every door of the city answers with content, 3 otherwise; each door is one line."""
    config = uvicorn.Config(create_app(city), log_level="warning", access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_S
    while not server.started and time.monotonic() < deadline and thread.is_alive():
        time.sleep(0.05)
    host, port = listener.getsockname()[:2]
    failures = 0
    try:
        for door, path in _doors(host, port):
            status, content = _ask(host, port, path)
            size = len(content)
            ok = status == 200 and size > 0
            failures += not ok
            terminal.say(
                f"  {'✓' if ok else '✗'} {door}  {status}  {size:,} B", f"  {'ok  ' if ok else 'FAIL'} {door}  {status}  {size:,} B"
            )
    finally:
        server.should_exit = True
        thread.join(15)
    terminal.result({"failures": failures})
    return 3 if failures else 0


def _doors(host: str, port: int) -> Iterator[tuple[str, str]]:
    page = _ask(host, port, "")[1].decode(errors="replace")
    script = re.search(r'src="\.?/?([^"]+\.js)"', page)
    yield "viewer", script[1] if script else "the-viewer-is-not-built"
    yield from (("livez", "livez"), ("readyz", "readyz"), ("metrics", "metrics"), ("scene", "scene.json"))
    yield from (("OGC landing", "ogc?f=json"), ("conformance", "ogc/conformance?f=json"), ("collections", "ogc/collections?f=json"))
    scene = _document(host, port, "scene.json")
    if scene["terrain"]:
        yield "terrain", f"{scene['terrain']['url']}layer.json"
        yield "terrain root", f"{scene['terrain']['url']}0/0/0.terrain"
    for layer in scene["layers"]:
        name = layer["dataset"]
        yield f"{name} items", f"{layer['items']}?limit=10&f=json"
        yield f"{name} page", f"{layer['items']}?limit=10&f=html"
        yield f"{name} schema", f"ogc/collections/{name}/schema?f=json"
        if layer["mvt"] and layer["extent"]:
            yield f"{name} vector tile", layer["mvt"].format(z=_TILE_LEVEL, **_tile_of(layer["extent"]))
        if layer["tileset"]:
            yield f"{name} tileset", f"tiles/{name}/tileset.json"
            yield f"{name} revision", layer["tileset"]["url"]
            if content := _first_content(_document(host, port, layer["tileset"]["url"])["root"]):
                yield f"{name} content", posixpath.normpath(posixpath.join(posixpath.dirname(layer["tileset"]["url"]), content))


def _document(host: str, port: int, path: str) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(_ask(host, port, path)[1])
    return document


def _first_content(tile: Mapping[str, Any]) -> str | None:
    uris = [content["uri"] for content in [*tile.get("contents", ()), *([tile["content"]] if "content" in tile else [])]]
    return uris[0] if uris else next((found for child in tile.get("children", ()) if (found := _first_content(child))), None)


def _tile_of(extent: Sequence[float]) -> Mapping[str, int]:
    """Return column and row of the WebMercatorQuad tile at the middle of an extent in degrees."""
    lon, lat = (extent[0] + extent[2]) / 2, math.radians((extent[1] + extent[3]) / 2)
    tiles = 1 << _TILE_LEVEL
    return {"x": int((lon + 180) / 360 * tiles), "y": int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * tiles)}


def _ask(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
