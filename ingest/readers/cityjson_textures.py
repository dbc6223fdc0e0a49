"""Textures of CityJSON geometries → which picture every surface shows, and where in it its corners lie (CityJSON 2.0 §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_frame import Json
from twin.face_textures import Wrap

Surface = Sequence[Sequence[int]]
_WRAPS: Mapping[str, Wrap] = {"wrap": Wrap.REPEAT, "mirror": Wrap.MIRROR}
"""None of the others goes on beyond its edges."""
_FARTHEST = 1e6
"""Repeats of a picture: what lies farther is no place in it, and too far for the precision of a place."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one surface shows."""

    image: str
    """URI of the picture, from where the document lies."""
    wrap: Wrap
    rings: Sequence[npt.NDArray[np.float64]]
    """Of each ring (n, 2): where its corners lie in the picture, rightwards and upwards."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """The textures of a document, ready to be looked up."""

    textures: Sequence[Any]
    places: npt.NDArray[np.float64]
    """(n, 2) of ``vertices-texture``."""
    default_theme: str | None

    @staticmethod
    def of(content: Json) -> Appearance:
        """Return the textures of a document's ``appearance``."""
        default = content.get("default-theme-texture")
        return Appearance(
            _listed(content, "textures"), _places(_listed(content, "vertices-texture")), default if isinstance(default, str) else None
        )


def images_of(content: Json) -> list[str]:
    """Return the URIs of the pictures that an ``appearance`` names."""
    return [t["image"] for t in _listed(content, "textures") if isinstance(t, dict) and isinstance(t.get("image"), str)]


def shown_by(geometry: Json, appearance: Appearance | None, surfaces: Sequence[Surface], depth: int) -> Sequence[Shown | None]:
    """Return what each of ``surfaces``, which lie ``depth`` lists deep, shows in the theme that is drawn; () where none shows anything.

    That is the default theme of the document, else the first by name. What is not as CityJSON has it shows nothing.
    """
    themes = geometry.get("texture")
    if appearance is None or not isinstance(themes, dict) or not themes:
        return ()
    theme = themes[appearance.default_theme if appearance.default_theme in themes else min(themes)]
    values: Any = theme.get("values") if isinstance(theme, dict) else None
    for _ in range(depth - 1):
        values = [v for inner in values or [] for v in (inner or [])]
    if not isinstance(values, list) or len(values) != len(surfaces):
        return ()
    return [_shown(value, surface, appearance.textures, appearance.places) for value, surface in zip(values, surfaces, strict=True)]


def turned_to(surface: Surface, of: Surface, shown: Shown) -> Shown | None:
    """Return what the surface ``of`` shows as ``surface`` has its corners, which are the same in another order; None where they are not."""
    places = [dict(zip(ring, at, strict=False)) for ring, at in zip(of, shown.rings, strict=False)]
    known = {corner: place for ring in places for corner, place in ring.items()}
    if not all(corner in known for ring in surface for corner in ring):
        return None
    return Shown(shown.image, shown.wrap, [np.array([known[corner] for corner in ring]).reshape(-1, 2) for ring in surface])


def _listed(appearance: Json, name: str) -> Sequence[Any]:
    value = appearance.get(name)
    return value if isinstance(value, list) else ()


def _places(listed: Sequence[Any]) -> npt.NDArray[np.float64]:
    try:
        places = np.array(listed, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        return np.zeros((0, 2))
    return places


def _shown(value: object, surface: Surface, textures: Sequence[Any], places: npt.NDArray[np.float64]) -> Shown | None:
    """``value`` is of each ring [texture, place, place…], or [null] where it shows nothing."""
    if not isinstance(value, list) or len(value) != len(surface) or not value:
        return None
    numbers = [ring[0] if isinstance(ring, list) and ring and type(ring[0]) is int else -1 for ring in value]
    if len(set(numbers)) > 1 or not 0 <= numbers[0] < len(textures):
        return None
    texture = textures[numbers[0]]
    image = texture.get("image") if isinstance(texture, dict) else None
    rings = [ring[1:] for ring in value]
    as_long = all(len(at) == len(corners) for at, corners in zip(rings, surface, strict=True))
    if (
        not isinstance(image, str)
        or not image
        or not as_long
        or not all(type(i) is int and 0 <= i < len(places) for at in rings for i in at)
    ):
        return None
    found = [places[np.array(at, dtype=np.int64)] for at in rings]
    if not all(np.isfinite(ring).all() and np.abs(ring).max(initial=0.0) <= _FARTHEST for ring in found):
        return None
    return Shown(image, _WRAPS.get(str(texture.get("wrapMode")), Wrap.CLAMP), found)
