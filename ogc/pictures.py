"""Forms of picture tiles, and who draws them: `ogc` is handed a drawer by the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

from twin.map_tile import MapTile

PictureForm = Literal["webp", "png", "jpeg"]
MEDIA_TYPES: Mapping[PictureForm, str] = MappingProxyType({"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"})
FORMS: tuple[PictureForm, ...] = ("png", "jpeg", "webp")


class PictureDrawer(Protocol):
    """Draws picture tiles from stored images."""

    async def drawn(self, hashes: Sequence[str], tile: MapTile, form: PictureForm) -> bytes:
        """Return the picture of ``tile``, the first of the images named by ``hashes`` on top; transparent (JPEG: white) elsewhere."""
