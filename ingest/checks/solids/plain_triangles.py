"""Which polygons do not bend by their constrained Delaunay triangles, where those are certain; compiled."""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.delaunay import MOST_CANDIDATES, Workroom, candidate_triangles
from ingest.checks.solids.fault import Floats, Ints, Mask
from ingest.checks.solids.plain_faces import fill_axes
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel, kernel

_MARGIN = 1 + 1e-9


@kernel
def make_found_room() -> Ints:
    """Return room for the candidates of one face."""
    return np.empty((MOST_CANDIDATES, 3), dtype=np.int64)


@bare_kernel
def leave_flat_out(
    xyz: Floats, corner: Indices, ring_start: Ints, face_ring: Ints, faces: int, normal: Floats, axes: Floats, least_cosine: float,
    room: Workroom, found: Ints, to_triangulate: Mask,
) -> None:  # fmt: skip
    """Clear those of the first ``faces`` ``to_triangulate`` of which all triangles that they may have are within the angle of ``normal``.

    ``axes`` (F, 6) has room for two in the plane of each.
    """
    for face in range(faces):
        if not to_triangulate[face]:
            continue
        fill_axes(normal, axes, face)
        rings = ring_start[face_ring[face] : face_ring[face + 1] + 1]
        count = candidate_triangles(xyz, corner, rings, axes[face], room, found)
        flat = count > 0
        for t in range(count):
            a, b, c = found[t, 0], found[t, 1], found[t, 2]
            flat = flat and _is_flat(xyz, corner, rings[0], a, b, c, normal[face], least_cosine * _MARGIN)
        to_triangulate[face] = not flat


@bare_kernel
def _is_flat(xyz: Floats, corner: Indices, begin: int, a: int, b: int, c: int, normal: Floats, least_cosine: float) -> bool:
    p, q, r = corner[begin + a], corner[begin + b], corner[begin + c]
    ux, uy, uz = xyz[q, 0] - xyz[p, 0], xyz[q, 1] - xyz[p, 1], xyz[q, 2] - xyz[p, 2]
    wx, wy, wz = xyz[r, 0] - xyz[p, 0], xyz[r, 1] - xyz[p, 1], xyz[r, 2] - xyz[p, 2]
    nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
    return nx * normal[0] + ny * normal[1] + nz * normal[2] >= least_cosine * np.sqrt(nx * nx + ny * ny + nz * nz)
