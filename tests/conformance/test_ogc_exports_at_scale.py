"""Files of a million features: bounded memory, no snapshot held for a slow caller, no statement left by one who has gone."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import ogc_server
import psycopg
import pytest
import query_city as city
from psycopg import sql

from twin.catalogue import Catalogue
from twin.db import connection_string, open_pool
from twin.embedded import EmbeddedCluster
from twin.tables import current_table

ROWS = 1_000_000
MOST_GROWN_MIB = 300
_FILLED = """
    INSERT INTO {} (dataset, fid, commit_from, geom, building_id, name, floors_above, height_m)
    SELECT {}, i, 1, ST_SetSRID(ST_Translate(ST_GeomFromText('MULTIPOLYGON Z (((0 0 7,14 0 7,14 9 7,6 9 7,6 12 7,0 12 7,0 0 7)))'),
        490000 + (i %% 1000) * 45, 3510000 + (i / 1000) * 45), 4549), 'B' || i, '锦绣花园' || i || '幢', i %% 33, (i %% 33) * 3.5
    FROM generate_series(1, %s) AS i
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def base(database: str) -> Iterator[str]:
    catalogue = city.new_catalogue(database)
    catalogue.pool.close()
    catalogue = Catalogue(open_pool(database, size=6, statement_timeout_s=600))
    city.publish_first(catalogue, "buildings", "building", [])
    dataset = catalogue.dataset("buildings").id
    with psycopg.connect(connection_string(database), autocommit=True) as connection:
        connection.execute(sql.SQL(_FILLED).format(current_table("building", dataset), sql.Literal(dataset)), (ROWS,))
        connection.execute("UPDATE catalog.revision SET count = %s", (ROWS,))
        connection.execute("VACUUM ANALYZE")
    with ogc_server.served(catalogue, database) as address:
        yield address
    catalogue.pool.close()


@contextmanager
def _peak_mib() -> Iterator[list[float]]:
    """Yield a list that gets by how much this process grew at its highest."""
    before, peak, ended = _resident_mib(), [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], _resident_mib() - before)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        ended.set()
        watching.join()


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


def _reading(database: str) -> int:
    """Return how many statements are reading for exports."""
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (%'").fetchone()
    return 0 if row is None else int(row[0])


def _until(*, wanted: bool, database: str) -> None:
    for _ in range(600):
        if bool(_reading(database)) is wanted:
            return
        time.sleep(0.05)
    pytest.fail(f"statements are {'not ' if wanted else ''}running after half a minute")


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet", "fgb", "gpkg"])
def test_a_million_features_take_bounded_memory(base: str, form: str) -> None:
    size = 0
    with httpx.Client(timeout=600) as client:
        client.get(f"{base}/collections/buildings/items?f={form}&limit=100")  # what is imported and opened once
        with _peak_mib() as peak, client.stream("GET", f"{base}/collections/buildings/items?f={form}") as response:
            assert response.status_code == 200
            for piece in response.iter_raw():
                size += len(piece)
    assert size > 5 * ROWS
    assert peak[0] < MOST_GROWN_MIB


def test_a_slow_caller_reads_a_file_and_holds_no_snapshot(base: str, database: str) -> None:
    address = f"{base}/collections/buildings/items?f=ndjson&limit=100000&skipGeometry=true"
    with httpx.Client(timeout=600) as client, client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["properties"]["building_id"] == "B1"
        _until(wanted=False, database=database)  # though most of it is not taken yet
        assert 1 + sum(1 for _ in lines) == 100_000


@pytest.mark.parametrize("form", ["gpkg", "ndjson"])
def test_a_caller_who_goes_away_ends_the_statement(base: str, database: str, form: str) -> None:
    there = urlsplit(base)
    with socket.create_connection((there.hostname, there.port)) as connection:
        connection.sendall(f"GET {there.path}/collections/buildings/items?f={form} HTTP/1.1\r\nHost: {there.netloc}\r\n\r\n".encode())
        _until(wanted=True, database=database)
    _until(wanted=False, database=database)
