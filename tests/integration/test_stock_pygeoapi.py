"""`twin ogc config`: a pygeoapi that knows nothing of us serves the city by our provider, and GDAL reads the same values from both."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import odd_values
import ogc_server
import pytest
import query_city as city
import served_city
import yaml

from tests.gdal_reading import read
from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster
from twin.server.commands import ogc
from twin.server.settings import Settings, read_settings
from twin.server.terminal import Terminal


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def catalogue(database: str) -> Iterator[Catalogue]:
    made = city.small_city(database)
    odd_values.publish(made)
    yield made
    made.pool.close()


def _settings(folder: Path, database: str) -> Settings:
    return read_settings({"TWIN_DATABASE_URL": database}, data_dir=folder)


def _configure(folder: Path, database: str, url: str) -> Path:
    file = folder / "pygeoapi.yml"
    terminal = Terminal(json_output=False, environment={})
    ogc.config(_settings(folder, database), argparse.Namespace(url=url, output=file), terminal)
    return file


def test_the_configuration_holds_what_is_open_and_no_address_of_the_database(catalogue: Catalogue, database: str, tmp_path: Path) -> None:
    text = _configure(tmp_path, database, "http://localhost:5000").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    assert sorted(document["resources"]) == ["buildings", "odd", "pipes", "plots"]
    assert {r["providers"][0]["data"] for r in document["resources"].values()} == {"${TWIN_DATABASE_URL}"}
    assert "host=" not in text
    assert document["resources"]["plots"]["title"]["zh-Hans"] == "中文 plots"


@contextmanager
def _stock(file: Path, database: str, port: int) -> Iterator[str]:
    environment = os.environ | {
        "PYGEOAPI_CONFIG": str(file), "PYGEOAPI_OPENAPI": str(file.with_suffix(".openapi.yml")), "TWIN_DATABASE_URL": database,
    }  # fmt: skip
    program = Path(sys.executable).with_name("pygeoapi")
    for command in (("config", "validate", "-c", str(file)), ("openapi", "generate", str(file), "-of", environment["PYGEOAPI_OPENAPI"])):
        subprocess.run([program, *command], check=True, env=environment, capture_output=True, timeout=120)
    command = [sys.executable, "-m", "uvicorn", "pygeoapi.starlette_app:APP", "--port", str(port), "--log-level", "error"]
    with subprocess.Popen(command, env=environment) as server:
        try:
            base, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
            while True:
                try:
                    httpx.get(base, timeout=60).raise_for_status()
                    break
                except httpx.TransportError:
                    assert server.poll() is None
                    assert time.monotonic() < end, "pygeoapi does not answer"
                    time.sleep(0.1)
            yield base
        finally:
            server.terminate()


@pytest.mark.slow
def test_gdal_reads_the_same_values_from_a_stock_pygeoapi_as_from_us(catalogue: Catalogue, database: str, tmp_path: Path) -> None:
    port = served_city.free_port()
    file = _configure(tmp_path, database, f"http://127.0.0.1:{port}")
    with _stock(file, database, port) as theirs, ogc_server.served(catalogue, database) as ours:
        document = httpx.get(f"{theirs}/openapi?f=json", timeout=60).json()
        assert "/collections/odd/items" in document["paths"]
        for slug in ("buildings", "pipes", "plots", odd_values.SLUG):
            items = httpx.get(f"{theirs}/collections/{slug}/items", params={"limit": "100"}, timeout=60).json()["features"]
            assert items == httpx.get(f"{ours}/collections/{slug}/items", timeout=60).json()["features"]
            assert read(f"OAPIF:{theirs}", slug, CRS="EPSG:4549") == read(f"OAPIF:{ours}", slug, CRS="EPSG:4549")
        assert len(read(f"OAPIF:{theirs}", "buildings", where="floors_above > 28")["geometry"]) == 4
        one = httpx.get(f"{theirs}/collections/odd/items/{city.OID_ROOT}.2.5.1", timeout=60).json()
        assert json.dumps(one, ensure_ascii=False).count("&lt;") == 0
