"""Manholes and wells: vertical shafts from the ground down to their bottom, closed by a lid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.sweep import Paths, sides_for, sweep
from tiles.wkb import EMPTY, OK, Geometries, first_points

NOMINAL_DIAMETER_M = 0.7
"""Drawn where a survey gives no diameter: the usual clear opening of a manhole cover."""
DEEPEST_M = 200.0
LID_RIM_M = 0.05
"""The lid is wider than the shaft by this on every side, and at most twice as thick."""


def well(geometries: Geometries, bottom_m: NDArray[np.float64], depth_m: NDArray[np.float64], diameter_m: NDArray[np.float64]) -> MeshBatch:
    """Return closed shafts below points whose Z is the ground, each under a lid whose top is at the ground.

    All (features,), NaN missing: ``bottom_m`` H of the bottom, else ``depth_m`` below the ground; ``diameter_m`` of the shaft, else
    NOMINAL_DIAMETER_M. Without bottom and depth, or with the bottom not below the ground, a feature is left out as DEPTH_MISSING.
    """
    top_point, bottom, diameter = shafts(geometries, bottom_m, depth_m, diameter_m)
    ground = top_point[:, 2]
    left_out = _left_out(geometries, ground - bottom, diameter)
    drawn = np.flatnonzero(left_out == LeftOut.DRAWN)
    xy = top_point[drawn, :2]
    radius, top, low = diameter[drawn] / 2, ground[drawn], bottom[drawn]
    lid_bottom = np.maximum(top - 2 * LID_RIM_M, (top + low) / 2)
    points = np.concatenate([_columns(xy, top, lid_bottom), _columns(xy, lid_bottom, low)])
    radii = np.concatenate([radius + LID_RIM_M, radius])
    offsets = np.arange(2 * len(drawn) + 1, dtype=np.int64) * 2
    order = np.arange(2 * len(drawn)).reshape(2, -1).T.ravel()
    feature = np.concatenate([drawn, drawn])[order].astype(np.int64)
    points = points.reshape(-1, 2, 3)[order].reshape(-1, 3)
    return sweep(Paths(points, offsets, radii[order], radii[order], sides_for(radii[order]), feature), left_out)


def shafts(
    geometries: Geometries, bottom_m: NDArray[np.float64], depth_m: NDArray[np.float64], diameter_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the top (features, 3), the height of the bottom and the diameter (features,) of each shaft, NaN where not known."""
    first = first_points(geometries)
    none = np.full((1, 3), np.nan)
    top = np.where((first >= 0)[:, None], geometries.coordinates[first] if len(geometries.coordinates) else none, np.nan)
    bottom = np.where(np.isfinite(bottom_m), bottom_m, top[:, 2] - depth_m)
    return top, bottom, np.where(diameter_m > 0, diameter_m, NOMINAL_DIAMETER_M)


def _columns(xy: NDArray[np.float64], top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vertical two-point paths (2n, 3)."""
    upper, lower = np.column_stack([xy, top]), np.column_stack([xy, bottom])
    return np.stack([upper, lower], axis=1).reshape(-1, 3)


def _left_out(geometries: Geometries, depth: NDArray[np.float64], diameter: NDArray[np.float64]) -> NDArray[np.uint8]:
    left_out = np.zeros(len(geometries), np.uint8)
    left_out[diameter > DEEPEST_M] = LeftOut.SIZE_ABSURD
    left_out[depth > DEEPEST_M] = LeftOut.DEPTH_ABSURD
    left_out[~(depth > 0)] = LeftOut.DEPTH_MISSING
    left_out[geometries.status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(geometries.status != OK) & (geometries.status != EMPTY)] = LeftOut.GEOMETRY_UNREADABLE
    return left_out
