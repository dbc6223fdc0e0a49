"""The pictures that faces of encoded representations show (twin.face_textures): which, and how much of a tile they take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Bytes, Offsets, Representations
from tiles.face_bytes import float32, is_textured, is_whole, sizes, tail_at, uint16
from tiles.kernel import kernel
from twin.byte_numbers import uint32
from twin.face_textures import COUNT_BYTES, SIZE_AT, TEXTURE_BYTES, Texture, textures_at
from twin.representation import MM_PER_M

TEXEL_M = 0.05
"""As finely pictures are shown: what oblique photography of a city resolves. A coarser one keeps its pixels."""
_BYTES_PER_TEXEL = 0.1
"""Of WebP, with what lies unused between islands; for the budget only."""


def texture_bytes(representations: Representations) -> NDArray[np.int64]:
    """Return about how many bytes of pictures each feature takes in a tile (n,), by its own faces alone.

    0 where it shows none, or is no whole representation.
    """
    return np.ceil(_BYTES_PER_TEXEL * _texel_counts(representations.data, representations.offsets, TEXEL_M)).astype(np.int64)


def textures_of(representations: Representations, rows: NDArray[np.int64]) -> list[tuple[Texture, ...]]:
    """Return the textures of each of the features ``rows``, () where it has none or is no whole representation; nothing where none has."""
    found = _tails(representations.data, representations.offsets[rows], representations.offsets[rows + 1])
    if not (found >= 0).any():
        return []
    data = memoryview(np.ascontiguousarray(representations.data)).cast("B")
    return [textures_at(data, at) if at >= 0 else () for at in found.tolist()]


@kernel
def _tails(data: Bytes, starts: Offsets, ends: Offsets) -> NDArray[np.int64]:
    out = np.full(len(starts), -1, np.int64)
    for n in range(len(starts)):
        v, _, _, _, _, _ = sizes(data, starts[n], ends[n])
        if v >= 0 and is_textured(data, starts[n]):
            out[n] = tail_at(data, starts[n])
    return out


@kernel
def _texel_counts(data: Bytes, offsets: Offsets, texel_m: float) -> NDArray[np.float64]:
    """Return how many pixels the faces of each feature take: those of the picture they cover, or as many as are that fine."""
    out = np.zeros(len(offsets) - 1)
    bits, wide_bits = np.empty(1, np.uint32), np.empty(1, np.uint64)
    for n in range(len(out)):
        start = offsets[n]
        v, i, r, f, _, _ = sizes(data, start, offsets[n + 1])
        if v < 0 or not is_textured(data, start) or not is_whole(data, start, offsets[n + 1], wide_bits):
            continue
        vertices = start + 52
        indices = vertices + 12 * v
        rings = indices + 4 * i
        faces = rings + 4 * r
        tail = tail_at(data, start)
        numbers = tail + COUNT_BYTES + TEXTURE_BYTES * uint32(data, tail)
        places = numbers + 2 * f
        ring, corner = 0, 0
        for face in range(f):
            end = uint32(data, rings + 4 * ring)
            number = uint16(data, numbers + 2 * face)
            if 0 < number <= uint32(data, tail):
                at = tail + COUNT_BYTES + TEXTURE_BYTES * (number - 1) + SIZE_AT
                pixels = uint16(data, at) * uint16(data, at + 2) * _extent(data, places, corner, end, bits)
                out[n] += min(pixels, 2 * _area_m2(data, vertices, indices, corner, end) / (texel_m * texel_m))
            ring = uint32(data, faces + 4 * face)
            corner = uint32(data, rings + 4 * (ring - 1)) if ring > 0 else 0
    return out


@kernel
def _extent(data: Bytes, places: int, first: int, end: int, bits: NDArray[np.uint32]) -> float:
    """Return the area of the rectangle around the places of some corners, in pictures."""
    low_u, high_u, low_v, high_v = np.inf, -np.inf, np.inf, -np.inf
    for c in range(first, end):
        u, v = float32(data, places + 8 * c, bits), float32(data, places + 8 * c + 4, bits)
        low_u, high_u, low_v, high_v = min(low_u, u), max(high_u, u), min(low_v, v), max(high_v, v)
    return (high_u - low_u) * (high_v - low_v) if high_u >= low_u and high_v >= low_v else 0.0


@kernel
def _area_m2(data: Bytes, vertices: int, indices: int, first: int, end: int) -> float:
    """Return the area of a ring (M. Newell)."""
    normal, before, here = np.zeros(3), np.empty(3), np.empty(3)
    for c in range(first, end):
        last = end - 1 if c == first else c - 1
        for axis in range(3):
            before[axis] = _coordinate(data, vertices, uint32(data, indices + 4 * last), axis)
            here[axis] = _coordinate(data, vertices, uint32(data, indices + 4 * c), axis)
        for axis in range(3):
            y, z = (axis + 1) % 3, (axis + 2) % 3
            normal[axis] += (before[y] - here[y]) * (before[z] + here[z])
    return float(np.sqrt((normal * normal).sum()) / 2 / (MM_PER_M * MM_PER_M))


@kernel
def _coordinate(data: Bytes, vertices: int, vertex: int, axis: int) -> float:
    value = uint32(data, vertices + 12 * vertex + 4 * axis)
    return float(value - 4_294_967_296 if value >= 2_147_483_648 else value)
