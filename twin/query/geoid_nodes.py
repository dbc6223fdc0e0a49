"""The nodes of a geoid over an area and its separation between them, compiled: the numbers of PROJ, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from twin.crs.transverse_mercator import DEGREE
from twin.heights import GeoidGrid
from twin.kernel import inlined_kernel
from twin.query.area import Bounds

Floats = npt.NDArray[np.float64]

_MARGIN_DEG = 0.5
"""Of nodes beyond the corners of an area that is a box on a grid: its edges are curves."""
_WEST, _SOUTH, _PER_EAST, _PER_NORTH, _COLUMN, _ROW = range(6)
"""Where numbers of the nodes stand: the corner of the whole geoid in radians, nodes a radian, and the first node that is kept."""


def geoid_nodes(geoid: GeoidGrid, area_deg: Bounds) -> tuple[Floats, Floats]:
    """Return where the nodes over an area lie and their separations in metres, rows from south to north: for :func:`separation_m`."""
    west, south, east, north = area_deg
    column, row = (
        int((low - _MARGIN_DEG - first) // step)
        for low, first, step in ((west, geoid.west_deg, geoid.step_lon_deg), (south, geoid.south_deg, geoid.step_lat_deg))
    )
    columns, rows = (
        int((high - low + 2 * _MARGIN_DEG) // step) + 3
        for low, high, step in ((west, east, geoid.step_lon_deg), (south, north, geoid.step_lat_deg))
    )
    nodes = geoid.values_m[max(row, 0) : row + rows, max(column, 0) : column + columns].astype(np.float64)
    per_east, per_north = 1 / (geoid.step_lon_deg * DEGREE), 1 / (geoid.step_lat_deg * DEGREE)
    where = [geoid.west_deg * DEGREE, geoid.south_deg * DEGREE, per_east, per_north, max(column, 0), max(row, 0)]
    return np.array(where, np.float64), nodes


@inlined_kernel
def separation_m(where: Floats, nodes: Floats, longitude: float, latitude: float) -> float:
    """Return N at a place in radians by bilinear interpolation, summed up in the order in which PROJ does it; NaN beyond the nodes."""
    u, v = (longitude - where[_WEST]) * where[_PER_EAST], (latitude - where[_SOUTH]) * where[_PER_NORTH]
    if not (math.isfinite(u) and math.isfinite(v)):
        return math.nan
    column, row = math.floor(u), math.floor(v)
    u, v = u - column, v - row
    i, j = int(column - where[_COLUMN]), int(row - where[_ROW])
    if i < 0 or j < 0 or i + 1 >= nodes.shape[1] or j + 1 >= nodes.shape[0]:
        return math.nan
    both = u * v
    separation = nodes[j, i] * (1.0 - u - v + both)
    separation += nodes[j, i + 1] * (u - both)
    separation += nodes[j + 1, i] * (v - both)
    separation += nodes[j + 1, i + 1] * both
    return float(separation)
