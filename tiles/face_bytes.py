"""Encoded representations (twin.representation, versions 1 and 2) to ragged arrays, without an object for each feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Bytes, Offsets, Representations
from tiles.kernel import kernel
from tiles.wkb import EMPTY, OK, UNREADABLE, Squares
from twin.byte_numbers import uint32, uint64
from twin.face_textures import COUNT_BYTES, LARGEST_SIDE, SIZE_AT, TEXTURE_BYTES, Wrap
from twin.representation import MAGIC, MM_PER_M, TEXTURED_MAGIC, SurfaceType

_HEAD_BYTES = 52
_MAGIC, _TEXTURED = int.from_bytes(MAGIC, "little"), int.from_bytes(TEXTURED_MAGIC, "little")
_MOST_WRAP = int(max(Wrap))
_FARTHEST = 1e7
"""Repeats of a picture; no reader lets as many through."""
_M_PER_MM = 1.0 / MM_PER_M
_MOST_SURFACE_TYPE = int(max(SurfaceType))


@dataclass(frozen=True, slots=True)
class FaceArrays:
    """Faces of many features as nested offsets: features → faces → rings → corners.

    ``corners`` (c, 3) float64 metres, E, N, H, a shared vertex repeated; ``ring_offsets`` index corners, ``face_offsets`` rings,
    ``feature_offsets`` faces. ``surface`` (faces,) of SurfaceType; ``solid`` (faces,) the solid a face bounds, counted through the run,
    -1 for none; ``is_exterior`` (faces,) whether in its exterior shell. ``status`` (features,): OK, UNREADABLE or EMPTY.

    Where a face of the run shows a picture, ``corners`` are (c, 5): behind the height the place in it; ``texture`` (faces,) counts the
    textures of a face's feature from 1, 0 for none, and is empty where none shows any.
    """

    corners: NDArray[np.float64]
    ring_offsets: Offsets
    face_offsets: Offsets
    feature_offsets: Offsets
    surface: NDArray[np.uint8]
    solid: NDArray[np.int64]
    is_exterior: NDArray[np.bool_]
    solids: int
    status: NDArray[np.uint8]
    texture: NDArray[np.uint16]


def read_faces(representations: Representations, rows: NDArray[np.int64]) -> FaceArrays:
    """Return the faces of the features ``rows``; what is not whole by the rules of twin.representation is UNREADABLE, nothing is raised."""
    data = representations.data
    starts, ends = representations.offsets[rows], representations.offsets[rows + 1]
    status = np.zeros(len(rows), np.uint8)
    corners, rings, faces, solids, is_textured = _count(data, starts, ends, status)
    out = FaceArrays(
        np.zeros((corners, 5)) if is_textured else np.empty((corners, 3)),
        np.zeros(rings + 1, np.int64),
        np.zeros(faces + 1, np.int64),
        np.zeros(len(rows) + 1, np.int64),
        np.empty(faces, np.uint8),
        np.full(faces, -1, np.int64),
        np.zeros(faces, np.bool_),
        solids,
        status,
        np.zeros(faces if is_textured else 0, np.uint16),
    )
    _unpack(
        data,
        starts,
        status,
        out.corners,
        out.ring_offsets,
        out.face_offsets,
        out.feature_offsets,
        out.surface,
        out.solid,
        out.is_exterior,
        out.texture,
    )
    return out


def corner_counts(representations: Representations) -> NDArray[np.int64]:
    """Return how many ring corners each feature has (n,), as its bytes say; 0 where there is nothing to read."""
    return _corner_counts(representations.data, representations.offsets)


def face_squares(representations: Representations) -> Squares:
    """Return the squares around the vertices of each feature."""
    return _face_squares(representations.data, representations.offsets)


@kernel
def _int32(data: Bytes, at: int) -> int:
    value = uint32(data, at)
    return value - 4_294_967_296 if value >= 2_147_483_648 else value


@kernel
def _float64(data: Bytes, at: int, bits: NDArray[np.uint64]) -> float:
    bits[0] = uint64(data, at)
    return float(bits.view(np.float64)[0])


@kernel
def sizes(data: Bytes, start: int, end: int) -> tuple[int, int, int, int, int, int]:
    """Return V, I, R, F, S, K of a representation; V = -1 where its length is not what they ask for."""
    if end - start < _HEAD_BYTES or (uint32(data, start) != _MAGIC and uint32(data, start) != _TEXTURED):
        return -1, 0, 0, 0, 0, 0
    v, i, r = uint32(data, start + 4), uint32(data, start + 8), uint32(data, start + 12)
    f, s, k = uint32(data, start + 16), uint32(data, start + 20), uint32(data, start + 24)
    length = _HEAD_BYTES + 12 * v + 4 * (i + r + f + s + k) + 3 * f
    if is_textured(data, start):
        textures = uint32(data, start + length) if end - start >= length + COUNT_BYTES else 0
        length += COUNT_BYTES + TEXTURE_BYTES * textures + 2 * f + 8 * i
    if end - start != length:
        return -1, 0, 0, 0, 0, 0
    return v, i, r, f, s, k


@kernel
def is_textured(data: Bytes, start: int) -> bool:
    """Return whether a representation, one of the two versions, is that whose faces show pictures."""
    return bool(uint32(data, start) == _TEXTURED)


@kernel
def tail_at(data: Bytes, start: int) -> int:
    """Return where in a textured representation its textures begin: their number."""
    v, i, r = uint32(data, start + 4), uint32(data, start + 8), uint32(data, start + 12)
    f, s, k = uint32(data, start + 16), uint32(data, start + 20), uint32(data, start + 24)
    return start + _HEAD_BYTES + 12 * v + 4 * (i + r + f + s + k) + 3 * f


@kernel
def uint16(data: Bytes, at: int) -> int:
    """Return the little-endian number of two bytes at ``at``."""
    return int(data[at] | np.int64(data[at + 1]) << 8)


@kernel
def float32(data: Bytes, at: int, bits: NDArray[np.uint32]) -> float:
    """Return the little-endian float32 at ``at``; ``bits`` (1,) is scratch."""
    bits[0] = np.uint32(uint32(data, at))
    return float(bits.view(np.float32)[0])


@kernel
def _rise(data: Bytes, at: int, count: int, least: int) -> int:
    """Return the last of ``count`` ends, each at least ``least`` above the one before; -1 where they do not rise so."""
    previous = 0
    for n in range(count):
        value = uint32(data, at + 4 * n)
        if value < previous + least:
            return -1
        previous = value
    return previous


@kernel
def is_whole(data: Bytes, start: int, end: int, bits: NDArray[np.uint64]) -> bool:
    """Return whether all that a representation refers to is inside it: nothing else of it may be followed; ``bits`` (1,) is scratch."""
    v, i, r, f, s, k = sizes(data, start, end)
    if v < 0:
        return False
    for axis in range(3):
        if not np.isfinite(_float64(data, start + 28 + 8 * axis, bits)):
            return False
    at = start + _HEAD_BYTES + 12 * v
    for n in range(i):
        if uint32(data, at + 4 * n) >= v:
            return False
    rings, faces = at + 4 * i, at + 4 * (i + r)
    shells, solids, surface = faces + 4 * f, faces + 4 * (f + s), faces + 4 * (f + s + k) + 2 * f
    for n in range(f):
        if data[surface + n] > _MOST_SURFACE_TYPE:
            return False
    if is_textured(data, start) and not _shows_whole(data, tail_at(data, start), i, f):
        return False
    last_shell = _rise(data, shells, s, 1)
    nested = _rise(data, rings, r, 3) == i and _rise(data, faces, f, 1) == r and _rise(data, solids, k, 1) == s
    return nested and 0 <= last_shell <= f


@kernel
def _shows_whole(data: Bytes, tail: int, corners: int, faces: int) -> bool:
    """Return whether faces name textures that there are, and corners places."""
    bits = np.empty(1, np.uint32)
    textures = uint32(data, tail)
    for n in range(textures):
        at = tail + COUNT_BYTES + TEXTURE_BYTES * n + SIZE_AT
        if not (0 < uint16(data, at) <= LARGEST_SIDE and 0 < uint16(data, at + 2) <= LARGEST_SIDE and uint32(data, at + 4) <= _MOST_WRAP):
            return False
    at = tail + COUNT_BYTES + TEXTURE_BYTES * textures
    for face in range(faces):
        if uint16(data, at + 2 * face) > textures:
            return False
    at += 2 * faces
    for n in range(2 * corners):
        place = float32(data, at + 4 * n, bits)
        if not abs(place) <= _FARTHEST:
            return False
    return True


@kernel
def _count(data: Bytes, starts: Offsets, ends: Offsets, status: NDArray[np.uint8]) -> tuple[int, int, int, int, bool]:
    """Set ``status``; return the corners, rings, faces and solids of what is OK, and whether any of it shows pictures."""
    corners, rings, faces, solids, textured = 0, 0, 0, 0, False
    bits = np.empty(1, np.uint64)
    for n in range(len(starts)):
        if not is_whole(data, starts[n], ends[n], bits):
            status[n] = UNREADABLE
            continue
        _, i, r, f, _, k = sizes(data, starts[n], ends[n])
        status[n] = OK if f > 0 else EMPTY
        corners, rings, faces, solids = corners + i, rings + r, faces + f, solids + k
        textured = textured or is_textured(data, starts[n])
    return corners, rings, faces, solids, textured


@kernel
def _unpack(
    data: Bytes,
    starts: Offsets,
    status: NDArray[np.uint8],
    corners: NDArray[np.float64],
    ring_offsets: Offsets,
    face_offsets: Offsets,
    feature_offsets: Offsets,
    surface: NDArray[np.uint8],
    solid: NDArray[np.int64],
    is_exterior: NDArray[np.bool_],
    texture: NDArray[np.uint16],
) -> None:
    corner, ring, face, solids = 0, 0, 0, 0
    bits = np.empty(1, np.uint64)
    for n in range(len(starts)):
        if status[n] != OK:
            feature_offsets[n + 1] = face
            continue
        start = starts[n]
        v, i, r = uint32(data, start + 4), uint32(data, start + 8), uint32(data, start + 12)
        f, s, k = uint32(data, start + 16), uint32(data, start + 20), uint32(data, start + 24)
        vertices = start + _HEAD_BYTES
        at = vertices + 12 * v
        for axis in range(3):
            origin = _float64(data, start + 28 + 8 * axis, bits)
            for c in range(i):
                corners[corner + c, axis] = origin + _int32(data, vertices + 12 * uint32(data, at + 4 * c) + 4 * axis) * _M_PER_MM
        at += 4 * i
        for c in range(r):
            ring_offsets[ring + c + 1] = corner + uint32(data, at + 4 * c)
        at += 4 * r
        for c in range(f):
            face_offsets[face + c + 1] = ring + uint32(data, at + 4 * c)
        at += 4 * f
        _mark_solids(data, at, at + 4 * s, k, solids, solid[face:], is_exterior[face:])
        at += 4 * (s + k) + 2 * f
        for c in range(f):
            surface[face + c] = data[at + c]
        if is_textured(data, start):
            _unpack_tail(data, tail_at(data, start), corners[corner : corner + i], texture[face : face + f])
        corner, ring, face, solids = corner + i, ring + r, face + f, solids + k
        feature_offsets[n + 1] = face


@kernel
def _unpack_tail(data: Bytes, tail: int, corners: NDArray[np.float64], texture: NDArray[np.uint16]) -> None:
    bits = np.empty(1, np.uint32)
    at = tail + COUNT_BYTES + TEXTURE_BYTES * uint32(data, tail)
    for face in range(len(texture)):
        texture[face] = uint16(data, at + 2 * face)
    at += 2 * len(texture)
    for c in range(len(corners)):
        corners[c, 3], corners[c, 4] = float32(data, at + 8 * c, bits), float32(data, at + 8 * c + 4, bits)


@kernel
def _mark_solids(
    data: Bytes, shell_ends: int, solid_ends: int, solids: int, first: int, solid: NDArray[np.int64], is_exterior: NDArray[np.bool_]
) -> None:
    """Write which solid and which kind of shell each face bounds, the solids counted from ``first``."""
    shell, face = 0, 0
    for k in range(solids):
        exterior = shell
        while shell < uint32(data, solid_ends + 4 * k):
            last = uint32(data, shell_ends + 4 * shell)
            solid[face:last] = first + k
            is_exterior[face:last] = shell == exterior
            face = last
            shell += 1


@kernel
def _corner_counts(data: Bytes, offsets: Offsets) -> NDArray[np.int64]:
    out = np.zeros(len(offsets) - 1, np.int64)
    for n in range(len(out)):
        v, i, _, _, _, _ = sizes(data, offsets[n], offsets[n + 1])
        out[n] = i if v >= 0 else 0
    return out


@kernel
def _face_squares(data: Bytes, offsets: Offsets) -> Squares:
    count = len(offsets) - 1
    x, y, width = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count)
    bits = np.empty(1, np.uint64)
    for n in range(count):
        start = offsets[n]
        v, _, _, _, _, _ = sizes(data, start, offsets[n + 1])
        if v <= 0:
            continue
        at = start + _HEAD_BYTES
        west, south = _int32(data, at), _int32(data, at + 4)
        east, north = west, south
        for i in range(1, v):
            e, m = _int32(data, at + 12 * i), _int32(data, at + 12 * i + 4)
            west, east, south, north = min(west, e), max(east, e), min(south, m), max(north, m)
        x[n] = _float64(data, start + 28, bits) + (west + east) / 2 * _M_PER_MM
        y[n] = _float64(data, start + 36, bits) + (south + north) / 2 * _M_PER_MM
        width[n] = max(east - west, north - south) * _M_PER_MM
    return x, y, width
