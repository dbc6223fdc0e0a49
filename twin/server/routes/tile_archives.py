"""Tilesets as one file: /tiles/{dataset}/export.3tz and /tiles/{dataset}/{revision}/export.3tz, written while they are read."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ogc.answers import unchanged
from ogc.parameters import FILTER, single_values
from tiles.archive import MEDIA_TYPE, TilesetArchive
from twin.errors import TooManyRequestsError
from twin.model import Dataset, Principal, Revision
from twin.server.access import principal_of
from twin.server.archived_tiles import archive_of, filtered_archive, require_archivable
from twin.server.built_tiles import BuiltTiles
from twin.server.city import City
from twin.server.drawing import DrawingThreads
from twin.server.filtered_tiles import FilteredTiles
from twin.server.routes.stored import ASK_AGAIN
from twin.server.tile_lock import building

_KEPT_S = 3600.0
"""`twin tiles gc` waits for nobody who takes longer than this."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What bounds archives that are on their way to callers."""

    most_given: int = 16
    """At a time; who asks for more is asked to come back (429)."""
    taken_within_s: float = 60.0
    """A caller who does not take the next piece within this is given up: he keeps others from theirs."""


class ArchivesDoor:
    """Answers with archives, a bounded number at a time; two are read at once, and of each no more than its caller has taken.

    Those of filters are made and drawn in the threads ``drawing``, among the tiles that wait there. What an archive holds is not dropped
    while it is on its way.
    """

    def __init__(self, city: City, built: BuiltTiles, tiles: FilteredTiles, drawing: DrawingThreads, limits: ArchiveLimits) -> None:
        self._city, self._built, self._tiles, self._drawing, self._limits = city, built, tiles, drawing, limits
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="archives")
        self._given = 0

    async def current(self, request: Request, dataset: str) -> Response:
        """The newest tileset of a dataset with all its contents as one 3TZ file; with ``filter`` that of the features that match."""
        held, newest = await asyncio.to_thread(self._built.current, principal_of(request), dataset)
        return await self._answer(request, held, newest)

    async def revision(self, request: Request, dataset: str, revision: int) -> Response:
        """One revision's tileset with all its contents as one 3TZ file; with ``filter`` that of the features that match."""
        held, found = await asyncio.to_thread(self._built.at, principal_of(request), dataset, revision)
        return await self._answer(request, held, found)

    async def _answer(self, request: Request, dataset: Dataset, revision: Revision) -> Response:
        given = single_values(request.query_params.multi_items(), FILTER)
        require_archivable(dataset, self._city.catalogue.feature_type(dataset.feature_type))
        async with AsyncExitStack() as holding:
            holding.enter_context(self._room())
            await holding.enter_async_context(self._kept(dataset))
            archive, state = await self._archive(dataset, revision, given, principal_of(request))
            name, tag = f"{dataset.slug}-{revision.commit}{'-filtered' if given else ''}.3tz", f'"{state}"'
            headers = ASK_AGAIN | {"ETag": tag, "Content-Disposition": f'attachment; filename="{name}"'}
            if unchanged(request, tag):
                return Response(status_code=304, headers=headers)
            if request.method == "HEAD":
                return Response(media_type=MEDIA_TYPE, headers=headers)
            piece = functools.partial(next, archive.pieces(), None)
            read = functools.partial(self._read, piece, is_drawn=bool(given))
            return _ArchiveResponse(read, headers, holding.pop_all(), self._limits.taken_within_s)

    async def _archive(
        self, dataset: Dataset, revision: Revision, given: dict[str, str], principal: Principal
    ) -> tuple[TilesetArchive, str]:
        store = self._city.store
        if given:
            return await self._drawing.drawn(filtered_archive, store, self._tiles, dataset, revision, given, principal)
        return await self._read(functools.partial(archive_of, store, dataset, revision.commit), is_drawn=False)

    async def _read[T](self, work: Callable[[], T], *, is_drawn: bool) -> T:
        """Return what ``work`` gives, in a thread of those that draw or of our own."""
        return await (self._drawing.awaited(work) if is_drawn else asyncio.get_running_loop().run_in_executor(self._threads, work))

    @contextmanager
    def _room(self) -> Iterator[None]:
        if self._given >= self._limits.most_given:
            raise TooManyRequestsError("too many archives are being written; try again soon", zh="正在生成的归档过多，请稍后再试")
        self._given += 1
        try:
            yield
        finally:
            self._given -= 1

    @asynccontextmanager
    async def _kept(self, dataset: Dataset) -> AsyncIterator[None]:
        """Keep what the tiles of a dataset hold from being dropped for the block, for a bounded time."""
        loop, lock = asyncio.get_running_loop(), ExitStack()
        await loop.run_in_executor(self._threads, lock.enter_context, building(self._city, dataset))
        limit = loop.call_later(_KEPT_S, self._threads.submit, lock.close)
        try:
            yield
        finally:
            limit.cancel()
            await asyncio.shield(loop.run_in_executor(self._threads, lock.close))


class _ArchiveResponse(StreamingResponse):
    """An archive on its way, by what gives its next piece (None: there is no more); ``holding`` is let go however it ends."""

    def __init__(
        self, piece: Callable[[], Awaitable[bytes | None]], headers: Mapping[str, str], holding: AsyncExitStack, taken_within_s: float
    ) -> None:
        super().__init__(self._pieces(piece), headers=headers, media_type=MEDIA_TYPE)
        self._holding, self._taken_within_s, self._patience = holding, taken_within_s, asyncio.timeout(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._holding, self._patience:
                await super().__call__(scope, receive, send)
        except TimeoutError:
            if not self._patience.expired():
                raise

    async def _pieces(self, piece: Callable[[], Awaitable[bytes | None]]) -> AsyncIterator[bytes]:
        while (content := await piece()) is not None:
            self._patience.reschedule(asyncio.get_running_loop().time() + self._taken_within_s)
            yield content
            self._patience.reschedule(None)
