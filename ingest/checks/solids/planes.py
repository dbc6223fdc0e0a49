"""The plane of each polygon: fitted to its vertices, and a frame in it (203 NON_PLANAR_POLYGON_DISTANCE_PLANE)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.checks.solids.boundaries import Boundaries, greatest, sums
from ingest.checks.solids.fault import Floats, Ints, Mask
from ingest.checks.solids.vectors import cross

THIN_M = 0.01
"""A polygon thinner than this has no dependable normal of its own: its plane is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """(F,) planes; the normal points to where the exterior ring is seen counterclockwise."""

    centre: Floats
    normal: Floats
    """(F, 3) unit."""
    height: Floats
    """(C,) signed distance of each corner from its face's plane."""
    deviation_m: Floats
    """(F,) greatest distance of a corner."""
    area_m2: Floats
    """(R,) area of each ring, negative where it turns against the exterior's sense."""
    perimeter_m: Floats
    """(R,)"""


def planes_of(b: Boundaries, usable: Mask, close_m: float) -> Planes:
    """Fit the planes of the ``usable`` faces; a plane known to come nearer than ``close_m`` to every vertex is not fitted further.

    The exact plane is the least-squares one (Ledoux 2013). Its greatest residual is at most the root of the sum of squared residuals
    of any other plane, so the area normal is kept where that bound already holds.
    """
    points = b.points()
    steps = points[b.after] - points
    ring_area = sums(cross(points, points[b.after]), b.ring_start) / 2
    perimeter = sums(np.sqrt((steps**2).sum(axis=1)), b.ring_start)
    first = b.first_corner()
    count = np.diff(first)
    centre = sums(points, first) / np.maximum(count, 1)[:, None]
    exterior = ring_area[np.minimum(b.face_start[:-1], len(ring_area) - 1)] if len(ring_area) else np.empty((0, 3))
    size = np.sqrt((exterior**2).sum(axis=1))
    normal = exterior / np.where(size > 0, size, 1)[:, None]
    height = _heights(b, points, centre, normal)
    deviation = _deviation(b, height, usable)
    thin = 2 * size < THIN_M * perimeter[np.minimum(b.face_start[:-1], len(perimeter) - 1)]
    fitted = np.flatnonzero(usable & (count > 3) & ((np.sqrt(sums(height**2, first)) > close_m) | thin))
    if len(fitted):
        normal[fitted] = _fit(b, points, centre, fitted, normal)
        height = _heights(b, points, centre, normal)
        deviation = _deviation(b, height, usable)
    area = (ring_area * normal[b.face_of_corner[np.minimum(b.ring_start[:-1], len(points) - 1)]]).sum(axis=1) if len(points) else size[:0]
    return Planes(centre, normal, height, deviation, area, perimeter)


def projected(b: Boundaries, planes: Planes, faces: Ints, corners: Ints) -> Floats:
    """Return (n, 2) the ``corners`` in the planes of their ``faces``; counterclockwise about the normal stays so."""
    normal = planes.normal[faces]
    least_axis = np.abs(normal).argmin(axis=1)
    u = cross(normal, np.eye(3)[least_axis])
    u /= np.maximum(np.sqrt((u**2).sum(axis=1)), 1e-300)[:, None]
    v = cross(normal, u)
    away = b.xyz[b.corner[corners]] - planes.centre[faces]
    return np.stack([(away * u).sum(axis=1), (away * v).sum(axis=1)], axis=1)


def _heights(b: Boundaries, points: Floats, centre: Floats, normal: Floats) -> Floats:
    height: Floats = ((points - centre[b.face_of_corner]) * normal[b.face_of_corner]).sum(axis=1)
    return height


def _deviation(b: Boundaries, height: Floats, usable: Mask) -> Floats:
    first = b.first_corner()
    some = np.diff(first) > 0
    result = np.zeros(len(some))
    if some.any():
        result[some] = greatest(np.abs(height), np.append(first[:-1][some], first[-1]))
    result[~usable] = 0
    return result


def _fit(b: Boundaries, points: Floats, centre: Floats, faces: Ints, normal: Floats) -> Floats:
    """Return the directions of least variance, on the side of the normals there are."""
    wanted = np.zeros(len(centre), dtype=bool)
    wanted[faces] = True
    chosen = np.flatnonzero(wanted[b.face_of_corner])
    away = points[chosen] - centre[b.face_of_corner[chosen]]
    starts = np.concatenate([[0], np.cumsum(np.diff(b.first_corner())[faces])])
    spread = sums((away[:, :, None] * away[:, None, :]).reshape(-1, 9), starts).reshape(-1, 3, 3)
    fit: Floats = np.linalg.eigh(spread)[1][:, :, 0]
    against = (fit * normal[faces]).sum(axis=1) < 0
    fit[against] *= -1
    return fit
