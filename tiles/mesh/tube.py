"""Pipes: line strings swept by their outer section at true depth."""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import LONGEST_EDGE_M, LeftOut, MeshBatch
from tiles.mesh.sweep import Paths, sides_for, sweep
from tiles.wkb import EMPTY, OK, Geometries

_REPEATED_M = 1e-4
_DEGENERATE = int(LeftOut.GEOMETRY_DEGENERATE)
WIDEST_M = 20.0
"""No pipe or culvert section is larger: a greater size is an error of unit."""


class ZReference(enum.IntEnum):
    """What the Z of a pipe's line stands for (surveys give the crown of pressure pipes and cables, the invert of gravity sewers)."""

    AXIS = 0
    TOP = 1
    INVERT = 2


def tube(
    geometries: Geometries,
    diameter_m: NDArray[np.float64],
    width_m: NDArray[np.float64],
    height_m: NDArray[np.float64],
    z_reference: NDArray[np.int64],
) -> MeshBatch:
    """Return closed pipes along line strings: boxes where width and height are given, round pipes of the outer diameter elsewhere.

    All (features,); NaN is missing. ``z_reference`` of ZReference: the axis lies half the section's height below the top or above the
    invert, measured vertically. A feature without either size is left out as SIZE_MISSING, above WIDEST_M as SIZE_ABSURD.
    """
    is_box, width, height, shift = sections(diameter_m, width_m, height_m, z_reference)
    left_out = _left_out(geometries, width, height)
    half = height / 2
    paths, offsets, feature = centre_lines(geometries, shift, left_out)
    sides = np.where(is_box, 0, sides_for(np.nan_to_num(width) / 2))
    return sweep(Paths(paths, offsets, width[feature] / 2, half[feature], sides[feature], feature), left_out)


def sections(
    diameter_m: NDArray[np.float64], width_m: NDArray[np.float64], height_m: NDArray[np.float64], z_reference: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return of each section whether it is a box, its width and height, and how far its axis lies above the line (features,)."""
    is_box = (width_m > 0) & (height_m > 0)
    width = np.where(is_box, width_m, diameter_m)
    height = np.where(is_box, height_m, diameter_m)
    half = height / 2
    shift = np.where(z_reference == ZReference.TOP, -half, np.where(z_reference == ZReference.INVERT, half, 0.0))
    return is_box, width, height, shift


def _left_out(geometries: Geometries, width: NDArray[np.float64], height: NDArray[np.float64]) -> NDArray[np.uint8]:
    left_out = np.zeros(len(geometries), np.uint8)
    left_out[(width > WIDEST_M) | (height > WIDEST_M)] = LeftOut.SIZE_ABSURD
    left_out[~((width > 0) & (height > 0))] = LeftOut.SIZE_MISSING
    left_out[geometries.status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(geometries.status != OK) & (geometries.status != EMPTY)] = LeftOut.GEOMETRY_UNREADABLE
    return left_out


def centre_lines(
    geometries: Geometries, shift_m: NDArray[np.float64], left_out: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], Offsets, NDArray[np.int64]]:
    """Return (points, offsets, feature) of the lines, raised by ``shift_m``, without repeated points, long segments divided.

    A feature without two distinct points is marked GEOMETRY_DEGENERATE in ``left_out``.
    """
    g = geometries
    room = _room(g.coordinates, LONGEST_EDGE_M)
    points, offsets, feature = np.empty((room, 3)), np.zeros_like(g.ring_offsets), np.empty(len(g.ring_offsets), np.int64)
    count, lines = _lines(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, shift_m, left_out, points, offsets, feature)
    return points[:count], offsets[: lines + 1], feature[:lines]


@kernel
def _distance(coordinates: NDArray[np.float64], a: int, b: int) -> float:
    dx, dy, dz = coordinates[b, 0] - coordinates[a, 0], coordinates[b, 1] - coordinates[a, 1], coordinates[b, 2] - coordinates[a, 2]
    return np.sqrt(dx * dx + dy * dy + dz * dz)


@kernel
def _room(coordinates: NDArray[np.float64], longest: float) -> int:
    """Return an upper bound for the points of all divided lines."""
    room = len(coordinates)
    for i in range(1, len(coordinates)):
        room += int(_distance(coordinates, i - 1, i) / longest)
    return room


@kernel
def _line(coordinates: NDArray[np.float64], shift_m: float, longest: float, out: NDArray[np.float64]) -> int:
    """Write one line; return its number of points."""
    if len(coordinates) == 0:
        return 0
    out[0] = coordinates[0]
    count, previous = 1, 0
    for i in range(1, len(coordinates)):
        length = _distance(coordinates, previous, i)
        if length < _REPEATED_M:
            continue
        pieces = int(np.ceil(length / longest))
        for p in range(1, pieces + 1):
            for k in range(3):
                out[count, k] = coordinates[previous, k] + (coordinates[i, k] - coordinates[previous, k]) * p / pieces
            count += 1
        previous = i
    out[:count, 2] += shift_m
    return count


@kernel
def _lines(
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    shift_m: NDArray[np.float64],
    left_out: NDArray[np.uint8],
    out: NDArray[np.float64],
    offsets: Offsets,
    feature: NDArray[np.int64],
) -> tuple[int, int]:
    points, lines = 0, 0
    for f in range(len(left_out)):
        if left_out[f] != 0:
            continue
        first_line = lines
        for ring in range(part_offsets[feature_offsets[f]], part_offsets[feature_offsets[f + 1]]):
            count = _line(coordinates[ring_offsets[ring] : ring_offsets[ring + 1]], shift_m[f], LONGEST_EDGE_M, out[points:])
            if count > 1:
                points += count
                feature[lines] = f
                lines += 1
                offsets[lines] = points
        if lines == first_line:
            left_out[f] = _DEGENERATE
    return points, lines
