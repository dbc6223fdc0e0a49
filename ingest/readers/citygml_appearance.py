"""Textures of CityGML: what app:ParameterizedTexture says of rings, as an appearance of CityJSON (CityGML 2.0 §9, 3.0 §7.3).

A ring is known by its ``gml:id``. Version 3.0 says ring and coordinates side by side, the others ring as an attribute of coordinates. A
texture laid on by a matrix (``worldToTexture``) and one of georeferenced pictures are counted and not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.readers.citygml_stream import HREF, Element

_DEFAULT_THEME = "default"
_MOST_THEMES = 64
"""Of one ring: they are gone through one by one."""
Places = npt.NDArray[np.float64]
Ring = Sequence[int]


class RingTexture(NamedTuple):
    """What one ring shows in one theme; a city has millions, so it is of few bytes."""

    theme: str
    texture: int
    """By number."""
    packed: bytes
    """Its `places`: of an array the head is more than these."""

    @property
    def places(self) -> Places:
        """Where in the texture its corners lie, (n, 2), the first again at the end."""
        return np.frombuffer(self.packed, dtype=np.float64).reshape(-1, 2)


@dataclass
class Appearances:
    """The textures of a document, and what its rings show by id and theme."""

    textures: list[dict[str, str]] = field(default_factory=list)
    """As CityJSON has them."""
    rings: dict[str, tuple[RingTexture, ...]] = field(default_factory=dict)
    """One of each theme."""
    unread: int = 0
    """Textures that are of another kind, or say nothing of rings."""

    def add(self, element: Element) -> None:
        """Take what an element holds of appearances, at whatever depth."""
        for appearance in element.iter("{*}Appearance"):
            theme = (appearance.findtext("{*}theme") or "").strip() or _DEFAULT_THEME
            for texture in appearance.iter("{*}ParameterizedTexture"):
                self._add(texture, theme)
            self.unread += sum(1 for _ in appearance.iter("{*}GeoreferencedTexture"))

    @property
    def images(self) -> list[str]:
        """The URIs of all pictures."""
        return [t["image"] for t in self.textures]

    def _add(self, texture: Element, theme: str) -> None:
        image = (texture.findtext("{*}imageURI") or "").strip()
        found = list(_ring_places(texture)) if image else []
        if not found:
            self.unread += 1
            return
        said = {"type": _type_of(image), "image": image}
        if wrap := (texture.findtext("{*}wrapMode") or "").strip():
            said["wrapMode"] = wrap
        for ring, places in found:
            before = tuple(t for t in self.rings.get(ring, ()) if t.theme != theme)
            if len(before) >= _MOST_THEMES:
                self.unread += 1
                continue
            self.rings[ring] = (*before, RingTexture(theme, len(self.textures), places.tobytes()))
        self.textures.append(said)


def _type_of(image: str) -> str:
    """Return what CityJSON calls the format of a picture: it has these two."""
    return "JPG" if image.casefold().endswith((".jpg", ".jpeg")) else "PNG"


def _ring_places(texture: Element) -> Iterator[tuple[str, Places]]:
    for listed in texture.iter("{*}TexCoordList"):
        coordinates = list(listed.iterchildren("{*}textureCoordinates"))
        rings = [str(c.get("ring") or "") for c in coordinates]
        if not any(rings):  # 3.0
            rings = [str(r.get(HREF) or r.text or "").strip() for r in listed.iterchildren("{*}ring")]
        for ring, written in zip(rings, coordinates, strict=False):
            places = np.array((written.text or "").split(), dtype=object)
            try:
                numbers = places.astype(np.float64)
            except ValueError:
                continue
            name = ring.removeprefix("#")  # some exporters leave it out
            if name and len(numbers) and len(numbers) % 2 == 0 and np.isfinite(numbers).all():
                yield name, numbers.reshape(-1, 2)


@dataclass
class ObjectTextures:
    """The textures of one member on their way into the appearance of its document: only what it shows, in order of first use."""

    known: Appearances
    painted: dict[tuple[int, ...], tuple[str, bool]] = field(default_factory=dict)
    """Corners of a ring, as numbers of positions → its id, and whether it is turned round."""
    _textures: dict[int, int] = field(default_factory=dict)
    _corners: dict[tuple[float, float], int] = field(default_factory=dict)

    def note(self, name: str | None, ring: Ring) -> None:
        """Keep that the ring ``name`` has these corners."""
        if name is not None and name in self.known.rings:
            self.painted[tuple(ring)] = (name, False)
            self.painted.setdefault(tuple(ring[::-1]), (name, True))

    def take(self, other: ObjectTextures, numbers: Sequence[int]) -> None:
        """Keep what rings of another member's geometry show, whose corner i has here the number ``numbers[i]``."""
        for ring, found in other.painted.items():
            self.painted[tuple(numbers[i] for i in ring)] = found

    def on(self, boundaries: Sequence[Any]) -> dict[str, Any]:
        """Return the member ``texture`` of a geometry with these boundaries; {} where nothing in it shows anything."""
        shown = {theme for ring in _rings(boundaries) if (f := self.painted.get(tuple(ring))) for theme, *_ in self.known.rings[f[0]]}
        return {theme: {"values": self._values(boundaries, theme)} for theme in sorted(shown)}

    @property
    def appearance(self) -> dict[str, Any] | None:
        """The appearance of what `on` was asked for; None where that shows nothing."""
        if not self._textures:
            return None
        return {"textures": [self.known.textures[t] for t in self._textures], "vertices-texture": [list(c) for c in self._corners]}

    def _values(self, node: Sequence[Any], theme: str) -> list[Any]:
        if not node or not isinstance(node[0], int):
            return [self._values(child, theme) for child in node]
        found = self.painted.get(tuple(node))
        texture = None if found is None else next((t for t in self.known.rings[found[0]] if t.theme == theme), None)
        if found is None or texture is None or len(texture.places) not in (len(node), len(node) + 1):
            return [None]
        places = texture.places[: len(node)]
        placed = (places[::-1] if found[1] else places).tolist()
        corners = [self._corners.setdefault((u, v), len(self._corners)) for u, v in placed]
        return [self._textures.setdefault(texture.texture, len(self._textures)), *corners]


def _rings(node: Sequence[Any]) -> Iterator[Ring]:
    if node and isinstance(node[0], int):
        yield node
        return
    for child in node:
        yield from _rings(child)
