"""Points of pipe surveys: a chamber as deep as it is, under its cover, and whatever else stands there, by its kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.mesh.batch import LeftOut
from tiles.mesh.fitting_models import FITTINGS, SHAFT_SIDES, fitting, shaft
from tiles.mesh.placement import Placement
from tiles.mesh.profile import sides_for
from tiles.wkb import EMPTY, OK, Geometries, first_points

NOMINAL_DIAMETER_M = 0.7
"""Drawn where a survey gives no diameter: the usual clear opening of a manhole cover."""
DEEPEST_M = 200.0
COVER_M = 0.1
"""A shaft begins so far below the ground: there lies its cover."""
_PLAIN_COVER = FITTINGS.index("manhole")


@dataclass(frozen=True, slots=True)
class Wells:
    """What is known of points, all (features,), NaN missing.

    ``bottom_m`` H of the bottom, else ``depth_m`` below the ground; ``diameter_m`` of the shaft, ``is_square`` for one of that side;
    ``kind`` place in FITTINGS, -1 none; ``turn_rad`` of the symbol from grid east to north.
    """

    bottom_m: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    diameter_m: NDArray[np.float64]
    is_square: NDArray[np.bool_]
    kind: NDArray[np.int64]
    turn_rad: NDArray[np.float64]

    def rows(self, rows: NDArray[np.int64]) -> Wells:
        """Return those of ``rows``."""
        return Wells(
            self.bottom_m[rows], self.depth_m[rows], self.diameter_m[rows], self.is_square[rows], self.kind[rows], self.turn_rad[rows]
        )


def well(geometries: Geometries, wells: Wells) -> tuple[list[Placement], NDArray[np.uint8]]:
    """Return what stands at points whose Z is the ground, and which are left out.

    A shaft of NOMINAL_DIAMETER_M where none is given, under the cover of its kind, else a round one; other fittings stand on the ground.
    A point with neither a depth nor a kind is part of its pipe alone and left out as DEPTH_MISSING, as is one whose bottom is not below
    the ground and that has no kind.
    """
    top, bottom, diameter = shafts(geometries, wells)
    depth = top[:, 2] - bottom
    left_out = _left_out(geometries, top, depth, diameter, wells.kind)
    drawn = left_out == LeftOut.DRAWN
    deep = drawn & (depth > 0)
    kind = np.where((wells.kind < 0) & deep, _PLAIN_COVER, wells.kind)
    placements = []
    finest = np.digitize(sides_for(np.nan_to_num(diameter) / 2), SHAFT_SIDES, right=True)
    for number, sides in enumerate((0, *SHAFT_SIDES)):
        form = wells.is_square if sides == 0 else ~wells.is_square & (finest == number - 1)
        rows = np.flatnonzero(deep & form)
        below = np.minimum(COVER_M, depth[rows] / 2)
        scale = np.column_stack([diameter[rows], diameter[rows], depth[rows] - below])
        placements.append(Placement(shaft(sides), top[rows] - [0, 0, 1] * below[:, None], wells.turn_rad[rows], scale, rows))
    for number in np.unique(kind[drawn]).tolist():
        rows = np.flatnonzero(drawn & (kind == number))
        placements.append(Placement(fitting(FITTINGS[number]), top[rows], wells.turn_rad[rows], np.ones((len(rows), 3)), rows))
    return [p for p in placements if len(p)], left_out


def shafts(geometries: Geometries, wells: Wells) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the top (features, 3), the height of the bottom and the diameter (features,) of each shaft, NaN where not known."""
    first = first_points(geometries)
    none = np.full((1, 3), np.nan)
    top = np.where((first >= 0)[:, None], geometries.coordinates[first] if len(geometries.coordinates) else none, np.nan)
    bottom = np.where(np.isfinite(wells.bottom_m), wells.bottom_m, top[:, 2] - wells.depth_m)
    return top, bottom, np.where(wells.diameter_m > 0, wells.diameter_m, NOMINAL_DIAMETER_M)


def _left_out(
    geometries: Geometries,
    top: NDArray[np.float64],
    depth: NDArray[np.float64],
    diameter: NDArray[np.float64],
    kind: NDArray[np.int64],
) -> NDArray[np.uint8]:
    left_out = np.zeros(len(geometries), np.uint8)
    left_out[diameter > DEEPEST_M] = LeftOut.SIZE_ABSURD
    left_out[depth > DEEPEST_M] = LeftOut.DEPTH_ABSURD
    left_out[~(depth > 0) & ((kind < 0) | ~np.isfinite(top[:, 2]))] = LeftOut.DEPTH_MISSING
    left_out[geometries.status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(geometries.status != OK) & (geometries.status != EMPTY)] = LeftOut.GEOMETRY_UNREADABLE
    return left_out
