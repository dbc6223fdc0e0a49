"""What holds of any closed, outward mesh, checked without the code that made it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tiles.mesh.batch import MeshBatch


def open_edges(mesh: MeshBatch) -> int:
    """Number of edges, by place, that are not met by their opposite."""
    places = {p: i for i, p in enumerate(dict.fromkeys(map(tuple, np.round(mesh.positions, 6).tolist())))}
    index = np.array([places[tuple(p)] for p in np.round(mesh.positions, 6).tolist()])
    edges: Counter[tuple[int, int]] = Counter()
    for a, b, c in index[mesh.triangles].tolist():
        for start, end in ((a, b), (b, c), (c, a)):
            edges[min(start, end), max(start, end)] += 1 if start < end else -1
    return sum(1 for count in edges.values() if count)


def normals_agree(mesh: MeshBatch) -> bool:
    """Whether every vertex normal points to the side its triangle is wound for."""
    corners = mesh.positions[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    real = np.linalg.norm(face, axis=1) > 1e-9
    facing = np.einsum("ij,ikj->ik", face[real], mesh.normals[mesh.triangles[real]])
    return bool((facing > 0).all())
