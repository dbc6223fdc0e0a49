"""Picture tiles of imagery of a recorded state and a day, for every door that shows them."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from ogc import answers, links, memento
from ogc.parameters import Moment
from ogc.pictures import MEDIA_TYPES, PictureForm
from ogc.state import DoorState, OgcContext
from ogc.time_gate import TimeGate
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

    def __init__(self, context: OgcContext, gate: TimeGate) -> None:
        self._context = context
        self._gate = gate
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
        as_of: Moment | None,
        own: str,
        *,
        even_empty: bool = False,
    ) -> Response:
        """Return one tile of the state that ``as_of`` or Accept-Datetime asks for, 304 if the caller has it.

        ``own`` is its address without parameters; where no image comes near it is a 204 unless ``even_empty``.
        """
        if self._drawer is None or not is_imagery(collection):
            raise NotFoundError("this collection has no map tiles", zh="该集合没有地图瓦片")
        place = map_tile(address)
        deployment = state.deployment
        extent = await asyncio.to_thread(lambda: place.extent(_to_degrees(deployment.storage_srid, deployment.extent_deg)))
        at = await self._gate.asked(request, as_of, collection, self._context.principal_of(request))
        recorded = await self._recorded(request, own, collection, at)
        hashes: list[str] = []
        if extent is not None:
            commit = collection.revision.commit if at is None else at
            statement = held_images(collection.dataset, commit, days, extent, deployment.storage_srid)
            hashes = (await fetch_row(self._context.pool, statement))[0]
        tag = answers.etag(request, DRAWING_VERSION, hashes, place, form)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, recorded)
        headers = answers.caching(tag) | recorded
        if not hashes and not even_empty:
            return Response(status_code=204, headers=headers)
        content = await self._drawer.drawn(hashes, place, form)
        return Response(content, media_type=MEDIA_TYPES[form], headers=headers)

    async def _recorded(self, request: Request, own: str, collection: Collection, at: int | None) -> dict[str, str]:
        """Return the headers that say of which recorded state a tile is, where one is asked for."""
        if at is None:
            return memento.VARY
        timemap = f"{links.collection_address(request, collection.slug)}/versions"
        return await self._gate.headers_at(request, own, [collection], at, timemap)


@lru_cache(maxsize=8)
def _to_degrees(srid: int, extent_deg: tuple[float, float, float, float] | None) -> Operation:
    return storage_crs(srid).to_crs84(extent_deg)
