"""A GLB of one model shown many times: EXT_mesh_gpu_instancing, every instance a feature (EXT_instance_features) of one property table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.binary_chunk import BYTE, FLOAT, SHORT, UNSIGNED_BYTE, UNSIGNED_SHORT, BinaryChunk, Json, container
from tiles.glb import ENGINE_VERSION, Glb, Material, structural_metadata
from tiles.local_frame import LocalFrame
from tiles.mesh.batch import MeshBatch
from tiles.metadata import MetadataClass, PropertyTable
from tiles.stored_vertices import codec_order, stored_normals

_LONG_M = 30.0
"""From this length on a step of a 16-bit rotation, 3e-5 of a radian, would move the ends by more than half a millimetre."""
_SHORT_STEP = 1.0 / 32_767
_MODEL_STEP_M = 2.0**-14
"""Grid of a model's own positions: a sixteenth of a millimetre, times the scale of an instance."""


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
    required = ["EXT_mesh_gpu_instancing", "KHR_mesh_quantization"] + ["EXT_meshopt_compression"] * meshopt
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
    rounding = _MODEL_STEP_M / 2 * np.linalg.norm(group.scale, axis=1)
    return place + float((turn * reach + rounding).max())


def _model(binary: BinaryChunk, model: MeshBatch, shade: NDArray[np.uint8] | None) -> Json:
    order = codec_order(model.triangles, len(model.positions), None)
    positions = (np.rint(model.positions[order.vertices] / _MODEL_STEP_M) * _MODEL_STEP_M).astype(np.float32)
    low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    count, normals = len(positions), stored_normals(model.normals, order, quantize=True)
    attributes = {
        "POSITION": binary.accessor(binary.wide(positions, _MODEL_STEP_M), FLOAT, "VEC3", count, min=low, max=high),
        "NORMAL": binary.accessor(binary.vertices(normals), BYTE, "VEC3", count, normalized=True),
    }
    if shade is not None:
        grey = np.column_stack([shade, shade, shade, np.zeros_like(shade)])[order.vertices]
        attributes["COLOR_0"] = binary.accessor(binary.vertices(grey), UNSIGNED_BYTE, "VEC3", count, normalized=True)
    indices = binary.accessor(binary.triangles(order.triangles), UNSIGNED_SHORT, "SCALAR", order.triangles.size)
    return {"attributes": attributes, "indices": indices, "material": 0, "mode": 4}
