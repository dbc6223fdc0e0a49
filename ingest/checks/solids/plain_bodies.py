"""Which bodies have no fault by rules that a kernel checks with a margin; all others are for `validity` to look at exactly.

The rules are those of `validity`: nothing is told sound here that would have a fault there (Ledoux 2013, 2018).
"""

from __future__ import annotations

import numpy as np

from ingest.body_arrays import FACE, INDEX, RING, VERTEX, BodyArrays, Doubts
from ingest.checks.solids.boundaries import Boundaries, neighbours
from ingest.checks.solids.fault import Mask, SolidFault, Tolerances
from ingest.checks.solids.plain_faces import look_at_faces
from ingest.checks.solids.plain_faults import ToldFaults, tell_faults
from ingest.checks.solids.plain_meetings import mark_clear
from ingest.checks.solids.plain_shells import look_at_shells
from ingest.checks.solids.plain_triangles import leave_flat_out
from ingest.checks.solids.planes import Planes
from ingest.checks.solids.self_crossing import meeting_pairs
from ingest.checks.solids.surfaces import Surfaces
from ingest.checks.solids.triangles import bent


def doubts_about(bodies: BodyArrays, tolerances: Tolerances) -> Doubts:
    """Return which of ``bodies`` are not plainly sound, and which of their faces.

    Not so are those with cavities, of composites, or with parts whose boxes meet, and what a margin leaves open. Single faces and pairs of
    faces that the kernel leaves open are triangulated and compared as `validity` does it, each face once: what does not bend is told.
    """
    b = _boundaries(bodies)
    faces = len(b.face_start) - 1
    sound, start = np.zeros(faces, dtype=bool), bodies.start
    to_triangulate, pairs = np.zeros(faces, dtype=bool), np.empty((2 * faces + 100, 2), dtype=np.int64)
    normal, axes, low, high = (np.zeros((faces, width)) for width in (3, 6, 3, 3))
    offset, deviation_m = np.zeros(faces), np.zeros(faces)
    least_cosine = float(np.cos(np.radians(tolerances.normals_deg / 2)))
    look_at_faces(
        b.xyz, b.corner, b.after, b.ring_start, b.face_start, tolerances.snap_m, tolerances.planarity_m, least_cosine, sound,
        to_triangulate, normal, offset, deviation_m, axes, low, high,
    )  # fmt: skip
    leave_flat_out(b.xyz, b.corner, b.ring_start, b.face_start, normal, axes, least_cosine, to_triangulate)
    doubtful = ~np.logical_and.reduceat(sound, start[:-1, FACE]) | np.array([bool(m.composites) for m in bodies.makeup])
    surfaces = Surfaces(
        b.xyz, b.corner, b.after, b.before, b.first_corner(), b.face_of_corner, normal, offset, deviation_m, axes, low, high,
        np.empty(len(b.corner), dtype=np.int64),
    )  # fmt: skip
    mended = np.array([bool(m.mended) for m in bodies.makeup])
    undecided = look_at_shells(surfaces, start, bodies.shell_ends.astype(np.int64), mended, doubtful, pairs)
    planes = Planes(normal * offset[:, None], normal, np.empty(0), deviation_m, np.empty(0), np.empty(0))
    body_of_face = np.repeat(np.arange(len(bodies)), bodies.sizes(FACE))
    convex, is_bent = np.zeros(len(b.ring_start) - 1, dtype=bool), np.zeros(faces, dtype=bool)
    is_bent[[face for face, _ in bent(b, planes, convex, to_triangulate, tolerances.normals_deg)]] = True
    doubtful[body_of_face[is_bent]] = True
    left = pairs[:undecided][~doubtful[body_of_face[pairs[:undecided, 0]]]]
    clear = np.empty(len(left), dtype=bool)
    mark_clear(b.xyz, b.corner, b.ring_start, b.face_start, axes, left, clear)
    left = left[~clear]
    doubtful[[body_of_face[one] for one, _, _ in meeting_pairs(b, planes, left[:, 0], left[:, 1])]] = True
    doubtful_faces = ~sound | is_bent
    return Doubts(doubtful, doubtful_faces, _told(b, tolerances, doubtful, doubtful_faces))


def _told(b: Boundaries, tolerances: Tolerances, doubtful: Mask, faces: Mask) -> dict[int, list[SolidFault]]:
    """Return what a kernel tells of the bodies of which it tells all doubtful ``faces``, in the order of `validity_faults`."""
    told = ToldFaults(*np.empty((3, len(faces)), dtype=np.int64))
    tell_faults(b.xyz, b.corner, b.after, b.ring_start, b.face_start, tolerances.snap_m, tolerances.planarity_m, ~faces, told)
    result: dict[int, list[SolidFault]] = {}
    for body in np.flatnonzero(doubtful).tolist():
        first, end = int(b.body_start[body]), int(b.body_start[body + 1])
        some = first + np.flatnonzero(faces[first:end])
        if len(some) == 0 or not told.code[some].all():
            continue
        found = []
        for face in some[np.lexsort((some, told.corners[some], told.code[some]))].tolist():
            x, y, z = (b.xyz[b.corner[told.corner[face]]] + b.origin[body]).tolist()
            found.append(SolidFault(body, int(told.code[face]), (x, y, z), face - first))
        result[body] = found
    return result


def _boundaries(bodies: BodyArrays) -> Boundaries:
    """Return the bodies as `validity` has them, but for shells: those of one body share its vertices."""
    start = bodies.start
    vertices, corners, rings, faces = (bodies.sizes(c) for c in (VERTEX, INDEX, RING, FACE))
    origin = np.floor(bodies.vertices[start[:-1, VERTEX]])
    ring_start = np.concatenate([[0], bodies.ring_ends + np.repeat(start[:-1, INDEX], rings)])
    face_start = np.concatenate([[0], bodies.face_ends + np.repeat(start[:-1, RING], faces)])
    after, before = neighbours(ring_start)
    first_corner = ring_start[face_start]
    none = np.empty(0, dtype=np.int64)
    return Boundaries(
        xyz=bodies.vertices - np.repeat(origin, vertices, axis=0),
        origin=origin,
        corner=bodies.indices.astype(np.int64) + np.repeat(start[:-1, VERTEX], corners),
        after=after,
        before=before,
        ring_start=ring_start,
        face_start=face_start,
        body_start=start[:, FACE],
        shell_start=none,
        shell_end=none,
        solid_start=none,
        body_solid_start=none,
        ring_of_corner=none,
        face_of_corner=np.repeat(np.arange(len(face_start) - 1), np.diff(first_corner)),
        body_of_face=none,
        shell_of_face=none,
    )
