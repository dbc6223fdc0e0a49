"""The composition root: one opened city, with everything that commands, routes and jobs are handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import psycopg

from ingest.warm_template import Template
from styles.override import StyleBook
from tiles.worker_processes import WorkerTemplate
from twin.catalogue import Catalogue
from twin.crs import Operation, StorageCrs, add_grid_directories, geocentric, storage_crs
from twin.db import Pool, open_pool
from twin.embedded import EmbeddedCluster
from twin.embedded.databases import ensure_database
from twin.errors import ConflictError, NotFoundError
from twin.heights import Frame, GroundSampler, deployment_frame, open_coverage, vertical_model
from twin.heights.mosaic import Sheet, in_order
from twin.model import Deployment, SharingClass, new_oid_root
from twin.query.elevation import published_sheets
from twin.server.city_file import CityFile
from twin.server.settings import Settings
from twin.store import Store

Extent = tuple[float, float, float, float]
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class City:
    """One deployment, opened: its database, its store, its catalogue and its reference frame."""

    settings: Settings
    database_url: str
    pool: Pool
    catalogue: Catalogue
    store: Store
    template: Template
    """Where the readers of its files come from."""
    tile_template: WorkerTemplate
    """Where the processes that draw its tiles come from."""

    @property
    def deployment(self) -> Deployment:
        """The values fixed when the city was made."""
        return self.catalogue.deployment

    @cached_property
    def storage(self) -> StorageCrs:
        """The city's grid."""
        return storage_crs(self.deployment.storage_srid)

    @cached_property
    def styles(self) -> StyleBook:
        """How the city draws FeatureTypes: as they say, but for its own style files."""
        return StyleBook(self.settings.style_folder)

    @cached_property
    def to_crs84(self) -> Operation:
        """Storage CRS → lon/lat."""
        return self.storage.to_crs84(self.deployment.extent_deg)

    @cached_property
    def frame(self) -> Frame:
        """Storage CRS with orthometric heights → geocentric."""
        return deployment_frame(self.deployment, vertical_model(self.deployment.vertical, self.settings.proj_data_dirs))

    def extent_deg(self, extent: Extent) -> Extent:
        """Return lon/lat bounds of an extent of the storage CRS, its edges followed."""
        west, south, east, north = extent
        s, t = np.linspace(west, east, 21), np.linspace(south, north, 21)
        x = np.concatenate([s, s, np.full(21, west), np.full(21, east)])
        y = np.concatenate([np.full(21, south), np.full(21, north), t, t])
        lon, lat = self.to_crs84.transform(x, y)
        return float(np.nanmin(lon)), float(np.nanmin(lat)), float(np.nanmax(lon)), float(np.nanmax(lat))

    def ground(self, coming: Mapping[int, Sequence[Sheet]] = MappingProxyType({})) -> GroundSampler | None:
        """Return ground heights from the elevation sheets of the city; None where there are none.

        ``coming``: by dataset, the sheets that it will have when what is being loaded is published, in place of those it has.
        """
        stay = [sheet for sheet in published_sheets(self.catalogue) if sheet.dataset not in coming]
        return self._sampler([*stay, *(sheet for sheets in coming.values() for sheet in sheets)])

    def ground_as_of(self, commit: int, sharing: SharingClass) -> GroundSampler | None:
        """Return ground heights from the sheets of all elevation datasets as of ``commit`` that are not closer kept than ``sharing``."""
        classes = tuple(SharingClass)
        return self._sampler(published_sheets(self.catalogue, commit=commit, sharing=classes[: classes.index(sharing) + 1]))

    def _sampler(self, sheets: Sequence[Sheet]) -> GroundSampler | None:
        held = [(f"coverage/{sha256}.tif", sha256) for sha256 in in_order(sheets)]
        coverages = [open_coverage(self.store.file(key, unchanging=True), sha256) for key, sha256 in held if self.store.exists(key)]
        return GroundSampler.over(coverages, self.storage, self.deployment.extent_deg) if coverages else None


@contextmanager
def open_city(settings: Settings, *, pool_size: int = 4, template: Template | None = None) -> Iterator[City]:
    """Open the city of ``settings``: starts the embedded cluster if need be, brings the catalogue to the newest version.

    The last command to leave stops the cluster. Readers come from a ``template`` that is at hand, else from one of the city's own.
    """
    add_grid_directories(settings.proj_data_dirs)
    with ExitStack() as stack:
        url = settings.database_url
        if url is None:
            cluster = stack.enter_context(EmbeddedCluster(settings.data_dir).use())
            ensure_database(cluster.dsn("postgres"), "twin")
            url = cluster.dsn("twin")
        if not _is_migrated(url):
            from twin.migrations import migrate  # noqa: PLC0415 - Alembic is needed once in a city's life

            migrate(url)
        pool = stack.enter_context(open_pool(url, size=pool_size))
        catalogue = Catalogue(pool, (settings.feature_type_folder,))
        if template is None:
            template = stack.enter_context(Template())
        tile_template = stack.enter_context(WorkerTemplate())
        yield City(settings, url, pool, catalogue, settings.open_store(), template, tile_template)


def make_city(settings: Settings, city_file: CityFile, and_then: Callable[[City], None] = lambda _: None) -> Deployment:
    """Make the deployment a city.yaml describes; a second time with the same values changes nothing.

    ``and_then`` is done in the opened city once it is made.

    Raises ConflictError when the data folder already holds a city with other values, CrsError when the storage CRS is no city grid.
    """
    add_grid_directories(settings.proj_data_dirs)
    storage = storage_crs(city_file.storage_srid)
    vertical_model(city_file.vertical, settings.proj_data_dirs)
    operation = geocentric(storage, city_file.extent_deg).operation
    wanted = Deployment(
        name=city_file.name,
        storage_srid=city_file.storage_srid,
        vertical=city_file.vertical,
        extent_deg=city_file.extent_deg,
        admin_prefix=city_file.admin_prefix,
        oid_root=new_oid_root(),
        geocentric_pipeline=operation.pipeline,
        geocentric_accuracy_m=operation.accuracy_m,
        geocentric_operation=operation.name,
    )
    with open_city(settings) as city:
        try:
            present = city.deployment
        except NotFoundError:
            city.catalogue.make_deployment(wanted)
            and_then(city)
            return wanted
        same = (present.name, present.storage_srid, present.vertical, present.extent_deg, present.admin_prefix)
        if same != (wanted.name, wanted.storage_srid, wanted.vertical, wanted.extent_deg, wanted.admin_prefix):
            raise ConflictError(
                f"{settings.data_dir} already holds the city {present.name} (EPSG:{present.storage_srid}, {present.vertical});"
                " choose another --data-dir",
                zh=f"{settings.data_dir} 已是城市“{present.name}”（EPSG:{present.storage_srid}，{present.vertical}），请另选 --data-dir",
            )
        return present


def _is_migrated(database_url: str) -> bool:
    newest = max(p.name.split("_")[0] for p in (Path(__file__).parents[1] / "migrations" / "versions").glob("[0-9]*.py"))
    with psycopg.connect(database_url) as connection:
        if connection.execute("SELECT to_regclass('catalog.migration')").fetchone() == (None,):
            return False
        return connection.execute("SELECT version_num FROM catalog.migration").fetchone() == (newest,)
