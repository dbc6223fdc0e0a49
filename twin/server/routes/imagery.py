"""Images as picture tiles: /tiles/{dataset}/{revision}/{z}/{x}/{y}.webp, the newest image on top, or the newest of a day."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from psycopg import sql

from ogc.answers import unchanged
from tiles.imagery import DEEPEST, PlacedImage, image_crs, render_tile, tile_extent
from twin.crs import Operation, to_storage
from twin.errors import BadRequestError, NotFoundError
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.routes.numbers import know_numbers
from twin.server.routes.stored import ASK_AGAIN, forever, stored_object
from twin.tables import current_table, history_table

_DRAWING_VERSION = 1
"""Part of every entity tag: raise it when the same images give another picture."""
_AT_ONCE = 2
"""Pictures drawn at the same time: they are work for the processor, and the other doors need it too."""
_HELD = sql.SQL(
    "SELECT sha256 FROM (SELECT sha256, acquired_on, resolution_m, fid, geom FROM {} WHERE commit_from <= %(commit)s UNION ALL"
    " SELECT sha256, acquired_on, resolution_m, fid, geom FROM {} WHERE commit_from <= %(commit)s AND %(commit)s < commit_to) AS held"
    " WHERE (%(on)s::date IS NULL OR acquired_on <= %(on)s::date) AND (%(west)s::float8 IS NULL"
    " OR geom && ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8, %(srid)s))"
    " ORDER BY acquired_on DESC NULLS LAST, resolution_m, fid"
)


def imagery_router(city: City) -> APIRouter:
    """Return the route of picture tiles."""
    know_numbers()
    router = APIRouter(prefix="/tiles", tags=["Imagery"])
    door = _ImageryDoor(city)
    router.add_api_route("/{dataset}/{revision:number}/{z:number}/{x:number}/{y:number}.webp", door.picture, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{revision:number}/{sha256}.tif", door.image, methods=["GET", "HEAD"])
    return router


class _ImageryDoor:
    def __init__(self, city: City) -> None:
        self._city = city
        self._drawing = asyncio.Semaphore(_AT_ONCE)
        self._to_storage = lru_cache(maxsize=1000)(self._operation)

    async def picture(self, request: Request, dataset: str, revision: int, z: int, x: int, y: int) -> Response:
        """One tile, transparent where there is no picture; 204 where no image comes near."""
        on = _day(request.query_params.get("on"))
        if z > DEEPEST or x >= 1 << z or y >= 1 << z:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        hashes = await asyncio.to_thread(self._held, request, dataset, revision, on, (z, x, y))
        headers = ASK_AGAIN | {"ETag": _tag(hashes, z, x, y)}
        if unchanged(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if not hashes:
            return Response(status_code=204, headers=headers)
        async with self._drawing:
            content = await asyncio.to_thread(render_tile, self._placed(hashes), self._city.to_crs84, z, x, y)
        return Response(content, media_type="image/webp", headers=headers)

    async def image(self, request: Request, dataset: str, revision: int, sha256: str) -> Response:
        """One image of a revision, whole or by Range: a Cloud Optimized GeoTIFF."""
        if sha256 not in await asyncio.to_thread(self._held, request, dataset, revision, None, None):
            raise NotFoundError("there is no such image", zh="没有此影像")
        headers = forever(self._city.catalogue.dataset(dataset).sharing)
        return await asyncio.to_thread(stored_object, request, self._city.store, f"imagery/{sha256}.tif", headers)

    def _held(self, request: Request, slug: str, commit: int, on: dt.date | None, tile: tuple[int, int, int] | None) -> list[str]:
        """Return the hashes of the images that may show something in a tile (None: of all), the topmost first."""
        catalogue = self._city.catalogue
        dataset = catalogue.dataset(slug)
        if dataset.sharing not in principal_of(request).classes or catalogue.feature_type(dataset.feature_type).recipe != "imagery":
            raise NotFoundError(f"there is no imagery {slug!r}", zh=f"没有影像 {slug!r}")
        if catalogue.revision_as_of(slug, commit) is None or commit > catalogue.last_commit():
            raise NotFoundError(f"{slug} has no revision at {commit}", zh=f"{slug} 在 {commit} 没有版本")
        extent = None if tile is None else tile_extent(self._city.to_crs84, *tile)
        if tile is not None and extent is None:
            return []
        query = _HELD.format(current_table(dataset.feature_type, dataset.id), history_table(dataset.feature_type, dataset.id))
        west, south, east, north = extent or (None, None, None, None)
        values = {"commit": commit, "on": on, "west": west, "south": south, "east": east, "north": north}
        with self._city.pool.connection() as connection:
            rows = connection.execute(query, values | {"srid": self._city.deployment.storage_srid}).fetchall()
        return [str(row[0]) for row in rows]

    def _placed(self, hashes: Sequence[str]) -> Iterator[PlacedImage]:
        """Yield the images, each fetched when it is its turn."""
        return (PlacedImage(self._file(sha256), self._to_storage(sha256)) for sha256 in hashes)

    def _file(self, sha256: str) -> Path:
        return self._city.store.file(f"imagery/{sha256}.tif", unchanging=True)

    def _operation(self, sha256: str) -> Operation:
        return to_storage(image_crs(self._file(sha256)), self._city.storage, self._city.deployment.extent_deg).operation


def _tag(hashes: Sequence[str], z: int, x: int, y: int) -> str:
    """Return the entity tag of a tile: which images it is drawn from, and in which order."""
    drawn_from = (_DRAWING_VERSION, hashes, z, x, y)
    return f'"{hashlib.blake2b(repr(drawn_from).encode(), digest_size=16).hexdigest()}"'


def _day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise BadRequestError(f"on is a day such as 2026-03-01, not {text!r}", zh=f"on 应为日期，如 2026-03-01：{text!r}") from None
