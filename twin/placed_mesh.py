"""A textured mesh that has been placed: the bytes in which a reader hands it on and a builder of tiles takes it.

Little endian: ``TWM1``, uint32 length of a JSON head, the head, then for each part its positions (n × 3 float64: E, N, H of the storage CRS
and the deployment's heights), texture coordinates (n × 2 float32, v downwards as in glTF) and normals (n × 3 float32) where it has them,
triangles (m × 3 uint32); then the images one after the other, as PNG, JPEG or WebP.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import orjson

MESH = "mesh.twm"
"""As what the mesh of a model is kept."""
_MAGIC = b"TWM1"
_HEAD = struct.Struct("<4sI")
_IMAGE_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


class PlacedMeshError(ValueError):
    """The bytes are no placed mesh."""


@dataclass(frozen=True, slots=True)
class Material:
    """How the surface of a part looks."""

    color: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 1.0)
    """Linear red, green, blue and opacity, 0…1."""
    image: int | None = None
    is_unlit: bool = False
    """The light is in the picture already, as in one taken by photography."""
    is_double_sided: bool = True
    is_masked: bool = False
    """The picture's opacity cuts out."""


@dataclass(frozen=True)
class MeshPart:
    """Triangles of one material."""

    positions: npt.NDArray[np.float64]
    """(n, 3)."""
    triangles: npt.NDArray[np.uint32]
    """(m, 3)."""
    texture: npt.NDArray[np.float32] | None
    """(n, 2)."""
    normals: npt.NDArray[np.float32] | None
    """(n, 3), of the axes of ``positions``."""
    material: int


@dataclass(frozen=True)
class PlacedMesh:
    """A model whose vertices are where they belong."""

    parts: tuple[MeshPart, ...]
    materials: tuple[Material, ...]
    images: tuple[bytes, ...]


def image_type(content: bytes) -> str | None:
    """Return the media type of a picture that every viewer of 3D Tiles draws; None for all others."""
    return next((kind for magic, kind in _IMAGE_MAGIC.items() if content.startswith(magic)), None)


def encode_mesh(mesh: PlacedMesh) -> list[bytes]:
    """Return the buffers of ``mesh``, in order."""
    parts = [[len(p.positions), len(p.triangles), p.texture is not None, p.normals is not None, p.material] for p in mesh.parts]
    head = orjson.dumps({"parts": parts, "materials": [asdict(m) for m in mesh.materials], "images": [len(i) for i in mesh.images]})
    buffers = [_HEAD.pack(_MAGIC, len(head)) + head]
    for part in mesh.parts:
        buffers.append(np.ascontiguousarray(part.positions, "<f8").tobytes())
        buffers += [np.ascontiguousarray(a, "<f4").tobytes() for a in (part.texture, part.normals) if a is not None]
        buffers.append(np.ascontiguousarray(part.triangles, "<u4").tobytes())
    return [b for b in (*buffers, *mesh.images) if b]


def decode_mesh(content: bytes) -> PlacedMesh:
    """Return the mesh of `encode_mesh`; `PlacedMeshError` where lengths, indices or numbers do not agree."""
    try:
        magic, length = _HEAD.unpack_from(content)
        head = orjson.loads(content[_HEAD.size : _HEAD.size + length])
        if magic != _MAGIC:
            raise PlacedMeshError("magic")
        cut = _Cut(content, _HEAD.size + length)
        materials = tuple(Material(**{**m, "color": tuple(m["color"])}) for m in head["materials"])
        parts = tuple(_part(cut, *part) for part in head["parts"])
        images = tuple(cut.take(int(size)) for size in head["images"])
    except (KeyError, TypeError, struct.error, orjson.JSONDecodeError) as error:
        raise PlacedMeshError(str(error)) from error
    mesh = PlacedMesh(parts, materials, images)
    _check(mesh)
    return mesh


class _Cut:
    def __init__(self, content: bytes, start: int) -> None:
        self._content, self._at = content, start

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._content):
            raise PlacedMeshError("it ends too early")
        self._at += size
        return self._content[self._at - size : self._at]


def _part(cut: _Cut, vertices: int, triangles: int, has_texture: bool, has_normals: bool, material: int) -> MeshPart:
    positions = np.frombuffer(cut.take(24 * vertices), "<f8").reshape(-1, 3)
    texture = np.frombuffer(cut.take(8 * vertices), "<f4").reshape(-1, 2) if has_texture else None
    normals = np.frombuffer(cut.take(12 * vertices), "<f4").reshape(-1, 3) if has_normals else None
    return MeshPart(positions, np.frombuffer(cut.take(12 * triangles), "<u4").reshape(-1, 3), texture, normals, material)


def _check(mesh: PlacedMesh) -> None:
    for part in mesh.parts:
        if not 0 <= part.material < len(mesh.materials) or (part.triangles.size and part.triangles.max() >= len(part.positions)):
            raise PlacedMeshError("an index is beyond its end")
        if not all(np.isfinite(a).all() for a in (part.positions, part.texture, part.normals) if a is not None):
            raise PlacedMeshError("a number is not finite")
    for material in mesh.materials:
        if material.image is not None and not 0 <= material.image < len(mesh.images):
            raise PlacedMeshError("an image is missing")
    if any(image_type(image) is None for image in mesh.images):
        raise PlacedMeshError("an image is of an unknown kind")
