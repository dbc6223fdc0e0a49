"""`demo --check`: serve for a moment, ask every door once over HTTP, say what each answered."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import orjson
import uvicorn

from twin.server.app import create_app
from twin.server.city import City
from twin.server.terminal import Terminal

_START_S = 30.0
_TIMEOUT_S = 30.0


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
    yield from (("viewer", ""), ("livez", "livez"), ("readyz", "readyz"), ("metrics", "metrics"), ("scene", "scene.json"))
    yield from (("OGC landing", "ogc?f=json"), ("conformance", "ogc/conformance?f=json"), ("collections", "ogc/collections?f=json"))
    scene = orjson.loads(_ask(host, port, "scene.json")[1])
    if scene["terrain"]:
        yield "terrain", f"{scene['terrain']['url']}layer.json"
        yield "terrain root", f"{scene['terrain']['url']}0/0/0.terrain"
    for layer in scene["layers"]:
        name = layer["dataset"]
        yield f"{name} items", f"{layer['items']}?limit=10&f=json"
        yield f"{name} schema", f"ogc/collections/{name}/schema?f=json"
        if layer["tileset"]:
            yield f"{name} tileset", f"tiles/{name}/tileset.json"
            yield f"{name} revision", layer["tileset"]["url"]


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
