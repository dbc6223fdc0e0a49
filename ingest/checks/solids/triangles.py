"""Triangles of polygons, and how far their normals deviate (204 NON_PLANAR_POLYGON_NORMALS_DEVIATION)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from shapely.errors import GEOSException

from ingest.checks.solids.boundaries import Boundaries, ranges
from ingest.checks.solids.ears import MOST_CORNERS, has_flat_ears
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.planes import Planes, projected
from ingest.checks.solids.vectors import cross, dot, length, unit


class UntriangulatedError(Exception):
    """Polygons have no triangulation: their rings meet, by less than is told of rings."""

    def __init__(self, faces: Ints) -> None:
        super().__init__(f"faces without triangulation: {faces[:10].tolist()}")
        self.faces = faces


def triangles_of(b: Boundaries, planes: Planes, faces: Ints) -> tuple[Ints, Ints]:
    """Return (T, 3) vertices of the constrained Delaunay triangles of faces, counterclockwise about the normal.

    With them goes where the triangles of each face begin, and end (n + 1,). Of all triangulations it has the fewest thin triangles,
    so corners nearly in line do not fold it. The rings must be sound; UntriangulatedError names all faces of which they are not enough so.
    """
    first = b.first_corner()
    count = (first[1:] - first[:-1])[faces]
    small, larger = np.flatnonzero(count == 3), np.flatnonzero(count > 3)
    vertices = [b.corner[first[faces[small]][:, None] + np.arange(3)]]
    of = [small]
    if len(larger):
        found, position = _delaunay(b, planes, faces[larger])
        vertices.append(found)
        of.append(larger[position])
    owner = np.concatenate(of)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(vertices)[order], np.searchsorted(owner[order], np.arange(len(faces) + 1))


def bent(b: Boundaries, planes: Planes, convex: Mask, candidates: Mask, normals_deg: float) -> list[tuple[int, float]]:
    """Return the faces among ``candidates`` whose triangles' normals deviate by more than ``normals_deg``, with the angle.

    Any triangulation that does not bend shows that a polygon does not: fans of its corners are tried before Delaunay's, and ears after it.
    """
    wanted = np.flatnonzero(candidates & (planes.deviation_m > CONTACT_M) & (np.diff(b.first_corner()) > 3))
    left = wanted[~_has_flat_fan(b, planes, wanted, convex, normals_deg)]
    vertices, start = triangles_of(b, planes, left)
    points = b.xyz[vertices]
    normal = cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    of = np.repeat(left, np.diff(start))
    steep = dot(normal, planes.normal[of]) < np.cos(np.radians(normals_deg / 2)) * length(normal)
    doubtful = np.flatnonzero(np.isin(left, of[steep]))
    angles = [(int(left[k]), _greatest_angle_deg(normal[start[k] : start[k + 1]])) for k in doubtful]
    return [(face, angle_deg) for face, angle_deg in angles if angle_deg > normals_deg and not _has_flat_ears(b, planes, face, normals_deg)]


def _delaunay(b: Boundaries, planes: Planes, faces: Ints) -> tuple[Ints, Ints]:
    """Return (T, 3) vertices of triangles, and of which of ``faces`` (by position) each is."""
    rings = ranges(b.face_start[faces], b.face_start[faces + 1])
    corners = ranges(b.ring_start[rings], b.ring_start[rings + 1])
    face_of_ring = np.repeat(np.arange(len(faces)), np.diff(b.face_start)[faces])
    ring_of_corner = np.repeat(np.arange(len(rings)), np.diff(b.ring_start)[rings])
    at = projected(b, planes, b.face_of_corner[corners], corners)
    outlines = shapely.polygons(shapely.linearrings(at, indices=ring_of_corner), indices=face_of_ring)
    meshes = _meshes(outlines, faces)
    closed, owners = shapely.get_coordinates(meshes, return_index=True)  # its parts, each a geometry, would take twice the time of all
    points, of = _counterclockwise(closed.reshape(-1, 4, 2)[:, :3]).reshape(-1, 2), owners[::4]
    place = np.concatenate([at, points])
    owner = np.concatenate([face_of_ring[ring_of_corner], np.repeat(of, 3)])
    order = np.lexsort((place[:, 1], place[:, 0], owner))
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (place[order[1:]] != place[order[:-1]]).any(axis=1) | (owner[order[1:]] != owner[order[:-1]])
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(is_new) - 1
    vertex_of = np.empty(int(is_new.sum()), dtype=np.int64)
    vertex_of[group[: len(at)]] = b.corner[corners]
    return vertex_of[group[len(at) :]].reshape(-1, 3), of


def _meshes(outlines: npt.NDArray[np.object_], faces: Ints) -> npt.NDArray[np.object_]:
    """Return the triangles of each polygon; a hole that reaches beyond its outline by rounding is enough for GEOS to find none."""
    try:
        return np.asarray(shapely.constrained_delaunay_triangles(outlines))
    except GEOSException:
        meshes = [_mesh(outline) for outline in outlines]
    failed = np.array([mesh is None for mesh in meshes])
    if failed.any():
        raise UntriangulatedError(faces[failed])
    return np.array(meshes, dtype=np.object_)


def _mesh(outline: shapely.Polygon) -> shapely.Geometry | None:
    try:
        return shapely.constrained_delaunay_triangles(outline)
    except GEOSException:
        return None


def _counterclockwise(points: Floats) -> Floats:
    p, q, r = points[:, 0], points[:, 1], points[:, 2]
    clockwise = (q - p)[:, 0] * (r - p)[:, 1] < (q - p)[:, 1] * (r - p)[:, 0]
    points[clockwise] = points[clockwise][:, ::-1]
    return points


def _has_flat_fan(b: Boundaries, planes: Planes, faces: Ints, convex: Mask, normals_deg: float) -> Mask:
    """Tell which convex polygons have a fan whose normals stay within half the angle of the plane's."""
    flat = np.zeros(len(faces), dtype=bool)
    first, count = b.first_corner()[faces], np.diff(b.first_corner())[faces]
    single = (np.diff(b.face_start)[faces] == 1) & convex[b.face_start[faces]]
    least = np.cos(np.radians(normals_deg / 2))
    for n in np.unique(count[single]):
        of = np.flatnonzero(single & (count == n))
        points = b.xyz[b.corner[first[of][:, None] + np.arange(n)]]
        for start in range(min(int(n), 3)):
            fan = np.roll(points, -start, axis=1) if start else points
            normal = cross(fan[:, 1:-1] - fan[:, :1], fan[:, 2:] - fan[:, :1])
            size = np.sqrt((normal**2).sum(axis=2))
            cosine = (normal * planes.normal[faces[of]][:, None]).sum(axis=2)
            flat[of] |= (cosine >= least * size).all(axis=1)
    return flat


def _has_flat_ears(b: Boundaries, planes: Planes, face: int, normals_deg: float) -> bool:
    corners = np.arange(b.corners_of(face).start, b.corners_of(face).stop)
    if len(b.rings_of(face)) > 1 or len(corners) > MOST_CORNERS:
        return False
    at = projected(b, planes, np.full(len(corners), face), corners)
    ahead, behind = np.empty((2, len(corners)), dtype=np.int64)
    least_cosine = float(np.cos(np.radians(normals_deg / 2)))
    return has_flat_ears(at, b.xyz, b.corner, int(corners[0]), len(corners), planes.normal[face], least_cosine, ahead, behind)


def _greatest_angle_deg(normal: Floats) -> float:
    """Return the greatest angle between (T, 3) normals as long as twice the triangles' areas; those without area have none."""
    units = unit(normal[length(normal) > CONTACT_M**2])
    if len(units) < 2:
        return 0.0
    cosine = min(float((units[i:] @ units[i]).min()) for i in range(len(units)))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
