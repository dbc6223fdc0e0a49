"""Fixtures for everybody: one PostGIS cluster per run, a database of its own per test, and the real data where it is at hand."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

import sample_city
from twin.embedded import EmbeddedCluster, locks
from twin.embedded.databases import ensure_database
from twin.migrations import migrate

ROOT_VARIABLE = "CITYTWIN_TEST_ROOT"
TEMPLATE = "twin_template"
REPOSITORY = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI run the day's share of the slow sets together with everything else."""
    parser.addoption("--slow", metavar="I/N|all", help="also run the I-th of N parts of the slow tests, by their names, or all of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow tests but those that were asked for: which of them belongs to which part depends on its name only."""
    wanted = config.getoption("--slow")
    left_out = [item for item in items if item.get_closest_marker("slow") and not _is_in_part(item.nodeid, wanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_in_part(name: str, part: str | None) -> bool:
    if part is None or part == "all":
        return part == "all"
    index, count = map(int, part.split("/"))
    return zlib.crc32(name.encode()) % count == index


# a busy machine is slow, not wrong: no property is judged by the clock (what is slow is the bench's business)
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Make one folder for the whole run, before xdist starts its workers: they inherit its name."""
    if not hasattr(config, "workerinput") and ROOT_VARIABLE not in os.environ:
        folder = tempfile.mkdtemp(prefix="ct-")
        Path(folder).chmod(0o711)  # the postgres user passes through; pytest's own folders let nobody in
        os.environ[ROOT_VARIABLE] = folder
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(ROOT_VARIABLE), ignore_errors=True))


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """A folder of this run that every worker shares and the postgres user can enter."""
    return Path(os.environ[ROOT_VARIABLE])


@pytest.fixture
def open_folder(run_folder: Path) -> Iterator[Path]:
    """A folder of this test that the postgres user can enter (tmp_path it cannot, as root)."""
    folder = Path(tempfile.mkdtemp(dir=run_folder))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(run_folder: Path) -> Iterator[EmbeddedCluster]:
    """The running cluster of this run; the workers share it, the last one stops it."""
    with EmbeddedCluster(run_folder / "data").use() as running:
        yield running


def fill_template(dsn: str) -> None:
    """Bring the empty template database to what ``twin init`` makes, without any dataset."""
    migrate(dsn)


@pytest.fixture(scope="session")
def template(cluster: EmbeddedCluster, run_folder: Path) -> str:
    """The name of a migrated database to clone; the first worker makes it."""
    admin = cluster.dsn("postgres")
    with locks.exclusive(run_folder / "template.lock", deadline_s=120):
        if ensure_database(admin, TEMPLATE):
            try:
                fill_template(cluster.dsn(TEMPLATE))
            except BaseException:
                _drop(admin, TEMPLATE)
                raise
    return TEMPLATE


@pytest.fixture
def new_database(cluster: EmbeddedCluster, template: str) -> Iterator[Callable[[], str]]:
    """A function that clones the template and returns the new database's DSN; all are dropped after the test."""
    admin, made = cluster.dsn("postgres"), []

    def make() -> str:
        name = f"t_{uuid.uuid4().hex}"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        made.append(name)
        return cluster.dsn(name)

    yield make
    for name in made:
        _drop(admin, name)


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The DSN of a migrated, empty database of this test's own."""
    return new_database()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files that development uses; tests that want it are skipped where it is not at hand."""
    folder = Path(os.environ.get("TWIN_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data here: set TWIN_REAL_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def sample_city_folder(run_folder: Path) -> Path:
    """The files of the sample city at its usual size and seed; the first worker writes them. Read only."""
    folder = run_folder / "sample_city"
    with locks.exclusive(run_folder / "sample_city.lock", deadline_s=120):
        if not (folder / "manifest.json").exists():
            sample_city.generate(folder)
    return folder


@pytest.fixture(scope="session")
def sample_city_manifest(sample_city_folder: Path) -> sample_city.Manifest:
    """What is in the files of ``sample_city_folder`` and what is planted in them."""
    return sample_city.Manifest.read(sample_city_folder)


def _drop(admin: str, name: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
