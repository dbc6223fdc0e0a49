"""Checks of the instances of a node: EXT_mesh_gpu_instancing and the features they are (EXT_instance_features)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.checker.feature_table import FeatureTable, check_ids
from tiles.checker.gltf_file import GltfFile, Json, matrices_of

INSTANCING, INSTANCE_FEATURES = "EXT_mesh_gpu_instancing", "EXT_instance_features"
_FORMS = {"TRANSLATION": (3, "f"), "ROTATION": (4, "fi"), "SCALE": (3, "f")}
_UNIT_TOLERANCE = 1e-3


def instance_accessors(gltf: GltfFile) -> set[int]:
    """Return the accessors that instances alone are told by: integers there need no KHR_mesh_quantization."""
    told = [n.get("extensions", {}).get(INSTANCING, {}).get("attributes", {}) for n in gltf.items("nodes")]
    return {index for attributes in told for index in attributes.values() if isinstance(index, int)}


def instance_matrices(gltf: GltfFile, node: Json, tables: list[FeatureTable]) -> NDArray[np.float64]:
    """Return the matrices (n, 4, 4) that the mesh of ``node`` is shown by, the unit matrix where it has no instances; record faults."""
    instancing = node.get("extensions", {}).get(INSTANCING)
    if instancing is None:
        return np.eye(4)[None]
    where = f"/nodes/{gltf.items('nodes').index(node)}/extensions/{INSTANCING}"
    attributes = instancing.get("attributes", {})
    stored = {name: gltf.accessor(index, f"{where}/attributes/{name}") for name, index in attributes.items()}
    counts = {len(values) for values in stored.values() if values is not None}
    is_whole = len(counts) == 1 and all(values is not None for values in stored.values())
    if not gltf.problems.unless(is_whole, "INSTANCE_COUNT", where, f"{sorted(counts)} instances"):
        return np.zeros((0, 4, 4))
    count = counts.pop()
    vectors = {name: _vectors(gltf, stored.get(name), name, where) for name in _FORMS}
    _check_features(gltf, node, stored, tables, where)
    if any(v is None and name in stored for name, v in vectors.items()):
        return np.zeros((0, 4, 4))
    return matrices_of(count, vectors["TRANSLATION"], vectors["ROTATION"], vectors["SCALE"])


def _vectors(gltf: GltfFile, stored: NDArray[np.generic] | None, name: str, where: str) -> NDArray[np.float64] | None:
    """Return the values of an attribute as numbers; None after recording what is wrong with them, or where there are none."""
    if stored is None:
        return None
    width, kinds = _FORMS[name]
    is_of_form = stored.ndim == 2 and stored.shape[1] == width and stored.dtype.kind in kinds
    if not gltf.problems.unless(is_of_form, "INSTANCE_FORM", where, f"{name} is not of {width} numbers of its kind"):
        return None
    values = stored.astype(np.float64) / (1.0 if stored.dtype.kind == "f" else 2.0 ** (8 * stored.dtype.itemsize - 1) - 1)
    if not gltf.problems.unless(np.isfinite(values).all(), "INSTANCE_NOT_FINITE", where, f"a {name} is NaN or infinite"):
        return None
    if name == "ROTATION":
        is_unit = bool((abs(np.linalg.norm(values, axis=1) - 1) < _UNIT_TOLERANCE).all())
        gltf.problems.unless(is_unit, "INSTANCE_ROTATION", where, "a rotation is no unit quaternion")
    if name == "SCALE":
        gltf.problems.unless(bool((values > 0).all()), "INSTANCE_SCALE", where, "an instance has no size")
    return values


def _check_features(
    gltf: GltfFile, node: Json, stored: dict[str, NDArray[np.generic] | None], tables: list[FeatureTable], where: str
) -> None:
    sets = node.get("extensions", {}).get(INSTANCE_FEATURES, {}).get("featureIds", [])
    if not gltf.problems.unless(bool(sets), "FEATURE_IDS_MISSING", where, f"no {INSTANCE_FEATURES}"):
        return
    for ids in sets:
        values = stored.get(f"_FEATURE_ID_{ids.get('attribute')}")
        if gltf.problems.unless(values is not None, "FEATURE_ID_ATTRIBUTE", where, f"no attribute _FEATURE_ID_{ids.get('attribute')}"):
            check_ids(gltf, ids, np.asarray(values).astype(np.int64), tables, where)
