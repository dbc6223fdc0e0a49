"""A large mesh is cut into tiles that together draw every triangle once, under one tile that names the model."""

from __future__ import annotations

import json
import struct

import numpy as np

from tests.tile_features import to_geocentric
from tiles.models import MOST_VERTICES, Model, ModelsTarget, build_models
from twin.placed_mesh import Material, MeshPart, PlacedMesh, decode_mesh, encode_mesh

SIDE = 420


def relief() -> PlacedMesh:
    """Return a grid of hills of 176,400 vertices."""
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float64), np.arange(SIDE, dtype=np.float64))
    positions = np.column_stack([x.ravel() + 480_000, y.ravel() + 3_510_000, 20 + 5 * np.sin(x.ravel() / 20)])
    corner = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
    triangles = np.concatenate([corner[:, None] + [0, 1, SIDE], corner[:, None] + [1, SIDE + 1, SIDE]]).astype(np.uint32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (len(positions), 1))
    return PlacedMesh((MeshPart(positions, triangles, None, normals, 0),), (Material(),), ())


def test_a_large_mesh_is_cut_and_none_of_it_is_lost() -> None:
    mesh = decode_mesh(b"".join(encode_mesh(relief())))
    store: dict[str, bytes] = {}
    model = Model(7, "山", (480_000, 3_510_000, 15, 480_419, 3_510_419, 25), "0" * 64, None)
    summary = build_models([model], lambda *_: mesh, to_geocentric, ModelsTarget("m", 3, "open", {}), store.__setitem__, lambda *_: None)
    (named,) = json.loads(store[summary.key])["root"]["children"]
    assert named["metadata"] == {"class": "model", "properties": {"fid": 7, "name": "山"}}
    counts = []
    for content in (v for k, v in store.items() if k.endswith(".glb")):
        length = struct.unpack_from("<I", content, 12)[0]
        document = json.loads(content[20 : 20 + length])
        (primitive,) = document["meshes"][0]["primitives"]
        accessors = document["accessors"]
        counts.append((accessors[primitive["attributes"]["POSITION"]]["count"], accessors[primitive["indices"]]["count"] // 3))
    assert len(counts) == summary.contents > 1
    assert max(vertices for vertices, _ in counts) <= MOST_VERTICES
    assert sum(triangles for _, triangles in counts) == 2 * (SIDE - 1) ** 2
