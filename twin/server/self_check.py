"""`demo --check`: serve for a moment, ask every door once over HTTP, say what each answered."""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
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
        for door, path in _doors(f"http://{host}:{port}"):
            status, size = _ask(f"http://{host}:{port}/{path}")
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


def _doors(base: str) -> Iterator[tuple[str, str]]:
    yield from (("viewer", ""), ("livez", "livez"), ("readyz", "readyz"), ("metrics", "metrics"), ("scene", "scene.json"))
    yield from (("OGC landing", "ogc?f=json"), ("conformance", "ogc/conformance?f=json"), ("collections", "ogc/collections?f=json"))
    scene = orjson.loads(urllib.request.urlopen(f"{base}/scene.json", timeout=_TIMEOUT_S).read())
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


def _ask(url: str) -> tuple[int, int]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            return int(response.status), len(response.read())
    except urllib.error.HTTPError as error:
        return error.code, 0
    except OSError:
        return 0, 0
