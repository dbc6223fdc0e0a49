"""Vector tiles of a collection as ST_AsMVT makes them (Mapbox Vector Tile 2.1), in any tile matrix set.

Near tiles draw every feature with every property. Far ones draw what is large, and sum up the rest in cells (twin/query/massed_tile.py).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from typing import Any

import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from twin.model import Principal
from twin.query.area import to_storage, transformer_between
from twin.query.collection import Collection, require_visible
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import STANDING_COMMIT, selected_rows
from twin.tile_matrix_sets import TileAddress

EXTENT = 4096
BUFFER = 64
FEATURE_CAP = 10_000
"""No tile draws more features than this one by one."""
NEAR_M = 3_000.0
"""A tile of no greater side is near: level 14 of WebMercatorQuad in the latitudes of China."""
COUNT_PROPERTY = "count"
"""How many features one that is drawn for several stands for."""

_SMALLEST_UNITS = 4
_SIMPLE_VERTICES = 2_000


@dataclass(frozen=True, slots=True)
class Detail:
    """How much a tile shows; less where it would be too large or take too long (:meth:`reduced`)."""

    properties: str = "all"
    """``all`` that are wanted, those of the ``style``, or the one of the ``color``."""
    share: float = 1.0
    """How dense cells are, of as dense as they may be, and so many of the large features are drawn."""
    most: int | None = None
    """So many features at most where they are drawn one by one, the largest."""
    simple_only: bool = False
    """Without features of very many vertices, which can keep PostGIS busy for minutes."""

    def reduced(self, excess: float, rows: int) -> Detail:
        """Return what to try next for a tile of ``rows`` that is ``excess`` times too large: properties go first, then small features."""
        if self.properties == "all" and excess < 2:
            return replace(self, properties="style")
        if self.properties != "color":
            return replace(self, properties="color")
        part = 0.85 / max(excess, 1.0)
        return replace(self, share=self.share * part, most=max(1, int(rows * part)))

    @property
    def tells(self) -> str | None:
        """What was left out, for a header (a list of tokens, RFC 9110); None when nothing was."""
        left_out = [
            *(["properties"] if self.properties != "all" else []),
            *(["small-features"] if self.most is not None else []),
            *(["complex-features"] if self.simple_only else []),
        ]
        return ", ".join(left_out) or None


@dataclass(frozen=True, slots=True)
class TileFrame:
    """Where a tile lies in the storage CRS, and how large it is there."""

    address: TileAddress
    region: BaseGeometry
    """The tile with its buffer."""
    side_m: float
    """The shorter side of the tile."""
    mean_side_m: float
    """The side of a square of its area."""
    box: tuple[float, float, float, float]
    """Of the region."""

    @property
    def is_near(self) -> bool:
        """True when features are drawn one by one, as they are."""
        return self.side_m <= NEAR_M

    @property
    def unit_m(self) -> float:
        """A unit of the tile on the ground."""
        return self.side_m / EXTENT


@dataclass(frozen=True, slots=True)
class DrawnTile:
    """The row of a tile's statement: the commit the dataset stood at, the bytes (none where nothing lies), how many rows were looked at."""

    commit: int
    content: bytes
    rows: int


def tile_frame(address: TileAddress, collection: Collection) -> TileFrame | None:
    """Return the frame of a tile; None where the storage CRS does not reach: nothing can lie there."""
    return _frame(address, collection.storage_srid)


@functools.lru_cache(maxsize=4096)
def _frame(address: TileAddress, storage_srid: int) -> TileFrame | None:
    margin = BUFFER / EXTENT
    region = to_storage(shapely.box(*address.bounds(margin)), address.matrix_set.crs, storage_srid)
    if region.is_empty:
        return None
    x, y = region.representative_point().coords[0]
    _, latitude = transformer_between(storage_srid, 4326).transform(x, y)
    grid = address.matrix_set
    # Both kinds of grid stretch the ground by 1 / cos latitude, web mercator both ways, degrees from west to east.
    stretch, side_m = math.cos(math.radians(latitude)), grid.side(address.z) * grid.metres_a_unit
    return TileFrame(
        address, region, side_m * stretch, side_m * (stretch if grid.metres_a_unit == 1 else math.sqrt(stretch)), region.bounds
    )


def tile_statement(query: FeatureQuery, frame: TileFrame, detail: Detail, principal: Principal) -> Statement:
    """Return the statement of a tile that draws features one by one: a row, read by :func:`drawn_tile`.

    Feature ids are fids (OID = prefix + fid). Where there are more than the cap it reads one more, so that the caller knows; of so
    many at ``most`` it takes the largest. Nothing is repaired here but by ST_AsMVTGeom itself: what was published is valid.
    """
    require_visible(query.collection, principal)
    if not frame.is_near or not query.is_whole or query.as_of is not None:
        return _statement(query, frame, detail, principal)
    collection, kind = query.collection, query.collection.feature_type
    key = (collection.dataset.id, collection.slug, kind.name, kind.version, query.properties, detail, frame.address.matrix_set.id)
    values = (*frame.box, *frame.address.bounds())
    return Statement(_written(_Near(key, query, frame, principal)), {f"v{n}": value for n, value in enumerate(values)})


@dataclass(frozen=True, slots=True)
class _Near:
    """A near tile of all features of a collection: its statement is the same wherever it lies."""

    key: tuple[object, ...]
    query: FeatureQuery = field(compare=False)
    frame: TileFrame = field(compare=False)
    principal: Principal = field(compare=False)


@functools.lru_cache(maxsize=1024)
def _written(near: _Near) -> sql.Composed:
    # Putting it together costs as much as a small tile. Its values are the box of the region and that of the tile, in this order.
    detail = next(part for part in near.key if isinstance(part, Detail))
    statement = _statement(near.query, near.frame, detail, near.principal)
    return sql.Composed([sql.SQL(statement.text.as_string(None))])


def _statement(query: FeatureQuery, frame: TileFrame, detail: Detail, principal: Principal) -> Statement:
    parameters = Parameters()
    names = properties_of(query, detail, near=frame.is_near)
    columns = sql.SQL(", ").join([sql.Identifier(n) for n in ("fid", "geom", *names)])
    smallest_m = None if frame.is_near else _SMALLEST_UNITS * frame.unit_m
    rows = selected_rows(
        query,
        principal,
        columns,
        parameters,
        order=sql.SQL("ST_Length2D(ST_BoundingDiagonal(geom)) DESC, fid") if detail.most is not None else None,
        limit=FEATURE_CAP + 1 if detail.most is None else detail.most,
        also=_touching(frame, parameters, query.collection, smallest_m, simple_only=detail.simple_only),
    )
    geometry = placed(shape(query.collection, None if frame.is_near else frame.unit_m), frame, parameters)
    fields = sql.SQL(", ").join([sql.Identifier(n) for n in ("fid", *names)])
    return framed(query.collection, sql.SQL("SELECT {}, {} AS geometry FROM ({}) AS chosen").format(fields, geometry, rows), parameters)


def placed(geometry: sql.Composable, frame: TileFrame, parameters: Parameters) -> sql.Composable:
    """Return the expression of a geometry of the storage CRS in units of a tile, cut to it with its buffer."""
    grid = frame.address.matrix_set
    return sql.SQL("ST_AsMVTGeom(ST_Transform({shape}, {srid}), ST_MakeEnvelope({bounds}, {srid}), {extent}, {buffer}, true)").format(
        shape=geometry,
        srid=sql.Literal(grid.srid),
        bounds=sql.SQL(", ").join([parameters.add(b) + sql.SQL("::float8") for b in frame.address.bounds()]),
        extent=sql.Literal(EXTENT),
        buffer=sql.Literal(BUFFER),
    )


def framed(collection: Collection, rows: sql.Composable, parameters: Parameters) -> Statement:
    """Return the statement that writes ``rows`` (fid, properties, and ``geometry`` in units of the tile) as the layer of a tile."""
    text = sql.SQL(
        "SELECT {commit}, drawn.tile, drawn.rows FROM (SELECT ST_AsMVT(tile, {layer}, {extent}, 'geometry', 'fid')"
        " FILTER (WHERE tile.geometry IS NOT NULL) AS tile, count(*) AS rows FROM ({rows}) AS tile) AS drawn"
    ).format(
        commit=STANDING_COMMIT.format(dataset=sql.Literal(collection.dataset.id)),
        layer=sql.Literal(collection.slug),
        extent=sql.Literal(EXTENT),
        rows=rows,
    )
    return Statement(text, parameters.values)


def drawn_tile(row: tuple[Any, ...]) -> DrawnTile:
    """Return what the one row of a tile's statement says."""
    commit, content, rows = row
    return DrawnTile(commit, bytes(content or b""), rows)


def properties_of(query: FeatureQuery, detail: Detail, *, near: bool) -> tuple[str, ...]:
    """Return the properties that features of a tile carry: far ones those of the style unless others are asked for."""
    color_by = query.collection.feature_type.style.color_by
    if detail.properties == "color":
        return (color_by,) if color_by is not None and color_by in query.wanted_properties else ()
    if query.properties is not None and detail.properties == "all":
        return query.wanted_properties
    if near and detail.properties == "all":
        return query.collection.properties
    shown = _style_properties(query.collection)
    return shown if query.properties is None else tuple(n for n in query.wanted_properties if n in shown)


def _style_properties(collection: Collection) -> tuple[str, ...]:
    style = collection.feature_type.style
    shown = {*style.choices, style.color_by, "name", "code", "level"}
    return tuple(n for n in collection.feature_type.field_names if n in shown)


def box_of(frame: TileFrame, parameters: Parameters, srid: int) -> sql.Composable:
    """Return the expression of the box around a tile with its buffer, storage CRS."""
    corners = sql.SQL(", ").join([parameters.add(float(b)) + sql.SQL("::float8") for b in frame.box])
    return sql.SQL("ST_MakeEnvelope({}, {})").format(corners, sql.Literal(srid))


def _touching(
    frame: TileFrame, parameters: Parameters, collection: Collection, smallest_m: float | None, *, simple_only: bool
) -> sql.Composable:
    found = sql.SQL("geom && {}").format(box_of(frame, parameters, collection.storage_srid))
    if smallest_m is not None and collection.feature_type.geometry_type != "Point":
        found += sql.SQL(" AND ST_Length2D(ST_BoundingDiagonal(geom)) > {}::float8").format(parameters.add(smallest_m))
    if simple_only:
        found += sql.SQL(" AND ST_NPoints(geom) <= {}").format(sql.Literal(_SIMPLE_VERTICES))
    return found


def shape(collection: Collection, tolerance_m: float | None) -> sql.Composable:
    """Return the expression of a feature's flat shape, simplified to ``tolerance_m`` where that is given."""
    flat: sql.Composable = sql.SQL("ST_Force2D(geom)") if collection.feature_type.has_z else sql.Identifier("geom")
    if tolerance_m is not None and collection.feature_type.geometry_type != "Point":
        flat = sql.SQL("ST_Simplify({}, {}, true)").format(flat, sql.Literal(tolerance_m))
    return flat
