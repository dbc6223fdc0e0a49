"""The value every mesher returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class LeftOut(enum.IntEnum):
    """Why a feature has no mesh; DRAWN when it has one."""

    DRAWN = 0
    GEOMETRY_UNREADABLE = 1
    GEOMETRY_EMPTY = 2
    GEOMETRY_DEGENERATE = 3
    TRIANGULATION_FAILED = 4
    HEIGHT_MISSING = 5
    HEIGHT_ABSURD = 6
    SIZE_MISSING = 7
    SIZE_ABSURD = 8
    DEPTH_MISSING = 9
    DEPTH_ABSURD = 10
    OUTSIDE_CRS = 11
    ELEVATION_ABSURD = 12


@dataclass(frozen=True, slots=True)
class MeshBatch:
    """Triangle meshes of a run of features.

    ``positions`` (v, 3) float64: E, N in the storage CRS and H in its heights, metres; ``normals`` (v, 3) float32 outward unit vectors in
    (east, north, up) of the grid; ``triangles`` (t, 3) uint32, counter-clockwise seen from outside; ``feature`` (v,) uint32 index of
    the feature in the run; ``left_out`` (features,) uint8 of LeftOut. ``chord_error_m`` bounds how far a facet lies inside the
    true surface.
    """

    positions: NDArray[np.float64]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    feature: NDArray[np.uint32]
    left_out: NDArray[np.uint8]
    chord_error_m: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Return whether no feature of the run has a mesh."""
        return len(self.triangles) == 0


LOWEST_M, HIGHEST_M = -1_000.0, 9_500.0
"""Nothing built lies below or above: an elevation beyond is a "no data" number (-9999) or an error of unit."""
EARTH_RADIUS_M = 6_371_000.0
CHORD_SAG_M = 0.005
"""How far a straight edge may sag below the curved surface of constant height before it is densified."""
LONGEST_EDGE_M = float(np.sqrt(8.0 * EARTH_RADIUS_M * CHORD_SAG_M)) - 5.0
"""Longest undivided edge: sag = L² / 8R, so 504.8 m sags 5 mm."""
