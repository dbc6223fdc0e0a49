"""Draws picture tiles from the images in the store, for every door that serves them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tiles.imagery import PictureForm, PlacedImage, image_crs, render_tile
from twin.crs import Operation, to_storage
from twin.errors import UnavailableError
from twin.map_tile import MapTile
from twin.server.city import City
from twin.tile_cache import KeptTile, TileCache

_AT_ONCE = 2
"""Pictures drawn at the same time: they are work for the processor, and the other doors need it too."""
MOST_WAITING = 64
"""Pictures that wait to be drawn; more are asked to come back (503)."""
_DRAWING_VERSION = 1
"""Part of what a kept picture is known by: raise it when the same images give another picture."""


class Pictures:
    """The images of one city, drawn a tile at a time; with a ``cache`` what was drawn is kept, by all it is made of."""

    def __init__(self, city: City, cache: TileCache | None = None) -> None:
        self._city = city
        self._cache = cache
        self._waiting = 0
        self._drawing = asyncio.Semaphore(_AT_ONCE)
        self._to_storage = lru_cache(maxsize=1000)(self._operation)

    async def drawn(self, hashes: Sequence[str], tile: MapTile, form: PictureForm) -> bytes:
        """Return the picture of ``tile``, the first of the images named by ``hashes`` on top; UnavailableError when too many wait."""
        cache = self._cache
        if cache is None:
            return await self._drawn_anew(hashes, tile, form)
        made_of = (_DRAWING_VERSION, tuple(hashes), tile, form, self._city.deployment.storage_srid)
        key = hashlib.blake2b(repr(made_of).encode(), digest_size=16).hexdigest()

        async def draw() -> tuple[str, KeptTile]:
            return key, KeptTile.of(0, await self._drawn_anew(hashes, tile, form), None)

        return (cache.held(key) or await cache.tile(key, draw)).content

    async def _drawn_anew(self, hashes: Sequence[str], tile: MapTile, form: PictureForm) -> bytes:
        if self._waiting >= MOST_WAITING:
            busy = UnavailableError("too many pictures wait to be drawn; try again", zh="等待绘制的影像瓦片过多，请稍后重试")
            raise busy.with_code("overloaded")
        self._waiting += 1
        try:
            async with self._drawing:
                return await asyncio.to_thread(render_tile, self._placed(hashes), self._city.to_crs84, tile, form)
        finally:
            self._waiting -= 1

    def _placed(self, hashes: Sequence[str]) -> Iterator[PlacedImage]:
        """Yield the images, each fetched when it is its turn."""
        return (PlacedImage(self._file(sha256), self._to_storage(sha256)) for sha256 in hashes)

    def _file(self, sha256: str) -> Path:
        return self._city.store.file(f"imagery/{sha256}.tif", unchanging=True)

    def _operation(self, sha256: str) -> Operation:
        return to_storage(image_crs(self._file(sha256)), self._city.storage, self._city.deployment.extent_deg).operation
