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

WIDEST_M = 20.0
"""No pipe or culvert section is larger: a greater size is an error of unit."""


class ZReference(enum.IntEnum):
    """What the Z of a pipe's line stands for (CJJ 61-2017 §6.3: crown of pressure pipes and cables, invert of gravity sewers)."""

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
    is_box = (width_m > 0) & (height_m > 0)
    width = np.where(is_box, width_m, diameter_m)
    height = np.where(is_box, height_m, diameter_m)
    left_out = _left_out(geometries, width, height)
    half = height / 2
    shift = np.where(z_reference == ZReference.TOP, -half, np.where(z_reference == ZReference.INVERT, half, 0.0))
    paths, offsets, feature = centre_lines(geometries, shift, left_out)
    sides = np.where(is_box, 0, sides_for(np.nan_to_num(width) / 2))
    return sweep(Paths(paths, offsets, width[feature] / 2, half[feature], sides[feature], feature), left_out)


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
    none_f, none_i = np.zeros((0, 3)), np.zeros(0, np.int64)
    points, lines = _lines(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, shift_m, left_out, False, none_f, none_i, none_i)
    out, offsets, feature = np.empty((points, 3)), np.zeros(lines + 1, np.int64), np.empty(lines, np.int64)
    _lines(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, shift_m, left_out, True, out, offsets, feature)
    return out, offsets, feature


@kernel
def _lines(  # noqa: PLR0913 - one kernel counts and, told so, writes
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    shift_m: NDArray[np.float64],
    left_out: NDArray[np.uint8],
    write: bool,
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
            begin, previous = points, -1
            for i in range(ring_offsets[ring], ring_offsets[ring + 1]):
                pieces = 1
                if previous >= 0:
                    length = 0.0
                    for k in range(3):
                        length += (coordinates[i, k] - coordinates[previous, k]) ** 2
                    length = np.sqrt(length)
                    if length < 1e-4:
                        continue
                    pieces = int(np.ceil(length / LONGEST_EDGE_M))
                for p in range(1, pieces + 1):
                    if write:
                        start = previous if previous >= 0 else i
                        for k in range(3):
                            step = (coordinates[i, k] - coordinates[start, k]) * p / pieces
                            out[points, k] = coordinates[start, k] + step
                        out[points, 2] += shift_m[f]
                    points += 1
                previous = i
            if points - begin < 2:
                points = begin
                continue
            if write:
                offsets[lines + 1] = points
                feature[lines] = f
            lines += 1
        if lines == first_line:
            left_out[f] = 3  # LeftOut.GEOMETRY_DEGENERATE
    return points, lines
