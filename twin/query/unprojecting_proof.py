"""Where pages may turn stored positions into degrees by themselves: the database is asked whether it has the same numbers.

It is not taken for granted: another PROJ, processor, mathematical library or geoid has other last bits. Some 20,000 positions all over
the grid's area of use go through the statement and the compiled code that pages are made by, with all their digits; where one digit is
another, the database goes on turning positions by itself.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import psycopg
import pyproj
import shapely
from psycopg import sql

from twin.crs import OutputCrs, storage_crs
from twin.crs.transverse_mercator import grid_numbers, unprojected
from twin.db import Pool, translated
from twin.errors import TwinError, UnavailableError
from twin.heights import vertical_model
from twin.query.area import Bounds
from twin.query.feature_records import feature_writer, record
from twin.query.geoid_nodes import geoid_nodes
from twin.query.positions import StoredPositions, geometry_in
from twin.query.unprojecting import NO_WAY, Unprojecting, Way

Floats = npt.NDArray[np.float64]

AGAIN_S = 60.0
"""So long after a look that failed, not one that found other numbers, there is another."""
_POSITIONS, _ON_AN_EDGE, _SEED = 20_000, 200, 20_261_122
_LOWEST_M, _HIGHEST_M = -100.0, 3000.0
_ALL_DECIMALS = 17
"""So many tell every double of an ordinate from its neighbours."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a database said, which holds while it runs with the same PROJ."""

    running: tuple[object, ...]
    way: Unprojecting | None
    said: str
    """Which CRSs may be had, and why others may not."""
    failed_at: float | None
    """By time.monotonic; None where every answer came."""

    def holds(self, running: tuple[object, ...]) -> bool:
        return self.running == running and (self.failed_at is None or time.monotonic() - self.failed_at < AGAIN_S)


_LOOKS: WeakKeyDictionary[Pool, dict[tuple[int, str], _Look]] = WeakKeyDictionary()


def unprojecting_of(pool: Pool, srid: int, vertical: str) -> Unprojecting | None:
    """Return the way from a storage CRS to degrees that has the numbers of the database of ``pool``, as far as 20,000 positions tell.

    None without one. When the database has been started anew or has another PROJ, or could not answer a minute ago, it is asked again;
    it is the same object as long as the answer is. A TwinError where it does not answer at all.
    """
    looks, running = _LOOKS.setdefault(pool, {}), _running(pool)
    look = looks.get((srid, vertical))
    if look is None or not look.holds(running):
        look = looks[srid, vertical] = _looked(pool, srid, vertical, running, look)
    return look.way


def _running(pool: Pool) -> tuple[object, ...]:
    with translated(), pool.connection() as connection:
        return connection.execute("SELECT pg_postmaster_start_time(), postgis_proj_version()").fetchone() or ()


def _looked(pool: Pool, srid: int, vertical: str, running: tuple[object, ...], last: _Look | None) -> _Look:
    """Ask for every CRS of degrees, and log which may be had here, and why others may not, where the last look said something else."""
    proven: frozenset[tuple[int, str]] = frozenset()
    refusals: list[str] = ["it is no plain transverse Mercator grid"]
    found, has_failed = None, False
    for candidate in _candidates(srid, vertical):
        refusals = []
        for target in sorted(candidate.targets):
            try:
                refusal = _refusal(pool, candidate, target, StoredPositions(srid, has_z=True, vertical=vertical))
            except (psycopg.errors.InternalError_, TwinError) as error:  # the first is what PostGIS makes of all that PROJ cannot do
                has_failed, refusal = True, f"the database did not answer: {error}".splitlines()[0]
            if refusal is None:
                proven |= {target}
            else:
                refusals.append(f"not EPSG:{target[0]} (height: {target[1]}): {refusal}")
        if proven:
            found = dataclasses.replace(candidate, targets=proven)
            break
    named = ", ".join(f"EPSG:{code} (height: {height})" for code, height in sorted(proven)) or "none"
    said = f"positions of EPSG:{srid} are turned here into: {named}; {'; '.join(refusals) or 'all agree'}"
    if last is None or said != last.said:
        _LOG.log(logging.WARNING if has_failed else logging.INFO, "%s", said)
    if last is not None and last.way is not None and found is not None and found.is_as(last.way):
        found = last.way
    return _Look(running, found, said, time.monotonic() if has_failed else None)


def _refusal(pool: Pool, candidate: Unprojecting, target: tuple[int, str], table: StoredPositions) -> str | None:
    """Return why a CRS is not for ``candidate``; None where pages have the very digits of the database's positions."""
    crs = OutputCrs("", target[0], xy=True, height="none" if target[1] == "none" else "ellipsoidal")
    sent, way = candidate.sent(crs, table), candidate.way(crs)
    statement = sql.SQL(
        "SELECT string_agg({}, '' ORDER BY fid), string_agg({}, '' ORDER BY fid), bool_and(ST_SRID({}) = {srid})"
        " FROM (SELECT ST_GeomFromWKB(wkb, {srid}) AS geom, fid FROM unnest(%s::bytea[]) WITH ORDINALITY AS given (wkb, fid)) AS sample"
    ).format(record(sent, ()), record(geometry_in(crs, table), ()), sent, srid=sql.Literal(table.srid))
    with translated(), pool.connection() as connection, connection.cursor(binary=True) as cursor:
        row = cursor.execute(statement, [_sample(candidate.window_m)]).fetchone()
    if way is None or row is None or not row[2]:
        return "positions were not sent as they are stored"
    ours, theirs = (feature_writer("", None, (), _ALL_DECIMALS, used).text(records) for used, records in ((way, row[0]), (NO_WAY, row[1])))
    return None if ours == theirs else "the database has other digits"


def _sample(window_m: Bounds) -> list[bytes]:
    """Return a line and a multipoint (WKB) of positions all over a window, on each of its edges and in its corners."""
    rng = np.random.default_rng(_SEED)
    low, high = (*window_m[:2], _LOWEST_M), (*window_m[2:], _HIGHEST_M)
    places = rng.uniform(low, high, (_POSITIONS, 3))
    for edge, value in enumerate(window_m):
        places[edge * _ON_AN_EDGE : (edge + 1) * _ON_AN_EDGE, edge % 2] = value
    corners = [(x, y, z) for x in window_m[::2] for y in window_m[1::2] for z in (_LOWEST_M, _HIGHEST_M)]
    points = np.vstack([corners, places[: 5 * _ON_AN_EDGE]])
    return [shapely.to_wkb(shape, output_dimension=3) for shape in (shapely.linestrings(places), shapely.multipoints(points))]


def _candidates(srid: int, vertical: str) -> Iterator[Unprojecting]:
    """Yield the ways from a grid to every CRS that they may be for: by the sums of older PROJs, and by those of newer ones."""
    storage = storage_crs(srid)
    base = storage.crs.geodetic_crs
    base_code = None if base is None else base.to_2d().to_epsg()
    for is_newer in (False, True):
        grid = _grid(srid, is_newer=is_newer)
        if grid is None:
            return
        plain = Way(srid, is_flipped=False, grid=grid, heights=np.empty(0), nodes=np.empty((0, 0)))
        heights = _heights(vertical, _area_deg(grid, storage.bounds_m))
        targets = {(4326, "none"), (base_code or 4326, "none")}
        lifted = plain
        if heights is not None:
            targets.add((4326, "ellipsoidal"))
            lifted = plain._replace(heights=heights[0], nodes=heights[1])
        yield Unprojecting(storage.bounds_m, plain, lifted, frozenset(targets))


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
    return geoid_nodes(model.grid, area_deg)
