"""What the door knows of the catalogue: immutable, replaced whole when the catalogue's version has moved on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from ogc.capabilities import Capabilities
from ogc.export_job import ExportMeans
from ogc.pictures import PictureDrawer
from ogc.processes.job import JobDesk
from ogc.volumes import Volumes
from ogc.writing.writer import FeatureWriter
from styles.override import StyleBook
from twin.catalogue import Catalogue
from twin.errors import NotFoundError, TooManyRequestsError, TwinError, UnavailableError
from twin.model import Deployment, Principal
from twin.query.collection import Collection, collections_of, may_see
from twin.query.execute import AsyncPool
from twin.query.geoid import require_geoid
from twin.query.unprojecting import Unprojecting
from twin.query.unprojecting_proof import unprojecting_of
from twin.tile_cache import TileCache

WRITES_AT_ONCE = 2
"""Each takes connections of the pool while it is checked and published; the next waits its turn, or is told to come again."""
MOST_WRITES_WAITING = 32
_TURN_S = 30.0
_MAX_AGE_S = 0.25
_LATE_S = 0.25
"""So long a request waits for news of the catalogue before it takes what is held."""
_MOST_LATE_S = 2.0
"""What is older is nobody's answer any more."""
_FRESH_S, _FIRST_S = 5.0, 30.0


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
    dear_pool: AsyncPool | None = None
    """Connections of what takes long (:attr:`dear`); None: those of everything else."""
    on_change: Callable[[Callable[[], None]], None] | None = None
    """Takes who is to be called, on the event loop, whenever the catalogue has changed; None: the door looks by itself."""

    @property
    def can(self) -> Capabilities:
        """What this door can do by what it was handed."""
        return Capabilities(
            formats=self.exports.formats if self.exports is not None else None,
            writes=self.writer is not None,
            runs_processes=self.jobs is not None,
            draws=self.pictures is not None,
            has_volumes=self.volumes is not None,
        )

    @property
    def dear(self) -> AsyncPool:
        """Connections of statements that read far more than they give: counts, searches, what WFS and FeatureServer skip and sum up.

        They are few, so that nobody's pages and features wait for them.
        """
        return self.dear_pool or self.pool


@dataclass(frozen=True, slots=True)
class DoorState:
    """The collections at one version of the catalogue."""

    version: int
    taken_at: float
    deployment: Deployment
    collections: Mapping[str, Collection]
    unprojecting: Unprojecting | None
    """How positions of their pages become degrees: found out of the database as it runs now."""

    def visible(self, principal: Principal) -> dict[str, Collection]:
        """Return the collections a caller may see."""
        return {slug: c for slug, c in self.collections.items() if may_see(c, principal)}


class StateKeeper:
    """Keeps the door's state fresh without letting the event loop wait for the database, or reading wait for writing."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._state: DoorState | None = None
        self._outdated_at = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        self._refresher = ThreadPoolExecutor(1, thread_name_prefix="ogc state")
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="ogc")
        self._writers = ThreadPoolExecutor(WRITES_AT_ONCE, thread_name_prefix="ogc writes")
        self._turns = asyncio.Semaphore(WRITES_AT_ONCE)
        self._waiting = 0

    async def state(self, max_age_s: float = _MAX_AGE_S) -> DoorState:
        """Return the state, at most ``max_age_s`` old; while the database is late the one that is held, if it is at most 2 s old.

        ``max_age_s`` 0 asks for the state as of now. UnavailableError ``catalogue-late`` when there is none in time.
        """
        asked_at, held = time.monotonic(), self._state
        needed = max(asked_at - max_age_s, self._outdated_at)
        if held is not None and held.taken_at >= needed:
            return held
        may_be_old = max_age_s > 0 and held is not None and asked_at - held.taken_at <= _MOST_LATE_S
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S if held is None else _LATE_S if may_be_old else _FRESH_S):
                while (held := self._state) is None or held.taken_at < needed:
                    await asyncio.shield(self._refresh())
                return held
        if not may_be_old or held is None:
            late = UnavailableError("the catalogue does not answer in time; try again", zh="目录未及时响应，请稍后重试")
            raise late.with_code("catalogue-late")
        return held

    def outdate(self) -> None:
        """Have the state read anew for whoever asks from now on."""
        self._outdated_at = time.monotonic()

    async def collection(self, slug: str, principal: Principal) -> Collection:
        """Return a collection the caller may see; NotFoundError otherwise, after looking whether it has just been published."""
        found = (await self.state()).collections.get(slug)
        if found is None:
            found = (await self.state(max_age_s=0)).collections.get(slug)
        if found is None or not may_see(found, principal):
            raise NotFoundError(f"there is no collection {slug[:60]!r}", zh=f"没有集合 {slug[:60]!r}")
        return found

    async def in_thread[T](self, work: Callable[[], T]) -> T:
        """Run blocking work that is soon done in the door's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def written[T](self, write: Callable[[], T]) -> T:
        """Run a write when its turn comes, in a thread that no reading needs; who asks after its answer reads what it wrote.

        TooManyRequestsError when many wait already, or the turn does not come in time.
        """
        if self._waiting >= MOST_WRITES_WAITING:
            raise _others_write()
        self._waiting += 1
        try:
            async with asyncio.timeout(_TURN_S):
                await self._turns.acquire()
        except TimeoutError:
            raise _others_write() from None
        finally:
            self._waiting -= 1
        try:
            written = await asyncio.get_running_loop().run_in_executor(self._writers, write)
        finally:
            self._turns.release()
        self.outdate()
        with suppress(TwinError):  # it is written, whatever the catalogue says now
            await self.state(max_age_s=0)
        return written

    def _refresh(self) -> asyncio.Task[None]:
        """Return the one look at the catalogue that is under way; when it fails, whoever waits learns of it."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refreshed())
            self._refreshing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._refreshing

    async def _refreshed(self) -> None:
        self._state = await asyncio.get_running_loop().run_in_executor(self._refresher, self._take)

    def _take(self) -> DoorState:
        held, taken_at = self._state, time.monotonic()  # before it is looked at: what changes meanwhile is not in it
        self._catalogue.refresh()
        version = self._catalogue.version()
        deployment = self._catalogue.deployment
        if held is None and deployment.vertical == "egm96":
            require_geoid(self._catalogue.pool)
        way = unprojecting_of(self._catalogue.pool, deployment.storage_srid, deployment.vertical)
        if held is not None and held.version == version and held.unprojecting is way:
            return DoorState(version, taken_at, held.deployment, held.collections, way)
        return DoorState(version, taken_at, deployment, collections_of(self._catalogue, way), way)


def _others_write() -> TooManyRequestsError:
    return TooManyRequestsError("others are writing; try again soon", zh="正在写入其他要素，请稍后重试")
