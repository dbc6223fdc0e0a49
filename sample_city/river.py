"""The river as polygons: water, and the corridor of water and green banks that blocks and streets keep out of."""

from __future__ import annotations

import itertools
import math

import numpy as np
from shapely import Polygon

from sample_city.relief import CORRIDOR_HALF_WIDTH_M, WATER_HALF_WIDTH_M, Relief

_STEP_M = 25.0
"""Vertices lie on whole multiples of this easting, so that strips cut anywhere share them."""
REACH_M = 1000.0
"""Length of a reach: strips of whole reaches meet in shared vertices."""


def corridor(relief: Relief, river: int, west: float, east: float) -> Polygon:
    """Return the corridor of a river between two eastings, rounded outwards to the vertex lattice."""
    return _strip(relief, river, west, east, -CORRIDOR_HALF_WIDTH_M, CORRIDOR_HALF_WIDTH_M)


def reach(relief: Relief, river: int, number: int) -> tuple[Polygon, Polygon, Polygon]:
    """Return the south bank, the water and the north bank of reach ``number`` of a river."""
    west, east = number * REACH_M, (number + 1) * REACH_M
    bounds = (-CORRIDOR_HALF_WIDTH_M, -WATER_HALF_WIDTH_M, WATER_HALF_WIDTH_M, CORRIDOR_HALF_WIDTH_M)
    south, water, north = (_strip(relief, river, west, east, a, b) for a, b in itertools.pairwise(bounds))
    return south, water, north


def _strip(relief: Relief, river: int, west: float, east: float, low_m: float, high_m: float) -> Polygon:
    e = np.arange(math.floor(west / _STEP_M), math.ceil(east / _STEP_M) + 1) * _STEP_M
    axis, slope = relief.river_axis_n(np.full(e.shape, river), e)
    stretch = np.hypot(1.0, slope)
    south = np.column_stack([e, np.round(axis + low_m * stretch, 3)])
    north = np.column_stack([e, np.round(axis + high_m * stretch, 3)])
    return Polygon(np.concatenate([south, north[::-1]]))
