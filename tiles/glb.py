"""Binary glTF 2.0 with feature ids and a property table (EXT_mesh_features, EXT_structural_metadata), quantized and meshopt-compressed."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles import meshopt, surfaces
from tiles.extent import extent
from tiles.kernel import kernel
from tiles.local_frame import LocalFrame
from tiles.metadata import MetadataClass, PropertyTable

ENGINE_VERSION = 2
"""Part of every GLB, hence of every content hash: raise it whenever the same features give other bytes."""
ACCURACY_M = 0.005
"""Positions are quantized only where step × √3 / 2 stays within this."""
QUANTIZATION_STEP_M = 0.005
"""The usual step: its error is 4.3 mm, and it serves up to 327 m."""
LARGEST_PRIMITIVE = 65_535
"""Vertices a 16-bit index can name without the primitive-restart value."""
SMALLEST_PART = 1_500
"""Mean vertices below which the runs of a content are not worth a draw call each for the sake of quantization: it stays float32."""

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_BYTE, _UNSIGNED_BYTE, _UNSIGNED_SHORT, _FLOAT = 5120, 5121, 5123, 5126

type Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How geometry is stored."""

    quantize: bool = True
    meshopt: bool = True


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface takes light: whether it is seen from behind as well, and how much of what lies behind it hides (1: all)."""

    double_sided: bool = False
    opacity: float = 1.0

    def as_json(self) -> Json:
        """Return the material of a glTF document."""
        pbr: Json = {"metallicFactor": 0, "roughnessFactor": 1}
        sides: Json = {"doubleSided": True} if self.double_sided else {}
        if self.opacity == 1.0:
            return {"pbrMetallicRoughness": pbr, **sides}
        return {"pbrMetallicRoughness": {**pbr, "baseColorFactor": [1, 1, 1, self.opacity]}, "alphaMode": "BLEND", **sides}


@dataclass(frozen=True, slots=True)
class TileMesh:
    """The mesh of one content in its local frame.

    ``positions`` (v, 3) float64 metres, z up; ``normals`` (v, 3) float32; ``triangles`` (t, 3) uint32; ``feature`` (v,) uint32 row of
    the property table, rising: a feature's vertices and triangles stand together; ``surface`` (v,) uint8 of SurfaceType, or None.
    """

    frame: LocalFrame
    positions: NDArray[np.float64]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    feature: NDArray[np.uint32]
    surface: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Glb:
    """The bytes, and how far any decoded position may lie from the mesh's (``position_error_m``)."""

    data: bytes
    position_error_m: float


@dataclass(frozen=True, slots=True)
class Quantization:
    """Stored = round((position - origin) / step), or float32 where ``step_m`` is None."""

    origin: tuple[float, float, float]
    step_m: float | None
    error_m: float


def quantization_for(positions: NDArray[np.float64], encoding: Encoding) -> Quantization:
    """Return the coarsest admissible grid for ``positions`` (v, 3): the usual step, a step that fits 16 bits, or none."""
    low, high = extent(positions)
    step = max(QUANTIZATION_STEP_M, float((high - low).max()) / 65_535)
    origin = (float(low[0]), float(low[1]), float(low[2]))
    if encoding.quantize and step * np.sqrt(3) / 2 <= ACCURACY_M:
        return Quantization(origin, step, float(step * np.sqrt(3) / 2))
    reach = float(np.maximum(np.abs(low), np.abs(high)).max())
    return Quantization((0.0, 0.0, 0.0), None, reach * 2.0**-24 * float(np.sqrt(3)))


def write_glb(mesh: TileMesh, metadata: MetadataClass, table: PropertyTable, encoding: Encoding, material: Material | None = None) -> Glb:
    """Return one self-contained GLB: the same bytes for the same arguments, nothing in it of revision, time or other tiles.

    The root node turns local z-up metres into geocentric metres (glTF y-up); each of its children undoes the quantization of one part.
    """
    binary = _Binary(encoding.meshopt)
    nodes: list[Json] = []
    meshes: list[Json] = []
    error = 0.0
    for part in parts_of(mesh, encoding):
        grid = quantization_for(part.positions, encoding)
        undo: Json = {} if grid.step_m is None else {"translation": list(grid.origin), "scale": [grid.step_m] * 3}
        nodes.append({"mesh": len(meshes), **undo})
        meshes.append({"primitives": [_primitive(binary, part, grid, encoding, table.count)]})
        error = max(error, grid.error_m)
    used = ["EXT_mesh_features", "EXT_structural_metadata"]
    required = ["KHR_mesh_quantization"] * encoding.quantize + ["EXT_meshopt_compression"] * encoding.meshopt
    document: Json = {
        "asset": {"version": "2.0", "generator": f"citytwin tiles {ENGINE_VERSION}"},
        "extensionsUsed": used + required,
        **({"extensionsRequired": required} if required else {}),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"matrix": mesh.frame.gltf_matrix(), "children": list(range(1, len(nodes) + 1))}, *nodes],
        "meshes": meshes,
        "materials": [(material or Material()).as_json()],
        "extensions": {"EXT_structural_metadata": _structural_metadata(binary, metadata, table, mesh.surface is not None)},
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views, "buffers": binary.buffers()}
    return Glb(_container(orjson.dumps(document), bytes(binary.data)), error)


def _structural_metadata(binary: _Binary, metadata: MetadataClass, table: PropertyTable, has_surfaces: bool) -> Json:
    tables = [_property_table(binary, metadata.id, table)]
    if not has_surfaces:
        return {"schema": metadata.schema, "propertyTables": tables}
    tables.append(_property_table(binary, surfaces.CLASS, surfaces.surface_table()))
    return {"schema": surfaces.surface_schema(metadata.schema), "propertyTables": tables}


def _container(document: bytes, binary: bytes) -> bytes:
    """Return the GLB container (glTF 2.0 §4.4): JSON padded so that the binary data lies on 8 bytes, as property tables need."""
    document += b" " * (-(len(document) + 28) % 8)
    binary += b"\0" * (-len(binary) % 8)
    header = struct.pack("<4sII", b"glTF", 2, 28 + len(document) + len(binary))
    return b"".join([header, struct.pack("<I4s", len(document), b"JSON"), document, struct.pack("<I4s", len(binary), b"BIN\0"), binary])


class _Binary:
    """The binary chunk as it grows, with its views and accessors."""

    def __init__(self, compress: bool) -> None:
        self.compress = compress
        self.data = bytearray()
        self.fallback = 0
        self.views: list[Json] = []
        self.accessors: list[Json] = []

    def buffers(self) -> list[Json]:
        """Return the buffers: the chunk (its padding included) and, when compressed, the virtual one the streams expand to."""
        chunk: Json = {"byteLength": len(self.data) + -len(self.data) % 8}
        if not self.fallback:
            return [chunk]
        return [chunk, {"byteLength": self.fallback, "extensions": {"EXT_meshopt_compression": {"fallback": True}}}]

    def plain(self, content: bytes, **more: int) -> int:
        """Append ``content`` on 8 bytes; return its view."""
        self.data.extend(b"\0" * (-len(self.data) % 8))
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **more})
        self.data.extend(content)
        return len(self.views) - 1

    def vertices(self, rows: NDArray[np.generic]) -> int:
        """Append vertex attributes, one row a vertex; return the view."""
        stride = rows.nbytes // len(rows)
        if not self.compress:
            return self.plain(rows.tobytes(), byteStride=stride, target=_ARRAY_BUFFER)
        stream = meshopt.encode_vertices(rows)
        return self._compressed(stream, len(rows), stride, "ATTRIBUTES", {"byteStride": stride, "target": _ARRAY_BUFFER})

    def triangles(self, triangles: NDArray[np.uint32], vertex_count: int) -> int:
        """Append 16-bit triangle indices; return the view."""
        if not self.compress:
            return self.plain(triangles.astype(np.uint16).tobytes(), target=_ELEMENT_ARRAY_BUFFER)
        stream = meshopt.encode_triangles(triangles, vertex_count)
        return self._compressed(stream, triangles.size, 2, "TRIANGLES", {"target": _ELEMENT_ARRAY_BUFFER})

    def _compressed(self, stream: bytes, count: int, stride: int, mode: str, more: Json) -> int:
        at = len(self.data) + -len(self.data) % 8
        self.data.extend(b"\0" * (at - len(self.data)))
        self.data.extend(stream)
        extension = {"buffer": 0, "byteOffset": at, "byteLength": len(stream), "byteStride": stride, "mode": mode, "count": count}
        view: Json = {"buffer": 1, "byteOffset": self.fallback, "byteLength": count * stride, **more}
        self.views.append({**view, "extensions": {"EXT_meshopt_compression": extension}})
        self.fallback += count * stride + -(count * stride) % 8
        return len(self.views) - 1

    def accessor(self, view: int, component: int, kind: str, count: int, **more: object) -> int:
        """Append an accessor over the whole of ``view``; return it."""
        self.accessors.append({"bufferView": view, "componentType": component, "count": count, "type": kind, **more})
        return len(self.accessors) - 1


def _primitive(binary: _Binary, mesh: TileMesh, grid: Quantization, encoding: Encoding, feature_count: int) -> Json:
    count = len(mesh.positions)
    attributes = {
        "POSITION": _positions(binary, mesh, grid),
        "NORMAL": _normals(binary, mesh, encoding),
        "_FEATURE_ID_0": _feature_ids(binary, mesh),
    }
    ids: list[Json] = [{"featureCount": feature_count, "attribute": 0, "propertyTable": 0}]
    if mesh.surface is not None:
        attributes |= {"_FEATURE_ID_1": _surfaces(binary, mesh.surface), "COLOR_0": _shades(binary, mesh.surface)}
        ids.append({"featureCount": surfaces.COUNT, "attribute": 1, "propertyTable": 1, "label": surfaces.LABEL})
    view = binary.triangles(mesh.triangles, count)
    indices = binary.accessor(view, _UNSIGNED_SHORT, "SCALAR", mesh.triangles.size)
    extensions = {"EXT_mesh_features": {"featureIds": ids}}
    return {"attributes": attributes, "indices": indices, "material": 0, "mode": 4, "extensions": extensions}


def _positions(binary: _Binary, mesh: TileMesh, grid: Quantization) -> int:
    count = len(mesh.positions)
    if grid.step_m is None:
        stored = mesh.positions.astype(np.float32)
        low, high = extent(stored)
        view = binary.vertices(stored)
        return binary.accessor(view, _FLOAT, "VEC3", count, min=low.astype(float).tolist(), max=high.astype(float).tolist())
    stored_u = np.zeros((count, 4), np.uint16)
    _quantize(mesh.positions, *grid.origin, grid.step_m, stored_u)
    low_u, high_u = extent(stored_u)
    return binary.accessor(binary.vertices(stored_u), _UNSIGNED_SHORT, "VEC3", count, min=low_u[:3].tolist(), max=high_u[:3].tolist())


def _normals(binary: _Binary, mesh: TileMesh, encoding: Encoding) -> int:
    count = len(mesh.normals)
    if not encoding.quantize:
        return binary.accessor(binary.vertices(np.ascontiguousarray(mesh.normals)), _FLOAT, "VEC3", count)
    stored = np.empty((count, 4), np.int8)
    _quantize_normals(mesh.normals, stored)
    return binary.accessor(binary.vertices(stored), _BYTE, "VEC3", count, normalized=True)


def _feature_ids(binary: _Binary, mesh: TileMesh) -> int:
    stored = np.zeros((len(mesh.feature), 2), np.uint16)
    stored[:, 0] = mesh.feature
    return binary.accessor(binary.vertices(stored), _UNSIGNED_SHORT, "SCALAR", len(stored))


def _surfaces(binary: _Binary, surface: NDArray[np.uint8]) -> int:
    stored = np.zeros((len(surface), 4), np.uint8)
    stored[:, 0] = surface
    return binary.accessor(binary.vertices(stored), _UNSIGNED_BYTE, "SCALAR", len(stored))


def _shades(binary: _Binary, surface: NDArray[np.uint8]) -> int:
    return binary.accessor(binary.vertices(surfaces.shades(surface)), _UNSIGNED_BYTE, "VEC3", len(surface), normalized=True)


@kernel
def _quantize_normals(normals: NDArray[np.float32], out: NDArray[np.int8]) -> None:
    for i in range(len(normals)):
        for k in range(3):
            out[i, k] = np.int8(np.rint(normals[i, k] * np.float32(127)))
        out[i, 3] = 0


@kernel
def _quantize(positions: NDArray[np.float64], x: float, y: float, z: float, step: float, out: NDArray[np.uint16]) -> None:
    for i in range(len(positions)):
        out[i, 0] = np.uint16(np.rint((positions[i, 0] - x) / step))
        out[i, 1] = np.uint16(np.rint((positions[i, 1] - y) / step))
        out[i, 2] = np.uint16(np.rint((positions[i, 2] - z) / step))


def _property_table(binary: _Binary, class_id: str, table: PropertyTable) -> Json:
    properties: Json = {}
    for column in table.columns:
        entry: Json = {"values": binary.plain(column.values)}
        if column.offsets is not None:
            entry |= {"stringOffsets": binary.plain(column.offsets), "stringOffsetType": column.offset_type}
        properties[column.id] = entry
    return {"class": class_id, "count": table.count, "properties": properties}


def parts_of(mesh: TileMesh, encoding: Encoding) -> list[TileMesh]:
    """Return ``mesh`` cut between features into runs that one grid of the usual step and one 16-bit index can serve, as views.

    Where quantized runs would be small (features far apart) the mesh stays one, in float32, and is cut for its indices alone. A single
    feature over the limit is cut through, its shared vertices repeated.
    """
    reach = 65_535 * QUANTIZATION_STEP_M if encoding.quantize else np.inf
    cuts = _cuts(mesh.positions, mesh.feature, reach, LARGEST_PRIMITIVE)
    if len(cuts) > 2 and len(mesh.positions) < SMALLEST_PART * (len(cuts) - 1):
        cuts = _cuts(mesh.positions, mesh.feature, np.inf, LARGEST_PRIMITIVE)
    first_triangle = np.searchsorted(mesh.triangles[:, 0], cuts)
    bounds = list(zip(cuts.tolist(), first_triangle.tolist(), strict=True))
    runs = [_run(mesh, *start, *end) for start, end in itertools.pairwise(bounds)]
    return [part for run in runs for part in split_primitives(run, LARGEST_PRIMITIVE)]


def _run(mesh: TileMesh, vertex: int, triangle: int, last_vertex: int, last_triangle: int) -> TileMesh:
    v = slice(vertex, last_vertex)
    triangles = mesh.triangles[triangle:last_triangle]
    surface = None if mesh.surface is None else mesh.surface[v]
    if vertex:
        triangles = triangles - np.uint32(vertex)
    return TileMesh(mesh.frame, mesh.positions[v], mesh.normals[v], triangles, mesh.feature[v], surface)


@kernel
def _cuts(positions: NDArray[np.float64], feature: NDArray[np.uint32], reach: float, limit: int) -> NDArray[np.int64]:
    """Return the first vertices of the runs of whole features that stay within ``reach`` metres and ``limit`` vertices, and the end."""
    cuts = np.zeros(len(positions) + 1, np.int64)
    run_low, run_high = np.full(3, np.inf), np.full(3, -np.inf)
    low, high = np.empty(3), np.empty(3)
    count, begin, at = 0, 0, 0
    while at < len(positions):
        start = at
        low[:], high[:] = np.inf, -np.inf
        while at < len(positions) and feature[at] == feature[start]:
            for k in range(3):
                low[k], high[k] = min(low[k], positions[at, k]), max(high[k], positions[at, k])
            at += 1
        fits = at - begin <= limit
        for k in range(3):
            fits = fits and max(run_high[k], high[k]) - min(run_low[k], low[k]) <= reach
        if not fits and start > begin:
            count += 1
            cuts[count] = start
            begin = start
            run_low[:], run_high[:] = low, high
        for k in range(3):
            run_low[k], run_high[k] = min(run_low[k], low[k]), max(run_high[k], high[k])
    cuts[count + 1] = len(positions)
    return cuts[: count + 2]


def split_primitives(mesh: TileMesh, limit: int) -> list[TileMesh]:
    """Return ``mesh`` as parts of at most ``limit`` vertices, triangles in their order; vertices shared across a cut are repeated."""
    if len(mesh.positions) <= limit:
        return [mesh]
    cuts = _triangle_cuts(mesh.triangles, len(mesh.positions), limit)
    return [_part(mesh, mesh.triangles[a:b]) for a, b in itertools.pairwise(cuts.tolist())]


def _part(mesh: TileMesh, triangles: NDArray[np.uint32]) -> TileMesh:
    vertices, renumbered = np.unique(triangles, return_inverse=True)
    return TileMesh(
        mesh.frame,
        mesh.positions[vertices],
        mesh.normals[vertices],
        renumbered.reshape(-1, 3).astype(np.uint32),
        mesh.feature[vertices],
        None if mesh.surface is None else mesh.surface[vertices],
    )


@kernel
def _triangle_cuts(triangles: NDArray[np.uint32], vertex_count: int, limit: int) -> NDArray[np.int64]:
    """Return the triangle numbers at which parts begin, and the end."""
    cuts = np.zeros(len(triangles) + 1, np.int64)
    seen = np.full(vertex_count, -1, np.int64)
    part, vertices = 0, 0
    for t in range(len(triangles)):
        fresh = 0
        for k in range(3):
            fresh += seen[triangles[t, k]] != part
        if vertices + fresh > limit:
            part += 1
            cuts[part] = t
            vertices = 0
        for k in range(3):
            if seen[triangles[t, k]] != part:
                seen[triangles[t, k]] = part
                vertices += 1
    cuts[part + 1] = len(triangles)
    return cuts[: part + 2]
