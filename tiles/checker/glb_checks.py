"""Checks of one GLB that the Khronos validator does not make: it neither decompresses meshopt nor reads property tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles.blocks import CLASS, COUNT_ID
from tiles.checker.feature_table import FeatureTable, check_ids
from tiles.checker.gltf_file import MESHOPT, GltfFile, Json
from tiles.checker.instances import INSTANCE_FEATURES, INSTANCING, instance_accessors, instance_matrices
from tiles.checker.problem import Problem, Problems
from tiles.checker.property_tables import check_property_table
from tiles.checker.semantics import check_semantics

_FEATURES, _METADATA, _QUANTIZATION = "EXT_mesh_features", "EXT_structural_metadata", "KHR_mesh_quantization"
_OUTLINE = "CESIUM_primitive_outline"
_LARGEST_PRIMITIVE = 65_535
_POINTS = 0


@dataclass(frozen=True, slots=True)
class GlbReport:
    """The problems of a GLB and what its tile has to agree with: world positions (v, 3), what its rows stand for.

    ``fids`` of its features, None where there are none or unreadable; ``blocks``: how many features its blocks say they stand for.
    """

    problems: list[Problem]
    positions: NDArray[np.float64]
    fids: NDArray[np.uint32] | None = None
    blocks: int | None = None


def check_glb(data: bytes, file: str = "glb") -> GlbReport:
    """Return every problem of the GLB ``data``; never raises on malformed input."""
    problems = Problems(file)
    gltf = GltfFile(data, problems)
    if not gltf.json:
        return GlbReport(problems.found, np.zeros((0, 3)))
    try:
        return _check(gltf, problems)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        problems.add("GLB_STRUCTURE", "/", f"the document is not of the form of glTF ({type(error).__name__}: {error})")
        return GlbReport(problems.found, np.zeros((0, 3)))


def _check(gltf: GltfFile, problems: Problems) -> GlbReport:
    problems.unless(gltf.json.get("asset", {}).get("version") == "2.0", "ASSET_VERSION", "/asset", "not glTF 2.0")
    _check_extensions(gltf, problems)
    _check_views(gltf, problems)
    tables = _check_tables(gltf, problems)
    positions = [_check_mesh(gltf, node, matrix, tables, problems) for node, matrix in gltf.placements()]
    problems.unless(positions, "NO_MESH", "/scenes", "the scene shows no mesh")
    _check_rows_used(gltf, tables, problems)
    world = np.concatenate([p for part in positions for p in part] or [np.zeros((0, 3))])
    return GlbReport(problems.found, world, tables[0].fids, tables[0].blocks) if tables else GlbReport(problems.found, world)


def _check_extensions(gltf: GltfFile, problems: Problems) -> None:
    used, required = set(gltf.json.get("extensionsUsed", [])), set(gltf.json.get("extensionsRequired", []))
    found = set(extension_names(gltf.json))
    of_instances = instance_accessors(gltf)
    stored = {a.get("componentType") for i, a in enumerate(gltf.items("accessors")) if i not in of_instances}
    if stored & {5120, 5122} or _has_integer_positions(gltf):
        found.add(_QUANTIZATION)
    for name in sorted(found - used):
        problems.add("EXTENSION_FOUND_BUT_NOT_USED", "/extensionsUsed", f"{name} occurs but is not declared")
    for name in sorted(used - found):
        problems.add("EXTENSION_USED_BUT_NOT_FOUND", "/extensionsUsed", f"{name} is declared but does not occur")
    for name in sorted((required - used) | ({MESHOPT, _QUANTIZATION, INSTANCING} & found - required)):
        problems.add("EXTENSION_REQUIRED", "/extensionsRequired", f"{name} must be both used and required")


def extension_names(value: object) -> Iterator[str]:
    """Yield the names of all extension objects anywhere in a JSON value."""
    if isinstance(value, dict):
        extensions = value.get("extensions")
        if isinstance(extensions, dict):
            yield from extensions
        for member in value.values():
            yield from extension_names(member)
    elif isinstance(value, list):
        for member in value:
            yield from extension_names(member)


def _has_integer_positions(gltf: GltfFile) -> bool:
    accessors = gltf.items("accessors")
    primitives = [p for m in gltf.items("meshes") for p in m.get("primitives", [])]
    indices = [p.get("attributes", {}).get("POSITION") for p in primitives]
    return any(isinstance(i, int) and 0 <= i < len(accessors) and accessors[i].get("componentType") != 5126 for i in indices)


def _check_views(gltf: GltfFile, problems: Problems) -> None:
    """Read every view once, so that one nobody refers to is looked at as well, and compare the chunk with its buffer."""
    for index in range(len(gltf.items("bufferViews"))):
        gltf.view(index, "/bufferViews")
    buffers = gltf.items("buffers")
    declared = buffers[0].get("byteLength", -1) if buffers else 0
    problems.unless(
        isinstance(declared, int) and declared <= len(gltf.bin) < declared + 8, "BUFFER_LENGTH", "/buffers/0", f"{declared} bytes declared"
    )


def _check_tables(gltf: GltfFile, problems: Problems) -> list[FeatureTable]:
    metadata: Json = gltf.json.get("extensions", {}).get(_METADATA, {})
    tables = metadata.get("propertyTables", [])
    schema = metadata.get("schema")
    if tables and not problems.unless(
        isinstance(schema, dict), "SCHEMA_MISSING", f"/extensions/{_METADATA}", "property tables without a schema"
    ):
        return []
    if isinstance(schema, dict):
        check_semantics(schema, f"/extensions/{_METADATA}/schema", problems)
    checked: list[FeatureTable] = []
    for number, table in enumerate(tables):
        where = f"/extensions/{_METADATA}/propertyTables/{number}"
        count = table.get("count", 0)
        if not problems.unless(isinstance(count, int) and count > 0, "TABLE_COUNT", where, f"count {count}"):
            count = 0
        columns = check_property_table(gltf, schema or {}, table, count, where) if count > 0 else {}
        fids = columns["fid"].astype(np.uint32) if "fid" in columns else None
        blocks = _blocks(columns, problems, where) if table.get("class") == CLASS else None
        checked.append(FeatureTable(count, fids, blocks, np.zeros(max(count, 0), np.bool_)))
    return checked


def _blocks(columns: Mapping[str, NDArray[np.generic]], problems: Problems, where: str) -> int:
    """Return how many features the blocks of a table stand for."""
    counts = columns.get(COUNT_ID, np.zeros(1)).astype(np.int64)
    problems.unless((counts > 0).all(), "BLOCK_COUNT", where, "a block stands for nothing")
    return int(counts.sum())


def _check_mesh(
    gltf: GltfFile, node: Json, matrix: NDArray[np.float64], tables: list[FeatureTable], problems: Problems
) -> list[NDArray[np.float64]]:
    mesh, worlds = node["mesh"], list[NDArray[np.float64]]()
    instances = instance_matrices(gltf, node, tables)
    for number, primitive in enumerate(gltf.items("meshes")[mesh].get("primitives", [])):
        where = f"/meshes/{mesh}/primitives/{number}"
        positions = _check_positions(gltf, primitive, where, problems)
        if positions is None:
            continue
        if primitive.get("mode") == _POINTS:
            _check_points(gltf, primitive, len(positions), where, problems)
            worlds.append(positions @ matrix[:3, :3].T + matrix[:3, 3])
            continue
        _check_indices(gltf, primitive, len(positions), where, problems)
        _check_normals(gltf, primitive, len(positions), where, problems)
        _check_colors(gltf, primitive, len(positions), where, problems)
        if INSTANCING not in node.get("extensions", {}):
            _check_feature_ids(gltf, primitive, len(positions), tables, where, problems)
        _check_outline(gltf, primitive, len(positions), where, problems)
        if "material" in primitive:
            gltf.item("materials", primitive["material"], f"{where}/material")
        placed = (matrix @ instances)[:, :3]
        worlds.append((positions @ placed[:, :, :3].transpose(0, 2, 1) + placed[:, None, :, 3]).reshape(-1, 3))
    return worlds


def _check_positions(gltf: GltfFile, primitive: Json, where: str, problems: Problems) -> NDArray[np.float64] | None:
    index = primitive.get("attributes", {}).get("POSITION")
    stored = gltf.accessor(index, f"{where}/attributes/POSITION")
    if stored is None or not problems.unless(stored.ndim == 2 and stored.shape[1] == 3, "POSITION_FORM", where, "positions are not VEC3"):
        return None
    positions = stored.astype(np.float64)
    accessor = gltf.items("accessors")[index]
    low, high = accessor.get("min"), accessor.get("max")
    agree = (
        low is not None and high is not None and np.array_equal(positions.min(axis=0), low) and np.array_equal(positions.max(axis=0), high)
    )
    finite = problems.unless(np.isfinite(positions).all(), "POSITION_NOT_FINITE", where, "a position is NaN or infinite")
    if finite:
        problems.unless(agree, "ACCESSOR_MIN_MAX", f"/accessors/{index}", "min and max are not those of the positions")
    problems.unless(len(positions) <= _LARGEST_PRIMITIVE, "PRIMITIVE_TOO_LARGE", where, f"{len(positions)} vertices")
    return positions if finite else None


def _check_points(gltf: GltfFile, primitive: Json, points: int, where: str, problems: Problems) -> None:
    """Check points: they are told apart by the tile they are in, so they have no feature ids, and each has a colour."""
    problems.unless("indices" not in primitive, "POINTS_WITH_INDICES", where, "points are in the order in which they are stored")
    problems.unless("COLOR_0" in primitive["attributes"], "POINTS_WITHOUT_COLOR", where, "no COLOR_0")
    _check_colors(gltf, primitive, points, where, problems)
    for number in primitive.get("extensions", {}).get(_METADATA, {}).get("propertyAttributes", []):
        described = gltf.json["extensions"][_METADATA]["propertyAttributes"][number]
        for entry in described["properties"].values():
            stored = gltf.accessor(primitive["attributes"].get(entry["attribute"]), f"{where}/attributes/{entry['attribute']}")
            problems.unless(stored is None or len(stored) == points, "ATTRIBUTE_COUNT", where, "properties and points differ in number")


def _check_indices(gltf: GltfFile, primitive: Json, vertices: int, where: str, problems: Problems) -> None:
    problems.unless(primitive.get("mode", 4) == 4, "PRIMITIVE_MODE", where, "not triangles")
    if "indices" not in primitive:
        problems.add("INDICES_MISSING", where, "the primitive has no indices")
        return
    indices = gltf.accessor(primitive["indices"], f"{where}/indices")
    if indices is not None:
        highest = int(indices.astype(np.int64).max())
        problems.unless(highest < vertices, "INDEX_OUT_OF_RANGE", f"{where}/indices", f"index {highest} of {vertices} vertices")
        problems.unless(len(indices) % 3 == 0, "INDEX_COUNT", f"{where}/indices", f"{len(indices)} indices make no triangles")


def _check_normals(gltf: GltfFile, primitive: Json, vertices: int, where: str, problems: Problems) -> None:
    index = primitive.get("attributes", {}).get("NORMAL")
    if index is None:
        return
    stored = gltf.accessor(index, f"{where}/attributes/NORMAL")
    if stored is None:
        return
    normals = stored.astype(np.float64) / (127.0 if stored.dtype.kind == "i" else 1.0)
    lengths = np.linalg.norm(normals, axis=1)
    problems.unless(len(normals) == vertices, "ATTRIBUTE_COUNT", where, "normals and positions differ in number")
    problems.unless((abs(lengths - 1) < 0.02).all(), "NORMAL_LENGTH", where, "a normal is not a unit vector")


def _check_colors(gltf: GltfFile, primitive: Json, vertices: int, where: str, problems: Problems) -> None:
    index = primitive.get("attributes", {}).get("COLOR_0")
    if index is None:
        return
    stored = gltf.accessor(index, f"{where}/attributes/COLOR_0")
    if stored is None:
        return
    is_float = stored.dtype.kind == "f"
    normalized = gltf.items("accessors")[index].get("normalized", False)
    problems.unless(len(stored) == vertices, "ATTRIBUTE_COUNT", where, "colours and positions differ in number")
    problems.unless(stored.ndim == 2 and stored.shape[1] in (3, 4) and normalized != is_float, "COLOR_FORM", where, "no colours of glTF")


def _check_outline(gltf: GltfFile, primitive: Json, vertices: int, where: str, problems: Problems) -> None:
    """Check CESIUM_primitive_outline: pairs of vertices, each an edge of a triangle."""
    outline = primitive.get("extensions", {}).get(_OUTLINE)
    if outline is None:
        return
    ends, triangles = (gltf.accessor(p.get("indices"), f"{where}/{_OUTLINE}") for p in (outline, primitive))
    if ends is None or triangles is None or triangles.size % 3:
        return
    pairs = problems.unless(ends.ndim == 1 and ends.size % 2 == 0, "OUTLINE_FORM", where, "an outline is not pairs of indices")
    if not pairs or not problems.unless(int(ends.max(initial=0)) < vertices, "OUTLINE_INDEX", where, f"beyond {vertices} vertices"):
        return
    corners = triangles.astype(np.int64).reshape(-1, 3)
    sides = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1) @ [vertices, 1]
    edges = np.sort(ends.astype(np.int64).reshape(-1, 2), axis=1) @ [vertices, 1]
    problems.unless(bool(np.isin(edges, sides).all()), "OUTLINE_EDGE", where, "an outline is no edge of a triangle")


def _check_feature_ids(gltf: GltfFile, primitive: Json, vertices: int, tables: list[FeatureTable], where: str, problems: Problems) -> None:
    feature_ids: list[Any] = primitive.get("extensions", {}).get(_FEATURES, {}).get("featureIds", [])
    if not problems.unless(feature_ids, "FEATURE_IDS_MISSING", where, f"no {_FEATURES}"):
        return
    for ids in feature_ids:
        attribute = primitive["attributes"].get(f"_FEATURE_ID_{ids.get('attribute')}")
        if not problems.unless(attribute is not None, "FEATURE_ID_ATTRIBUTE", where, f"no attribute _FEATURE_ID_{ids.get('attribute')}"):
            continue
        stored = gltf.accessor(attribute, f"{where}/attributes/_FEATURE_ID")
        if stored is None:
            continue
        problems.unless(len(stored) == vertices, "ATTRIBUTE_COUNT", where, "feature ids and positions differ in number")
        problems.unless(gltf.items("accessors")[attribute].get("componentType") != 5125, "FEATURE_ID_FORM", where, "UNSIGNED_INT")
        check_ids(gltf, ids, stored.astype(np.int64), tables, where)


def _check_rows_used(gltf: GltfFile, tables: list[FeatureTable], problems: Problems) -> None:
    """Record rows of features or blocks that no vertex names; a table of neither lists kinds, not all of which need occur."""
    primitives, nodes = [p for m in gltf.items("meshes") for p in m.get("primitives", [])], gltf.items("nodes")
    told = any(_FEATURES in p.get("extensions", {}) for p in primitives) or any(INSTANCE_FEATURES in n.get("extensions", {}) for n in nodes)
    if not told:
        return
    for number, table in enumerate(tables):
        unseen = int((~table.seen).sum()) if table.fids is not None or table.blocks is not None else 0
        problems.unless(
            unseen == 0, "ROW_WITHOUT_MESH", f"/extensions/{_METADATA}/propertyTables/{number}", f"{unseen} rows have no vertex"
        )
