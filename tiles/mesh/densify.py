"""Long edges divided: a straight edge lies below the curved surface of equal height between its ends, by L² / 8R in the middle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.mesh.batch import LONGEST_EDGE_M, MeshBatch, sag_m

FARTHEST_M = 20_000.0
"""A feature with an edge over this is no building: dividing it would be thousands of triangles, so its chord error is only stated."""


def densified(mesh: MeshBatch) -> MeshBatch:
    """Return ``mesh`` without horizontal edges over LONGEST_EDGE_M, and with the chord error of the longest that is left.

    Features with an edge over FARTHEST_M stay as they are. Every edge too long is halved, and its halves, on all triangles that have it,
    so that closed meshes stay closed (M.-C. Rivara, "Algorithms for refining triangular grids", 1984). The new corners lie on the edges:
    no area changes.
    """
    longest = _longest_m(mesh.positions, mesh.triangles)
    if longest > LONGEST_EDGE_M:
        too_far = np.unique(mesh.feature[mesh.triangles[_lengths_m(mesh).max(axis=1) > FARTHEST_M, 0]])
        while (cut := _bisected(mesh, too_far)) is not None:
            mesh = cut
        longest = _longest_m(mesh.positions, mesh.triangles)
    return replace(mesh, chord_error_m=max(mesh.chord_error_m, sag_m(longest)))


@kernel
def _longest_m(positions: NDArray[np.float64], triangles: NDArray[np.uint32]) -> float:
    """Return the length on the ground of the longest edge."""
    longest = 0.0
    for t in range(len(triangles)):
        for k in range(3):
            a, b = triangles[t, k], triangles[t, (k + 1) % 3]
            dx, dy = positions[a, 0] - positions[b, 0], positions[a, 1] - positions[b, 1]
            longest = max(longest, dx * dx + dy * dy)
    return float(np.sqrt(longest))


def _lengths_m(mesh: MeshBatch) -> NDArray[np.float64]:
    """Return the length on the ground of each edge (t, 3), that from a corner to the next."""
    along = mesh.positions[np.roll(mesh.triangles, -1, axis=1)] - mesh.positions[mesh.triangles]
    return np.asarray(np.hypot(along[:, :, 0], along[:, :, 1]), np.float64)


def _bisected(mesh: MeshBatch, except_of: NDArray[np.uint32]) -> MeshBatch | None:
    """Return ``mesh`` with each triangle that has an edge too long cut once, through the middle of its longest; None where none has."""
    corners, lengths = mesh.triangles.astype(np.int64), _lengths_m(mesh)
    at = np.flatnonzero((lengths.max(axis=1) > LONGEST_EDGE_M) & ~np.isin(mesh.feature[corners[:, 0]], except_of))
    if len(at) == 0:
        return None
    turn = (np.argmax(lengths[at], axis=1)[:, None] + np.arange(3)) % 3
    a, b, c = corners[at[:, None], turn].T
    pairs, middle = np.unique(np.sort(np.column_stack([a, b]), axis=1), axis=0, return_inverse=True)
    middle = middle.ravel() + len(mesh.positions)
    first, second = corners.copy(), np.column_stack([middle, b, c])
    first[at] = np.column_stack([a, middle, c])
    if mesh.shown is not None:
        place = mesh.shown.place
        place = np.concatenate([place, (place[pairs[:, 0]] + place[pairs[:, 1]]) / 2])
        like = np.concatenate([np.arange(len(mesh.positions)), pairs[:, 0]])
        mesh = replace(mesh, shown=replace(mesh.shown.taken(like), place=place))
    return _in_order(
        mesh,
        np.concatenate([mesh.positions, (mesh.positions[pairs[:, 0]] + mesh.positions[pairs[:, 1]]) / 2]),
        np.concatenate([np.arange(len(mesh.positions)), pairs[:, 0]]),
        np.concatenate([first, second]),
    )


def _in_order(mesh: MeshBatch, positions: NDArray[np.float64], like: NDArray[np.int64], corners: NDArray[np.int64]) -> MeshBatch:
    """Return the mesh of ``positions``, each otherwise ``like`` a vertex of ``mesh``, feature by feature again."""
    order = np.argsort(mesh.feature[like], kind="stable")
    place = np.empty(len(order), np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    triangles = corners[np.argsort(mesh.feature[like[corners[:, 0]]], kind="stable")]
    source = like[order]
    return replace(
        mesh,
        positions=positions[order],
        normals=mesh.normals[source],
        triangles=place[triangles],
        feature=mesh.feature[source],
        surface=None if mesh.surface is None else mesh.surface[source],
        shown=None if mesh.shown is None else mesh.shown.taken(order),
        stands_as=None,
    )
