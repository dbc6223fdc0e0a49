"""Which rectangles of which pictures the faces of a mesh show, in pixels of pictures made as fine as they are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.mesh.batch import Shown
from twin.face_textures import LARGEST_SIDE, Wrap

GUTTER = 2
"""Pixels around an island, for texels that are mixed when it is seen from afar."""
_LARGEST = LARGEST_SIDE - 2 * GUTTER
_WHOLE_WORTH = 0.8
"""Of a picture's used rectangle that its faces cover: above, it is one island."""
_WITHIN = 1e-6

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Islands:
    """Rectangles (n) to be packed, and the vertices in them."""

    texture: Ints
    """(n,)"""
    picture_size: Ints
    """(n, 2) to how many pixels its whole picture is made smaller."""
    first: Ints
    """(n, 2) its first column and row in that picture; beyond its edges where that goes on."""
    size: Ints
    """(n, 2) columns and rows."""
    of_vertex: Ints
    """(v,) island of each vertex; 0 where it shows nothing."""
    texel: Floats
    """(v, 2) where each vertex lies in its island, in pixels."""


@dataclass(frozen=True, slots=True)
class _Faces:
    """What m faces show: ``texture`` (m,), the rectangle around their places (m, 2) each, and how coarse it may be."""

    texture: Ints
    low: Floats
    high: Floats
    halvings: Ints
    """(m,) of the area of the picture's pixels until they are texels."""
    of_vertex: Ints
    """(v,); 0 where a vertex shows nothing."""


def islands_of(
    shown: Shown, is_shown: NDArray[np.bool_], positions: Floats, triangles: NDArray[np.uint32], texel_m: float, coarser: int
) -> Islands:
    """Return the islands of the vertices ``is_shown``, with texels of ``texel_m`` and their area doubled ``coarser`` times."""
    faces = _faces_of(shown, is_shown, positions, triangles, texel_m)
    sizes = np.array([(t.width, t.height) for t in shown.textures], np.int64)
    wraps = np.array([t.wrap for t in shown.textures], np.int64)
    rectangle = _rectangles(faces)
    low, high = _spans(faces, rectangle)
    first_face = np.unique(rectangle, return_index=True)[1]
    texture = faces.texture[first_face]
    halvings = np.full(len(first_face), np.iinfo(np.int64).max)
    np.minimum.at(halvings, rectangle, faces.halvings)
    picture_size = _made_smaller(sizes[texture], high - low, halvings + coarser)
    first = np.floor(low * picture_size + _WITHIN).astype(np.int64)
    size = np.clip(np.ceil(high * picture_size - _WITHIN).astype(np.int64) - first, 1, np.where(picture_size == 1, 1, _LARGEST))
    own = rectangle[faces.of_vertex]
    texel = shown.place * picture_size[own] - first[own]
    shift = _whole_turns(first, picture_size, wraps[texture])
    first = first - shift
    # Faces that show the same of the same picture share an island.
    same, index, inverse = np.unique(np.column_stack([texture, picture_size, first, size]), axis=0, return_index=True, return_inverse=True)
    del same
    of_vertex = np.where(is_shown, inverse.ravel()[own], 0)
    limit = size[own].astype(np.float64)
    return Islands(texture[index], picture_size[index], first[index], size[index], of_vertex, np.clip(texel, 0.0, limit))


def _faces_of(shown: Shown, is_shown: NDArray[np.bool_], positions: Floats, triangles: NDArray[np.uint32], texel_m: float) -> _Faces:
    vertices = np.flatnonzero(is_shown)
    faces, first, own = np.unique(shown.face[vertices], return_index=True, return_inverse=True)
    own = own.ravel()
    of_vertex = np.zeros(len(is_shown), np.int64)
    of_vertex[vertices] = own
    low, high = np.full((len(faces), 2), np.inf), np.full((len(faces), 2), -np.inf)
    np.minimum.at(low, own, shown.place[vertices])
    np.maximum.at(high, own, shown.place[vertices])
    texture = shown.texture[vertices[first]].astype(np.int64)
    corners = triangles[is_shown[triangles[:, 0]]].astype(np.int64)
    face = of_vertex[corners[:, 0]]
    p, q = positions[corners], shown.place[corners]
    area_m2 = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2
    a, b = q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]
    of_picture = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    pixels = np.array([t.width * t.height for t in shown.textures], np.float64)[texture]
    covered = np.bincount(face, of_picture, len(faces)) * pixels
    wanted = np.bincount(face, area_m2, len(faces)) / (texel_m * texel_m)
    # How often the area of a pixel is doubled before a texel is as large: in whole steps, so that pictures are made smaller in few ways.
    finer = np.log2(np.maximum(covered, 1e-12) / np.maximum(wanted, 1e-12))
    return _Faces(texture, low, high, np.maximum(np.floor(finer), 0).astype(np.int64), of_vertex)


def _rectangles(faces: _Faces) -> Ints:
    """Return a number for each face (m,): the same where one rectangle of a picture serves, as it mostly does where one is of a house."""
    number = np.arange(len(faces.texture), dtype=np.int64)
    for texture in np.unique(faces.texture).tolist():
        mine = np.flatnonzero(faces.texture == texture)
        low, high = faces.low[mine].min(axis=0), faces.high[mine].max(axis=0)
        within = (low >= -_WITHIN).all() and (high <= 1 + _WITHIN).all()
        covered = (faces.high[mine] - faces.low[mine]).prod(axis=1).sum()
        if within and covered >= _WHOLE_WORTH * (high - low).prod():
            number[mine] = mine[0]
    return np.unique(number, return_inverse=True)[1].ravel()


def _spans(faces: _Faces, rectangle: Ints) -> tuple[Floats, Floats]:
    count = int(rectangle.max()) + 1
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, rectangle, faces.low)
    np.maximum.at(high, rectangle, faces.high)
    return low, high


def _made_smaller(size: Ints, span: Floats, halvings: Ints) -> Ints:
    """Return the sizes of pictures whose area is halved so often, and until what is shown of them is no wider than an atlas."""
    too_wide = np.log2(np.maximum((span * size).max(axis=1) / (_LARGEST - 2), 1e-12))
    halvings = np.maximum(halvings, np.ceil(2 * too_wide).astype(np.int64))
    return np.maximum(np.rint(size * 0.5 ** (np.clip(halvings, 0, 100)[:, None] / 2)), 1).astype(np.int64)


def _whole_turns(first: Ints, size: Ints, wrap: Ints) -> Ints:
    """Return how far islands lie from where the same is shown first, (n, 2) pixels."""
    period = np.where(wrap[:, None] == Wrap.MIRROR, 2 * size, size)
    return np.where(wrap[:, None] == Wrap.CLAMP, 0, first // period * period)
