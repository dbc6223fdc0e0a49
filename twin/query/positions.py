"""A stored geometry in an output CRS, as a SQL expression: integer SRIDs, axis order of the authority, the right height."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from psycopg import sql

from twin.crs import OutputCrs
from twin.query.area import is_geographic

ORTHOMETRIC_SRID = 998001
"""Longitude, latitude (WGS 84) and EGM96 height: twin/sql/prepare.sql registers it."""
WITH_GEOID = 990_000
"""Added to the number of a CGCS2000 grid it is that of the same grid with EGM96 heights, registered there, too."""
_CGCS2000_GRIDS = range(4491, 4555)
_ELLIPSOIDAL_SRID = 4979
_DEGREE_DECIMALS = 9
_METRE_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class StoredPositions:
    """What has to be known of a table's geometries to write them in another CRS."""

    srid: int
    has_z: bool
    vertical: str
    """The deployment's vertical model."""


def geometry_in(crs: OutputCrs, table: StoredPositions) -> sql.Composable:
    """Return the expression of column ``geom`` in ``crs``.

    Horizontally PostGIS's PROJ picks the operation pyproj picks (measured equal to 0 mm for 4549, 28992, 26913, 2056, 25833, 32650
    and 27700). CRS84h takes height H above the geoid to h = H + N at every vertex, by the EGM96 grid inside PROJ: by one operation
    from a grid of CGCS2000, which is taken as WGS 84 (DESIGN 9); a deployment with ``constant:METRES`` adds that constant.
    """
    stored = sql.Identifier("geom")
    if crs.height == "ellipsoidal":
        if table.vertical == "egm96" and table.srid in _CGCS2000_GRIDS:
            return sql.SQL("ST_Transform(ST_SetSRID({}, {}), {})").format(
                stored, sql.Literal(WITH_GEOID + table.srid), sql.Literal(_ELLIPSOIDAL_SRID)
            )
        return with_separation(_moved(stored, crs, table), table.vertical)
    flat = stored if crs.has_z or not table.has_z else sql.SQL("ST_Force2D({})").format(stored)
    moved = _moved(flat, crs, table)
    return sql.SQL("ST_FlipCoordinates({})").format(moved) if not crs.xy else moved


@functools.lru_cache(maxsize=512)
def geojson_in(crs: OutputCrs, table: StoredPositions) -> sql.Composable:
    """Return the expression of the GeoJSON text of column ``geom`` in ``crs``."""
    # Option 0: no crs or bbox member, which ST_AsGeoJSON would add for every SRID but 4326.
    return sql.SQL("ST_AsGeoJSON({}, {}, 0)").format(geometry_in(crs, table), sql.Literal(decimals(crs)))


def decimals(crs: OutputCrs) -> int:
    """Return the decimals of coordinates: 9 of a degree are 0.1 mm, as 4 of a metre, so rounding stays far below 1 mm."""
    return _DEGREE_DECIMALS if is_geographic(crs.srid) else _METRE_DECIMALS


def _moved(geometry: sql.Composable, crs: OutputCrs, table: StoredPositions) -> sql.Composable:
    if crs.srid == table.srid:
        return geometry
    return sql.SQL("ST_Transform({}, {})").format(geometry, sql.Literal(crs.srid))


def with_separation(geometry: sql.Composable, vertical: str) -> sql.Composable:
    """Return the expression of a geometry in longitude and latitude with heights H as one with h = H + N, N by the deployment's model."""
    model, _, metres = vertical.partition(":")
    if model == "constant":
        return sql.SQL("ST_Translate({}, 0, 0, {})").format(geometry, sql.Literal(float(metres)))
    return sql.SQL("ST_Transform(ST_SetSRID({}, {}), {})").format(geometry, sql.Literal(ORTHOMETRIC_SRID), sql.Literal(_ELLIPSOIDAL_SRID))
