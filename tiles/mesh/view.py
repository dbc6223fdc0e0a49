"""Fields of view: what a camera sees, as a truncated pyramid from its lens to the end of its range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.wkb import EMPTY, OK, Geometries, first_points

ASPECT = 9 / 16
"""Height of the picture by its width."""
WIDEST_PICTURE_DEG = 120.0
"""A wider view turns about (a dome): its picture is not higher than that of a lens of this angle."""
LONGEST_RANGE_M = 5_000.0
SLICE_DEG = 15.0
"""The far side is flat across no more than this, so that its corners and its middle are about as far away."""
NEAR_SHARE = 0.02
"""The pyramid begins at this share of the range."""


@dataclass(frozen=True, slots=True)
class Sights:
    """Where cameras look, all (features,), NaN missing.

    ``azimuth_deg`` from grid north, clockwise; ``tilt_deg`` down from the horizon; ``fov_deg`` the horizontal angle of view; ``range_m``.
    """

    azimuth_deg: NDArray[np.float64]
    tilt_deg: NDArray[np.float64]
    fov_deg: NDArray[np.float64]
    range_m: NDArray[np.float64]


def slices(fov_deg: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return into how many slices the view is cut."""
    return np.clip(np.ceil(np.nan_to_num(fov_deg) / SLICE_DEG - 1e-9), 1, 24).astype(np.int64)


def view(geometries: Geometries, sights: Sights) -> MeshBatch:
    """Return the closed volumes that cameras see whose lenses are the points; all corners of the far side lie at the range.

    Left out: a missing angle or range, a view over 360° or of none, a tilt beyond the vertical, a range over LONGEST_RANGE_M.
    """
    left_out = _left_out(geometries, sights)
    drawn = np.flatnonzero(left_out == LeftOut.DRAWN)
    lens = geometries.coordinates[first_points(geometries)[drawn]]
    azimuth, tilt, fov = (np.radians(a[drawn]) for a in (sights.azimuth_deg, sights.tilt_deg, sights.fov_deg))
    up = np.arctan(ASPECT * np.tan(np.minimum(fov, np.radians(WIDEST_PICTURE_DEG)) / 2))
    count = slices(sights.fov_deg[drawn])
    faces = int((4 * count + 2).sum())
    positions, normals = np.empty((4 * faces, 3)), np.empty((4 * faces, 3), np.float32)
    feature, triangles = np.empty(4 * faces, np.uint32), np.empty((2 * faces, 3), np.uint32)
    written = _emit(lens, azimuth, tilt, fov, up, sights.range_m[drawn], count, drawn, positions, normals, feature, triangles)
    return MeshBatch(positions[: 4 * written], normals[: 4 * written], triangles[: 2 * written], feature[: 4 * written], left_out)


def _left_out(geometries: Geometries, sights: Sights) -> NDArray[np.uint8]:
    left_out = np.zeros(len(geometries), np.uint8)
    left_out[~(sights.fov_deg <= 360) | ~(sights.fov_deg > 0) | ~(np.abs(sights.tilt_deg) <= 90)] = LeftOut.ANGLE_ABSURD
    left_out[~np.isfinite(sights.azimuth_deg + sights.tilt_deg + sights.fov_deg)] = LeftOut.ANGLE_MISSING
    left_out[sights.range_m > LONGEST_RANGE_M] = LeftOut.RANGE_ABSURD
    left_out[~(sights.range_m > 0)] = LeftOut.RANGE_MISSING
    left_out[geometries.status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(geometries.status != OK) & (geometries.status != EMPTY)] = LeftOut.GEOMETRY_UNREADABLE
    return left_out


@kernel
def _axes(azimuth: float, tilt: float, axes: NDArray[np.float64]) -> None:
    """Write forward, right and up of a camera as rows, in east, north, up of the grid."""
    sa, ca, st, ct = np.sin(azimuth), np.cos(azimuth), np.sin(tilt), np.cos(tilt)
    axes[0, 0], axes[0, 1], axes[0, 2] = ct * sa, ct * ca, -st
    axes[1, 0], axes[1, 1], axes[1, 2] = ca, -sa, 0.0
    axes[2, 0], axes[2, 1], axes[2, 2] = st * sa, st * ca, ct


@kernel
def _corners(
    lens: NDArray[np.float64], axes: NDArray[np.float64], across: float, up: float, reach: float, out: NDArray[np.float64]
) -> None:
    """Write the corners on one side of a slice, ``across`` to the right: near low, near high, far low, far high."""
    for end in range(2):
        distance = reach if end == 1 else reach * NEAR_SHARE
        for high in range(2):
            rise = np.sin(up) if high == 1 else -np.sin(up)
            for k in range(3):
                flat = np.cos(across) * axes[0, k] + np.sin(across) * axes[1, k]
                out[2 * end + high, k] = lens[k] + distance * (np.cos(up) * flat + rise * axes[2, k])


@kernel
def _emit_face(
    corners: NDArray[np.float64],
    ring: tuple[int, int, int, int],
    face: int,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
) -> None:
    """Write the flat face of four corners, counter-clockwise from outside."""
    v, normal = 4 * face, np.empty(3)
    for k in range(4):
        for axis in range(3):
            positions[v + k, axis] = corners[ring[k], axis]
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        da, db = positions[v + 2, a] - positions[v, a], positions[v + 2, b] - positions[v, b]
        ea, eb = positions[v + 3, a] - positions[v + 1, a], positions[v + 3, b] - positions[v + 1, b]
        normal[k] = da * eb - db * ea
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    for k in range(4):
        for axis in range(3):
            normals[v + k, axis] = normal[axis] / length
    for k in range(3):
        triangles[2 * face, k], triangles[2 * face + 1, k] = v + k, v + (0, 2, 3)[k]


@kernel
def _emit(
    lens: NDArray[np.float64],
    azimuth: NDArray[np.float64],
    tilt: NDArray[np.float64],
    fov: NDArray[np.float64],
    up: NDArray[np.float64],
    reach: NDArray[np.float64],
    count: NDArray[np.int64],
    rows: NDArray[np.int64],
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    feature: NDArray[np.uint32],
    triangles: NDArray[np.uint32],
) -> int:
    """Write all volumes; return the number of faces. Corners 0–3 are a slice's left side, 4–7 its right one."""
    face = 0
    axes, corners = np.empty((3, 3)), np.empty((8, 3))
    for i in range(len(rows)):
        first = face
        _axes(azimuth[i], tilt[i], axes)
        for s in range(count[i]):
            for side in range(2):
                across = fov[i] * ((s + side) / count[i] - 0.5)
                _corners(lens[i], axes, across, up[i], reach[i], corners[4 * side :])
            for ring in ((2, 3, 7, 6), (0, 4, 5, 1), (1, 5, 7, 3), (0, 2, 6, 4)):
                _emit_face(corners, ring, face, positions, normals, triangles)
                face += 1
            if s == 0 and fov[i] < 2 * np.pi - 1e-6:
                _emit_face(corners, (0, 1, 3, 2), face, positions, normals, triangles)
                face += 1
            if s == count[i] - 1 and fov[i] < 2 * np.pi - 1e-6:
                _emit_face(corners, (4, 6, 7, 5), face, positions, normals, triangles)
                face += 1
        feature[4 * first : 4 * face] = rows[i]
    return face
