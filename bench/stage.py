"""The stage of one run: a throw-away city of our own, and beside it in the same PostgreSQL a plain database for the peers."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.workload import SRID, Buildings, solids_ewkb, write_geopackage
from ingest.described_files import described_meanwhile, sized
from ingest.load import LoadResult, check_submission, publish_submission, withdraw
from ingest.publish import Act
from ingest.request import LoadRequest, PartSpec
from ingest.staging import Mode, claimed, tables_of
from twin.catalogue import asset_kind
from twin.db import Connection
from twin.embedded import EmbeddedCluster
from twin.embedded.databases import ensure_database
from twin.server.city import City, make_city, open_city
from twin.server.city_file import CityFile
from twin.server.loading import load_files, workplace
from twin.server.overviews import complete_overviews
from twin.server.scene import VARIANT
from twin.server.settings import Settings, read_settings

PEER_DATABASE = "peers"
_ADMITS_POSTGRES = 0o711
_UNBUILT_FOR_S = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class Stage:
    """An opened city and where its files lie."""

    folder: Path
    settings: Settings
    city: City
    peer_dsn: str
    postmaster: int
    only: frozenset[str] = frozenset()
    """Names of the benchmarks that are wanted; empty: all of them."""
    share: float = 1.0
    """Of the rows that a benchmark is made for; below 1 it is a trial."""

    def wants(self, name: str) -> bool:
        """True of a benchmark that was asked for, by its name or by that of the one it is a variant of."""
        return not self.only or any(is_meant(name, wanted) for wanted in self.only)

    def rows(self, count: int) -> int:
        """Return how many rows there are where a whole run has ``count``."""
        return max(1, round(count * self.share))

    def load(self, path: Path, dataset: str) -> LoadResult:
        """Load a GeoPackage of buildings the way ``twin load`` does."""
        request = LoadRequest(files=(path,), parts=(PartSpec(None, "building", dataset),), reason="benchmark")
        return load_files(self.city, request, lambda *_: None)

    def check(self, path: Path, parts: tuple[PartSpec, ...], mode: Mode = "replace", crs: str | None = None) -> tuple[uuid.UUID, int]:
        """Take the first step of a load; return the accepted submission and how many rows are right."""
        request = LoadRequest(files=(path,), parts=parts, reason="benchmark", mode=mode, crs=crs)
        catalogue = self.city.catalogue
        submission = catalogue.submissions.receive(request.actor, sized(request.files), {})
        with claimed(catalogue.pool, submission), described_meanwhile(catalogue, submission, request.files) as files:
            result = check_submission(workplace(self.city, lambda *_: None), request, submission, files)
        if result.refusal is not None:
            raise result.refusal
        return submission, result.read - result.rejected

    def publish(self, submission: uuid.UUID) -> None:
        """Take the second step."""
        city = self.city
        with claimed(city.catalogue.pool, submission):
            publish_submission(city.catalogue, submission, Act("bench", "benchmark"), city.extent_deg, city.ground)

    def withdraw(self, submission: uuid.UUID) -> None:
        """Give up what was checked."""
        withdraw(self.city.catalogue, submission)

    def staged(self, connection: Connection, submission: uuid.UUID) -> list[sql.Identifier]:
        """Return the tables that an accepted submission's rows lie in."""
        return [sql.Identifier("staging", name) for name in sorted(tables_of(connection, submission)) if name.count("_") == 1]

    def geopackage(self, buildings: Buildings) -> Path:
        """Write buildings to a file that the sandbox may read."""
        path = self.folder / f"buildings_{len(buildings.footprints)}.gpkg"
        write_geopackage(buildings, path)
        return path

    def leave_unbuilt(self, *datasets: str) -> None:
        """Take the leases on building these datasets in 3D, and build all overviews: so that the worker of a server has nothing to do."""
        catalogue = self.city.catalogue
        complete_overviews(catalogue)
        for slug, revision in catalogue.assets.missing():
            dataset = catalogue.dataset(slug)
            kind = asset_kind(catalogue.feature_type(dataset.feature_type))
            if slug in datasets and kind is not None:
                catalogue.assets.claim(dataset.id, revision, kind, VARIANT, _UNBUILT_FOR_S)

    def settle(self) -> None:
        """Have PostgreSQL finish what it puts off, so that no contender pays for what was loaded before."""
        with psycopg.connect(self.city.database_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def give_peers_solids(self, buildings: Buildings) -> None:
        """Put ready-made blocks into the table ``solids``."""
        with psycopg.connect(self.peer_dsn) as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS public.solids")
            cursor.execute(sql.SQL("CREATE TABLE public.solids (fid bigint PRIMARY KEY, geom geometry(MultiPolygonZ, {}))").format(SRID))
            with cursor.copy("COPY public.solids FROM STDIN") as copy:
                for k, solid in enumerate(solids_ewkb(buildings)):
                    copy.write_row([k + 1, solid.hex()])


def is_meant(name: str, wanted: str) -> bool:
    """True of a benchmark by its name or by that of the one it is a variant of."""
    return name == wanted or name.startswith((f"{wanted}_", f"{wanted}."))


@contextmanager
def open_stage(port: int, only: frozenset[str] = frozenset(), share: float = 1.0) -> Iterator[Stage]:
    """Have a stage for the block; database, files and processes are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ct-bench-"))
    folder.chmod(_ADMITS_POSTGRES)
    try:
        settings = read_settings({**os.environ, "TWIN_DATABASE_URL": ""}, data_dir=folder / "data", port=port)
        make_city(settings, _CITY)
        with open_city(settings) as city, EmbeddedCluster(settings.data_dir).use() as cluster:
            ensure_database(cluster.dsn("postgres"), PEER_DATABASE)
            peer_dsn = cluster.dsn(PEER_DATABASE)
            with psycopg.connect(peer_dsn, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
                # What was loaded is analysed by hand; a vacuum that falls into one contender's turn would be counted as its work.
                connection.execute("ALTER SYSTEM SET autovacuum = off")
                connection.execute("SELECT pg_reload_conf()")
            yield Stage(folder, settings, city, peer_dsn, _postmaster(settings.data_dir), only, share)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_CITY = CityFile(name="bench", storage_srid=SRID, vertical="egm96", extent_deg=None, admin_prefix=None)


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "pg" / "postmaster.pid").read_text().splitlines()[0])
