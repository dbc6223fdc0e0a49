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
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml
from psycopg.conninfo import conninfo_to_dict

from bench.stage import PEER_TABLE, Stage

_PEERS = Path(__file__).parents[1] / ".cache" / "bench-venv" / "bin"
_READY_WITHIN_S = 90
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a server is started, and where its first hundred buildings are."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    items: str


class ServerError(Exception):
    """A server did not come up; the text is the end of what it said."""


def ours(stage: Stage, dataset: str, port: int) -> Recipe:
    """Return our own server, as ``twin serve`` starts it: with its build worker."""
    folder = str(stage.settings.data_dir)
    command = [sys.executable, "-m", "twin.server.cli", "serve", "--data-dir", folder, "--port", str(port)]
    return Recipe("citytwin", command, {}, f"/ogc/collections/{dataset}/items?limit=100&f=json")


def tipg(stage: Stage, port: int) -> Recipe:
    """Return tipg over the peers' table, functions left out."""
    where = conninfo_to_dict(stage.peer_dsn)
    environment = {
        "DATABASE_URL": f"postgresql://{where['user']}:none@{quote(str(where['host']), safe='')}:{where['port']}/{where['dbname']}",
        "TIPG_DB_SCHEMAS": '["public"]',
        "TIPG_DB_EXCLUDE_FUNCTION_SCHEMAS": '["public"]',
        "TIPG_DB_TABLES": f'["public.{PEER_TABLE}"]',
    }
    command = [str(_PEERS / "uvicorn"), "tipg.main:app", "--port", str(port), "--log-level", "warning"]
    return Recipe("tipg", command, environment, f"/collections/public.{PEER_TABLE}/items?limit=100&f=geojson")


def pygeoapi(stage: Stage, port: int) -> Recipe:
    """Return stock pygeoapi with its own PostgreSQL provider over the peers' table."""
    config, openapi = stage.folder / "pygeoapi.yml", stage.folder / "pygeoapi.openapi.yml"
    config.write_text(yaml.safe_dump(_pygeoapi_config(stage, port), allow_unicode=True), encoding="utf-8")
    environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    generate = [str(_PEERS / "pygeoapi"), "openapi", "generate", str(config), "--output-file", str(openapi)]
    made = subprocess.run(generate, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ServerError(made.stderr[-500:])
    command = [str(_PEERS / "uvicorn"), "pygeoapi.starlette_app:APP", "--port", str(port), "--log-level", "warning"]
    return Recipe("pygeoapi", command, environment, f"/collections/{PEER_TABLE}/items?limit=100&f=json")


def peers_are_installed() -> bool:
    """True when `make bench` has made the peers' environment."""
    return (_PEERS / "uvicorn").exists()


@contextmanager
def running(recipe: Recipe, port: int, log: Path) -> Iterator[Server]:
    """Have a server for the block; ServerError when it does not answer its items within 90 s."""
    with log.open("w") as said:
        process = subprocess.Popen(
            recipe.command, env={**os.environ, **recipe.environment}, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(process, port, recipe.items, log)
            yield Server(process.pid, port)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def get(connection: http.client.HTTPConnection, path: str) -> bytes:
    """Return the body of a GET on an open connection; ServerError unless it is 200."""
    connection.request("GET", path, headers={"Accept": "application/geo+json, application/json"})
    answer = connection.getresponse()
    body = answer.read()
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
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            get(connection, path)
        except (OSError, ServerError, http.client.HTTPException) as error:
            last = str(error)
            time.sleep(0.2)
        else:
            return
        finally:
            connection.close()
    raise ServerError(f"{last} {log.read_text()[-500:]}".strip())


def _pygeoapi_config(stage: Stage, port: int) -> dict[str, object]:
    where = conninfo_to_dict(stage.peer_dsn)
    connection = {"host": where["host"], "port": int(str(where["port"])), "dbname": where["dbname"], "user": where["user"]}
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": {**connection, "password": "none", "search_path": ["public"]},
        "id_field": "fid",
        "table": PEER_TABLE,
        "geom_field": "geom",
        "storage_crs": _CRS84,
        "crs": [_CRS84],
    }
    collection = {
        "type": "collection",
        "title": "buildings",
        "description": "buildings",
        "keywords": ["buildings"],
        "links": [],
        "extents": {"spatial": {"bbox": [118.0, 31.0, 121.0, 33.0], "crs": _CRS84}},
        "providers": [provider],
    }
    identification = {"title": "bench", "description": "bench", "keywords": ["bench"], "keywords_type": "theme"}
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
        "resources": {PEER_TABLE: collection},
    }
