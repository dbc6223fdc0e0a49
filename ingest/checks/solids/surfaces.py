"""Faces of one body as the compiled checks have them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.body_arrays import FACE, INDEX, RING, VERTEX
from ingest.checks.solids.fault import Floats, Ints
from twin.kernel import bare_kernel, kernel

UInt32s = npt.NDArray[np.uint32]
Indices = npt.NDArray[np.integer]
"""Of any width; in kernels unsigned ones spare a look whether they count from the end."""


class Surfaces(NamedTuple):
    """Faces of a body as `Boundaries` has them, with what is known of their planes and boxes; arrays may have room for more."""

    xyz: Floats
    """(V, 3) metres from the origin of the body"""
    corner: Indices
    """(C,) vertex"""
    after: Indices
    before: Indices
    ring_start: Ints
    """(R + 1,) first corner"""
    face_ring: Ints
    """(F + 1,) first ring"""
    face_start: Ints
    """(F + 1,) first corner"""
    face_of_corner: Indices
    normal: Floats
    offset: Floats
    deviation_m: Floats
    axes: Floats
    """(F, 6) two in the plane, where somebody asked for them"""
    low: Floats
    """(F, 3) box"""
    high: Floats
    twin: Indices
    """(C,) corner whose edge is the same the other way, filled in by `plain_shells`"""


@kernel
def make_surfaces(vertices: int, corners: int, rings: int, faces: int) -> Surfaces:
    """Return room for a body of at most so many of each."""
    return Surfaces(
        np.empty((vertices, 3)), np.empty(corners, np.uint32), np.empty(corners, np.uint32), np.empty(corners, np.uint32),
        np.empty(rings + 1, np.int64), np.empty(faces + 1, np.int64), np.empty(faces + 1, np.int64), np.empty(corners, np.uint32),
        np.empty((faces, 3)), np.empty(faces), np.empty(faces), np.empty((faces, 6)), np.empty((faces, 3)), np.empty((faces, 3)),
        np.empty(corners, np.uint32),
    )  # fmt: skip


@bare_kernel
def lay_out(
    s: Surfaces, start: Ints, body: int, vertices: Floats, indices: UInt32s, ring_ends: UInt32s, face_ends: UInt32s
) -> bool:  # fmt: skip
    """Fill in the faces of a body of `BodyArrays`, its vertices from whole metres near it; False where a corner names none of them.

    False, too, of ends that fall or lie beyond what there is: then nothing of it may be gone through. What is subtracted is exact, so
    equal places stay equal.
    """
    v, first, rings, faces = start[body, VERTEX], start[body, INDEX], start[body, RING], start[body, FACE]
    count, corners = start[body + 1, VERTEX] - v, start[body + 1, INDEX] - first
    if count == 0:
        s.face_start[0] = 0
        return corners == 0 and faces == start[body + 1, FACE]
    x, y, z = np.floor(vertices[v, 0]), np.floor(vertices[v, 1]), np.floor(vertices[v, 2])
    for k in range(count):
        s.xyz[k, 0], s.xyz[k, 1], s.xyz[k, 2] = vertices[v + k, 0] - x, vertices[v + k, 1] - y, vertices[v + k, 2] - z
    greatest = np.int64(0)
    for k in range(corners):
        index = np.int64(indices[first + k])
        greatest = max(greatest, index)
        s.corner[k], s.after[k], s.before[k] = index, k + 1, k - 1
    s.ring_start[0] = s.face_ring[0] = s.face_start[0] = 0
    for ring in range(start[body + 1, RING] - rings):
        begin, end = s.ring_start[ring], np.int64(ring_ends[rings + ring])
        if end < begin or end > corners:
            return False
        s.ring_start[ring + 1] = end
        if end > begin:
            s.after[end - 1], s.before[begin] = begin, end - 1
    for face in range(start[body + 1, FACE] - faces):
        end = np.int64(face_ends[faces + face])
        if end < s.face_ring[face] or end > start[body + 1, RING] - rings:
            return False
        s.face_ring[face + 1], s.face_start[face + 1] = end, s.ring_start[end]
        for k in range(s.face_start[face], s.face_start[face + 1]):
            s.face_of_corner[k] = face
    return greatest < count
