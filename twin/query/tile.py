"""Vector tiles of a collection as ST_AsMVT makes them (Mapbox Vector Tile 2.1; WebMercatorQuad of OGC 17-083r4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from twin.crs import OutputCrs
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.area import to_storage
from twin.query.collection import VALIDITY_FIELDS, Collection
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import STANDING_COMMIT, selected_rows

EXTENT = 4096
BUFFER = 64
DEEPEST_LEVEL = 22
FEATURE_CAP = 20_000
FULL_DETAIL_LEVEL = 14
"""From here on every feature is drawn with every property; above, small ones are left out and the rest is simplified."""

_HALF_WORLD_M = 20037508.342789244
_SMALLEST_UNITS = 4
_WEB_MERCATOR = OutputCrs("", 3857, xy=True, height="none")


@dataclass(frozen=True, slots=True)
class TileAddress:
    """A tile of WebMercatorQuad: level, column from the west, row from the north."""

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not (0 <= self.z <= DEEPEST_LEVEL and 0 <= self.x < 1 << self.z and 0 <= self.y < 1 << self.z):
            raise NotFoundError("there is no such tile", zh="没有该瓦片")

    def bounds_m(self, buffer: float = 0.0) -> tuple[float, float, float, float]:
        """Return west, south, east, north in EPSG:3857, widened by ``buffer`` tile widths."""
        size = 2 * _HALF_WORLD_M / (1 << self.z)
        west, north = self.x * size - _HALF_WORLD_M, _HALF_WORLD_M - self.y * size
        margin = size * buffer
        return west - margin, north - size - margin, west + size + margin, north + margin


@dataclass(frozen=True, slots=True)
class VectorTile:
    """The bytes of a tile (empty where nothing lies) and the commit the dataset stood at."""

    commit: int
    content: bytes


def tile_region(address: TileAddress, collection: Collection) -> BaseGeometry | None:
    """Return a tile with its buffer in the storage CRS; None where that CRS does not reach: nothing can lie there."""
    region = to_storage(shapely.box(*address.bounds_m(BUFFER / EXTENT)), _WEB_MERCATOR, collection.storage_srid)
    return None if region.is_empty else region


def tile_statement(query: FeatureQuery, address: TileAddress, region: BaseGeometry, principal: Principal) -> Statement:
    """Return the statement of a tile with its :func:`tile_region`: one row, read by :func:`vector_tile`.

    Feature ids are fids (OID = prefix + fid). Nothing is repaired here but by ST_AsMVTGeom itself: what was published is valid.
    """
    parameters = Parameters()
    names = _properties(query.collection, address.z)
    columns = sql.SQL(", ").join([sql.Identifier(n) for n in ("fid", "geom", *names)])
    coarse = address.z < FULL_DETAIL_LEVEL
    unit_m = _unit_m(region)
    rows = selected_rows(
        query,
        principal,
        columns,
        parameters,
        # Beyond the cap, an even sample instead of the oldest corner of the city; the same one each time.
        order=sql.SQL("hashint8(fid), fid") if coarse else None,
        limit=FEATURE_CAP,
        also=_touching(region, parameters, query.collection, _SMALLEST_UNITS * unit_m if coarse else None),
    )
    text = sql.SQL(
        "SELECT {commit}, (SELECT ST_AsMVT(tile, {layer}, {extent}, 'geometry', 'fid') FROM (SELECT {fields},"
        " ST_AsMVTGeom({shape}, ST_MakeEnvelope({bounds}, 3857), {extent}, {buffer}, true) AS geometry"
        " FROM ({rows}) AS drawn) AS tile WHERE geometry IS NOT NULL)"
    ).format(
        commit=STANDING_COMMIT.format(dataset=sql.Literal(query.collection.dataset.id)),
        layer=sql.Literal(query.collection.slug),
        extent=sql.Literal(EXTENT),
        buffer=sql.Literal(BUFFER),
        fields=sql.SQL(", ").join([sql.Identifier(n) for n in ("fid", *names)]),
        shape=_shape(query.collection, unit_m if coarse else None),
        bounds=sql.SQL(", ").join([parameters.add(b) + sql.SQL("::float8") for b in address.bounds_m()]),
        rows=rows,
    )
    return Statement(text, parameters.values)


def vector_tile(row: tuple[Any, ...]) -> VectorTile:
    """Return what the one row of :func:`tile_statement` says."""
    commit, content = row
    return VectorTile(commit, bytes(content or b""))


def _properties(collection: Collection, level: int) -> tuple[str, ...]:
    if level >= FULL_DETAIL_LEVEL:
        return (*collection.feature_type.field_names, *VALIDITY_FIELDS)
    style = collection.feature_type.style
    shown = {*style.choices, style.color_by, "name", "code", "level"}
    return tuple(n for n in collection.feature_type.field_names if n in shown)


def _touching(region: BaseGeometry, parameters: Parameters, collection: Collection, smallest_m: float | None) -> sql.Composable:
    west, south, east, north = region.bounds
    corners = sql.SQL(", ").join([parameters.add(b) + sql.SQL("::float8") for b in (west, south, east, north)])
    inside = sql.SQL("geom && ST_MakeEnvelope({}, {})").format(corners, sql.Literal(collection.storage_srid))
    if smallest_m is None or collection.feature_type.geometry_type == "Point":
        return inside
    size = parameters.add(smallest_m)
    return sql.SQL("{} AND (ST_XMax(geom) - ST_XMin(geom) > {}::float8 OR ST_YMax(geom) - ST_YMin(geom) > {}::float8)").format(
        inside, size, size
    )


def _shape(collection: Collection, tolerance_m: float | None) -> sql.Composable:
    flat: sql.Composable = sql.SQL("ST_Force2D(geom)") if collection.feature_type.has_z else sql.Identifier("geom")
    if tolerance_m is not None and collection.feature_type.geometry_type != "Point":
        flat = sql.SQL("ST_Simplify({}, {}, true)").format(flat, sql.Literal(tolerance_m))
    return sql.SQL("ST_Transform({}, 3857)").format(flat)


def _unit_m(region: BaseGeometry) -> float:
    west, south, east, north = region.bounds
    return min(east - west, north - south) / (EXTENT + 2 * BUFFER)
