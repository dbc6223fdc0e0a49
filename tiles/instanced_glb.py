"""A GLB of one model shown many times: EXT_mesh_gpu_instancing, every instance a feature (EXT_instance_features) of one property table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.binary_chunk import FLOAT, SHORT, UNSIGNED_BYTE, UNSIGNED_SHORT, BinaryChunk, Json, container
from tiles.glb import ENGINE_VERSION, Glb, Material, structural_metadata
from tiles.local_frame import LocalFrame
from tiles.mesh.batch import MeshBatch
from tiles.metadata import MetadataClass, PropertyTable

_LONG_M = 30.0
"""From this length on a step of a 16-bit rotation, 3e-5 of a radian, would move the ends by more than half a millimetre."""
_SHORT_STEP = 1.0 / 32_767


@dataclass(frozen=True, slots=True)
class Instances:
    """A unit ``model`` and its places in a local frame, z up.

    ``translation`` (n, 3) metres; ``rotation`` (n, 4) unit quaternions x, y, z, w; ``scale`` (n, 3) metres, positive; ``feature`` (n,)
    row of the property table, below 65,536; ``shade`` (v,) uint8 darkens the feature's colour on the model's vertices, 255 not at all.
    """

    model: MeshBatch
    translation: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scale: NDArray[np.float64]
    feature: NDArray[np.int64]
    shade: NDArray[np.uint8] | None = None


def write_instances(
    frame: LocalFrame, instances: Sequence[Instances], metadata: MetadataClass, table: PropertyTable, *, meshopt: bool
) -> Glb:
    """Return one self-contained GLB, the same bytes for the same arguments; ``instances`` without any are passed over."""
    binary = BinaryChunk(meshopt)
    nodes: list[Json] = []
    meshes: list[Json] = []
    shown = [group for group in instances if len(group.feature)]
    for group in shown:
        extensions: Json = {
            "EXT_mesh_gpu_instancing": {"attributes": _attributes(binary, group)},
            "EXT_instance_features": {"featureIds": [{"featureCount": table.count, "attribute": 0, "propertyTable": 0}]},
        }
        nodes.append({"mesh": len(meshes), "extensions": extensions})
        meshes.append({"primitives": [_model(binary, group.model, group.shade)]})
    required = ["EXT_mesh_gpu_instancing"] + ["EXT_meshopt_compression"] * meshopt
    document: Json = {
        "asset": {"version": "2.0", "generator": f"citytwin tiles {ENGINE_VERSION}"},
        "extensionsUsed": ["EXT_instance_features", "EXT_structural_metadata", *required],
        "extensionsRequired": required,
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"matrix": frame.gltf_matrix(), "children": list(range(1, len(nodes) + 1))}, *nodes],
        "meshes": meshes,
        "materials": [Material().as_json()],
        "extensions": {"EXT_structural_metadata": structural_metadata(binary, metadata, table, has_surfaces=False)},
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views, "buffers": binary.buffers()}
    return Glb(container(orjson.dumps(document), bytes(binary.data)), max((_error_m(group) for group in shown), default=0.0))


def _attributes(binary: BinaryChunk, group: Instances) -> Json:
    count = len(group.feature)
    feature = np.zeros((count, 2), np.uint16)
    feature[:, 0] = group.feature
    vectors = [group.translation.astype(np.float32), group.scale.astype(np.float32)]
    translation, scale = (binary.accessor(binary.vertices(v), FLOAT, "VEC3", count) for v in vectors)
    if _is_long(group):
        rotation = binary.accessor(binary.vertices(group.rotation.astype(np.float32)), FLOAT, "VEC4", count)
    else:
        steps = np.rint(group.rotation / _SHORT_STEP).astype(np.int16)
        rotation = binary.accessor(binary.vertices(steps), SHORT, "VEC4", count, normalized=True)
    ids = binary.accessor(binary.vertices(feature), UNSIGNED_SHORT, "SCALAR", count)
    return {"TRANSLATION": translation, "ROTATION": rotation, "SCALE": scale, "_FEATURE_ID_0": ids}


def _is_long(group: Instances) -> bool:
    return bool(group.scale.max() > _LONG_M)


def _error_m(group: Instances) -> float:
    """Return how far a point of an instance may lie from where it should: rounding of places, sizes and directions."""
    place = float(np.spacing(np.abs(group.translation).max().astype(np.float32)))
    turn = float(np.finfo(np.float32).eps) if _is_long(group) else 2 * _SHORT_STEP
    reach = np.linalg.norm(np.abs(group.model.positions).max(axis=0) * group.scale, axis=1)
    return place + turn * float(reach.max())


def _model(binary: BinaryChunk, model: MeshBatch, shade: NDArray[np.uint8] | None) -> Json:
    positions = model.positions.astype(np.float32)
    low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    count = len(positions)
    attributes = {
        "POSITION": binary.accessor(binary.vertices(positions), FLOAT, "VEC3", count, min=low, max=high),
        "NORMAL": binary.accessor(binary.vertices(model.normals), FLOAT, "VEC3", count),
    }
    if shade is not None:
        grey = np.column_stack([shade, shade, shade, np.zeros_like(shade)])
        attributes["COLOR_0"] = binary.accessor(binary.vertices(grey), UNSIGNED_BYTE, "VEC3", count, normalized=True)
    indices = binary.accessor(binary.triangles(model.triangles, count), UNSIGNED_SHORT, "SCALAR", model.triangles.size)
    return {"attributes": attributes, "indices": indices, "material": 0, "mode": 4}
