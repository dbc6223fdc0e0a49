"""Binary glTF 2.0 of one piece of a textured model; its pictures lie beside it and are shared by all pieces that show them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.local_frame import LocalFrame
from twin.placed_mesh import Material

_HEAD, _CHUNK = struct.Struct("<4sII"), struct.Struct("<I4s")
_FLOAT, _UINT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_MASK_CUTOFF = 0.5
type Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Piece:
    """Triangles of one material in a tile's frame."""

    local: NDArray[np.float64]
    """(n, 3) metres of the frame."""
    triangles: NDArray[np.uint32]
    texture: NDArray[np.float32] | None
    normals: NDArray[np.float32] | None
    """(n, 3) in the axes of the frame."""
    material: Material
    picture: str | None
    """URI of its picture."""


def write_model_glb(frame: LocalFrame, pieces: Sequence[Piece]) -> bytes:
    """Return the GLB of ``pieces``; its one node carries the frame, so that positions stay small and exact to 0.1 mm within a kilometre."""
    writer = _Writer()
    primitives = [writer.primitive(piece) for piece in pieces]
    document: Json = {
        "asset": {"version": "2.0", "generator": "citytwin"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "matrix": _matrix(frame)}],
        "meshes": [{"primitives": primitives}],
        "materials": writer.materials,
        "accessors": writer.accessors,
        "bufferViews": writer.views,
        "buffers": [{"byteLength": len(writer.binary)}],
    }
    if any(piece.material.is_unlit for piece in pieces):
        document["extensionsUsed"] = ["KHR_materials_unlit"]
    if writer.pictures:
        document["images"] = [{"uri": uri} for uri in writer.pictures]
        document["textures"] = [{"source": number, "sampler": 0} for number in range(len(writer.pictures))]
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}]
    head = orjson.dumps(document)
    head += b" " * (-len(head) % 4)
    chunks = _CHUNK.pack(len(head), b"JSON") + head + _CHUNK.pack(len(writer.binary), b"BIN\0") + bytes(writer.binary)
    return _HEAD.pack(b"glTF", 2, _HEAD.size + len(chunks)) + chunks


def _matrix(frame: LocalFrame) -> list[float]:
    """Return the node's matrix: from the mesh's own y-up frame to the y-up of the tile."""
    matrix = np.array(frame.gltf_matrix()).reshape(4, 4).T
    matrix[:3, :3] = matrix[:3, :3] @ _Y_UP
    return [float(value) for value in matrix.T.ravel()]


class _Writer:
    def __init__(self) -> None:
        self.binary = bytearray()
        self.views: list[Json] = []
        self.accessors: list[Json] = []
        self.materials: list[Json] = []
        self.pictures: list[str] = []

    def primitive(self, piece: Piece) -> Json:
        y_up = (piece.local @ _Y_UP).astype("<f4")
        position = self._accessor(y_up, "VEC3", _VERTICES)
        self.accessors[position] |= {"min": y_up.min(axis=0).tolist(), "max": y_up.max(axis=0).tolist()}
        attributes = {"POSITION": position}
        if piece.normals is not None:
            attributes["NORMAL"] = self._accessor((piece.normals @ _Y_UP).astype("<f4"), "VEC3", _VERTICES)
        if piece.texture is not None and piece.picture is not None:
            attributes["TEXCOORD_0"] = self._accessor(piece.texture.astype("<f4"), "VEC2", _VERTICES)
        indices = self._accessor(piece.triangles.ravel().astype("<u4"), "SCALAR", _INDICES)
        return {"attributes": attributes, "indices": indices, "material": self._material(piece)}

    def _accessor(self, values: NDArray[np.float32] | NDArray[np.uint32], kind: str, target: int) -> int:
        content = np.ascontiguousarray(values).tobytes()
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content), "target": target})
        self.binary += content  # all of four bytes: what follows stays aligned
        component = _UINT if values.dtype.kind == "u" else _FLOAT
        self.accessors.append({"bufferView": len(self.views) - 1, "componentType": component, "count": len(values), "type": kind})
        return len(self.accessors) - 1

    def _material(self, piece: Piece) -> int:
        material = piece.material
        surface: Json = {"baseColorFactor": list(material.color), "metallicFactor": 0.0, "roughnessFactor": 1.0}
        if piece.texture is not None and piece.picture is not None:
            if piece.picture not in self.pictures:
                self.pictures.append(piece.picture)
            surface["baseColorTexture"] = {"index": self.pictures.index(piece.picture)}
        body: Json = {"pbrMetallicRoughness": surface, "doubleSided": material.is_double_sided}
        if material.is_masked:
            body |= {"alphaMode": "MASK", "alphaCutoff": _MASK_CUTOFF}
        elif material.color[3] < 1.0:
            body["alphaMode"] = "BLEND"
        if material.is_unlit:
            body["extensions"] = {"KHR_materials_unlit": {}}
        self.materials.append(body)
        return len(self.materials) - 1
