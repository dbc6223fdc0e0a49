"""Which bodies have no fault by rules that a kernel checks with a margin; all others are for `validity` to look at exactly.

The rules are those of `validity`: nothing is told sound here that would have a fault there (Ledoux 2013, 2018).
"""

from __future__ import annotations

import numpy as np

from ingest.body_arrays import FACE, INDEX, VERTEX, BodyArrays, Doubts
from ingest.checks.solids.body_by_body import Limits, Parts, Seen, look_at_bodies
from ingest.checks.solids.boundaries import Boundaries, boundaries_of
from ingest.checks.solids.fault import Floats, Ints, Mask, SolidFault, Tolerances
from ingest.checks.solids.plain_crowds import CROWDED, ToldEdges
from ingest.checks.solids.plain_faults import ToldFaults
from ingest.checks.solids.planes import Planes, planes_of
from ingest.checks.solids.self_crossing import meeting_pairs
from ingest.checks.solids.triangles import UntriangulatedError, bent


def doubts_about(bodies: BodyArrays, tolerances: Tolerances) -> Doubts:
    """Return which of ``bodies`` are not plainly sound, and which of their faces.

    Not so are those with cavities, of composites, or with parts whose boxes meet, and what a margin leaves open. Single faces and pairs of
    faces that the kernel leaves open are triangulated and compared as `validity` does it, each face once: what does not bend is told.
    """
    count, faces = len(bodies), len(bodies.face_ends)
    doubtful, mended = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for body, makeup in enumerate(bodies.makeup):
        doubtful[body], mended[body] = bool(makeup.composites), bool(makeup.mended)
    told, pairs = ToldFaults(*np.empty((3, faces), dtype=np.int64)), np.empty((2 * faces + 100, 2), dtype=np.int64)
    edges = ToldEdges(np.empty((faces + 100, 4), dtype=np.int64), np.zeros(1, dtype=np.int64))
    seen = Seen(doubtful, np.empty(faces, dtype=bool), np.empty(faces, dtype=bool), told, edges, pairs)
    parts = Parts(bodies.start, bodies.vertices, bodies.indices, bodies.ring_ends, bodies.face_ends, bodies.shell_ends)
    least_cosine = float(np.cos(np.radians(tolerances.normals_deg / 2)))
    undecided = look_at_bodies(parts, Limits(tolerances.snap_m, tolerances.planarity_m, least_cosine), mended, seen)
    is_faulty = _look_closer(bodies, seen, pairs[:undecided], tolerances)
    doubtful_faces = ~seen.sound | is_faulty
    return Doubts(doubtful, doubtful_faces, _told(bodies, seen, doubtful_faces))


def _look_closer(bodies: BodyArrays, seen: Seen, pairs: Ints, tolerances: Tolerances) -> Mask:
    """Mark the bodies as doubtful of which faces bend or meet, of those that were left open; return which faces bend (F,).

    With those that bend go those that have no triangulation.
    """
    is_faulty, first = np.zeros(len(seen.sound), dtype=bool), bodies.start[:, FACE]
    open_faces = np.flatnonzero(seen.to_triangulate)
    if not (len(open_faces) or len(pairs)):
        return is_faulty
    some = np.unique(np.searchsorted(first, np.concatenate([open_faces, pairs[:, 0]]), side="right") - 1)
    b = boundaries_of([bodies.faces(body) for body in some.tolist()])
    faces = np.concatenate([np.arange(first[body], first[body + 1]) for body in some.tolist()])
    planes = planes_of(b, np.ones(len(faces), dtype=bool), tolerances.planarity_m)
    found = _bent_or_untriangulated(b, planes, seen.to_triangulate[faces], tolerances.normals_deg)
    one, other = np.searchsorted(faces, pairs.T)
    while True:
        is_faulty[faces[found]] = seen.doubtful[some[b.body_of_face[found]]] = True
        left = ~seen.doubtful[some[b.body_of_face[one]]]
        try:
            meeting = [face for face, _, _ in meeting_pairs(b, planes, one[left], other[left])]
        except UntriangulatedError as error:
            found = error.faces
        else:
            seen.doubtful[some[b.body_of_face[np.array(meeting, dtype=np.int64)]]] = True
            return is_faulty


def _bent_or_untriangulated(b: Boundaries, planes: Planes, candidates: Mask, normals_deg: float) -> Ints:
    convex = np.zeros(len(b.ring_start) - 1, dtype=bool)
    try:
        return np.array([face for face, _ in bent(b, planes, convex, candidates, normals_deg)], dtype=np.int64)
    except UntriangulatedError as error:
        left = candidates.copy()
        left[error.faces] = False
        return np.concatenate([error.faces, _bent_or_untriangulated(b, planes, left, normals_deg)])


def _told(bodies: BodyArrays, seen: Seen, faces: Mask) -> dict[int, list[SolidFault]]:
    """Return what the kernel tells of the bodies of which it tells all doubtful ``faces``, in the order of `validity_faults`."""
    start, told, result = bodies.start, seen.told, _told_edges(bodies, seen.told_edges)
    for body in np.flatnonzero(seen.doubtful).tolist():
        first, end = int(start[body, FACE]), int(start[body + 1, FACE])
        some = first + np.flatnonzero(faces[first:end])
        if len(some) == 0 or seen.sound[some].any() or not told.code[some].all():
            continue
        vertices: Floats = bodies.vertices[start[body, VERTEX] : start[body + 1, VERTEX]]
        indices, origin = bodies.indices[start[body, INDEX] : start[body + 1, INDEX]], np.floor(vertices[0])
        found = []
        for face in some[np.lexsort((some, told.corners[some], told.code[some]))].tolist():
            x, y, z = (vertices[indices[told.corner[face]]] - origin + origin).tolist()
            found.append(SolidFault(body, int(told.code[face]), (x, y, z), face - first))
        result[body] = found
    return result


def _told_edges(bodies: BodyArrays, told: ToldEdges) -> dict[int, list[SolidFault]]:
    """Return the faults of bodies that have edges of more than two faces, by their vertices, as `shells.surface_faults` has them."""
    result: dict[int, list[SolidFault]] = {}
    edges = told.edge[: int(told.many[0])]
    for body, face, one, other in edges[np.lexsort((edges[:, 3], edges[:, 2], edges[:, 0]))].tolist():
        vertices: Floats = bodies.vertices[bodies.start[body, VERTEX] :]
        origin = np.floor(vertices[0])
        x, y, z = (((vertices[one] - origin) + (vertices[other] - origin)) / 2 + origin).tolist()
        result.setdefault(body, []).append(SolidFault(body, CROWDED, (x, y, z), face))
    return result
