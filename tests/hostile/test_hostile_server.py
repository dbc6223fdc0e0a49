"""Hostile and broken files handed to a city as its users run it: the right problem, everything alive, nothing published, nothing left."""

from __future__ import annotations

import collections
import hashlib
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import served_city
from tests.hostile.hostile_files import Hostile, hostile_files
from tests.integration.test_submission_doors import Door
from twin.embedded import EmbeddedCluster

SOUND = frozenset({"accepted"})
FOLDERS = (
    *(
        f"bad-geojson/{kind}"
        for kind in ("invalid_geometries", "invalid_structure", "problematic_geometries", "problematic_structure", "valid")
    ),
    *(f"bad-3d-val3dity/{kind}" for kind in ("test_geometry_generic", "test_valid", "test_cityjson", "test_empty")),
    *("bad-cityjson-cjval", "bad-shapefile", "bad-tiff", "bad-archives", "bad-french-plu", "bad-xml"),
)
OURS = frozenset({"check-failed", "sandbox-unavailable", "internal-error", "parser-nonsense"})
"""Codes that would be our failure, not the file's."""


@pytest.fixture(scope="module")
def door(run_folder: Path) -> Iterator[Door]:
    folder = Path(tempfile.mkdtemp(dir=run_folder))
    folder.chmod(0o711)
    (folder / "city.yaml").write_text("name: 测试\nstorage_crs: EPSG:4549\nvertical: egm96\nextent: null\nadmin_prefix: null\n")
    city = served_city.City(folder / "data")
    token = city.run("init", "--city", folder / "city.yaml")["token"]
    with city.served() as client:
        yield Door(city, client, token)
    shutil.rmtree(folder, ignore_errors=True)


def handed_in(door: Door, file: Hostile) -> dict[str, Any]:
    """Return what became of a file: refused where it is received or where it is checked, or accepted, and then withdrawn."""
    submission = door.hand_in((file.name, file.content))
    if submission["state"] == "received":
        crs = {"crs": file.crs} if file.crs else {}
        submission = door.checked(submission, "hostile", file.feature_type, **crs)
    if submission["state"] == "accepted":
        door.act(submission, "withdraw")
    return submission


def assert_unharmed(door: Door, files: Iterable[Hostile], started_at: object) -> None:
    """Everything answers, PostgreSQL is the same, nothing is published or staged, and each file is kept as it came."""
    assert door.client.get("/livez").status_code == 200
    assert door.client.get("/readyz").status_code == 200
    assert door.client.get("/api/commits").json() == []
    kept = door.city.data_dir / "store" / "uploads"
    for file in files:
        sha256 = hashlib.sha256(file.content).hexdigest()
        assert hashlib.sha256((kept / sha256).read_bytes()).hexdigest() == sha256
    with psycopg.connect(EmbeddedCluster(door.city.data_dir).dsn("twin")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").fetchone() == (0,)
        assert connection.execute("SELECT pg_postmaster_start_time()").fetchone() == started_at


def started(door: Door) -> object:
    with psycopg.connect(EmbeddedCluster(door.city.data_dir).dsn("twin")) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()


@pytest.mark.slow
def test_what_an_attacker_hands_in_is_answered_by_its_name_and_harms_nothing(door: Door) -> None:
    """The cases D1 to D10 (reliability.md §8a)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        files = list(hostile_files(listener.getsockname()[1]))
        before = started(door)
        secret = Path("/etc/hostname").read_text().strip()
        for file in files:
            found = handed_in(door, file)
            assert secret not in str(found) or len(secret) < 4, file.name
            if file.codes:
                assert found["state"] == "rejected", file.name
                assert found["problem"]["code"] in file.codes, (file.name, found["problem"])
            else:
                assert file.rule in found["findings"], (file.name, found)
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert_unharmed(door, files, before)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_bad_file_of_others_ends_in_an_answer(door: Door, real_data: Path, folder: str) -> None:
    paths = [p for p in sorted((real_data / folder).rglob("*")) if p.is_file() and p.stat().st_size]
    files = [
        Hostile(p.name, p.read_bytes(), feature_type="terrain" if folder == "bad-tiff" else "building", crs="EPSG:4549") for p in paths
    ]
    before = started(door)
    ends = collections.Counter[str]()
    for file in files:
        found = handed_in(door, file)
        assert found["state"] in ("accepted", "rejected"), (file.name, found)
        code = (found["problem"] or {}).get("code", "accepted")
        ends[code] += 1
        assert code not in OURS, (file.name, found["problem"])
        assert "Traceback" not in str(found)
        assert str(door.city.data_dir) not in str(found["problem"]), file.name
    assert sum(ends.values()) == len(files)
    assert_unharmed(door, files, before)
