"""The 3D of one feature at one level of detail: its faces in memory, and as the bytes of column ``faces`` (DESIGN 8).

A face is a polygon whose rings name vertices, its first ring the exterior. Faces of solids come first, shell after shell and solid
after solid; faces after the last shell belong to no solid. Without shells all faces are a multi-surface. Faces may show pictures.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.face_textures import FaceTextures, check_textures, decode_tail, encode_tail
from twin.packed_faces import PACKED_MAGIC, FaceNumbers, pack, unpack

UInt32s = npt.NDArray[np.uint32]

MAGIC = b"TWR1"
TEXTURED_MAGIC = b"TWR2"
MM_PER_M = 1000.0
_HEAD = struct.Struct("<4s6I3d")
HEAD_BYTES = _HEAD.size
MOST_EXTENT_M = 2_147_000.0
"""What one body may extend over: more are not stored (millimetres are int32)."""
_INT32 = np.iinfo(np.int32)


class SurfaceType(enum.IntEnum):
    """What a face bounds: the semantic surfaces of CityJSON 2.0 §3.3, by the number they are stored under."""

    UNKNOWN = 0
    ROOF = 1
    WALL = 2
    GROUND = 3
    CLOSURE = 4
    OUTER_CEILING = 5
    OUTER_FLOOR = 6
    WINDOW = 7
    DOOR = 8
    INTERIOR_WALL = 9
    CEILING = 10
    FLOOR = 11
    WATER = 12
    TRAFFIC = 13
    OTHER = 14


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Polygons over shared vertices, in the storage CRS with orthometric height; sizes V, I, R, F, S, K as in the bytes."""

    vertices: npt.NDArray[np.float64]
    """(V, 3) metres."""
    indices: UInt32s
    """(I,) the vertex of every ring corner; rings are not closed."""
    ring_ends: UInt32s
    """(R,) where each ring ends in ``indices``."""
    face_ends: UInt32s
    """(F,) where each face ends in ``ring_ends``."""
    surface_type: npt.NDArray[np.uint8]
    """(F,) `SurfaceType`."""
    part: npt.NDArray[np.uint16]
    """(F,) which part of the feature the face is of; 0 is the feature itself."""
    shell_ends: UInt32s
    """(S,) where each shell ends in ``face_ends``; the first shell of a solid is its exterior."""
    solid_ends: UInt32s
    """(K,) where each solid ends in ``shell_ends``; none: a multi-surface."""
    textures: FaceTextures | None = None
    """What the faces show; None: none shows a picture."""


def encode(faces: Faces) -> bytes:
    """Return the bytes of version 3 (`twin.packed_faces`), or 2 where faces show pictures; the same faces give the same bytes.

    ValueError when the faces are malformed, or extend over more than 2147 km.
    """
    return pack(_numbers_of(faces)) if faces.textures is None else encode_unpacked(faces)


def encode_unpacked(faces: Faces) -> bytes:
    """Return the bytes of version 1, or 2 where faces show pictures, little endian; errors as `encode`.

    ``TWR1``, V I R F S K (uint32), the origin (3 float64: the least coordinates, down to whole metres), the vertices (3V int32,
    millimetres from the origin), indices, ring_ends, face_ends, shell_ends, solid_ends (uint32), part (uint16), surface_type
    (uint8). Version 2 is the same under ``TWR2``, the tail of `twin.face_textures` behind it.
    """
    numbers = _numbers_of(faces)
    magic = MAGIC if faces.textures is None else TEXTURED_MAGIC
    counts = (len(numbers.millimetres), len(numbers.indices), *map(len, numbers.ends))
    return b"".join(
        (
            _HEAD.pack(magic, *counts, *map(float, numbers.origin)),
            numbers.millimetres.astype("<i4").tobytes(),
            *(a.astype("<u4").tobytes() for a in (numbers.indices, *numbers.ends)),
            numbers.part.astype("<u2").tobytes(),
            numbers.surface_type.astype("u1").tobytes(),
            b"" if faces.textures is None else encode_tail(faces.textures),
        )
    )


def _numbers_of(faces: Faces) -> FaceNumbers:
    check(faces)
    millimetres = (
        np.rint(faces.vertices * MM_PER_M) + 0.0
    )  # no −0.0; rounded before the origin is chosen: decoded faces encode to the same bytes
    origin = np.floor(millimetres.min(axis=0) / MM_PER_M) if len(millimetres) else np.zeros(3)
    millimetres -= origin * MM_PER_M
    if millimetres.size and millimetres.max() > _INT32.max:
        raise ValueError("vertices lie too far apart")
    ends = (faces.ring_ends, faces.face_ends, faces.shell_ends, faces.solid_ends)
    return FaceNumbers(origin, millimetres.astype(np.int32), faces.indices, ends, faces.part, faces.surface_type)


def decode(data: bytes) -> Faces:
    """Return the faces of :func:`encode` in any version, every vertex within 0.5 mm; ValueError for anything else."""
    numbers, textures = (unpack(data), None) if data.startswith(PACKED_MAGIC) else _read_unpacked(data)
    if not np.isfinite(numbers.origin).all():
        raise ValueError("origin of a representation")
    ring_ends, face_ends, shell_ends, solid_ends = numbers.ends
    faces = Faces(
        vertices=numbers.origin + numbers.millimetres / MM_PER_M,
        indices=numbers.indices,
        ring_ends=ring_ends,
        face_ends=face_ends,
        surface_type=numbers.surface_type,
        part=numbers.part,
        shell_ends=shell_ends,
        solid_ends=solid_ends,
        textures=textures,
    )
    check(faces)
    return faces


def _read_unpacked(data: bytes) -> tuple[FaceNumbers, FaceTextures | None]:
    if len(data) < _HEAD.size or not data.startswith((MAGIC, TEXTURED_MAGIC)):
        raise ValueError("not a representation of version 1, 2 or 3")
    _, vertex_count, *counts, x, y, z = _HEAD.unpack_from(data)
    face_count = counts[2]
    end = _HEAD.size + 12 * vertex_count + 4 * sum(counts) + 3 * face_count
    is_textured = data.startswith(TEXTURED_MAGIC)
    if len(data) < end or (not is_textured and len(data) != end):
        raise ValueError("length of a representation")
    at = _HEAD.size
    millimetres = np.frombuffer(data, "<i4", 3 * vertex_count, at).reshape(-1, 3)
    at += 12 * vertex_count
    arrays: list[UInt32s] = []
    for count in counts:
        arrays.append(np.frombuffer(data, "<u4", count, at).astype(np.uint32))
        at += 4 * count
    indices, rings, faces, shells, solids = arrays
    part = np.frombuffer(data, "<u2", face_count, at).astype(np.uint16)
    surface_type = np.frombuffer(data, "u1", face_count, at + 2 * face_count).copy()
    numbers = FaceNumbers(np.array([x, y, z]), millimetres, indices, (rings, faces, shells, solids), part, surface_type)
    return numbers, decode_tail(data, end, face_count, counts[0]) if is_textured else None


def check(faces: Faces) -> None:
    """Raise ValueError unless sizes agree, ends rise to their last, rings have three corners and indices name vertices."""
    rings, face_count, shells = len(faces.ring_ends), len(faces.face_ends), len(faces.shell_ends)
    if faces.vertices.ndim != 2 or faces.vertices.shape[1] != 3 or not np.isfinite(faces.vertices).all():
        raise ValueError("vertices")
    if len(faces.surface_type) != face_count or len(faces.part) != face_count:
        raise ValueError("values per face")
    _check_ends("ring_ends", faces.ring_ends, len(faces.indices), least=3)
    _check_ends("face_ends", faces.face_ends, rings, least=1)
    _check_ends("shell_ends", faces.shell_ends, int(faces.shell_ends[-1]) if shells else 0, least=1)
    if shells and faces.shell_ends[-1] > face_count:
        raise ValueError("shell_ends")
    _check_ends("solid_ends", faces.solid_ends, shells, least=1)
    if len(faces.indices) and int(faces.indices.max()) >= len(faces.vertices):
        raise ValueError("indices")
    if face_count and int(faces.surface_type.max()) > max(SurfaceType):
        raise ValueError("surface_type")
    if faces.textures is not None:
        check_textures(faces.textures, face_count, len(faces.indices))


def _check_ends(name: str, ends: UInt32s, last: int, least: int) -> None:
    """Each end lies ``least`` or more after the one before, and the last is ``last``."""
    if len(ends) == 0:
        whole = last == 0
    else:
        rising = ends.astype(np.int64)
        whole = rising[-1] == last and rising[0] >= least and bool((rising[1:] - rising[:-1] >= least).all())
    if not whole:
        raise ValueError(name)
