"""The pictures of one content in one: what its faces show of each, cut out, made as fine as the tile needs and packed side by side.

A picture that goes on beyond its edges is laid out as often as a face shows it, so that the atlas itself never repeats. Pure in the faces
and the pictures: the same content has the same atlas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiles.islands import GUTTER, Islands, islands_of
from tiles.mesh.batch import Shown
from tiles.shelves import Packed, packed
from twin.face_textures import LARGEST_SIDE, Texture, Wrap
from twin.pictures import Pixels, encode

type PixelsOf = Callable[[bytes], Pixels | None]
"""Gives a picture by its name, None where it is not at hand; asked for one at a time, since a building may have more than fit in memory."""
_QUALITY = 80
_COARSEST = 40
"""Halvings of the area of a texel: then every island is one texel."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """One WebP, and where in it vertices lie."""

    image: bytes
    place: NDArray[np.float64]
    """(v, 2) of the mesh's vertices, 0…1 rightwards and downwards; 0 where they show nothing."""
    is_shown: NDArray[np.bool_]
    """(v,)"""
    is_masked: bool
    """Whether its opacity cuts out."""


def atlas_of(
    shown: Shown, positions: NDArray[np.float64], triangles: NDArray[np.uint32], pictures: PixelsOf, texel_m: float, most_bytes: int
) -> Atlas | None:
    """Return the atlas of a mesh with texels of ``texel_m``, or coarser ones until it has ``most_bytes``; None where nothing is shown.

    ``positions`` (v, 3) metres; ``triangles`` (t, 3). A face whose picture is not at hand shows nothing.
    """
    depths = [0 if (pixels := pictures(t.name)) is None else pixels.shape[2] for t in shown.textures]
    is_shown = np.array([*depths, 0])[shown.texture] > 0
    if not is_shown.any():
        return None
    for coarser in range(_COARSEST):
        islands = islands_of(shown, is_shown, positions, triangles, texel_m, coarser)
        placed = packed(islands.size + 2 * GUTTER, LARGEST_SIDE)
        if placed is None:
            continue
        pixels = _drawn(islands, placed, shown.textures, pictures, max(depths))
        image = encode(pixels, _QUALITY)
        if len(image) <= most_bytes or max(pixels.shape[:2]) <= GUTTER * 4:
            break
    else:
        return None
    place = (placed.corner[islands.of_vertex] + GUTTER + islands.texel) / np.array(placed.size, np.float64)
    return Atlas(image, np.where(is_shown[:, None], np.clip(place, 0.0, 1.0), 0.0), is_shown, pixels.shape[2] == 4)


def _drawn(islands: Islands, placed: Packed, textures: tuple[Texture, ...], pictures: PixelsOf, bands: int) -> Pixels:
    """Return the atlas: every island with a margin of what lies beside it, so that it has no seam where texels are mixed."""
    width, height = placed.size
    atlas = np.zeros((height, width, bands), np.uint8)
    made, resized = None, np.zeros((1, 1, bands), np.uint8)
    for i in np.lexsort((*islands.picture_size.T, islands.texture)).tolist():
        texture = textures[int(islands.texture[i])]
        size = (int(islands.picture_size[i, 0]), int(islands.picture_size[i, 1]))
        if made != (texture.name, size) and (pixels := pictures(texture.name)) is not None:
            made, resized = (texture.name, size), _resized(pixels, size, bands)
        (x, y), (w, h), (column, row) = islands.first[i].tolist(), islands.size[i].tolist(), placed.corner[i].tolist()
        across, down = _beyond(x, w, size[0], texture.wrap), _beyond(y, h, size[1], texture.wrap)
        atlas[row : row + len(down), column : column + len(across)] = resized[down[:, None], across]
    return atlas


def _resized(pixels: Pixels, size: tuple[int, int], bands: int) -> Pixels:
    if bands > pixels.shape[2]:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), np.uint8)


def _beyond(first: int, count: int, side: int, wrap: Wrap) -> NDArray[np.int64]:
    """Return which pixels of a picture ``side`` wide stand where ``count`` are shown from ``first`` on, with the margin around them."""
    at = np.arange(first - GUTTER, first + count + GUTTER)
    match wrap:
        case Wrap.REPEAT:
            return at % side
        case Wrap.MIRROR:
            turned = at % (2 * side)
            return np.minimum(turned, 2 * side - 1 - turned)
        case Wrap.CLAMP:
            return np.clip(at, 0, side - 1)
