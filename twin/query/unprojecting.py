"""Stored positions → degrees and ellipsoidal heights in compiled code, where that gives the database's own numbers, bit for bit.

The database needs longer for it than for all else about a page (decision 68). Whether its numbers are had here is not taken for granted:
it is asked for a thousand positions once, and where a single bit of them is another, it turns positions into degrees by itself as before.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import psycopg
import pyproj
import shapely
from psycopg import sql

from twin.crs import OutputCrs, storage_crs
from twin.crs.transverse_mercator import DEGREE, GRID_NUMBERS, grid_numbers, in_degrees, unprojected
from twin.db import Pool, translated
from twin.errors import UnavailableError
from twin.heights import vertical_model
from twin.kernel import inlined_kernel
from twin.query.area import Bounds
from twin.query.positions import StoredPositions, geometry_in

Floats = npt.NDArray[np.float64]

_POSITIONS, _SEED = 1000, 20_261_122
_LOWEST_M, _HIGHEST_M = -100.0, 3000.0
_MARGIN_DEG = 0.5
"""Of the geoid's nodes beyond the corners of the window: edges are curves."""
_WEST, _SOUTH, _PER_EAST, _PER_NORTH, _COLUMN, _ROW = range(6)


class Way(NamedTuple):
    """What compiled code has to know to turn stored positions into degrees."""

    srid: int
    """Of geometries that it is done to; 0 of none."""
    is_flipped: bool
    """Whether latitude is written first."""
    grid: Floats
    heights: Floats
    """Nothing: heights are left as they are. One number: that is added. Six: where the nodes of a geoid lie, in radians."""
    nodes: Floats
    """Separations in metres, rows from south to north."""


NO_WAY = Way(0, is_flipped=False, grid=np.zeros(GRID_NUMBERS), heights=np.empty(0), nodes=np.empty((0, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class Unprojecting:
    """The way from a storage CRS to the CRSs in which it gives the database's numbers."""

    table: StoredPositions
    window_m: Bounds
    """Where that was looked at: easting and northing of the grid's area of use with its margin."""
    to_degrees: Way
    to_heights: Way
    """The same with heights above the ellipsoid."""
    targets: frozenset[tuple[int, str]]
    """(EPSG number, kind of height) of these CRSs."""

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


@inlined_kernel
def turned(way: Way, easting_m: float, northing_m: float, height_m: float) -> tuple[float, float, float]:
    """Return a stored position in the CRS and the axis order of ``way``, in degrees and metres."""
    longitude, latitude = unprojected(way.grid, easting_m, northing_m)
    if way.heights.size == 1:
        height_m += way.heights[0]
    elif way.heights.size:
        height_m += _separation_m(way.heights, way.nodes, longitude, latitude)
    x, y = in_degrees(longitude), in_degrees(latitude)
    return (y, x, height_m) if way.is_flipped else (x, y, height_m)


@inlined_kernel
def _separation_m(geoid: Floats, nodes: Floats, longitude: float, latitude: float) -> float:
    """Return N by bilinear interpolation, summed up in the order in which PROJ does it; NaN beyond the nodes."""
    u, v = (longitude - geoid[_WEST]) * geoid[_PER_EAST], (latitude - geoid[_SOUTH]) * geoid[_PER_NORTH]
    if not (math.isfinite(u) and math.isfinite(v)):
        return math.nan
    column, row = math.floor(u), math.floor(v)
    u, v = u - column, v - row
    i, j = int(column - geoid[_COLUMN]), int(row - geoid[_ROW])
    if i < 0 or j < 0 or i + 1 >= nodes.shape[1] or j + 1 >= nodes.shape[0]:
        return math.nan
    both = u * v
    separation = nodes[j, i] * (1.0 - u - v + both)
    separation += nodes[j, i + 1] * (u - both)
    separation += nodes[j + 1, i] * (v - both)
    separation += nodes[j + 1, i + 1] * both
    return float(separation)


_FOUND: WeakKeyDictionary[Pool, dict[tuple[int, str], Unprojecting | None]] = WeakKeyDictionary()


def unprojecting_of(pool: Pool, srid: int, vertical: str) -> Unprojecting | None:
    """Return the way from a storage CRS to degrees that has the numbers of the database of ``pool``, which is asked once; None without one.

    Errors of the connection come as TwinErrors.
    """
    found = _FOUND.setdefault(pool, {})
    if (srid, vertical) not in found:
        found[srid, vertical] = next((way for is_newer in (False, True) if (way := _proven(pool, srid, vertical, is_newer=is_newer))), None)
    return found[srid, vertical]


def _proven(pool: Pool, srid: int, vertical: str, *, is_newer: bool) -> Unprojecting | None:
    """Return the way with what it was proven for, None where that is nothing."""
    storage = storage_crs(srid)
    grid = _grid(srid, is_newer=is_newer)
    if grid is None:
        return None
    table = StoredPositions(srid, has_z=True, vertical=vertical)
    plain = Way(srid, is_flipped=False, grid=grid, heights=np.empty(0), nodes=np.empty((0, 0)))
    heights = _heights(vertical, _area_deg(grid, storage.bounds_m))
    base = storage.crs.geodetic_crs
    base_code = None if base is None else base.to_2d().to_epsg()
    asked = [(plain, OutputCrs("", 4326, xy=True, height="none"))]
    if base_code is not None and base_code != 4326:
        asked.append((plain, OutputCrs("", base_code, xy=True, height="none")))
    lifted = plain if heights is None else plain._replace(heights=heights[0], nodes=heights[1])
    if heights is not None:
        asked.append((lifted, OutputCrs("", 4326, xy=True, height="ellipsoidal")))
    proven = {(crs.srid, str(crs.height)) for way, crs in asked if _agrees(pool, way, crs, table, storage.bounds_m)}
    return Unprojecting(table, storage.bounds_m, plain, lifted, frozenset(proven)) if proven else None


def _agrees(pool: Pool, way: Way, crs: OutputCrs, table: StoredPositions, window_m: Bounds) -> bool:
    """Return whether positions all over the window are turned into the very numbers of the database."""
    stored = _sample(window_m)
    line = shapely.to_wkb(shapely.linestrings(stored), output_dimension=3)
    statement = sql.SQL("SELECT ST_AsBinary({}, 'NDR') FROM (SELECT ST_GeomFromWKB(%s, {}) AS geom) AS sample").format(
        geometry_in(crs, table), sql.Literal(table.srid)
    )
    try:
        with translated(), pool.connection() as connection:
            row = connection.execute(statement, [line]).fetchone()
    except psycopg.errors.InternalError_:  # it cannot do it at all, as where it has no geoid
        return False
    theirs = shapely.get_coordinates(shapely.from_wkb(row[0]), include_z=crs.has_z) if row is not None else np.empty(0)
    ours = np.array([turned(way, *position) for position in stored.tolist()])[:, : 3 if crs.has_z else 2]
    return np.array_equal(ours, theirs)


def _sample(window_m: Bounds) -> Floats:
    rng = np.random.default_rng(_SEED)
    low, high = (*window_m[:2], _LOWEST_M), (*window_m[2:], _HIGHEST_M)
    return rng.uniform(low, high, (_POSITIONS, 3))


def _grid(srid: int, *, is_newer: bool) -> Floats | None:
    crs = pyproj.CRS(srid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a PROJ string leaves out: whether anything is missing is found out from the numbers
        proj = crs.to_dict()
    ellipsoid = crs.ellipsoid
    if ellipsoid is None:
        return None
    return grid_numbers(proj, ellipsoid.semi_major_metre, ellipsoid.inverse_flattening, is_newer=is_newer)


def _area_deg(grid: Floats, window_m: Bounds) -> Bounds:
    """Return the longitudes and latitudes between which the corners of a window lie."""
    west, south, east, north = window_m
    corners = np.degrees([unprojected(grid, x, y) for x in (west, east) for y in (south, north)])
    (low_lon, low_lat), (high_lon, high_lat) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return low_lon, low_lat, high_lon, high_lat


def _heights(vertical: str, area_deg: Bounds) -> tuple[Floats, Floats] | None:
    """Return what is added to heights in an area: the members ``heights`` and ``nodes`` of a way; None where that is not known."""
    try:
        model = vertical_model(vertical, [Path(folder) for folder in pyproj.datadir.get_data_dir().split(":")])
    except UnavailableError:
        return None
    if model.grid is None:
        return None if model.constant_m is None else (np.array([model.constant_m]), np.empty((0, 0)))
    grid = model.grid
    west, south, east, north = area_deg
    column, row = (
        int((low - _MARGIN_DEG - first) // step)
        for low, first, step in ((west, grid.west_deg, grid.step_lon_deg), (south, grid.south_deg, grid.step_lat_deg))
    )
    columns, rows = (
        int((high - low + 2 * _MARGIN_DEG) // step) + 3
        for low, high, step in ((west, east, grid.step_lon_deg), (south, north, grid.step_lat_deg))
    )
    nodes = grid.values_m[max(row, 0) : row + rows, max(column, 0) : column + columns].astype(np.float64)
    per_east, per_north = 1 / (grid.step_lon_deg * DEGREE), 1 / (grid.step_lat_deg * DEGREE)
    where = [grid.west_deg * DEGREE, grid.south_deg * DEGREE, per_east, per_north, max(column, 0), max(row, 0)]
    return np.array(where, np.float64), nodes
