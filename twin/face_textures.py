"""Which pictures the faces of a representation show, and where in them their corners lie: in memory, and as the tail of its bytes.

Little endian, behind what version 1 holds: uint32 T; T times the name of a picture (32 bytes), its width and height (uint16, pixels) and
how it goes on beyond its edges (uint32); of each face uint16, 0 for none, else the number of its picture, counted from 1; of each corner
its place in the picture (two float32, 0…1, rightwards and downwards as in glTF; 0 where the face shows none).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NAME_BYTES = 32
LARGEST_SIDE = 2048
"""Pixels of a picture that is kept: the widest atlas of a tile, so no tile could show more of it."""
SIZE_AT = 32
"""Where in a texture its width and height are."""
_COUNT = struct.Struct("<I")
_TEXTURE = struct.Struct(f"<{NAME_BYTES}sHHI")
COUNT_BYTES, TEXTURE_BYTES = _COUNT.size, _TEXTURE.size


class Wrap(enum.IntEnum):
    """How a picture goes on beyond its edges."""

    CLAMP = 0
    REPEAT = 1
    MIRROR = 2


@dataclass(frozen=True, slots=True)
class Texture:
    """A picture by the name it is kept under (`twin.pictures`), its size in pixels and how it goes on."""

    name: bytes
    width: int
    height: int
    wrap: Wrap


@dataclass(frozen=True, slots=True, eq=False)
class FaceTextures:
    """Pictures on the faces of one representation; sizes F and I as in `twin.representation.Faces`."""

    textures: tuple[Texture, ...]
    of_face: npt.NDArray[np.uint16]
    """(F,) number of the face's picture, counted from 1; 0 for none."""
    places: npt.NDArray[np.float32]
    """(I, 2) of each corner, rightwards and downwards."""


def tail_bytes(textures: int, faces: int, corners: int) -> int:
    """Return how long the tail is."""
    return COUNT_BYTES + TEXTURE_BYTES * textures + 2 * faces + 8 * corners


def encode_tail(shown: FaceTextures) -> bytes:
    """Return the tail of `twin.representation.encode`; the same textures give the same bytes."""
    named = b"".join(_TEXTURE.pack(t.name, t.width, t.height, t.wrap) for t in shown.textures)
    places = shown.places.astype("<f4") + np.float32(0.0)  # no −0.0
    return _COUNT.pack(len(shown.textures)) + named + shown.of_face.astype("<u2").tobytes() + places.tobytes()


def decode_tail(data: bytes, at: int, faces: int, corners: int) -> FaceTextures:
    """Return what `encode_tail` wrote from ``at`` on for so many faces and corners; ValueError for anything else."""
    if len(data) < at + COUNT_BYTES:
        raise ValueError("length of textures")
    (count,) = _COUNT.unpack_from(data, at)
    if len(data) != at + tail_bytes(count, faces, corners):
        raise ValueError("length of textures")
    textures = textures_at(data, at)
    at += COUNT_BYTES + TEXTURE_BYTES * count
    of_face = np.frombuffer(data, "<u2", faces, at).astype(np.uint16)
    places = np.frombuffer(data, "<f4", 2 * corners, at + 2 * faces).reshape(-1, 2).astype(np.float32)
    return FaceTextures(textures, of_face, places)


def textures_at(data: bytes | memoryview, at: int) -> tuple[Texture, ...]:
    """Return the textures of a tail that begins at ``at``; ValueError for a way to go on that there is not."""
    (count,) = _COUNT.unpack_from(data, at)
    return tuple(_texture(*_TEXTURE.unpack_from(data, at + COUNT_BYTES + TEXTURE_BYTES * i)) for i in range(count))


def check_textures(shown: FaceTextures, faces: int, corners: int) -> None:
    """Raise ValueError unless sizes agree, faces name textures, and places are finite numbers."""
    if shown.of_face.shape != (faces,) or shown.places.shape != (corners, 2):
        raise ValueError("textures per face")
    if faces and int(shown.of_face.max()) > len(shown.textures):
        raise ValueError("texture of a face")
    if not np.isfinite(shown.places).all():
        raise ValueError("places in textures")
    if any(len(t.name) != NAME_BYTES or not (0 < t.width <= LARGEST_SIDE and 0 < t.height <= LARGEST_SIDE) for t in shown.textures):
        raise ValueError("textures")


def _texture(name: bytes, width: int, height: int, wrap: int) -> Texture:
    return Texture(name, width, height, Wrap(wrap))
