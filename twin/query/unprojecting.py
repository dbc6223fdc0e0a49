"""Stored positions → degrees and ellipsoidal heights in compiled code.

The database needs longer for it than for all else about a page (decision 68). Where its numbers are had here is found out by
:mod:`twin.query.unprojecting_proof`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from psycopg import sql

from twin.crs import OutputCrs
from twin.crs.transverse_mercator import GRID_NUMBERS, in_degrees, unprojected
from twin.kernel import inlined_kernel
from twin.query.area import Bounds
from twin.query.geoid_nodes import separation_m
from twin.query.positions import StoredPositions, geometry_in

Floats = npt.NDArray[np.float64]


class Way(NamedTuple):
    """What compiled code has to know to turn stored positions into degrees."""

    srid: int
    """Of geometries that it is done to; 0 of none."""
    is_flipped: bool
    """Whether latitude is written first."""
    grid: Floats
    heights: Floats
    """Nothing: heights are left as they are. One number: that is added. Six: where the nodes of a geoid lie."""
    nodes: Floats
    """Separations in metres, rows from south to north."""


NO_WAY = Way(0, is_flipped=False, grid=np.zeros(GRID_NUMBERS), heights=np.empty(0), nodes=np.empty((0, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class Unprojecting:
    """The way from a storage CRS to the CRSs in which it gives the database's numbers."""

    window_m: Bounds
    """Where it is gone: easting and northing of the grid's area of use with its margin."""
    to_degrees: Way
    to_heights: Way
    """The same with heights above the ellipsoid."""
    targets: frozenset[tuple[int, str]]
    """(EPSG number, kind of height) of these CRSs."""

    def is_as(self, other: Unprojecting) -> bool:
        """Return whether the other has the same window, targets and numbers."""
        are_ways_same = _is_same(self.to_degrees, other.to_degrees) and _is_same(self.to_heights, other.to_heights)
        return are_ways_same and (self.window_m, self.targets) == (other.window_m, other.targets)

    def way(self, crs: OutputCrs) -> Way | None:
        """Return the way into a CRS; None where the database has to go it."""
        if (crs.srid, crs.height) not in self.targets:
            return None
        return (self.to_heights if crs.height == "ellipsoidal" else self.to_degrees)._replace(is_flipped=not crs.xy)

    def sent(self, crs: OutputCrs, table: StoredPositions) -> sql.Composable:
        """Return the expression of column ``geom`` as it is sent: as it is stored within the window, else in ``crs``."""
        stored = sql.SQL("geom" if crs.has_z or not table.has_z else "ST_Force2D(geom)")
        window = sql.SQL(", ").join([sql.Literal(edge) for edge in self.window_m])
        return sql.SQL("CASE WHEN geom @ ST_MakeEnvelope({}, {}) THEN {} ELSE {} END").format(
            window, sql.Literal(table.srid), stored, geometry_in(crs, table)
        )


def _is_same(one: Way, other: Way) -> bool:
    arrays = ((one.grid, other.grid), (one.heights, other.heights), (one.nodes, other.nodes))
    return (one.srid, one.is_flipped) == (other.srid, other.is_flipped) and all(np.array_equal(*pair) for pair in arrays)


@inlined_kernel
def turned(way: Way, easting_m: float, northing_m: float, height_m: float) -> tuple[float, float, float]:
    """Return a stored position in the CRS and the axis order of ``way``, in degrees and metres."""
    longitude, latitude = unprojected(way.grid, easting_m, northing_m)
    if way.heights.size == 1:
        height_m += way.heights[0]
    elif way.heights.size:
        height_m += separation_m(way.heights, way.nodes, longitude, latitude)
    x, y = in_degrees(longitude), in_degrees(latitude)
    return (y, x, height_m) if way.is_flipped else (x, y, height_m)
