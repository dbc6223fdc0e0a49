"""Tilesets as one file: /tiles/{dataset}/export.3tz and /tiles/{dataset}/{revision}/export.3tz, written while they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from ogc.answers import unchanged
from ogc.parameters import FILTER, single_values
from tiles.archive import MEDIA_TYPE, TilesetArchive
from twin.catalogue import Catalogue
from twin.model import Dataset, Principal, Revision
from twin.server.access import principal_of
from twin.server.archived_tiles import archive_of, filtered_archive, require_archivable
from twin.server.built_tiles import BuiltTiles
from twin.server.filtered_tiles import FilteredTiles
from twin.server.routes.stored import ASK_AGAIN
from twin.store import Store


class ArchivesDoor:
    """Answers with archives; two are worked at at a time, and of each no more is read than its caller has taken."""

    def __init__(self, catalogue: Catalogue, store: Store, built: BuiltTiles, tiles: FilteredTiles) -> None:
        self._catalogue, self._store, self._built, self._tiles = catalogue, store, built, tiles
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="archives")

    async def current(self, request: Request, dataset: str) -> Response:
        """The newest tileset of a dataset with all its contents as one 3TZ file; with ``filter`` that of the features that match."""
        held, newest = await asyncio.to_thread(self._built.current, principal_of(request), dataset)
        return await self._answer(request, held, newest)

    async def revision(self, request: Request, dataset: str, revision: int) -> Response:
        """One revision's tileset with all its contents as one 3TZ file; with ``filter`` that of the features that match."""
        held, found = await asyncio.to_thread(self._built.at, principal_of(request), dataset, revision)
        return await self._answer(request, held, found)

    async def _answer(self, request: Request, dataset: Dataset, revision: Revision) -> Response:
        given = single_values((p for p in request.query_params.multi_items() if p[0] in FILTER), FILTER)
        loop = asyncio.get_running_loop()
        archive, state = await loop.run_in_executor(self._threads, self._archive, dataset, revision, given, principal_of(request))
        name, tag = f"{dataset.slug}-{revision.commit}{'-filtered' if given else ''}.3tz", f'"{state}"'
        headers = ASK_AGAIN | {"ETag": tag, "Content-Disposition": f'attachment; filename="{name}"'}
        if unchanged(request, tag):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE, headers=headers)
        return StreamingResponse(self._streamed(archive), media_type=MEDIA_TYPE, headers=headers)

    def _archive(self, dataset: Dataset, revision: Revision, given: dict[str, str], principal: Principal) -> tuple[TilesetArchive, str]:
        require_archivable(dataset, self._catalogue.feature_type(dataset.feature_type))
        if given:
            return filtered_archive(self._store, self._tiles, dataset, revision, given, principal)
        return archive_of(self._store, dataset, revision.commit)

    async def _streamed(self, archive: TilesetArchive) -> AsyncIterator[bytes]:
        pieces = archive.pieces()
        while (piece := await asyncio.get_running_loop().run_in_executor(self._threads, next, pieces, None)) is not None:
            yield piece
