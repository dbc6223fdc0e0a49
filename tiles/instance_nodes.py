"""Nodes of a glTF document that show one model many times: EXT_mesh_gpu_instancing, every instance a feature (EXT_instance_features)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.binary_chunk import (
    BYTE,
    FLOAT,
    UNSIGNED_BYTE,
    UNSIGNED_SHORT,
    BinaryChunk,
    Json,
    Stored,
    stored_rows,
    stored_triangles,
    stored_wide,
)
from tiles.kernel import kernel
from tiles.mesh.placement import Model
from tiles.stored_vertices import codec_order, stored_normals

USED = ("EXT_instance_features",)
REQUIRED = ("EXT_mesh_gpu_instancing", "KHR_mesh_quantization")
_PLACE_STEP_M, _SIZE_STEP_M = 2.0**-9, 2.0**-12
_TURN_ERROR_M = 0.001
"""How far the rounding of its rotation may move the far end of an instance."""
_FINEST_TURN = 2.0**-22
_MODEL_STEP = 2.0**-14
"""Grid of a model's own positions: a sixteenth of a millimetre, times the scale of an instance."""
_MOST_STEPS = 2**23
_KEPT_MODELS = 256
_MOST_FEATURES = 2**16


@dataclass(frozen=True, slots=True)
class Instances:
    """A unit ``model`` and its places in a local frame, z up.

    ``translation`` (n, 3) metres; ``rotation`` (n, 4) unit quaternions x, y, z, w; ``scale`` (n, 3) metres, positive; ``feature`` (n,)
    row of the property table, below 65,536. An array that several have in common is stored once.
    """

    model: Model
    translation: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scale: NDArray[np.float64]
    feature: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class InstanceNodes:
    """``nodes``, the ``meshes`` they show (counted from the first), and how far any point may lie from where it should.

    ``step_m`` is the widest step of their places; 0 where these are float32.
    """

    nodes: list[Json]
    meshes: list[Json]
    error_m: float
    step_m: float


def instance_nodes(binary: BinaryChunk, groups: Sequence[Instances], feature_count: int, first_mesh: int = 0) -> InstanceNodes:
    """Append what ``groups`` (those without any instance are passed over) are drawn by to ``binary``; return their nodes and meshes.

    Meshes show material 0. Numbers are multiples of steps that are powers of two: meshopt leaves little of them. ValueError for more
    features than 16 bits can name.
    """
    if feature_count > _MOST_FEATURES:
        raise ValueError(f"{feature_count} features are more than 16 bits can name")
    shown = [group for group in groups if len(group.feature)]
    stored = _Stored(binary)
    nodes, meshes, error, step = list[Json](), list[Json](), 0.0, 0.0
    for group in shown:
        attributes, rounding_m, step_m = stored.attributes(group)
        extensions: Json = {
            "EXT_mesh_gpu_instancing": {"attributes": attributes},
            "EXT_instance_features": {"featureIds": [{"featureCount": feature_count, "attribute": 0, "propertyTable": 0}]},
        }
        nodes.append({"mesh": first_mesh + len(meshes), "extensions": extensions})
        meshes.append({"primitives": [_primitive(binary, group.model)]})
        error, step = max(error, rounding_m), max(step, step_m)
    return InstanceNodes(nodes, meshes, error, step)


class _Stored:
    """Attributes of instances, one accessor an array, and what rounding them costs."""

    def __init__(self, binary: BinaryChunk) -> None:
        self._binary = binary
        self._vectors: dict[int, tuple[int, float, float]] = {}
        self._features: dict[int, int] = {}

    def attributes(self, group: Instances) -> tuple[Json, float, float]:
        """Return the attributes of ``group``, how far a point of it may lie from where it should, and the step of places, metres."""
        model = _stored_model(group.model, compress=self._binary.compress)
        reach, of_model = _reaches(group.scale, model.extent, model.off)
        place, place_error, place_step = self._vector(group.translation, _PLACE_STEP_M)
        turn, turn_error, _ = self._vector(group.rotation, _turn_step(reach))
        size, size_error, _ = self._vector(group.scale, _SIZE_STEP_M, least=_SIZE_STEP_M)
        told: Json = {"TRANSLATION": place, "ROTATION": turn, "SCALE": size, "_FEATURE_ID_0": self._feature(group.feature)}
        error = place_error + _TURNED * turn_error * reach + size_error * float(model.extent.max()) + of_model
        return told, error, place_step

    def _vector(self, values: NDArray[np.float64], step: float, least: float = -np.inf) -> tuple[int, float, float]:
        """Return the accessor of ``values`` (n, k), how long a vector rounding adds, and ``step`` where its multiples reach, else 0."""
        if id(values) in self._vectors:
            return self._vectors[id(values)]
        rounded = np.empty(values.shape, np.float32)
        if _round(values.ravel(), step, least, rounded.ravel()) < _MOST_STEPS * step:
            view, error = self._binary.wide(rounded, step), step / 2
        else:
            rounded, step = values.astype(np.float32), 0.0
            view, error = self._binary.vertices(rounded), float(np.spacing(np.abs(rounded).max())) / 2
        kind = f"VEC{values.shape[1]}"
        stored = self._binary.accessor(view, FLOAT, kind, len(values)), error * float(np.sqrt(values.shape[1])), step
        self._vectors[id(values)] = stored
        return stored

    def _feature(self, values: NDArray[np.int64]) -> int:
        if id(values) not in self._features:
            rows = np.zeros((len(values), 2), np.uint16)
            rows[:, 0] = values
            self._features[id(values)] = self._binary.accessor(self._binary.vertices(rows), UNSIGNED_SHORT, "SCALAR", len(values))
        return self._features[id(values)]


@kernel
def _round(values: NDArray[np.float64], step: float, least: float, out: NDArray[np.float32]) -> float:
    """Write ``values``, at least ``least``, to the nearest multiple of ``step``; return the greatest of either sign."""
    greatest = 0.0
    for i in range(len(values)):
        rounded = max(np.rint(values[i] / step) * step, least)
        out[i], greatest = rounded, max(greatest, abs(rounded))
    return greatest


@kernel
def _reaches(scale: NDArray[np.float64], extent: NDArray[np.float64], off: NDArray[np.float64]) -> tuple[float, float]:
    """Return how long ``extent`` and ``off`` (3,) are at most, scaled by any of ``scale`` (n, 3)."""
    longest, farthest = 0.0, 0.0
    for i in range(len(scale)):
        length, distance = 0.0, 0.0
        for k in range(3):
            length += (scale[i, k] * extent[k]) ** 2
            distance += (scale[i, k] * off[k]) ** 2
        longest, farthest = max(longest, length), max(farthest, distance)
    return np.sqrt(longest), np.sqrt(farthest)


_TURNED = 6.0
"""Bound of the change of a rotation's matrix, whichever of the usual formulas a client has, by that of its unit quaternion."""


def _turn_step(reach_m: float) -> float:
    """Return the step of rotations of what reaches so far: 2⁻¹⁸ up to 44 m. Integers of 16 bits would move the end of 100 m by 18 mm."""
    step = _TURN_ERROR_M / (_TURNED * max(reach_m, 1.0))
    return max(float(2.0 ** np.floor(np.log2(step))), _FINEST_TURN)


def _on_grid(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.rint(positions / _MODEL_STEP) * _MODEL_STEP


@dataclass(frozen=True, slots=True)
class _StoredModel:
    """What is stored of a model, whichever content shows it.

    ``extent`` (3,): how far it reaches along its axes; ``off`` (3,): how far what is stored lies off it there.
    """

    positions: Stored
    low: list[float]
    high: list[float]
    normals: Stored
    shades: Stored | None
    triangles: Stored
    extent: NDArray[np.float64]
    off: NDArray[np.float64]


@functools.lru_cache(_KEPT_MODELS)
def _stored_model(model: Model, *, compress: bool) -> _StoredModel:
    mesh = model.mesh
    order = codec_order(mesh.triangles, len(mesh.positions), None)
    positions = _on_grid(mesh.positions[order.vertices]).astype(np.float32)
    grey = None
    if model.shade is not None:
        shade = model.shade[order.vertices]
        grey = stored_rows(np.column_stack([shade, shade, shade, np.zeros_like(shade)]), compress=compress)
    return _StoredModel(
        stored_wide(positions, _MODEL_STEP, compress=compress),
        positions.min(axis=0).tolist(),
        positions.max(axis=0).tolist(),
        stored_rows(stored_normals(mesh.normals, order, quantize=True), compress=compress),
        grey,
        stored_triangles(order.triangles, compress=compress),
        np.abs(mesh.positions).max(axis=0),
        np.abs(_on_grid(mesh.positions) - mesh.positions).max(axis=0),
    )


def _primitive(binary: BinaryChunk, model: Model) -> Json:
    stored = _stored_model(model, compress=binary.compress)
    count = stored.positions.count
    position = binary.accessor(binary.append(stored.positions), FLOAT, "VEC3", count, min=stored.low, max=stored.high)
    normal = binary.accessor(binary.append(stored.normals), BYTE, "VEC3", count, normalized=True)
    attributes = {"POSITION": position, "NORMAL": normal}
    if stored.shades is not None:
        attributes["COLOR_0"] = binary.accessor(binary.append(stored.shades), UNSIGNED_BYTE, "VEC3", count, normalized=True)
    indices = binary.accessor(binary.append(stored.triangles), UNSIGNED_SHORT, "SCALAR", stored.triangles.count)
    return {"attributes": attributes, "indices": indices, "material": 0, "mode": 4}
