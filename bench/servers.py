"""The servers that are compared: ours and the peers, each one web process on a port of its own, each in its own environment."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import yaml
from psycopg.conninfo import conninfo_to_dict

from bench.stage import Stage

_PEERS = Path(__file__).parents[1] / ".cache" / "bench-venv" / "bin"
_READY_WITHIN_S = 90
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
UNCOUNTED = "_uncounted"
"""Ends the name of a collection of pygeoapi's that is configured with ``count: false``."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a server is started, and how it is asked; ``{table}`` in the paths is the name it gives to a table."""

    name: str
    command: Sequence[str]
    ready: str
    """What answers 200 once it serves."""
    items: str = ""
    """Page of ``{limit}`` features; what narrows it down is added as further parameters."""
    item: str = ""
    tile: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class ServerError(Exception):
    """A server did not come up or did not answer as it should; the text is the end of what it said."""


def ours(stage: Stage, port: int, *, caching: bool) -> Recipe:
    """Return our own server, as ``twin serve`` starts it: with its build worker; tiles are kept in its cache or made each time."""
    folder = str(stage.settings.data_dir)
    collection = "/ogc/collections/{table}"
    return Recipe(
        "citytwin",
        [sys.executable, "-m", "twin.server.cli", "serve", "--data-dir", folder, "--port", str(port)],
        "/readyz",
        f"{collection}/items?limit={{limit}}&f=json",
        f"{collection}/items/{{fid}}?f=json",
        f"{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}",
        {} if caching else {"TWIN_TILE_CACHE_MB": "0"},
    )


def tipg(stage: Stage, port: int, tables: Sequence[str]) -> Recipe:
    """Return tipg over the peers' tables, functions left out."""
    where = conninfo_to_dict(stage.peer_dsn)
    environment = {
        "DATABASE_URL": f"postgresql://{where['user']}:none@{quote(str(where['host']), safe='')}:{where['port']}/{where['dbname']}",
        "TIPG_DB_SCHEMAS": '["public"]',
        "TIPG_DB_EXCLUDE_FUNCTION_SCHEMAS": '["public"]',
        "TIPG_DB_TABLES": "[" + ",".join(f'"public.{table}"' for table in tables) + "]",
    }
    collection = "/collections/public.{table}"
    return Recipe(
        "tipg",
        [str(_PEERS / "uvicorn"), "tipg.main:app", "--port", str(port), "--log-level", "warning"],
        "/healthz",
        f"{collection}/items?limit={{limit}}&f=geojson",
        f"{collection}/items/{{fid}}?f=geojson",
        f"{collection}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}",
        environment,
    )


def pygeoapi(stage: Stage, port: int, tables: Sequence[str]) -> Recipe:
    """Return stock pygeoapi with its own PostgreSQL providers over the peers' tables, once as they are and once with ``count: false``."""
    config, openapi = stage.folder / "pygeoapi.yml", stage.folder / "pygeoapi.openapi.yml"
    config.write_text(yaml.safe_dump(_pygeoapi_config(stage, port, tables), allow_unicode=True), encoding="utf-8")
    environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    generate = [str(_PEERS / "pygeoapi"), "openapi", "generate", str(config), "--output-file", str(openapi)]
    made = subprocess.run(generate, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ServerError(made.stderr[-500:])
    collection = "/collections/{table}"
    return Recipe(
        "pygeoapi",
        [str(_PEERS / "uvicorn"), "pygeoapi.starlette_app:APP", "--port", str(port), "--log-level", "warning"],
        "/conformance?f=json",
        f"{collection}/items?limit={{limit}}&f=json",
        f"{collection}/items/{{fid}}?f=json",
        f"{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=mvt",
        environment,
    )


def empty_route(port: int) -> Recipe:
    """Return a web application that says nothing, run as ours is."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "bench.empty_route:create_app", "--port", str(port), "--no-access-log"]
    return Recipe("empty route", [*command, "--log-level", "warning"], "/")


def peers_are_installed() -> bool:
    """True when `make bench` has made the peers' environment."""
    return (_PEERS / "uvicorn").exists()


@contextmanager
def running(recipe: Recipe, port: int, log: Path) -> Iterator[Server]:
    """Have a server for the block; ServerError when it does not answer within 90 s."""
    with log.open("w") as said:
        process = subprocess.Popen(
            recipe.command, env={**os.environ, **recipe.environment}, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(process, port, recipe.ready, log)
            yield Server(process.pid, port)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def get(port: int, path: str, within_s: float = 120.0) -> bytes:
    """Return the body of a GET; ServerError unless it is 200, TimeoutError where nothing comes for so long."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within_s)
    try:
        connection.request("GET", path, headers={"Accept": "application/geo+json, application/json, */*"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ServerError(f"{path}: {answer.status} {body[:300]!r}")
    return body


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline, last = time.monotonic() + _READY_WITHIN_S, ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            get(port, path)
        except (OSError, ServerError, http.client.HTTPException) as error:
            last = str(error)
            time.sleep(0.2)
        else:
            return
    raise ServerError(f"{last} {log.read_text()[-500:]}".strip())


def _pygeoapi_config(stage: Stage, port: int, tables: Sequence[str]) -> dict[str, object]:
    identification = {"title": "bench", "description": "bench", "keywords": ["bench"], "keywords_type": "theme"}
    counted = {table: _pygeoapi_collection(stage, table) for table in tables}
    uncounted = {f"{table}{UNCOUNTED}": _pygeoapi_collection(stage, table, count=False) for table in tables}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 100, "max_items": 1000},
            "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {**identification, "terms_of_service": "none", "url": "http://localhost"},
            "license": {"name": "none", "url": "http://localhost"},
            "provider": {"name": "bench", "url": "http://localhost"},
            "contact": {"name": "bench"},
        },
        "resources": counted | uncounted,
    }


def _pygeoapi_collection(stage: Stage, table: str, *, count: bool = True) -> dict[str, object]:
    where = conninfo_to_dict(stage.peer_dsn)
    connection = {"host": where["host"], "port": int(str(where["port"])), "dbname": where["dbname"], "user": where["user"]}
    source = {
        "data": {**connection, "password": "none", "search_path": ["public"]},
        "id_field": "fid",
        "table": table,
        "geom_field": "geom",
        "storage_crs": _CRS84,
    }
    features = {"type": "feature", "name": "PostgreSQL", "crs": [_CRS84], **source, **({} if count else {"count": False})}
    tiles = {
        "type": "tile",
        "name": "MVT-postgresql",
        "options": {"zoom": {"min": 0, "max": 22}},
        "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
        **source,
    }
    return {
        "type": "collection",
        "title": table,
        "description": table,
        "keywords": [table],
        "links": [],
        "extents": {"spatial": {"bbox": [118.0, 31.0, 121.0, 33.0], "crs": _CRS84}},
        "providers": [features, tiles],
    }
