"""Binary glTF 2.0 of points: quantized, meshopt-compressed, unlit; the class of each is a property attribute (EXT_structural_metadata)."""

from __future__ import annotations

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.binary_chunk import FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT, BinaryChunk, Json, container
from tiles.extent import extent
from tiles.glb import ENGINE_VERSION, Encoding, Glb
from tiles.local_frame import LocalFrame
from tiles.stored_vertices import quantization_for

CLASSIFICATION = "classification"
_METADATA, _UNLIT = "EXT_structural_metadata", "KHR_materials_unlit"
_POINTS = 0
_ATTRIBUTE = "_CLASSIFICATION"
_SCHEMA: Json = {
    "id": "points",
    "classes": {"point": {"properties": {CLASSIFICATION: {"type": "SCALAR", "componentType": "UINT8", "required": True}}}},
}


def write_point_glb(
    frame: LocalFrame, local: NDArray[np.float64], colors: NDArray[np.uint8], kinds: NDArray[np.uint8] | None, encoding: Encoding
) -> Glb:
    """Return one self-contained GLB of points at ``local`` (n, 3), n ≥ 1, z up in ``frame``; neighbours in the codec's order stay so.

    ``colors`` (n, 3) are sRGB and are stored linear, as glTF has it; ``kinds`` (n,) are classes of LAS, None where nobody classified.
    """
    binary = BinaryChunk(encoding.meshopt)
    grid = quantization_for(local, encoding.accuracy_m if encoding.quantize else None)
    position = _positions(binary, local, grid.origin, grid.step_m, is_wide=grid.is_wide)
    attributes = {"POSITION": position, "COLOR_0": _colors(binary, colors)}
    primitive: Json = {"mode": _POINTS, "attributes": attributes, "material": 0}
    extensions: Json = {}
    if kinds is not None:
        attributes[_ATTRIBUTE] = _kinds(binary, kinds)
        primitive["extensions"] = {_METADATA: {"propertyAttributes": [0]}}
        described = {"class": "point", "properties": {CLASSIFICATION: {"attribute": _ATTRIBUTE}}}
        extensions = {"extensions": {_METADATA: {"schema": _SCHEMA, "propertyAttributes": [described]}}}
    scale: Json = {} if grid.is_wide else {"scale": [grid.step_m] * 3}
    undo: Json = {} if grid.step_m is None else {"translation": list(grid.origin), **scale}
    is_integer = grid.step_m is not None and not grid.is_wide
    required = ["KHR_mesh_quantization"] * is_integer + ["EXT_meshopt_compression"] * encoding.meshopt
    document: Json = {
        "asset": {"version": "2.0", "generator": f"citytwin tiles {ENGINE_VERSION}"},
        "extensionsUsed": [_UNLIT, *([_METADATA] if extensions else []), *required],
        **({"extensionsRequired": required} if required else {}),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"matrix": frame.gltf_matrix(), "children": [1]}, {"mesh": 0, **undo}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 1}, "extensions": {_UNLIT: {}}}],
        **extensions,
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views, "buffers": binary.buffers()}
    return Glb(container(orjson.dumps(document), bytes(binary.data)), grid.error_m, grid.step_m or 0.0)


def _positions(
    binary: BinaryChunk, local: NDArray[np.float64], origin: tuple[float, float, float], step_m: float | None, *, is_wide: bool
) -> int:
    numbers = local if step_m is None else np.rint((local - origin) / step_m)
    if step_m is not None and not is_wide:
        stored = np.zeros((len(local), 4), np.uint16)
        stored[:, :3] = np.clip(numbers, 0, 65_535)
        low, high = (row.tolist() for row in extent(stored[:, :3].astype(np.float64)))
        return binary.accessor(binary.vertices(stored), UNSIGNED_SHORT, "VEC3", len(stored), min=low, max=high)
    metres = (local if step_m is None else numbers * step_m).astype(np.float32)
    view = binary.vertices(metres) if step_m is None else binary.wide(metres, step_m)
    low, high = (row.tolist() for row in extent(metres.astype(np.float64)))
    return binary.accessor(view, FLOAT, "VEC3", len(metres), min=low, max=high)


def _colors(binary: BinaryChunk, colors: NDArray[np.uint8]) -> int:
    stored = np.zeros((len(colors), 4), np.uint16)
    stored[:, :3] = _linear()[colors]
    return binary.accessor(binary.vertices(stored), UNSIGNED_SHORT, "VEC3", len(stored), normalized=True)


def _linear() -> NDArray[np.uint16]:
    """Return the linear value in 65535ths of each of the 256 of sRGB (IEC 61966-2-1): in 8 bits the dark ones would be one."""
    srgb = np.arange(256) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.rint(linear * 65_535).astype(np.uint16)


def _kinds(binary: BinaryChunk, kinds: NDArray[np.uint8]) -> int:
    stored = np.zeros((len(kinds), 4), np.uint8)
    stored[:, 0] = kinds
    return binary.accessor(binary.vertices(stored), UNSIGNED_BYTE, "SCALAR", len(stored))
