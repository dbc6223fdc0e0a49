"""Binary glTF 2.0 with feature ids and a property table (EXT_mesh_features, EXT_structural_metadata), quantized and meshopt-compressed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles import surfaces
from tiles.binary_chunk import BYTE, FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT, BinaryChunk, Json, container
from tiles.extent import extent
from tiles.instance_nodes import REQUIRED as INSTANCES_REQUIRED
from tiles.instance_nodes import USED as INSTANCES_USED
from tiles.instance_nodes import Instances, instance_nodes
from tiles.kernel import kernel
from tiles.local_frame import LocalFrame
from tiles.metadata import MetadataClass, PropertyTable
from tiles.outlines import outline
from tiles.stored_vertices import Order, Quantization, codec_order, quantization_for, stored_normals, stored_positions

ENGINE_VERSION = 7
"""Part of every GLB, hence of every content hash: raise it whenever the same features give other bytes."""
ACCURACY_M = 0.005
"""How far a quantized position may lie from the true one, unless a caller says otherwise."""
OUTLINE = "CESIUM_primitive_outline"
WEBP = "EXT_texture_webp"
LARGEST_PRIMITIVE = 65_535
"""Vertices a 16-bit index can name without the primitive-restart value."""
_MASK_CUTOFF = 0.5
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP = 9729, 9987, 33071


@dataclass(frozen=True, slots=True)
class Encoding:
    """How geometry is stored; quantized positions lie within ``accuracy_m`` of the true ones, forms with surfaces may have ``outlines``."""

    quantize: bool = True
    meshopt: bool = True
    accuracy_m: float = ACCURACY_M
    outlines: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface takes light: whether it is seen from behind as well, and how much of what lies behind it hides (1: all)."""

    double_sided: bool = False
    opacity: float = 1.0

    def as_json(self, texture: Picture | None = None) -> Json:
        """Return the material of a glTF document, of what shows its one ``texture`` where there is one."""
        pbr: Json = {"metallicFactor": 0, "roughnessFactor": 1}
        if texture is not None:
            pbr["baseColorTexture"] = {"index": 0}
            cut: Json = {"alphaMode": "MASK", "alphaCutoff": _MASK_CUTOFF} if texture.is_masked else {}
            return {"pbrMetallicRoughness": pbr, **cut, "doubleSided": self.double_sided}
        sides: Json = {"doubleSided": True} if self.double_sided else {}
        if self.opacity == 1.0:
            return {"pbrMetallicRoughness": pbr, **sides}
        return {"pbrMetallicRoughness": {**pbr, "baseColorFactor": [1, 1, 1, self.opacity]}, "alphaMode": "BLEND", **sides}


@dataclass(frozen=True, slots=True)
class Picture:
    """What a mesh shows: one WebP, and where in it vertices lie, (v, 2) 0…1 rightwards and downwards; ``is_shown`` (v,): they do."""

    image: bytes
    place: NDArray[np.float64]
    is_shown: NDArray[np.bool_]
    is_masked: bool
    """Whether its opacity cuts out."""


@dataclass(frozen=True, slots=True)
class TileMesh:
    """The mesh of one content in its local frame.

    ``positions`` (v, 3) float64 metres, z up; ``normals`` (v, 3) float32; ``triangles`` (t, 3) uint32; ``feature`` (v,) uint32 row of
    the property table, rising: a feature's vertices and triangles stand together; ``surface`` (v,) uint8 of SurfaceType, or None;
    ``place`` (v, 2) in the picture that all of it shows, or None.
    """

    frame: LocalFrame
    positions: NDArray[np.float64]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    feature: NDArray[np.uint32]
    surface: NDArray[np.uint8] | None = None
    place: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Glb:
    """The bytes, how far any decoded position may lie from the mesh's, and the widest step of its grids, 0 where there is none."""

    data: bytes
    position_error_m: float
    step_m: float = 0.0


def write_glb(
    mesh: TileMesh,
    metadata: MetadataClass,
    table: PropertyTable,
    encoding: Encoding,
    material: Material | None = None,
    picture: Picture | None = None,
    instances: Sequence[Instances] = (),
) -> Glb:
    """Return one self-contained GLB: the same bytes for the same arguments, nothing in it of revision, time or other tiles.

    The root node turns local z-up metres into geocentric metres (glTF y-up); each of its children undoes the quantization of one part.
    What shows the ``picture`` is a part of its own, with a material of its own. ``instances`` follow as nodes of theirs.
    """
    binary = BinaryChunk(encoding.meshopt)
    nodes: list[Json] = []
    meshes: list[Json] = []
    error, step = 0.0, 0.0
    for part in [part for one in _plain_and_shown(mesh, picture) for part in parts_of(one)]:
        grid = quantization_for(part.positions, encoding.accuracy_m if encoding.quantize else None)
        scale: Json = {} if grid.is_wide else {"scale": [grid.step_m] * 3}
        undo: Json = {} if grid.step_m is None else {"translation": list(grid.origin), **scale}
        nodes.append({"mesh": len(meshes), **undo})
        meshes.append({"primitives": [_primitive(binary, part, grid, encoding, table.count)]})
        error, step = max(error, grid.error_m), max(step, grid.step_m or 0.0)
    used = ["EXT_mesh_features", "EXT_structural_metadata"] + [OUTLINE] * (encoding.outlines and mesh.surface is not None)
    required = ["KHR_mesh_quantization"] * encoding.quantize + ["EXT_meshopt_compression"] * encoding.meshopt
    if instances:
        shown = instance_nodes(binary, instances, table.count, len(meshes))
        nodes, meshes, error = nodes + shown.nodes, meshes + shown.meshes, max(error, shown.error_m)
        step = max(step, shown.step_m)
        used, required = [*used, *INSTANCES_USED], list(dict.fromkeys([*INSTANCES_REQUIRED, *required]))
    required += [WEBP] * (picture is not None)
    plain = material or Material()
    document: Json = {
        "asset": {"version": "2.0", "generator": f"citytwin tiles {ENGINE_VERSION}"},
        "extensionsUsed": used + required,
        **({"extensionsRequired": required} if required else {}),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"matrix": mesh.frame.gltf_matrix(), "children": list(range(1, len(nodes) + 1))}, *nodes],
        "meshes": meshes,
        "materials": [plain.as_json()] if picture is None else [plain.as_json(), plain.as_json(picture)],
        "extensions": {"EXT_structural_metadata": structural_metadata(binary, metadata, table, has_surfaces=mesh.surface is not None)},
    }
    if picture is not None:
        document |= _texture(binary, picture.image)
    document |= {"accessors": binary.accessors, "bufferViews": binary.views, "buffers": binary.buffers()}
    return Glb(container(orjson.dumps(document), bytes(binary.data)), error, step)


def _plain_and_shown(mesh: TileMesh, picture: Picture | None) -> list[TileMesh]:
    """Return the part of ``mesh`` that shows no picture and the one that does, those that there are."""
    if picture is None:
        return [mesh]
    shows = picture.is_shown[mesh.triangles[:, 0]]
    shown = _part(replace(mesh, place=picture.place), mesh.triangles[shows])
    return [shown] if shows.all() else [_part(mesh, mesh.triangles[~shows]), shown]


def _texture(binary: BinaryChunk, image: bytes) -> Json:
    """Append a WebP; return the members of the document by which it is texture 0.

    There is no second picture for clients without EXT_texture_webp: it would double what every other loads.
    """
    return {
        "images": [{"bufferView": binary.plain(image), "mimeType": "image/webp"}],
        "samplers": [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR, "wrapS": _CLAMP, "wrapT": _CLAMP}],
        "textures": [{"sampler": 0, "extensions": {WEBP: {"source": 0}}}],
    }


def structural_metadata(binary: BinaryChunk, metadata: MetadataClass, table: PropertyTable, *, has_surfaces: bool) -> Json:
    """Append the columns of ``table``; return EXT_structural_metadata with its schema, and the kinds of surface where the mesh has any."""
    tables = [_property_table(binary, metadata.id, table)]
    if not has_surfaces:
        return {"schema": orjson.Fragment(metadata.schema_json), "propertyTables": tables}
    tables.append(_property_table(binary, surfaces.CLASS, surfaces.surface_table()))
    return {"schema": orjson.Fragment(surfaces.surface_schema_json(metadata.schema_json)), "propertyTables": tables}


def _primitive(binary: BinaryChunk, mesh: TileMesh, grid: Quantization, encoding: Encoding, feature_count: int) -> Json:
    order = codec_order(mesh.triangles, len(mesh.positions), mesh.surface)
    attributes = {
        "POSITION": _positions(binary, mesh, order, grid),
        "NORMAL": _normals(binary, mesh, order, encoding),
        "_FEATURE_ID_0": _feature_ids(binary, mesh, order),
    }
    ids: list[Json] = [{"featureCount": feature_count, "attribute": 0, "propertyTable": 0}]
    if mesh.surface is not None:
        surface = mesh.surface.take(order.vertices)
        attributes["_FEATURE_ID_1"] = _surfaces(binary, surface)
        if mesh.place is None:  # a picture is not to be darkened
            attributes["COLOR_0"] = _shades(binary, surface)
        ids.append({"featureCount": surfaces.COUNT, "attribute": 1, "propertyTable": 1, "label": surfaces.LABEL})
    if mesh.place is not None:
        attributes["TEXCOORD_0"] = _places(binary, mesh.place[order.vertices])
    view = binary.triangles(order.triangles)
    indices = binary.accessor(view, UNSIGNED_SHORT, "SCALAR", order.triangles.size)
    extensions: Json = {"EXT_mesh_features": {"featureIds": ids}}
    if encoding.outlines and mesh.surface is not None:
        extensions[OUTLINE] = {"indices": _outline(binary, mesh, order)}
    return {"attributes": attributes, "indices": indices, "material": int(mesh.place is not None), "mode": 4, "extensions": extensions}


def _outline(binary: BinaryChunk, mesh: TileMesh, order: Order) -> int:
    v = order.vertices
    edges = outline(order.triangles, mesh.positions[v], mesh.normals[v], mesh.feature[v])
    return binary.accessor(binary.sequence(edges), UNSIGNED_SHORT, "SCALAR", edges.size)


def _positions(binary: BinaryChunk, mesh: TileMesh, order: Order, grid: Quantization) -> int:
    stored = stored_positions(mesh.positions, order, grid)
    low, high = (row[:3].tolist() for row in extent(stored))
    if stored.dtype == np.uint16:
        return binary.accessor(binary.vertices(stored), UNSIGNED_SHORT, "VEC3", len(stored), min=low, max=high)
    metres = stored.astype(np.float32, copy=False)
    view = binary.vertices(metres) if grid.step_m is None else binary.wide(metres, grid.step_m)
    return binary.accessor(view, FLOAT, "VEC3", len(metres), min=low, max=high)


def _normals(binary: BinaryChunk, mesh: TileMesh, order: Order, encoding: Encoding) -> int:
    stored = stored_normals(mesh.normals, order, quantize=encoding.quantize)
    if encoding.quantize:
        return binary.accessor(binary.vertices(stored), BYTE, "VEC3", len(stored), normalized=True)
    return binary.accessor(binary.vertices(stored), FLOAT, "VEC3", len(stored))


def _feature_ids(binary: BinaryChunk, mesh: TileMesh, order: Order) -> int:
    stored = mesh.feature.take(order.vertices).astype("<u4", copy=False).view(np.uint16).reshape(-1, 2)
    return binary.accessor(binary.vertices(stored), UNSIGNED_SHORT, "SCALAR", len(stored))


def _surfaces(binary: BinaryChunk, surface: NDArray[np.uint8]) -> int:
    stored = surface.astype("<u4").view(np.uint8).reshape(-1, 4)
    return binary.accessor(binary.vertices(stored), UNSIGNED_BYTE, "SCALAR", len(stored))


def _shades(binary: BinaryChunk, surface: NDArray[np.uint8]) -> int:
    return binary.accessor(binary.vertices(surfaces.shades(surface)), UNSIGNED_BYTE, "VEC3", len(surface), normalized=True)


def _places(binary: BinaryChunk, place: NDArray[np.float64]) -> int:
    stored = np.rint(place * 65_535).astype(np.uint16)
    return binary.accessor(binary.vertices(stored), UNSIGNED_SHORT, "VEC2", len(stored), normalized=True)


def _property_table(binary: BinaryChunk, class_id: str, table: PropertyTable) -> Json:
    """Append the columns of ``table``, those of numbers and enums that are equal as one view, and return what describes them."""
    properties: Json = {}
    views: dict[bytes, int] = {}
    for column in table.columns:
        if column.offsets is not None or column.values not in views:
            views[column.values] = binary.plain(column.values)
        entry: Json = {"values": views[column.values]}
        if column.offsets is not None:
            entry |= {"stringOffsets": binary.plain(column.offsets), "stringOffsetType": column.offset_type}
        properties[column.id] = entry
    return {"class": class_id, "count": table.count, "properties": properties}


def parts_of(mesh: TileMesh) -> list[TileMesh]:
    """Return ``mesh`` cut between features into runs that a 16-bit index can serve, as views.

    A single feature over the limit is cut through, its shared vertices repeated.
    """
    if len(mesh.positions) <= LARGEST_PRIMITIVE:
        return [mesh]
    cuts = _cuts(mesh.feature, LARGEST_PRIMITIVE)
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
    place = None if mesh.place is None else mesh.place[v]
    return TileMesh(mesh.frame, mesh.positions[v], mesh.normals[v], triangles, mesh.feature[v], surface, place)


@kernel
def _cuts(feature: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
    """Return the first vertices of the runs of whole features that stay within ``limit`` vertices, and the end."""
    cuts = np.zeros(len(feature) + 1, np.int64)
    count, at = 0, 0
    while at < len(feature):
        start = at
        while at < len(feature) and feature[at] == feature[start]:
            at += 1
        if at - cuts[count] > limit and start > cuts[count]:
            count += 1
            cuts[count] = start
    cuts[count + 1] = len(feature)
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
        None if mesh.place is None else mesh.place[vertices],
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
