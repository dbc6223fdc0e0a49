"""3D Tiles and terrain: stored objects, passed on as they are.

What is named by a hash never changes and is kept for ever; what is named by a revision is asked for again, and costs a 304.
"""

from __future__ import annotations

import asyncio
import re

from fastapi import APIRouter, Request, Response

from ogc.answers import unchanged
from ogc.parameters import FILTER, single_values
from tiles.implicit import root_subtree
from tiles.node_store import content_hash
from tiles.subtrees import find_content, find_subtree
from tiles.tileset import pointing_tileset
from twin.errors import NotFoundError
from twin.model import Dataset, Revision
from twin.server.access import principal_of
from twin.server.built_tiles import BuiltTiles
from twin.server.city import City
from twin.server.drawing import DrawingThreads
from twin.server.filtered_tiles import FilteredTiles
from twin.server.routes.numbers import know_numbers
from twin.server.routes.stored import ASK_AGAIN, forever, stored_object
from twin.server.routes.tile_archives import ArchiveLimits, ArchivesDoor
from twin.server.scene import VARIANT
from twin.server.terrain_tiles import TerrainTiles

_OBJECT = re.compile(r"[0-9a-f]{8,64}\.(glb|json|subtree|png|jpg|webp)")
_FILTER_NAME = re.compile(r"[0-9a-f]{32}")
_KEPT = re.compile(r"[0-9a-f]{64}")
_GZIP = b"\x1f\x8b"
_ARCHIVE_LIMITS = ArchiveLimits()


def tiles_router(city: City, archive_limits: ArchiveLimits = _ARCHIVE_LIMITS) -> APIRouter:
    """Return the routes below /tiles."""
    know_numbers()
    router = APIRouter(prefix="/tiles", tags=["3D Tiles"])
    built, filtered, drawing = BuiltTiles(city.catalogue), FilteredTiles(city), DrawingThreads()
    door, archives = _TilesDoor(city, built, filtered, drawing), ArchivesDoor(city, built, filtered, drawing, archive_limits)
    router.add_api_route("/{dataset}/export.3tz", archives.current, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{revision:number}/export.3tz", archives.revision, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/tileset.json", door.current_tileset, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{revision:number}/tileset.json", door.revision, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{revision:number}/implicit.json", door.implicit, methods=["GET", "HEAD"])
    router.add_api_route(
        "/{dataset}/{revision:number}/i/{level:number}/{x:number}/{y:number}.{form}", door.implicit_file, methods=["GET", "HEAD"]
    )
    router.add_api_route("/{dataset}/{revision:number}/layer.json", door.terrain_layer, methods=["GET", "HEAD"])
    router.add_api_route(
        "/{dataset}/{revision:number}/{z:number}/{x:number}/{y:number}.terrain", door.terrain_tile, methods=["GET", "HEAD"]
    )
    router.add_api_route("/{dataset}/{variant}/m/{kept_as}/{path:path}", door.delivered, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{variant}/f/{name}/tileset.json", door.filtered_tileset, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{variant}/f/{name}/{file}.json", door.filtered_tree_file, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{variant}/f/{name}/{node}.glb", door.filtered_content, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{variant}/{kind}/{name}", door.content, methods=["GET", "HEAD"])
    return router


class _TilesDoor:
    def __init__(self, city: City, built: BuiltTiles, tiles: FilteredTiles, drawing: DrawingThreads) -> None:
        self._city, self._built, self._tiles, self._drawing = city, built, tiles, drawing
        self._terrain = TerrainTiles(city.store)

    async def current_tileset(self, request: Request, dataset: str) -> Response:
        """The newest revision of a dataset: a tiny tileset whose root content is that revision's tileset."""
        given = single_values((p for p in request.query_params.multi_items() if p[0] in FILTER), FILTER)
        if given:
            found = await asyncio.to_thread(self._built.current, principal_of(request), dataset)
            return await self._filtered(request, *found, given, f"{VARIANT}/f")
        key = await asyncio.to_thread(self._current_key, request, dataset)
        return _pointer(request, await asyncio.to_thread(self._city.store.get, key[1]), f"{key[0]}/tileset.json")

    async def revision(self, request: Request, dataset: str, revision: int) -> Response:
        """One revision's tileset; it is replaced when it is built anew."""
        given = single_values((p for p in request.query_params.multi_items() if p[0] in FILTER), FILTER)
        if given:
            found = await asyncio.to_thread(self._built.at, principal_of(request), dataset, revision)
            return await self._filtered(request, *found, given, f"../{VARIANT}/f")
        held = await asyncio.to_thread(self._held, request, dataset, revision)
        return await self._file(request, f"tiles/{dataset}/{VARIANT}/r/{held}/tileset.json", ASK_AGAIN)

    async def filtered_tileset(self, request: Request, dataset: str, variant: str, name: str) -> Response:
        """A filtered tileset, for as long as it is kept."""
        await asyncio.to_thread(self._built.visible, principal_of(request), dataset)
        if variant != VARIANT or not _FILTER_NAME.fullmatch(name):
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return await self._file(request, f"tiles/{dataset}/{variant}/f/{name}/tileset.json", ASK_AGAIN)

    async def filtered_tree_file(self, request: Request, dataset: str, variant: str, name: str, file: str) -> Response:
        """An external tileset of a filtered tileset, by hash."""
        held = await asyncio.to_thread(self._built.visible, principal_of(request), dataset)
        if variant != VARIANT:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return await self._file(request, self._tiles.tree_file(held, name, file), forever(held.sharing))

    async def filtered_content(self, request: Request, dataset: str, variant: str, name: str, node: str) -> Response:
        """A content of a filtered tileset, drawn when it is first asked for."""
        held = await asyncio.to_thread(self._built.visible, principal_of(request), dataset)
        if variant != VARIANT:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return await self._file(request, await self._drawing.drawn(self._tiles.content, held, name, node), forever(held.sharing))

    async def _filtered(self, request: Request, dataset: Dataset, revision: Revision, given: dict[str, str], place: str) -> Response:
        name = await self._drawing.drawn(self._tiles.tileset, dataset, revision, given, principal_of(request))
        stored = await asyncio.to_thread(self._city.store.get, f"tiles/{dataset.slug}/{VARIANT}/f/{name}/tileset.json")
        return _pointer(request, stored, f"{place}/{name}/tileset.json")

    async def implicit(self, request: Request, dataset: str, revision: int) -> Response:
        """One revision's tileset by implicit tiling, over the same contents; it is replaced when it is built anew."""
        held = await asyncio.to_thread(self._held, request, dataset, revision)
        return await self._file(request, f"tiles/{dataset}/{VARIANT}/r/{held}/implicit.json", ASK_AGAIN)

    async def implicit_file(self, request: Request, dataset: str, revision: int, level: int, x: int, y: int, form: str) -> Response:
        """A subtree file or a content, by its place below the root of the implicit tileset."""
        held = await asyncio.to_thread(self._held, request, dataset, revision)
        key = await asyncio.to_thread(self._implicit_key, f"tiles/{dataset}/{VARIANT}", held, (level, x, y), form)
        if key is None:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return await self._file(request, key, ASK_AGAIN)

    async def terrain_layer(self, request: Request, dataset: str, revision: int) -> Response:
        """layer.json of a terrain."""
        held = await asyncio.to_thread(self._held, request, dataset, revision)
        return await self._file(request, f"terrain/{dataset}/{held}/layer.json", ASK_AGAIN)

    async def terrain_tile(self, request: Request, dataset: str, revision: int, z: int, x: int, y: int) -> Response:
        """One quantized-mesh tile."""
        await asyncio.to_thread(self._built.visible, principal_of(request), dataset)
        key = await asyncio.to_thread(self._terrain.key, dataset, revision, z, x, y)
        return await self._file(request, key, ASK_AGAIN | {"Content-Encoding": "gzip"})

    async def content(self, request: Request, dataset: str, variant: str, kind: str, name: str) -> Response:
        """A content or an external tileset, by hash."""
        held = await asyncio.to_thread(self._built.visible, principal_of(request), dataset)
        if variant != VARIANT or kind not in ("c", "t") or not _OBJECT.fullmatch(name):
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return await self._file(request, f"tiles/{dataset}/{variant}/{kind}/{name}", forever(held.sharing))

    async def delivered(self, request: Request, dataset: str, variant: str, kept_as: str, path: str) -> Response:
        """A file of a tileset that was delivered, byte for byte; tiles that came gzipped are said to be so."""
        held = await asyncio.to_thread(self._built.visible, principal_of(request), dataset)
        if variant != VARIANT or not _KEPT.fullmatch(kept_as):
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        if not await asyncio.to_thread(self._city.store.exists, f"tiles/{dataset}/{variant}/m/{kept_as}.json"):
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        packed = await asyncio.to_thread(self._city.store.part, f"model/{kept_as}/{path}", 0, len(_GZIP)) == _GZIP
        headers = forever(held.sharing) | ({"Content-Encoding": "gzip"} if packed else {})
        return await self._file(request, f"model/{kept_as}/{path}", headers)

    def _implicit_key(self, prefix: str, revision: int, place: tuple[int, int, int], form: str) -> str | None:
        """Return the key of what an address of implicit tiling names; None for nothing."""
        store = self._city.store

        def read(name: str) -> bytes:
            return store.file(f"{prefix}/s/{name}.subtree", unchanging=True).read_bytes()

        root = root_subtree(store.get(f"{prefix}/r/{revision}/implicit.json"))
        if root is None or form not in ("glb", "subtree"):
            return None
        name = find_content(read, root, *place) if form == "glb" else find_subtree(read, root, *place)
        folder = "c" if form == "glb" else "s"
        return None if name is None else f"{prefix}/{folder}/{name}.{form}"

    def _held(self, request: Request, slug: str, commit: int) -> int:
        return self._built.at(principal_of(request), slug, commit)[1].commit

    def _current_key(self, request: Request, slug: str) -> tuple[int, str]:
        _, revision = self._built.current(principal_of(request), slug)
        return revision.commit, f"tiles/{slug}/{VARIANT}/r/{revision.commit}/tileset.json"

    async def _file(self, request: Request, key: str, headers: dict[str, str]) -> Response:
        return await asyncio.to_thread(stored_object, request, self._city.store, key, headers)


def _pointer(request: Request, target: bytes, uri: str) -> Response:
    """Return the tileset that points to ``target`` at ``uri``, to be asked for again each time; 304 where the caller holds it."""
    body = pointing_tileset(target, uri)
    headers = ASK_AGAIN | {"ETag": f'"{content_hash(body)}"'}
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
