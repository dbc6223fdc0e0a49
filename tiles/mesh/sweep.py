"""Profiles swept along paths: the closed, mitred prisms that tubes and shafts are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import MeshBatch

CHORD_ERROR_M = 0.005
"""How far the flat sides of a round profile may lie inside the circle."""
_FEWEST_SIDES, _MOST_SIDES = 8, 96
_SHARPEST_COSINE = 0.3
"""Cosine of half the deflection below which a mitre would run too far out: there both ends are closed instead."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths to sweep: path ``p`` runs through ``points[offsets[p]:offsets[p + 1]]`` (E, N, H; no repeated points).

    ``half_width`` and ``half_height`` (p,) metres; ``sides`` (p,) of the inscribed polygon, 0 for a rectangle; ``feature`` (p,) index.
    """

    points: NDArray[np.float64]
    offsets: Offsets
    half_width: NDArray[np.float64]
    half_height: NDArray[np.float64]
    sides: NDArray[np.int64]
    feature: NDArray[np.int64]


def sides_for(radius_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of sides for which r (1 - cos π/n) stays within CHORD_ERROR_M; 8 to 96, even."""
    ratio = np.clip(CHORD_ERROR_M / np.maximum(radius_m, CHORD_ERROR_M), 0.0, 1.0)
    exact = np.pi / np.arccos(1.0 - ratio)
    return np.clip(2 * np.ceil(exact / 2), _FEWEST_SIDES, _MOST_SIDES).astype(np.int64)


def chord_error(radius_m: NDArray[np.float64], sides: NDArray[np.int64]) -> float:
    """Return the largest r (1 - cos π/n) of the round profiles."""
    is_round = sides > 0
    if not is_round.any():
        return 0.0
    return float((radius_m[is_round] * (1 - np.cos(np.pi / sides[is_round]))).max())


def sweep(paths: Paths, left_out: NDArray[np.uint8]) -> MeshBatch:
    """Return closed prisms along ``paths``: mitred at bends, flat caps at both ends and where a bend is too sharp to mitre.

    The rectangle stands upright: its width is horizontal. Round profiles have radial normals, rectangles and caps flat ones.
    """
    vertices, count = _room(paths.offsets, paths.sides)
    positions, normals = np.empty((vertices, 3)), np.empty((vertices, 3), np.float32)
    feature, triangles = np.empty(vertices, np.uint32), np.empty((count, 3), np.uint32)
    v, t = _sweep(
        paths.points, paths.offsets, paths.half_width, paths.half_height, paths.sides, paths.feature, positions, normals, feature, triangles
    )
    error = chord_error(np.maximum(paths.half_width, paths.half_height), paths.sides)
    return MeshBatch(positions[:v], normals[:v], triangles[:t], feature[:v], left_out, error)


def _room(offsets: Offsets, sides: NDArray[np.int64]) -> tuple[int, int]:
    """Return upper bounds for vertices and triangles: two rings and two caps for every segment."""
    segments = np.maximum(np.diff(offsets) - 1, 0)
    corners = np.where(sides > 0, sides, 4)
    around = np.where(sides > 0, sides, 8)
    return int((segments * (2 * around + 2 * corners)).sum()), int((segments * (2 * corners + 2 * (corners - 2))).sum())


@kernel
def _profile(half_width: float, half_height: float, sides: int, out: NDArray[np.float64]) -> tuple[int, int]:
    """Write (right, up, normal right, normal up) of the profile; return (vertices, faces). A rectangle has each corner twice."""
    if sides > 0:
        for k in range(sides):
            angle = 2 * np.pi * k / sides
            c, s = np.cos(angle), np.sin(angle)
            out[k, 0], out[k, 1], out[k, 2], out[k, 3] = half_width * c, half_height * s, c, s
        return sides, sides
    for k in range(4):
        c, s = (1.0, 0.0, -1.0, 0.0)[k], (0.0, 1.0, 0.0, -1.0)[k]
        for end in range(2):
            along = -1.0 if end == 0 else 1.0
            out[2 * k + end, 0] = half_width * (c - s * along)
            out[2 * k + end, 1] = half_height * (s + c * along)
            out[2 * k + end, 2], out[2 * k + end, 3] = c, s
    return 8, 4


@kernel
def _direction(points: NDArray[np.float64], i: int, out: NDArray[np.float64]) -> float:
    """Write the unit direction of the segment ``i`` → ``i + 1``; return its length."""
    length = 0.0
    for k in range(3):
        out[k] = points[i + 1, k] - points[i, k]
        length += out[k] * out[k]
    length = np.sqrt(length)
    for k in range(3):
        out[k] /= length
    return length


@kernel
def _mitre(before: NDArray[np.float64], after: NDArray[np.float64], reach: float, shorter: float, plane: NDArray[np.float64]) -> bool:
    """Write the normal of the bisecting plane; return False where the bend is too sharp or the segments too short for a mitre."""
    size = 0.0
    for k in range(3):
        plane[k] = before[k] + after[k]
        size += plane[k] * plane[k]
    size = np.sqrt(size)
    cosine = size / 2
    if cosine < _SHARPEST_COSINE or reach * np.sqrt(1 - min(cosine, 1.0) ** 2) / cosine > shorter:
        return False
    for k in range(3):
        plane[k] /= size
    return True


@kernel
def _turn(d: NDArray[np.float64], right: NDArray[np.float64], up: NDArray[np.float64]) -> None:
    """Set ``right`` (horizontal) and ``up`` across the direction ``d``; a vertical segment keeps the ``right`` it had."""
    flat = np.hypot(d[0], d[1])
    if flat > 1e-6:
        right[0], right[1], right[2] = d[1] / flat, -d[0] / flat, 0.0
    up[0] = right[1] * d[2] - right[2] * d[1]
    up[1] = right[2] * d[0] - right[0] * d[2]
    up[2] = right[0] * d[1] - right[1] * d[0]


@kernel
def _emit_ring(
    centre: NDArray[np.float64],
    profile: NDArray[np.float64],
    d: NDArray[np.float64],
    right: NDArray[np.float64],
    up: NDArray[np.float64],
    plane: NDArray[np.float64],
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
) -> None:
    """Write the profile where the prism along ``d`` meets the plane through ``centre`` with normal ``plane``."""
    along = d[0] * plane[0] + d[1] * plane[1] + d[2] * plane[2]
    for k in range(len(profile)):
        shift = 0.0
        for a in range(3):
            offset = profile[k, 0] * right[a] + profile[k, 1] * up[a]
            positions[k, a] = centre[a] + offset
            normals[k, a] = profile[k, 2] * right[a] + profile[k, 3] * up[a]
            shift -= offset * plane[a]
        for a in range(3):
            positions[k, a] += d[a] * shift / along


@kernel
def _emit_sides(around: int, faces: int, triangles: NDArray[np.uint32], v: int) -> None:
    """Join the ring at ``v`` with the one after it; where the profile has more vertices than faces, each face has two of its own."""
    stride = around // faces
    for k in range(faces):
        a, b = k * stride, (k * stride + 1) % around
        triangles[2 * k, 0], triangles[2 * k, 1], triangles[2 * k, 2] = v + a, v + around + a, v + around + b
        triangles[2 * k + 1, 0], triangles[2 * k + 1, 1], triangles[2 * k + 1, 2] = v + a, v + around + b, v + b


@kernel
def _emit_cap(
    ring: NDArray[np.float64],
    faces: int,
    d: NDArray[np.float64],
    ahead: bool,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> None:
    """Close ``ring`` with a flat fan that looks along ``d`` (``ahead``) or against it."""
    stride, sign = len(ring) // faces, 1.0 if ahead else -1.0
    for k in range(faces):
        positions[k] = ring[k * stride]
        for a in range(3):
            normals[k, a] = sign * d[a]
    second, third = (1, 0) if ahead else (0, 1)
    for k in range(1, faces - 1):
        triangles[k - 1, 0], triangles[k - 1, 1], triangles[k - 1, 2] = v, v + k + second, v + k + third


@kernel
def _end_plane(
    points: NDArray[np.float64],
    i: int,
    first: int,
    last: int,
    at_end: bool,
    d: NDArray[np.float64],
    length: float,
    reach: float,
    plane: NDArray[np.float64],
) -> bool:
    """Write the normal of the plane that ends segment ``i`` at one of its nodes; return whether it is a mitre (else it is capped)."""
    neighbour = np.empty(3)
    if not at_end and i > first:
        shorter = min(length, _direction(points, i - 1, neighbour))
        if _mitre(neighbour, d, reach, shorter, plane):
            return True
    elif at_end and i + 1 < last:
        shorter = min(length, _direction(points, i + 1, neighbour))
        if _mitre(d, neighbour, reach, shorter, plane):
            return True
    plane[:] = d
    return False


@kernel
def _sweep(
    points: NDArray[np.float64],
    offsets: Offsets,
    half_width: NDArray[np.float64],
    half_height: NDArray[np.float64],
    sides: NDArray[np.int64],
    feature_of: NDArray[np.int64],
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    feature: NDArray[np.uint32],
    triangles: NDArray[np.uint32],
) -> tuple[int, int]:
    v, t = 0, 0
    profile, plane, mitred = np.empty((_MOST_SIDES, 4)), np.empty(3), np.empty(2, np.bool_)
    d, right, up = np.empty(3), np.empty(3), np.empty(3)
    for path in range(len(offsets) - 1):
        first, last, begin = offsets[path], offsets[path + 1] - 1, v
        around, faces = _profile(half_width[path], half_height[path], sides[path], profile)
        reach = half_width[path] if sides[path] > 0 else np.hypot(half_width[path], half_height[path])
        right[0], right[1], right[2] = 1.0, 0.0, 0.0
        for i in range(first, last):
            length = _direction(points, i, d)
            _turn(d, right, up)
            ring = v
            for end in range(2):
                mitred[end] = _end_plane(points, i, first, last, end == 1, d, length, reach, plane)
                _emit_ring(points[i + end], profile[:around], d, right, up, plane, positions[v:], normals[v:])
                v += around
            _emit_sides(around, faces, triangles[t:], ring)
            t += 2 * faces
            for end in range(2):
                if not mitred[end]:
                    cut = positions[ring + end * around : ring + (end + 1) * around]
                    _emit_cap(cut, faces, d, end == 1, positions[v:], normals[v:], triangles[t:], v)
                    v, t = v + faces, t + faces - 2
        feature[begin:v] = feature_of[path]
    return v, t
