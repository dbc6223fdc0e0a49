"""glTF 2.0: triangles, texture coordinates, pictures and plain colours of the default scene, in one frame with z upwards (glTF 2.0 §3)."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.readers.tile_content import glb_json
from ingest.readers.tileset_document import Json, parsed
from ingest.refusals import rejected
from twin.errors import TwinError
from twin.placed_mesh import Material, MeshPart, PlacedMesh, image_type

FloatArray = npt.NDArray[np.float64]
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_READ_EXTENSIONS = frozenset(
    {
        *("KHR_materials_unlit", "KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp"),
        *("EXT_mesh_features", "EXT_structural_metadata", "CESIUM_RTC"),
    }
)
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_DEEPEST = 64
_MOST_NODES = 1_000_000
_Z_UP = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
type ReadFile = Callable[[str], bytes]
"""Give a file the glTF refers to by its URI."""


def gltf_mesh(content: bytes, where: str, read_file: ReadFile, most_vertices: int) -> PlacedMesh:
    """Return what a GLB or glTF draws, not placed yet: x, y, z of the file's scene as x, −z, y.

    RejectedError ``gltf-broken``, ``gltf-extension``, ``model-too-large`` or ``texture-unsupported``.
    """
    is_binary = content.startswith(b"glTF")
    document = glb_json(content, where) if is_binary else parsed(content, where)
    try:
        return _Gltf(document, _binary(content) if is_binary else b"", where, read_file).mesh(most_vertices)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise _broken(where, f"{type(error).__name__} {error}"[:200]) from error


class _Gltf:
    def __init__(self, document: Json, binary: bytes, where: str, read_file: ReadFile) -> None:
        self._json, self._where, self._read_file = document, where, read_file
        if unknown := sorted(set(document.get("extensionsRequired", [])) - _READ_EXTENSIONS):
            raise _extension(where, ", ".join(unknown))
        self._buffers = [
            self._uri(b["uri"]) if "uri" in b else binary if number == 0 else b"" for number, b in enumerate(document.get("buffers", []))
        ]

    def mesh(self, most_vertices: int) -> PlacedMesh:
        """Return all triangles, a part for each primitive where it is shown."""
        materials = [self._material(m) for m in self._json.get("materials", [])]
        plain = len(materials)
        parts: list[MeshPart] = []
        vertices = 0
        for matrix, primitive in self._shown():
            part = self._part(primitive, matrix, plain)
            vertices += len(part.positions)
            if vertices > most_vertices:
                raise rejected("model-too-large", f"More than {most_vertices} vertices.", f"顶点数超过 {most_vertices}。")
            parts.append(part)
        images = tuple(self._image(i) for i in self._json.get("images", []))
        return PlacedMesh(tuple(parts), (*materials, Material()), images)

    def _shown(self) -> Iterator[tuple[FloatArray, Mapping[str, Any]]]:
        """Yield each primitive of triangles with the matrix of its node."""
        scenes, nodes = self._json.get("scenes", []), self._json.get("nodes", [])
        roots = scenes[self._json.get("scene", 0)].get("nodes", []) if scenes else list(range(len(nodes)))
        centre = np.eye(4)
        centre[:3, 3] = self._json.get("extensions", {}).get("CESIUM_RTC", {}).get("center", (0, 0, 0))
        waiting = [(_Z_UP @ centre, root, 0) for root in roots]
        for _ in range(_MOST_NODES):
            if not waiting:
                return
            above, number, depth = waiting.pop()
            if depth > _DEEPEST:
                raise _broken(self._where, "nodes in a circle")
            node = nodes[number]
            matrix = above @ _matrix(node)
            waiting += [(matrix, child, depth + 1) for child in node.get("children", [])]
            if "mesh" in node:
                primitives = self._json["meshes"][node["mesh"]]["primitives"]
                yield from ((matrix, p) for p in primitives if p.get("mode", _TRIANGLES) in (_TRIANGLES, _STRIP, _FAN))
        raise _broken(self._where, "too many nodes")

    def _part(self, primitive: Mapping[str, Any], matrix: FloatArray, plain: int) -> MeshPart:
        attributes = primitive["attributes"]
        local = self._accessor(attributes["POSITION"]).astype(np.float64)
        positions = local @ matrix[:3, :3].T + matrix[:3, 3]
        corners = self._accessor(primitive["indices"]).astype(np.int64).ravel() if "indices" in primitive else np.arange(len(local))
        triangles = _triangles(corners, primitive.get("mode", _TRIANGLES))
        if len(triangles) and triangles.max() >= len(local):
            raise _broken(self._where, "an index is beyond the vertices")
        if np.linalg.det(matrix[:3, :3]) < 0:
            triangles = triangles[:, ::-1]
        return MeshPart(
            positions,
            triangles.astype(np.uint32),
            self._texture(primitive, attributes),
            _turned(self._accessor(attributes["NORMAL"]), matrix) if "NORMAL" in attributes else None,
            primitive.get("material", plain),
        )

    def _texture(self, primitive: Mapping[str, Any], attributes: Mapping[str, int]) -> npt.NDArray[np.float32] | None:
        """Return where each vertex lies in its picture, with what KHR_texture_transform says."""
        materials = self._json.get("materials", [])
        material = materials[primitive["material"]] if "material" in primitive else {}
        texture = material.get("pbrMetallicRoughness", {}).get("baseColorTexture", {})
        transform = texture.get("extensions", {}).get("KHR_texture_transform", {})
        name = f"TEXCOORD_{int(transform.get('texCoord', texture.get('texCoord', 0)))}"
        if name not in attributes:
            return None
        turn = float(transform.get("rotation", 0.0))
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])  # v is downwards: anticlockwise as one looks at it
        scaled = self._accessor(attributes[name]) * np.array(transform.get("scale", (1, 1)))
        return (scaled @ turned + np.array(transform.get("offset", (0, 0)))).astype(np.float32)

    def _accessor(self, number: int) -> npt.NDArray[Any]:
        """Return the values of an accessor, (count, width), normalised integers as numbers."""
        accessor = self._json["accessors"][number]
        if "sparse" in accessor:
            raise _broken(self._where, "sparse accessors are not read")
        dtype, width, count = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]], int(accessor["count"])
        view = self._json["bufferViews"][accessor["bufferView"]]
        content = self._view(view)
        stride = int(view.get("byteStride", 0)) or dtype.itemsize * width
        start = int(accessor.get("byteOffset", 0))
        if (
            count < 1
            or start < 0
            or stride < dtype.itemsize * width
            or start + (count - 1) * stride + dtype.itemsize * width > len(content)
        ):
            raise _broken(self._where, "an accessor is beyond its buffer")
        values = np.ndarray((count, width), dtype, content, start, (stride, dtype.itemsize))
        if accessor.get("normalized") and dtype.kind in "iu":
            return np.maximum(values.astype(np.float64) / np.iinfo(dtype).max, -1.0)
        return values.copy()

    def _view(self, view: Mapping[str, Any]) -> bytes:
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        content = self._buffers[view["buffer"]]
        if start < 0 or length < 0 or start + length > len(content):
            raise _broken(self._where, "a buffer view is beyond its buffer")
        return content[start : start + length]

    def _material(self, material: Mapping[str, Any]) -> Material:
        pbr = material.get("pbrMetallicRoughness", {})
        texture = pbr.get("baseColorTexture")
        red, green, blue, opacity = (float(c) for c in pbr.get("baseColorFactor", (1, 1, 1, 1)))
        return Material(
            (red, green, blue, opacity),
            None if texture is None else self._source(self._json["textures"][texture["index"]]),
            "KHR_materials_unlit" in material.get("extensions", {}),
            bool(material.get("doubleSided", False)),
            material.get("alphaMode", "OPAQUE") != "OPAQUE",
        )

    def _source(self, texture: Mapping[str, Any]) -> int:
        webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
        return int(webp.get("source", texture.get("source")))

    def _image(self, image: Mapping[str, Any]) -> bytes:
        content = self._uri(image["uri"]) if "uri" in image else self._view(self._json["bufferViews"][image["bufferView"]])
        return drawable(content, self._where)

    def _uri(self, uri: str) -> bytes:
        if not uri.startswith("data:"):
            return self._read_file(uri)
        try:
            return base64.b64decode(uri.partition(";base64,")[2], validate=True)
        except binascii.Error as error:
            raise _broken(self._where, "a data URI is broken") from error


def drawable(image: bytes, where: str) -> bytes:
    """Return a picture that viewers draw; RejectedError ``texture-unsupported`` for TIFF, TGA, BMP and the like."""
    if image_type(image) is None:
        raise rejected(
            "texture-unsupported",
            f"{where}: a texture is no PNG, JPEG or WebP: convert it.",
            f"{where}：纹理应为 PNG、JPEG 或 WebP，请转换。",
        )
    return image


def without_unused_images(mesh: PlacedMesh) -> PlacedMesh:
    """Return ``mesh`` with those pictures only that a part shows."""
    shown = {p.material for p in mesh.parts if p.texture is not None}
    used = sorted({m.image for n, m in enumerate(mesh.materials) if n in shown and m.image is not None})
    new = {old: number for number, old in enumerate(used)}
    materials = tuple(replace(m, image=None if m.image is None else new.get(m.image)) for m in mesh.materials)
    return PlacedMesh(mesh.parts, materials, tuple(mesh.images[i] for i in used))


def _binary(content: bytes) -> bytes:
    """Return the binary chunk of a GLB, empty where it has none."""
    (size,) = struct.unpack_from("<I", content, 12)
    start = 20 + size
    if start + 8 > len(content):
        return b""
    length, kind = struct.unpack_from("<I4s", content, start)
    return content[start + 8 : start + 8 + length] if kind == b"BIN\0" else b""


def _triangles(corners: npt.NDArray[np.int64], mode: int) -> npt.NDArray[np.int64]:
    """Return (n, 3) corners of triangles, strips and fans taken apart (glTF 2.0 §3.7.2.1)."""
    if mode == _TRIANGLES or len(corners) < 3:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == _FAN:
        return np.column_stack([corners[1:-1], corners[2:], np.full(len(corners) - 2, corners[0])])
    odd = np.arange(len(corners) - 2) % 2
    first, second = np.arange(len(corners) - 2) + 1 + odd, np.arange(len(corners) - 2) + 2 - odd
    return np.column_stack([corners[:-2], corners[first], corners[second]])


def _matrix(node: Mapping[str, Any]) -> FloatArray:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = (float(v) for v in node.get("rotation", (0, 0, 0, 1)))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), dtype=np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _turned(normals: npt.NDArray[Any], matrix: FloatArray) -> npt.NDArray[np.float32]:
    turned = normals.astype(np.float64) @ np.linalg.inv(matrix[:3, :3])
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    return np.divide(turned, length, out=np.tile([0.0, 0.0, 1.0], (len(turned), 1)), where=length > 0).astype(np.float32)


def _broken(where: str, reason: str) -> TwinError:
    return rejected("gltf-broken", f"{where}: {reason}.", f"{where} 无法读取：{reason}。")


def _extension(where: str, names: str) -> TwinError:
    return rejected(
        "gltf-extension",
        f"{where} requires {names}, which is not read here: export it without compression, or as 3D Tiles.",
        f"{where} 要求扩展 {names}，不受支持：请导出为未压缩的 glTF，或导出 3D Tiles。",
    )
