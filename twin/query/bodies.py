"""What a feature is in three dimensions, in an output CRS: vertices of its solids moved by the database as every position is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from psycopg import sql

from twin.crs import OutputCrs
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.positions import geometry_in, with_separation
from twin.query.rows import selected_rows

Positions = npt.NDArray[np.float64]


def moved_statement(collection: Collection, crs: OutputCrs, positions: Positions) -> Statement:
    """Return the statement of positions (n, 3) of the storage CRS in ``crs``, in its axis order: one row, read by :func:`moved`."""
    parameters = Parameters()
    given = parameters.add(shapely.to_wkb(shapely.multipoints(positions)))
    text = sql.SQL("SELECT ST_AsBinary({}, 'NDR') FROM (SELECT ST_GeomFromWKB({}, {}) AS geom) AS given").format(
        geometry_in(crs, collection.stored), given, sql.Literal(collection.storage_srid)
    )
    return Statement(text, parameters.values)


def moved(row: tuple[Any, ...]) -> Positions:
    """Return the positions (n, 3) of the one row of :func:`moved_statement`."""
    found: Positions = shapely.get_coordinates(shapely.from_wkb(row[0]), include_z=True)
    return found


def rises_statement(vertical: str, places_deg: Sequence[tuple[float, float]]) -> Statement:
    """Return the statement of one row with one list: by how many metres heights rise into CRS84h at each longitude and latitude.

    What lies beyond the globe is taken to its edge: such a place is refused where positions are looked at.
    """
    parameters = Parameters()
    lons, lats = (
        [max(-edge, min(edge, float(part))) for part in parts] for edge, parts in zip((180, 90), zip(*places_deg, strict=True), strict=True)
    )
    point = sql.SQL("ST_SetSRID(ST_MakePoint(lon, lat, 0), 4326)")
    text = sql.SQL("SELECT array_agg(ST_Z({}) ORDER BY n) FROM unnest({}::float8[], {}::float8[]) WITH ORDINALITY AS place (lon, lat, n)")
    return Statement(text.format(with_separation(point, vertical), parameters.add(lons), parameters.add(lats)), parameters.values)


def separations_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (fid, metres): by how much heights of polygons rise into ``query.crs``, at the first vertex of each."""
    parameters = Parameters()
    rows = selected_rows(query, principal, sql.SQL("fid, geom"), parameters, order=sql.SQL("fid"))
    height = sql.SQL("ST_Z(ST_StartPoint(ST_ExteriorRing(ST_GeometryN({}, 1))))")
    there = height.format(geometry_in(query.crs, query.collection.stored))
    text = sql.SQL("SELECT fid, {} - {} FROM ({}) AS wanted").format(there, height.format(sql.Identifier("geom")), rows)
    return Statement(text, parameters.values)
