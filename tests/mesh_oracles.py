"""What holds of any closed, outward mesh, checked without the code that made it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tiles.mesh.batch import MeshBatch


def open_edges(mesh: MeshBatch) -> int:
    """Number of edges, by place, that are not met by their opposite."""
    index = np.unique(np.column_stack([_levels(axis) for axis in mesh.positions.T]), axis=0, return_inverse=True)[1]
    edges: Counter[tuple[int, int]] = Counter()
    for a, b, c in index[mesh.triangles].tolist():
        for start, end in ((a, b), (b, c), (c, a)):
            edges[min(start, end), max(start, end)] += 1 if start < end else -1
    return sum(1 for count in edges.values() if count)


def _levels(values: np.ndarray) -> np.ndarray:
    """The number of each value among those that lie more than a micrometre apart: where rounding would tell neighbours apart."""
    order = np.argsort(values)
    out = np.empty(len(values), np.int64)
    out[order] = np.cumsum(np.diff(values[order], prepend=values.min()) > 1e-6)
    return out


def normals_agree(mesh: MeshBatch) -> bool:
    """Whether every vertex normal points to the side its triangle is wound for."""
    corners = mesh.positions[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    real = np.linalg.norm(face, axis=1) > 1e-9
    facing = np.einsum("ij,ikj->ik", face[real], mesh.normals[mesh.triangles[real]])
    return bool((facing > 0).all())
