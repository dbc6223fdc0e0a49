"""A GLB taken apart without trusting it: chunks, buffer views (decompressed), accessors as arrays."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles import meshopt
from tiles.checker.problem import Problems

MESHOPT = "EXT_meshopt_compression"
_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_LARGEST_VIEW = 1 << 30

type Json = dict[str, Any]


class GltfFile:
    """The document and binary chunk of a GLB; every broken reference is a problem, never an exception."""

    def __init__(self, data: bytes, problems: Problems) -> None:
        self.problems = problems
        self.json: Json = {}
        self.bin = b""
        self._views: dict[int, bytes | None] = {}
        self._read_chunks(data)

    def _read_chunks(self, data: bytes) -> None:
        unless = self.problems.unless
        if not unless(len(data) >= 20 and data[:4] == b"glTF", "GLB_MAGIC", "/", "not a binary glTF"):
            return
        version, length = struct.unpack_from("<II", data, 4)
        unless(version == 2, "GLB_VERSION", "/", f"version {version}")
        unless(length == len(data), "GLB_LENGTH", "/", f"header says {length} bytes, the file has {len(data)}")
        at, number = 12, 0
        while at + 8 <= len(data):
            size, kind = struct.unpack_from("<I4s", data, at)
            chunk = data[at + 8 : at + 8 + size]
            unless(len(chunk) == size and size % 4 == 0, "GLB_CHUNK", "/", f"chunk {number} of {size} bytes is cut or not on 4 bytes")
            if kind == b"JSON" and number == 0:
                self._read_json(chunk)
            elif kind == b"BIN\0" and number == 1:
                self.bin = chunk
                unless((at + 8) % 8 == 0, "GLB_BIN_ALIGNMENT", "/", "property tables need the binary chunk on 8 bytes")
            at, number = at + 8 + size, number + 1

    def _read_json(self, chunk: bytes) -> None:
        try:
            document = orjson.loads(chunk)
        except orjson.JSONDecodeError as error:
            self.problems.add("GLB_JSON", "/", str(error))
            return
        if self.problems.unless(isinstance(document, dict), "GLB_JSON", "/", "the document is not an object"):
            self.json = document

    def items(self, name: str) -> list[Json]:
        """Return a top-level array of objects, empty where there is none."""
        value = self.json.get(name, [])
        return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []

    def item(self, name: str, index: object, where: str) -> Json | None:
        """Return element ``index`` of a top-level array, or record that it is not there."""
        items = self.items(name)
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(items):
            return items[index]
        self.problems.add("REFERENCE", where, f"no {name}[{index}]")
        return None

    def view(self, index: object, where: str) -> bytes | None:
        """Return the bytes of a buffer view, decompressed; None after recording why not."""
        if not isinstance(index, int) or index not in self._views:
            found = self.item("bufferViews", index, where)
            content = None if found is None else self._view_bytes(found, f"/bufferViews/{index}")
            if isinstance(index, int):
                self._views[index] = content
            return content
        return self._views[index]

    def _view_bytes(self, view: Json, where: str) -> bytes | None:
        compressed = view.get("extensions", {}).get(MESHOPT)
        source = compressed if compressed is not None else view
        offset, length = source.get("byteOffset", 0), source.get("byteLength", -1)
        if not self.problems.unless(
            source.get("buffer") == 0 and _is_count(offset) and _is_count(length) and offset + length <= len(self.bin),
            "BUFFER_VIEW_RANGE",
            where,
            f"{length} bytes at {offset} do not lie in the binary chunk of {len(self.bin)}",
        ):
            return None
        raw = self.bin[offset : offset + length]
        return raw if compressed is None else self._decompressed(raw, compressed, view, where)

    def _decompressed(self, raw: bytes, extension: Json, view: Json, where: str) -> bytes | None:
        count, stride = extension.get("count", -1), extension.get("byteStride", -1)
        fits = _is_count(count) and _is_count(stride) and 0 < stride <= 256 and count * stride < _LARGEST_VIEW
        fits = fits and count * stride == view.get("byteLength")
        if not self.problems.unless(fits, "MESHOPT_SIZE", where, f"{count} × {stride} bytes is not the view's {view.get('byteLength')}"):
            return None
        expected = {"ATTRIBUTES": 0xA0, "TRIANGLES": 0xE1, "INDICES": 0xD1}.get(str(extension.get("mode")))
        if not self.problems.unless(
            raw[:1] == bytes([expected or 0]), "MESHOPT_CODEC", where, "not the codec version the extension allows"
        ):
            return None
        try:
            return meshopt.decode(raw, str(extension["mode"]), count, stride, str(extension.get("filter", "NONE")))
        except meshopt.MeshoptError as error:
            self.problems.add("MESHOPT_STREAM", where, str(error))
            return None

    def accessor(self, index: object, where: str) -> NDArray[np.generic] | None:
        """Return an accessor as (count,) or (count, width), dequantized only where it is ``normalized``; None after recording why not."""
        accessor = self.item("accessors", index, where)
        if accessor is None:
            return None
        at = f"/accessors/{index}"
        component, kind = _COMPONENTS.get(accessor.get("componentType", 0)), _WIDTHS.get(accessor.get("type", ""))
        count = accessor.get("count", -1)
        if not self.problems.unless(
            component and kind and _is_count(count) and count > 0, "ACCESSOR_FORM", at, "componentType, type or count is not valid"
        ):
            return None
        content = self.view(accessor.get("bufferView"), at)
        if content is None:
            return None
        dtype, width = np.dtype(component), int(kind or 0)
        size = dtype.itemsize * width
        stride = self.items("bufferViews")[accessor["bufferView"]].get("byteStride", size)
        offset = accessor.get("byteOffset", 0)
        fits = _is_count(offset) and stride >= size and offset + stride * (count - 1) + size <= len(content)
        if not self.problems.unless(fits, "ACCESSOR_RANGE", at, f"{count} elements do not lie in the view of {len(content)} bytes"):
            return None
        raw = np.frombuffer(content, np.uint8)
        rows = np.lib.stride_tricks.as_strided(raw[offset:], (count, size), (stride, 1))
        values = np.ascontiguousarray(rows).view(dtype)
        return values if width > 1 else values.ravel()

    def placements(self) -> Iterator[tuple[Json, NDArray[np.float64]]]:
        """Yield (node, 4 × 4 matrix mesh → geocentric z-up) for each node of the scene with a mesh; cycles and bad references: problems."""
        z_up = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
        scene = self.item("scenes", self.json.get("scene", 0), "/scene")
        roots = scene.get("nodes", []) if scene is not None else []
        stack = [(index, z_up, frozenset[int]()) for index in roots]
        while stack:
            index, above, path = stack.pop()
            node = self.item("nodes", index, "/nodes")
            if node is None or not self.problems.unless(index not in path, "NODE_CYCLE", f"/nodes/{index}", "a node is its own ancestor"):
                continue
            matrix = above @ _matrix_of(node)
            self.problems.unless(np.isfinite(matrix).all(), "NODE_MATRIX", f"/nodes/{index}", "the matrix is not finite")
            if "mesh" in node and self.item("meshes", node["mesh"], f"/nodes/{index}/mesh") is not None:
                yield node, matrix
            stack.extend((child, matrix, path | {index}) for child in node.get("children", []))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _matrix_of(node: Json) -> NDArray[np.float64]:
    if "matrix" in node:
        numbers = np.array(node["matrix"], np.float64)
        return numbers.reshape(4, 4).T if numbers.size == 16 else np.full((4, 4), np.nan)
    translation, rotation, scale = (np.array([node.get(name, default)], np.float64) for name, default in _TRANSFORM.items())
    return matrices_of(1, translation, rotation, scale)[0]


_TRANSFORM = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}


def matrices_of(
    count: int, translation: NDArray[np.float64] | None, rotation: NDArray[np.float64] | None, scale: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return T · R · S (count, 4, 4) of vectors (count, 3), quaternions (count, 4) and factors (count, 3), None where unit."""
    matrix = np.tile(np.eye(4), (count, 1, 1))
    if rotation is not None:
        x, y, z, w = rotation.T
        rows = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        matrix[:, :3, :3] = np.array(rows).transpose(2, 0, 1)
    if scale is not None:
        matrix[:, :3, :3] *= scale[:, None, :]
    if translation is not None:
        matrix[:, :3, 3] = translation
    return matrix
