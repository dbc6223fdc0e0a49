"""Triangles of polygons, and how far their normals deviate (204 NON_PLANAR_POLYGON_NORMALS_DEVIATION)."""

from __future__ import annotations

import numpy as np
import shapely

from ingest.checks.solids.boundaries import Boundaries
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.planes import Planes, projected
from ingest.checks.solids.vectors import cross


def triangles_of(b: Boundaries, planes: Planes, faces: Ints) -> list[Ints]:
    """Return for each face (T, 3) vertices of its constrained Delaunay triangles, counterclockwise about its normal.

    Of all triangulations it has the fewest thin triangles, so corners nearly in line do not fold it. The rings must be sound.
    """
    result: list[Ints] = [b.corner[b.corners_of(int(f))].reshape(1, -1) for f in faces]
    larger = np.flatnonzero(np.diff(b.first_corner())[faces] > 3)
    if not len(larger):
        return result
    corners = [np.arange(*b.corners_of(int(faces[i])).indices(len(b.corner))[:2]) for i in larger]
    flat = np.concatenate(corners)
    at = projected(b, planes, b.face_of_corner[flat], flat)
    ends = np.cumsum([len(c) for c in corners])
    places = np.split(at, ends[:-1])
    outlines = np.array([_outline(b, int(faces[i]), p) for i, p in zip(larger, places, strict=True)], dtype=object)
    meshes, of = shapely.get_parts(shapely.constrained_delaunay_triangles(outlines), return_index=True)
    points = _counterclockwise(shapely.get_coordinates(meshes).reshape(-1, 4, 2)[:, :3])
    begin = np.searchsorted(of, np.arange(len(larger) + 1))
    for k, i in enumerate(larger):
        vertex_at = dict(zip(map(tuple, places[k].tolist()), b.corner[corners[k]].tolist(), strict=True))
        found = points[begin[k] : begin[k + 1]].reshape(-1, 2).tolist()
        result[i] = np.array([vertex_at[x, y] for x, y in found], dtype=np.int64).reshape(-1, 3)
    return result


def bent(b: Boundaries, planes: Planes, convex: Mask, candidates: Mask, normals_deg: float) -> list[tuple[int, float]]:
    """Return the faces among ``candidates`` whose triangles' normals deviate by more than ``normals_deg``, with the angle.

    Any triangulation that does not bend shows that a polygon does not, so fans of its corners are tried before Delaunay's.
    """
    wanted = np.flatnonzero(candidates & (planes.deviation_m > CONTACT_M) & (np.diff(b.first_corner()) > 3))
    left = wanted[~_has_flat_fan(b, planes, wanted, convex, normals_deg)]
    angles = [_greatest_angle_deg(b.xyz[t]) for t in triangles_of(b, planes, left)]
    return [(int(f), angle) for f, angle in zip(left, angles, strict=True) if angle > normals_deg]


def _outline(b: Boundaries, face: int, at: Floats) -> shapely.Polygon:
    where = b.corners_of(face)
    rings = [at[r.start - where.start : r.stop - where.start] for r in b.rings_of(face)]
    return shapely.Polygon(rings[0], rings[1:])


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


def _greatest_angle_deg(triangles: Floats) -> float:
    """Return the greatest angle between the normals of (T, 3, 3) triangles; those without area have none."""
    normal = cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    size = np.sqrt((normal**2).sum(axis=1))
    unit = normal[size > CONTACT_M**2] / size[size > CONTACT_M**2][:, None]
    if len(unit) < 2:
        return 0.0
    cosine = min(float((unit[i:] @ unit[i]).min()) for i in range(len(unit)))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
