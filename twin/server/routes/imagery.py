"""Images as picture tiles: /tiles/{dataset}/{revision}/{z}/{x}/{y}.webp, the newest image on top, or the newest of a day."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from ogc.answers import unchanged
from tiles.imagery import DEEPEST
from twin.errors import BadRequestError, NotFoundError
from twin.map_tile import MapTile, mercator_tile
from twin.query.execute import fetch_row_blocking
from twin.query.images import ImageDays, held_images
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.pictures import Pictures
from twin.server.routes.numbers import know_numbers
from twin.server.routes.stored import ASK_AGAIN, forever, stored_object

_DRAWING_VERSION = 1
"""Part of every entity tag: raise it when the same images give another picture."""


def imagery_router(city: City, pictures: Pictures) -> APIRouter:
    """Return the route of picture tiles."""
    know_numbers()
    router = APIRouter(prefix="/tiles", tags=["Imagery"])
    door = _ImageryDoor(city, pictures)
    router.add_api_route("/{dataset}/{revision:number}/{z:number}/{x:number}/{y:number}.webp", door.picture, methods=["GET", "HEAD"])
    router.add_api_route("/{dataset}/{revision:number}/{sha256}.tif", door.image, methods=["GET", "HEAD"])
    return router


class _ImageryDoor:
    def __init__(self, city: City, pictures: Pictures) -> None:
        self._city = city
        self._pictures = pictures

    async def picture(self, request: Request, dataset: str, revision: int, z: int, x: int, y: int) -> Response:
        """One tile, transparent where there is no picture; 204 where no image comes near."""
        on = _day(request.query_params.get("on"))
        if z > DEEPEST or x >= 1 << z or y >= 1 << z:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        tile = mercator_tile(z, x, y)
        hashes = await asyncio.to_thread(self._held, request, dataset, revision, on, tile)
        headers = ASK_AGAIN | {"ETag": _tag(hashes, z, x, y)}
        if unchanged(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if not hashes:
            return Response(status_code=204, headers=headers)
        content = await self._pictures.drawn(hashes, tile, "webp")
        return Response(content, media_type="image/webp", headers=headers)

    async def image(self, request: Request, dataset: str, revision: int, sha256: str) -> Response:
        """One image of a revision, whole or by Range: a Cloud Optimized GeoTIFF."""
        if sha256 not in await asyncio.to_thread(self._held, request, dataset, revision, None, None):
            raise NotFoundError("there is no such image", zh="没有此影像")
        headers = forever(self._city.catalogue.dataset(dataset).sharing)
        return await asyncio.to_thread(stored_object, request, self._city.store, f"imagery/{sha256}.tif", headers)

    def _held(self, request: Request, slug: str, commit: int, on: dt.date | None, tile: MapTile | None) -> list[str]:
        """Return the hashes of the images that may show something in a tile (None: of all), the topmost first."""
        catalogue = self._city.catalogue
        dataset = catalogue.dataset(slug)
        if dataset.sharing not in principal_of(request).classes or catalogue.feature_type(dataset.feature_type).recipe != "imagery":
            raise NotFoundError(f"there is no imagery {slug!r}", zh=f"没有影像 {slug!r}")
        if catalogue.revision_as_of(slug, commit) is None or commit > catalogue.last_commit():
            raise NotFoundError(f"{slug} has no revision at {commit}", zh=f"{slug} 在 {commit} 没有版本")
        extent = None if tile is None else tile.extent(self._city.to_crs84)
        if tile is not None and extent is None:
            return []
        statement = held_images(dataset, commit, ImageDays(last=on), extent, self._city.deployment.storage_srid)
        return [str(sha256) for sha256 in fetch_row_blocking(self._city.pool, statement)[0]]


def _tag(hashes: Sequence[str], z: int, x: int, y: int) -> str:
    """Return the entity tag of a tile: which images it is drawn from, and in which order."""
    drawn_from = (_DRAWING_VERSION, hashes, z, x, y)
    return f'"{hashlib.blake2b(repr(drawn_from).encode(), digest_size=16).hexdigest()}"'


def _day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise BadRequestError(f"on is a day such as 2026-03-01, not {text!r}", zh=f"on 应为日期，如 2026-03-01：{text!r}") from None
