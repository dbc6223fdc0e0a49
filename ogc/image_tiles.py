"""Picture tiles of imagery as of a commit and a day, for every door that shows them."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from ogc import answers
from ogc.pictures import MEDIA_TYPES, PictureForm
from ogc.state import DoorState, OgcContext
from twin.crs import Operation, storage_crs
from twin.errors import NotFoundError
from twin.map_tile import map_tile
from twin.query.collection import Collection
from twin.query.execute import fetch_row
from twin.query.images import ImageDays, held_images, is_imagery
from twin.tile_matrix_sets import TileAddress

DRAWING_VERSION = 1
"""Part of every entity tag: raise it when the same images give another picture."""


class ImageTiles:
    """Finds the images of a tile and has them drawn."""

    def __init__(self, context: OgcContext) -> None:
        self._pool = context.pool
        self._drawer = context.pictures

    def shows(self, collection: Collection) -> bool:
        """Return whether a collection has picture tiles here."""
        return self._drawer is not None and is_imagery(collection)

    async def tile(
        self,
        request: Request,
        state: DoorState,
        collection: Collection,
        address: TileAddress,
        days: ImageDays,
        form: PictureForm,
        *,
        commit: int | None = None,
        even_empty: bool = False,
    ) -> Response:
        """Return one tile as of ``commit`` (None: now), 204 where no image comes near unless ``even_empty``; 304 if the caller has it."""
        if self._drawer is None or not is_imagery(collection):
            raise NotFoundError("this collection has no map tiles", zh="该集合没有地图瓦片")
        place = map_tile(address)
        deployment = state.deployment
        extent = await asyncio.to_thread(lambda: place.extent(_to_degrees(deployment.storage_srid, deployment.extent_deg)))
        hashes: list[str] = []
        if extent is not None:
            at = collection.revision.commit if commit is None else commit
            hashes = (await fetch_row(self._pool, held_images(collection.dataset, at, days, extent, deployment.storage_srid)))[0]
        tag = answers.etag(request, DRAWING_VERSION, hashes, place, form)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag)
        if not hashes and not even_empty:
            return answers.empty(tag)
        content = await self._drawer.drawn(hashes, place, form)
        return Response(content, media_type=MEDIA_TYPES[form], headers={"Cache-Control": "no-cache", "ETag": tag, "Vary": "Accept"})


@lru_cache(maxsize=8)
def _to_degrees(srid: int, extent_deg: tuple[float, float, float, float] | None) -> Operation:
    return storage_crs(srid).to_crs84(extent_deg)
