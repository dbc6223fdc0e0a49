"""Edges of a mesh that a client may draw as lines (CESIUM_primitive_outline): where faces end, not where they were cut into triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel

_SAME_PLANE = 0.9998
"""Cosine of 1.1°: faces turned by less are one surface to the eye, such as the pieces of a long wall."""


def outline(
    triangles: NDArray[np.uint32], positions: NDArray[np.float64], normals: NDArray[np.float32], feature: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return the edges (e, 2) by vertex: those of one triangle only, less those where two faces of a feature lie in one plane.

    ``triangles`` (t, 3); ``positions`` (v, 3), ``normals`` (v, 3) unit vectors and ``feature`` (v,) of its vertices. Faces share no
    vertices, so an edge between two triangles is inside a face; both sides of an edge between faces are listed, each drawn on its face.
    """
    edges = _boundary(triangles)
    return edges[_is_crease(edges, _places(positions, feature), normals)]


@kernel
def _slot(first: int, second: int, size: int) -> int:
    """Return where a pair of numbers is first looked for in a table of ``size``, a power of two."""
    mixed = np.uint64(first) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(second) * np.uint64(0xC2B2AE3D27D4EB4F)
    return int(np.int64((mixed ^ (mixed >> np.uint64(29))) & np.uint64(size - 1)))


@kernel
def _table_size(entries: int) -> int:
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@kernel
def _boundary(triangles: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the edges that one triangle has, in the order of triangles."""
    size = _table_size(3 * len(triangles))
    low, high, seen = np.full(size, -1, np.int64), np.empty(size, np.int64), np.zeros(size, np.int64)
    place = np.empty(3 * len(triangles), np.int64)
    for t in range(len(triangles)):
        for k in range(3):
            a, b = int(triangles[t, k]), int(triangles[t, (k + 1) % 3])
            first, second = min(a, b), max(a, b)
            at = _slot(first, second, size)
            while low[at] >= 0 and not (low[at] == first and high[at] == second):
                at = (at + 1) & (size - 1)
            low[at], high[at] = first, second
            seen[at] += 1
            place[3 * t + k] = at
    out = np.empty((3 * len(triangles), 2), np.uint32)
    count = 0
    for t in range(len(triangles)):
        for k in range(3):
            if seen[place[3 * t + k]] == 1:
                out[count, 0], out[count, 1] = triangles[t, k], triangles[t, (k + 1) % 3]
                count += 1
    return out[:count]


@kernel
def _places(positions: NDArray[np.float64], feature: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return for each vertex the first one of its feature in exactly its place."""
    size = _table_size(len(positions))
    table, out = np.full(size, -1, np.int64), np.empty(len(positions), np.int64)
    # In tenths of a millimetre, for finding alone; what is compared are the positions.
    for i in range(len(positions)):
        x, y, z = int(positions[i, 0] * 1e4), int(positions[i, 1] * 1e4), int(positions[i, 2] * 1e4)
        at = _slot(x ^ (z << 20), y ^ (int(feature[i]) << 24), size)
        while table[at] >= 0:
            other = table[at]
            same = feature[other] == feature[i]
            for k in range(3):
                same = same and positions[other, k] == positions[i, k]
            if same:
                break
            at = (at + 1) & (size - 1)
        if table[at] < 0:
            table[at] = i
        out[i] = table[at]
    return out


@kernel
def _is_crease(edges: NDArray[np.uint32], place: NDArray[np.int64], normals: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which edges are not those of exactly two faces in one plane."""
    size = _table_size(len(edges))
    first, second, count = np.full(size, -1, np.int64), np.full(size, -1, np.int64), np.zeros(size, np.int64)
    slots = np.empty(len(edges), np.int64)
    for e in range(len(edges)):
        a, b = place[edges[e, 0]], place[edges[e, 1]]
        low, high = min(a, b), max(a, b)
        at = _slot(low, high, size)
        while count[at] > 0:
            other = first[at]
            p, q = place[edges[other, 0]], place[edges[other, 1]]
            if min(p, q) == low and max(p, q) == high:
                break
            at = (at + 1) & (size - 1)
        if count[at] == 0:
            first[at] = e
        else:
            second[at] = e
        count[at] += 1
        slots[e] = at
    out = np.ones(len(edges), np.bool_)
    for e in range(len(edges)):
        at = slots[e]
        if count[at] == 2:
            m, n = edges[first[at], 0], edges[second[at], 0]
            out[e] = normals[m, 0] * normals[n, 0] + normals[m, 1] * normals[n, 1] + normals[m, 2] * normals[n, 2] < _SAME_PLANE
    return out
