"""Profiles swept along paths: the mitred tubes, boxes and bores that pipes, ducts and shafts are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import MeshBatch
from tiles.mesh.profile import (
    BOX,
    EGG,
    MOST_POINTS,
    ROUND,
    faces_of,
    has_corners,
    has_walls,
    inscribed_error,
    slopes,
    widest_radius,
    write_profile,
)
from tiles.mesh.sweep_ends import emit_cap, emit_dome, emit_flat_rim, emit_frames, emit_rim, join_rings

_SHARPEST_COSINE = 0.3
"""Cosine of half the deflection below which a mitre would run too far out: there both ends are closed instead."""


class Ending(enum.IntEnum):
    """How a path ends."""

    FLAT = 0
    """With a flat cap."""
    BALL = 1
    """With half a ball of the section's width: whatever joins here at whatever angle, no gap shows. What has corners ends flat."""
    OPEN = 2
    """With the wall about its bore: part of that ball where the section has no corners, flat where it has, a box with its cells."""
    NONE = 3
    """With nothing: something else closes it."""


_BALL, _OPEN, _NONE = int(Ending.BALL), int(Ending.OPEN), int(Ending.NONE)


@dataclass(frozen=True, slots=True)
class Cells:
    """What the open ends of boxes are divided into: the cells of path ``p`` are ``first[p]`` to ``last[p]`` (exclusive).

    ``cell`` (c, 4): left, low, right, high, metres across and above the axis; ``opening`` (c, 4): centre and half sizes of the opening
    in it, zeros where there is none; ``is_round`` (c,): eight-sided instead of a rectangle.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    cell: NDArray[np.float64]
    opening: NDArray[np.float64]
    is_round: NDArray[np.bool_]

    @staticmethod
    def none(paths: int) -> Cells:
        """Return the cells of ``paths`` that have none."""
        zero = np.zeros(paths, np.int64)
        return Cells(zero, zero, np.empty((0, 4)), np.empty((0, 4)), np.empty(0, np.bool_))


@dataclass(frozen=True, slots=True)
class Sections:
    """What is swept, all (p,), lengths in metres: ``shape`` of Shape, half sizes, ``sides`` of a curved section's polygon, ``ending``.

    ``is_bore``: the section is the inside of something and seen from within. ``centre`` (p, 2): how far it lies across and above the
    path. ``wall`` about the bore of an OPEN section that is no box. ``stretch``: how far a bore goes on beyond both ends. ``reach``: how
    far from the path anything lies that bends with it. ``slope`` of its sides, of a bore that of what is about it. ``error``: how far the
    polygon lies off the section.
    """

    shape: NDArray[np.int64]
    half_width: NDArray[np.float64]
    half_height: NDArray[np.float64]
    sides: NDArray[np.int64]
    ending: NDArray[np.int64]
    is_bore: NDArray[np.bool_]
    centre: NDArray[np.float64]
    wall: NDArray[np.float64]
    stretch: NDArray[np.float64]
    reach: NDArray[np.float64]
    slope: NDArray[np.float64]
    error: NDArray[np.float64]

    @staticmethod
    def closed(
        shape: NDArray[np.int64],
        half_width: NDArray[np.float64],
        half_height: NDArray[np.float64],
        sides: NDArray[np.int64],
        ending: NDArray[np.int64] | None = None,
    ) -> Sections:
        """Return sections about their paths without bores, with flat ends where ``ending`` is not given."""
        zero = np.zeros(len(shape))
        reach = np.where(has_corners(shape), np.hypot(half_width, half_height), half_width)
        endings = np.full(len(shape), int(Ending.FLAT)) if ending is None else ending
        is_bore = np.zeros(len(shape), np.bool_)
        error = inscribed_error(shape, widest_radius(shape, half_width, half_height), sides)
        slope, centre = slopes(shape, half_width, half_height), np.zeros((len(shape), 2))
        return Sections(shape, half_width, half_height, sides, endings, is_bore, centre, zero, zero, reach, slope, error)


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths to sweep: path ``p`` runs along line ``line[p]``, which has the points ``offsets[line]`` to ``offsets[line + 1]``.

    ``points`` E, N, H, none repeated; ``feature`` (p,) index, rising.
    """

    points: NDArray[np.float64]
    offsets: Offsets
    line: NDArray[np.int64]
    sections: Sections
    cells: Cells
    feature: NDArray[np.int64]


def plain_paths(points: NDArray[np.float64], offsets: Offsets, sections: Sections, feature: NDArray[np.int64]) -> Paths:
    """Return one path for each line."""
    count = len(offsets) - 1
    return Paths(points, offsets, np.arange(count), sections, Cells.none(count), feature)


def sweep(paths: Paths, left_out: NDArray[np.uint8]) -> MeshBatch:
    """Return the sections swept along ``paths``: mitred at bends, closed at both ends and where a bend is too sharp to mitre.

    A rectangle stands upright: its width is horizontal. Curved sections have radial normals, rectangles and caps flat ones.
    """
    s = paths.sections
    vertices, count = _room(paths)
    positions, normals = np.empty((vertices, 3)), np.empty((vertices, 3), np.float32)
    feature, triangles = np.empty(vertices, np.uint32), np.empty((count, 3), np.uint32)
    lengths = np.column_stack([s.half_width, s.half_height, s.centre, s.wall, s.stretch, s.reach, s.slope])
    kinds = np.column_stack([s.shape, s.sides, s.ending, s.is_bore]).astype(np.int64)
    c = paths.cells
    v, t = _sweep(
        paths.points, paths.offsets, paths.line, lengths, kinds, c.first, c.last, c.cell, c.opening, c.is_round, paths.feature,
        positions, normals, feature, triangles,
    )  # fmt: skip
    return MeshBatch(positions[:v], normals[:v], triangles[:t], feature[:v], left_out, float(s.error.max(initial=0.0)))


_CELL_VERTICES = _CELL_TRIANGLES = 12


def _room(paths: Paths) -> tuple[int, int]:
    """Return upper bounds for vertices and triangles: two rings a segment, and both its ends closed as its path's may be."""
    s = paths.sections
    segments = np.maximum(np.diff(paths.offsets) - 1, 0)[paths.line]
    cornered, cells = has_corners(s.shape), paths.cells.last - paths.cells.first
    faces = faces_of(s.shape, s.sides)
    around = np.where(cornered, 2 * faces, faces)
    vertices = np.where(cornered, around + _CELL_VERTICES * cells, around + 1)
    triangles = 2 * faces + _CELL_TRIANGLES * cells
    return int((2 * segments * (around + vertices)).sum()), int((2 * segments * (faces + triangles)).sum())


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
    """Write the normal of the plane that ends segment ``i`` at one of its nodes; return whether it is a mitre."""
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
def _section(lengths: NDArray[np.float64], kinds: NDArray[np.int64], wall: float, out: NDArray[np.float64]) -> tuple[int, int]:
    """Write the profile of a path, or what lies ``wall`` within it, face by face; return (vertices, faces)."""
    slope = lengths[7]
    across = wall * (slope + np.hypot(1.0, slope))
    walled = has_walls(lengths[0], lengths[1])
    around, faces = write_profile(kinds[0], lengths[0] - across, lengths[1] - wall, slope, kinds[1], walled, out)
    for k in range(around):
        out[k, 0] += lengths[2]
        out[k, 1] += lengths[3]
        if kinds[3]:
            out[k, 2], out[k, 3] = -out[k, 2], -out[k, 3]
    return around, faces


@kernel
def _sweep(
    points: NDArray[np.float64],
    offsets: Offsets,
    line_of: NDArray[np.int64],
    lengths: NDArray[np.float64],
    kinds: NDArray[np.int64],
    first_cell: NDArray[np.int64],
    last_cell: NDArray[np.int64],
    cell: NDArray[np.float64],
    opening: NDArray[np.float64],
    is_round: NDArray[np.bool_],
    feature_of: NDArray[np.int64],
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    feature: NDArray[np.uint32],
    triangles: NDArray[np.uint32],
) -> tuple[int, int]:
    v, t, around, faces = 0, 0, 0, 0
    profile, bore = np.empty((MOST_POINTS, 4)), np.empty((MOST_POINTS, 4))
    d, right, up, plane, centre = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    mitred = np.empty(2, np.bool_)
    for path in range(len(line_of)):
        first, last, begin = offsets[line_of[path]], offsets[line_of[path] + 1] - 1, v
        is_box, is_bore, own_ending = kinds[path, 0] == BOX, kinds[path, 3] == 1, kinds[path, 2]
        is_curved = kinds[path, 0] in (ROUND, EGG)
        half_width, wall, stretch, reach = lengths[path, 0], lengths[path, 4], lengths[path, 5], lengths[path, 6]
        if path == 0 or (lengths[path] != lengths[path - 1]).any() or (kinds[path] != kinds[path - 1]).any():
            around, faces = _section(lengths[path], kinds[path], 0.0, profile)
        right[0], right[1], right[2] = 1.0, 0.0, 0.0
        for i in range(first, last):
            length = _direction(points, i, d)
            _turn(d, right, up)
            ring = v
            for end in range(2):
                mitred[end] = _end_plane(points, i, first, last, end == 1, d, length, reach, plane)
                is_free = i == first if end == 0 else i == last - 1
                beyond = 0.0 if not is_free else stretch if end == 1 else -stretch
                for a in range(3):
                    centre[a] = points[i + end, a] + beyond * d[a]
                _emit_ring(centre, profile[:around], d, right, up, plane, positions[v:], normals[v:])
                v += around
            t += join_rings(ring, ring + around, around, faces, not is_bore, triangles[t:])
            for end in range(2):
                if mitred[end] or own_ending == _NONE:
                    continue
                at, ahead = ring + end * around, end == 1
                is_free = i == first if end == 0 else i == last - 1
                ending = own_ending if is_free or own_ending != _OPEN else _BALL
                if ending == _OPEN and is_box:
                    c = slice(first_cell[path], last_cell[path])
                    more = emit_frames(
                        points[i + end], cell[c], opening[c], is_round[c], d, right, up, ahead, positions, normals, triangles[t:], v
                    )
                elif ending == _OPEN and not is_curved:
                    _section(lengths[path], kinds[path], wall, bore)
                    more = emit_flat_rim(
                        points[i + end], positions[at : at + around], bore[:around], faces, d, right, up, ahead,
                        positions[v:], normals[v:], triangles[t:], v,
                    )  # fmt: skip
                elif ending == _OPEN:
                    _section(lengths[path], kinds[path], wall, bore)
                    lean = (half_width - wall) / half_width
                    forward = half_width * np.sqrt(1 - lean**2)
                    more = emit_rim(
                        points[i + end], at, bore[:around], lean, d, right, up, ahead, forward, positions, normals, triangles[t:], v
                    )
                elif ending == _BALL and is_curved:
                    more = emit_dome(points[i + end], at, around, d, ahead, half_width, positions, normals, triangles[t:], v)
                else:
                    more = emit_cap(positions[at : at + around], faces, d, ahead, positions[v:], normals[v:], triangles[t:], v)
                v, t = v + more[0], t + more[1]
        feature[begin:v] = feature_of[path]
    return v, t
