"""A dataset at a revision as a file: made once, kept in the store, given with Range and an entity tag.

``/collections/{id}/download`` gives features, ``/collections/{id}/tiles/WebMercatorQuad/export.pmtiles`` all vector tiles of them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.export_job import ExportMeans, Task
from ogc.exports import EXPORT_VERSION, ExportDoor, grid_of
from ogc.formats import Export, Format
from ogc.kept_exports import FOLDER, KeptExports
from ogc.kept_file import kept_file
from ogc.parameters import EVERYWHERE, asked_crs, bad_parameter, moment, single_values
from ogc.state import OgcContext, StateKeeper
from ogc.tile_archive import archive_format
from ogc.tile_door import TILE_VERSION
from ogc.time_gate import TimeGate
from twin.crs import OutputCrs
from twin.db import Connection
from twin.errors import BadRequestError, NotFoundError, UnavailableError
from twin.model import Principal, Revision, SharingClass
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery
from twin.store import Store
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD

WAITED_S = 25.0
"""A caller is held so long while his file is made; then he is asked to come back, and it is made on."""
COME_BACK_S = 10
_MERCATOR = OutputCrs(WEB_MERCATOR_QUAD.crs_uri, WEB_MERCATOR_QUAD.srid, xy=True, height="none")


@dataclass(frozen=True, slots=True)
class Order:
    """One file of a dataset: all of it at a revision, in a format and a CRS."""

    collection: Collection
    revision: Revision
    format: Format
    crs: OutputCrs
    crs_is_asked: bool
    options: Mapping[str, str]
    version: int = EXPORT_VERSION
    """Of how it is written."""

    @property
    def key(self) -> str:
        """Where it is kept: another for whatever makes it another file."""
        kind = self.collection.feature_type
        told = sorted((name, value) for name, value in self.options.items() if value != self.format.options[name][0])
        what = f"{self.version}\n{kind.name}\n{kind.version}\n{self.crs.uri if self.crs_is_asked else ''}\n{told}"
        digest = hashlib.blake2b(what.encode(), digest_size=8).hexdigest()
        return f"{FOLDER}/{self.collection.slug}/{self.revision.commit}/{digest}.{self.format.suffix}"


class DownloadDoor:
    """The routes of files that are kept."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, gate: TimeGate, exports: ExportDoor, means: ExportMeans) -> None:
        self._context, self._keeper, self._gate, self._exports = context, keeper, gate, exports
        self._store, self._pool = means.store, means.pool
        self._kept = KeptExports(means.store, means.most_bytes)
        self._making: dict[str, asyncio.Task[None]] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        tiles = f"/collections/{{collection}}/tiles/{WEB_MERCATOR_QUAD.id}/export.pmtiles"
        return [
            Route("/collections/{collection}/download", self.download, methods=["GET"]),
            Route(tiles, self.tile_archive, methods=["GET"]),
        ]

    async def download(self, request: Request) -> Response:
        """All features of a dataset at the current or another revision; asked for by its commit it never changes."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        negotiation.language(request)  # of no use to a file, and yet refused where it is none
        return await self._answer(request, await self._order(request, collection), principal, "download")

    async def tile_archive(self, request: Request) -> Response:
        """All vector tiles of a collection at the current or another revision as one PMTiles file."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        negotiation.language(request)
        given = single_values(request.query_params.multi_items(), EVERYWHERE | {"as-of"})
        if given.get("f", "pmtiles") != "pmtiles":
            raise BadRequestError("f is pmtiles", zh="f 应为 pmtiles").with_code("bad-format")
        if collection.is_coverage:
            raise NotFoundError("a coverage has no vector tiles", zh="栅格覆盖没有矢量瓦片")
        revision = await self._revision(request, collection, given.get("as-of"))
        format_ = archive_format(self._pool, revision.commit)
        order = Order(collection, revision, format_, _MERCATOR, crs_is_asked=False, options={}, version=TILE_VERSION)
        return await self._answer(request, order, principal, f"tiles/{WEB_MERCATOR_QUAD.id}/export.pmtiles")

    async def _answer(self, request: Request, order: Order, principal: Principal, path: str) -> Response:
        """Give a file with its entity tag, or of it the ranges that are asked for; it is made first where it is not kept.

        ``path`` is where it is asked for below its collection.
        """
        if await asyncio.to_thread(self._store.held, order.key) is None:
            await self._made(order, principal)
        held = await asyncio.to_thread(self._store.held, order.key)
        if held is None:
            raise UnavailableError("the file was made and is gone; ask again", zh="文件已不在，请重试")
        own = links.collection_address(request, order.collection.slug)
        recorded = await self._gate.headers_at(request, f"{own}/{path}", [order.collection], order.revision.commit, f"{own}/versions")
        headers = _headers(request, order) | recorded | {"ETag": f'"{held.modified_ns:x}-{held.size:x}"'}
        if answers.unchanged(request, headers["ETag"]):
            return answers.not_modified(headers["ETag"], headers)
        await asyncio.to_thread(self._kept.asked_for, order.key)
        return await kept_file(partial(self._store.file, order.key, unchanging=True), order.format.media_type, headers)

    async def links(self, collection: Collection, base_url: str, language: str) -> list[links.Link]:
        """Return the enclosure links of a collection's newest revision, with the size of files that are kept."""
        address, revision = f"{base_url}/collections/{collection.slug}/download", collection.revision
        orders = [_plain_order(collection, revision, f) for f in self._exports.formats.offered(collection)]
        folder = f"{FOLDER}/{collection.slug}/{revision.commit}"  # looked through at once: to a bucket each look is a round trip
        sizes = await asyncio.to_thread(lambda: {held.key: held.size for held in self._store.entries(folder)})
        made = []
        for order in orders:
            href = links.with_parameters(address, [("f", order.format.name), ("as-of", str(revision.commit))])
            found = links.link(href, "enclosure", order.format.media_type, order.format.title.in_language(language))
            made.append(found | ({"length": sizes[order.key]} if order.key in sizes else {}))
        return made

    async def _order(self, request: Request, collection: Collection) -> Order:
        chosen = self._exports.formats.of(request.query_params.get("f", ""), collection)
        given = single_values(request.query_params.multi_items(), EVERYWHERE | {"crs", "as-of"} | chosen.options.keys())
        options = {name: value for name, value in given.items() if name in chosen.options}
        for name, value in options.items():
            if value not in chosen.options[name]:
                raise bad_parameter(name)
        revision = await self._revision(request, collection, given.get("as-of"))
        plain = _plain_order(collection, revision, chosen)
        is_asked = "crs" in given
        return replace(plain, crs=asked_crs(given, "crs", collection) if is_asked else plain.crs, crs_is_asked=is_asked, options=options)

    async def _revision(self, request: Request, collection: Collection, as_of: str | None) -> Revision:
        at = await self._gate.asked(request, moment(as_of), collection, self._context.principal_of(request))
        if at is None:
            return collection.revision
        found = await asyncio.to_thread(partial(self._context.catalogue.revision_as_of, collection.slug), at)
        if found is None:
            raise NotFoundError("the dataset had no revision then", zh="该数据集当时尚无版本")
        return found

    async def _made(self, order: Order, principal: Principal) -> None:
        """Wait until a file is made, which is made on when nobody waits; UnavailableError ``export-building`` when it takes long."""
        task = self._making.get(order.key)
        if task is None:
            task = self._making[order.key] = asyncio.create_task(self._make(order, principal))
            task.add_done_callback(lambda _: self._making.pop(order.key, None))
        await asyncio.wait({task}, timeout=WAITED_S)
        if not task.done():
            error = UnavailableError("the file is being made; come back for it", zh="文件正在生成，请稍后再取")
            error.headers = {"Retry-After": str(COME_BACK_S)}
            raise error.with_code("export-building")
        task.result()

    async def _make(self, order: Order, principal: Principal) -> None:
        query = FeatureQuery(order.collection, order.crs)

        def export(connection: Connection, scratch: Path) -> Export:
            return Export(connection, query, principal, scratch, order.crs_is_asked, options=order.options)

        kept = replace(order.format, write=partial(_keep, order, self._store), grows=False)
        await self._exports.run(Task(kept, export, order.revision.commit, lock=order.key))
        current = {slug: collection.revision.commit for slug, collection in (await self._keeper.state()).collections.items()}
        await asyncio.to_thread(self._kept.forget, current, order.key)


def _keep(order: Order, store: Store, export: Export, path: Path) -> None:
    """Write a file and make it an object of the store, whole and at once, unless another process has done so."""
    if not store.exists(order.key):
        order.format.write(export, path)
        store.adopt(order.key, path)


def _plain_order(collection: Collection, revision: Revision, chosen: Format) -> Order:
    crs = grid_of(collection) if chosen.prefers_grid else collection.crs[0]
    return Order(collection, revision, chosen, crs, crs_is_asked=False, options={})


def _headers(request: Request, order: Order) -> dict[str, str]:
    is_open = order.collection.dataset.sharing is SharingClass.OPEN
    is_named = request.query_params.get("as-of") == str(order.revision.commit)
    name = f"{order.collection.slug}-{order.revision.commit}.{order.format.suffix}"
    return {
        # for a day, not for ever: a dataset may be closed, and what is kept elsewhere cannot be called back
        "Cache-Control": f"{'public' if is_open else 'private'}, max-age=86400" if is_named else "no-cache",
        "Content-Crs": f"<{order.crs.uri}>",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
