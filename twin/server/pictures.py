"""Draws picture tiles from the images in the store, for every door that serves them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tiles.imagery import PictureForm, PlacedImage, image_crs, render_tile
from twin.crs import Operation, to_storage
from twin.map_tile import MapTile
from twin.server.city import City

_AT_ONCE = 2
"""Pictures drawn at the same time: they are work for the processor, and the other doors need it too."""


class Pictures:
    """The images of one city, drawn a tile at a time."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._drawing = asyncio.Semaphore(_AT_ONCE)
        self._to_storage = lru_cache(maxsize=1000)(self._operation)

    async def drawn(self, hashes: Sequence[str], tile: MapTile, form: PictureForm) -> bytes:
        """Return the picture of ``tile``, the first of the images named by ``hashes`` on top."""
        async with self._drawing:
            return await asyncio.to_thread(render_tile, self._placed(hashes), self._city.to_crs84, tile, form)

    def _placed(self, hashes: Sequence[str]) -> Iterator[PlacedImage]:
        """Yield the images, each fetched when it is its turn."""
        return (PlacedImage(self._file(sha256), self._to_storage(sha256)) for sha256 in hashes)

    def _file(self, sha256: str) -> Path:
        return self._city.store.file(f"imagery/{sha256}.tif", unchanging=True)

    def _operation(self, sha256: str) -> Operation:
        return to_storage(image_crs(self._file(sha256)), self._city.storage, self._city.deployment.extent_deg).operation
