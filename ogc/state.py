"""What the door knows of the catalogue: immutable, replaced whole when the catalogue's version has moved on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from ogc.export_job import ExportMeans
from ogc.pictures import PictureDrawer
from ogc.processes.job import JobDesk
from ogc.volumes import Volumes
from ogc.writing.writer import FeatureWriter
from styles.override import StyleBook
from twin.catalogue import Catalogue
from twin.errors import NotFoundError
from twin.model import Deployment, Principal
from twin.query.collection import Collection, collections_of, may_see
from twin.query.execute import AsyncPool
from twin.query.geoid import require_geoid
from twin.tile_cache import TileCache

_MAX_AGE_S = 0.25


@dataclass(frozen=True)
class OgcContext:
    """What the door is handed by the composition root."""

    catalogue: Catalogue
    pool: AsyncPool
    """Connections should be in autocommit mode: every statement of the door stands alone."""
    principal_of: Callable[[HTTPConnection], Principal]
    pictures: PictureDrawer | None = None
    """Who draws tiles of imagery; None: this door has no map tiles."""
    volumes: Volumes | None = None
    """Who knows what is built in 3D; None: this door shows no 3D."""
    styles: StyleBook | None = None
    """How the deployment draws FeatureTypes; None: as they say themselves."""
    jobs: JobDesk | None = None
    """Where jobs of OGC API - Processes are handed in; None: this door has no processes."""
    writer: FeatureWriter | None = None
    """Who publishes what is written; None: this door only reads."""
    tile_pool: AsyncPool | None = None
    """Connections of vector tiles, whose statements end sooner; None: those of everything else."""
    tile_cache: TileCache | None = None
    """Finished vector tiles; None: every tile is drawn anew."""
    exports: ExportMeans | None = None
    """By what items are written as files; None: this door has JSON and HTML only."""


@dataclass(frozen=True, slots=True)
class DoorState:
    """The collections at one version of the catalogue."""

    version: int
    taken_at: float
    deployment: Deployment
    collections: Mapping[str, Collection]

    def visible(self, principal: Principal) -> dict[str, Collection]:
        """Return the collections a caller may see."""
        return {slug: c for slug, c in self.collections.items() if may_see(c, principal)}


class StateKeeper:
    """Keeps the door's state fresh without letting the event loop wait for the database."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._state: DoorState | None = None
        self._lock = asyncio.Lock()
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="ogc")

    async def state(self, max_age_s: float = _MAX_AGE_S) -> DoorState:
        """Return the state, at most ``max_age_s`` old."""
        held = self._state
        if held is not None and time.monotonic() - held.taken_at <= max_age_s:
            return held
        asked_at = time.monotonic()
        async with self._lock:
            held = self._state
            if held is None or held.taken_at < asked_at:
                self._state = await self.in_thread(self._take)
            return self._state if self._state is not None else await self.in_thread(self._take)

    async def collection(self, slug: str, principal: Principal) -> Collection:
        """Return a collection the caller may see; NotFoundError otherwise, after looking whether it has just been published."""
        found = (await self.state()).collections.get(slug)
        if found is None:
            found = (await self.state(max_age_s=0)).collections.get(slug)
        if found is None or not may_see(found, principal):
            raise NotFoundError(f"there is no collection {slug[:60]!r}", zh=f"没有集合 {slug[:60]!r}")
        return found

    async def in_thread[T](self, work: Callable[[], T]) -> T:
        """Run blocking work in the door's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    def _take(self) -> DoorState:
        held = self._state
        self._catalogue.refresh()
        version = self._catalogue.version()
        taken_at = time.monotonic()
        if held is not None and held.version == version:
            return DoorState(version, taken_at, held.deployment, held.collections)
        deployment = self._catalogue.deployment
        if held is None and deployment.vertical == "egm96":
            require_geoid(self._catalogue.pool)
        return DoorState(version, taken_at, deployment, collections_of(self._catalogue))
