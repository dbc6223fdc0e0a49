"""Vector tiles of a collection (Mapbox Vector Tile 2.1), in any tile matrix set.

Near tiles draw every feature with every property: the database finds the rows, twin/mvt draws them. Far ones draw what is large, and sum
up the rest in cells (twin/query/massed_tile.py).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from twin.model import Principal
from twin.mvt.layer import LayerFrame
from twin.query.area import Bounds, to_storage, transformer_between
from twin.query.collection import VALIDITY_FIELDS, Collection, require_visible
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import STANDING_COMMIT, current_rows, selected_rows
from twin.query.tile_affine import Affine, tile_affine
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
_MOST_BYTES = 4_000
"""Of a geometry, as it is stored: larger ones are cut to the tile before they are sent."""
_AS_TEXT = frozenset({"date", "datetime"})
"""Types of fields that a vector tile has no values for."""


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
    is_sample: bool = False
    """Made of some of the features, which are taken as an even part of all."""
    color_by: str | None = None
    """The field that colours, where it is not the one the FeatureType is coloured by."""

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
            *(["sample"] if self.is_sample else []),
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
    box: Bounds
    """Of the region."""
    affine: Affine | None
    """From the storage CRS to that of the grid; None where only PROJ is exact enough."""

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
    """The commit the dataset stood at, the bytes of a tile (none where nothing lies), how many rows were looked at."""

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
    mean_side_m = side_m * (stretch if grid.metres_a_unit == 1 else math.sqrt(stretch))
    affine = tile_affine(address, storage_srid, EXTENT, BUFFER)
    return TileFrame(address, region, side_m * stretch, mean_side_m, region.bounds, affine)


def tile_statement(query: FeatureQuery, frame: TileFrame, detail: Detail, principal: Principal) -> Statement:
    """Return the statement of a tile that draws features one by one: (commit, record of a feature) as ``fetched_records`` takes them.

    A record is (fid, is_drawn, geometry, properties …): twin/mvt/features.py. Where there are more than the cap it reads one more, so that
    the caller knows; of so many at ``most`` it takes the largest. What was published is valid, and is sent as it is; a large geometry
    ``is_drawn`` already: ST_AsMVTGeom has cut it.
    """
    require_visible(query.collection, principal)
    if not frame.is_near or not query.is_whole or query.as_of is not None:
        return _statement(query, frame, detail, principal)
    collection, kind = query.collection, query.collection.feature_type
    names = properties_of(query, detail, near=True)
    text = _near_text(
        collection.dataset.id,
        kind.name,
        names,
        _told_as_text(collection, names),
        collection.storage_srid,
        frame.address.matrix_set.srid,
        is_affine=frame.affine is not None,
        has_z=kind.has_z,
        most=detail.most,
        simple_only=detail.simple_only,
    )
    values = (*frame.box, *(frame.affine or ()), *frame.address.bounds())
    return Statement(text, {f"v{n}": value for n, value in enumerate(values)})


def layer_frame(query: FeatureQuery, frame: TileFrame, detail: Detail) -> LayerFrame:
    """Return how the rows of :func:`tile_statement` are drawn."""
    grid, address = frame.address.matrix_set, frame.address
    west, _, _, north = address.bounds()
    scale = EXTENT / grid.side(address.z)
    # rows are in the storage CRS where there is an affine map out of it, else in that of the grid
    a, b, d, e, x, y = frame.affine or (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    to_units = (scale * a, scale * b, scale * (x - west), -scale * d, -scale * e, scale * (north - y))
    return LayerFrame(query.collection.slug, properties_of(query, detail, near=frame.is_near), EXTENT, BUFFER, to_units)


@functools.lru_cache(maxsize=1024)
def _near_text(
    dataset: int,
    type_name: str,
    names: tuple[str, ...],
    as_text: frozenset[str],
    storage_srid: int,
    grid_srid: int,
    *,
    is_affine: bool,
    has_z: bool,
    most: int | None,
    simple_only: bool,
) -> sql.Composed:
    # A near tile of all features of a collection has the same text wherever it lies, and putting that together costs as much as a small
    # tile. Its values are the box of the region, the affine map and the box of the tile, in this order. It is kept for the whole process,
    # so it is made of its arguments only: another deployment in the same process may have the same dataset in another CRS.
    parameters, anywhere = Parameters(), (0.0, 0.0, 0.0, 0.0)
    affine = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0) if is_affine else None
    touching = _touching(anywhere, storage_srid, parameters, smallest_m=None, simple_only=simple_only)
    rows = current_rows(_columns("fid", "geom", *names), type_name, dataset, [touching], order=_order(most), limit=_limit(most))
    geometry = _sent(_flat(has_z=has_z), sql.Identifier("geom"), affine, grid_srid, anywhere, parameters)
    return sql.Composed([sql.SQL(_records(dataset, names, as_text, geometry, rows).as_string(None))])


def _statement(query: FeatureQuery, frame: TileFrame, detail: Detail, principal: Principal) -> Statement:
    parameters, collection = Parameters(), query.collection
    names = properties_of(query, detail, near=frame.is_near)
    has_size = not frame.is_near and collection.feature_type.geometry_type != "Point"
    smallest_m = _SMALLEST_UNITS * frame.unit_m if has_size else None
    rows = selected_rows(
        query,
        principal,
        _columns("fid", "geom", *names),
        parameters,
        order=_order(detail.most),
        limit=_limit(detail.most),
        also=_touching(frame.box, collection.storage_srid, parameters, smallest_m=smallest_m, simple_only=detail.simple_only),
    )
    flat = shape(collection, None if frame.is_near else frame.unit_m)
    plain = sql.Identifier("geom") if frame.is_near else flat
    geometry = _sent(flat, plain, frame.affine, frame.address.matrix_set.srid, frame.address.bounds(), parameters)
    text = _records(collection.dataset.id, names, _told_as_text(collection, names), geometry, rows)
    return Statement(text, parameters.values)


def _sent(
    flat: sql.Composable, plain: sql.Composable, affine: Affine | None, grid_srid: int, bounds: Bounds, parameters: Parameters
) -> sql.Composed:
    """Return the expressions of whether a geometry is drawn already, and of the geometry that is sent."""
    as_it_is = plain if affine is not None else sql.SQL("ST_Transform({}, {})").format(flat, sql.Literal(grid_srid))
    is_large = sql.SQL("pg_column_size(geom) > {}").format(sql.Literal(_MOST_BYTES))
    drawn = _cut(flat, affine, grid_srid, bounds, parameters)
    return sql.SQL("{0} AS is_drawn, CASE WHEN {0} THEN {1} ELSE {2} END AS geometry").format(is_large, drawn, as_it_is)


def _records(dataset: int, names: tuple[str, ...], as_text: frozenset[str], geometry: sql.Composable, rows: sql.Composable) -> sql.Composed:
    told = [sql.SQL(", {}::text" if name in as_text else ", {}").format(sql.Identifier(name)) for name in names]
    # Joined to the dataset, whose commit comes even where no feature does. The capital: a field called as the row would hide it.
    return sql.SQL(
        'SELECT dataset.current_commit, "Feature" FROM catalog.dataset LEFT JOIN (SELECT fid, {geometry}{told} FROM ({rows}) AS chosen)'
        ' AS "Feature" ON true WHERE dataset.id = {dataset}'
    ).format(geometry=geometry, told=sql.Composed(told), rows=rows, dataset=sql.Literal(dataset))


def _told_as_text(collection: Collection, names: tuple[str, ...]) -> frozenset[str]:
    kind = collection.feature_type
    return frozenset(n for n in names if n in VALIDITY_FIELDS or kind.field(n).type in _AS_TEXT)


def _columns(*names: str) -> sql.Composable:
    return sql.SQL(", ").join([sql.Identifier(n) for n in names])


def _order(most: int | None) -> sql.Composable | None:
    return sql.SQL("ST_Length2D(ST_BoundingDiagonal(geom)) DESC, fid") if most is not None else None


def _limit(most: int | None) -> int:
    return FEATURE_CAP + 1 if most is None else most


def placed(geometry: sql.Composable, frame: TileFrame, parameters: Parameters) -> sql.Composable:
    """Return the expression of a geometry of the storage CRS in units of a tile, cut to it with its buffer."""
    return _cut(geometry, frame.affine, frame.address.matrix_set.srid, frame.address.bounds(), parameters)


def _cut(geometry: sql.Composable, affine: Affine | None, grid_srid: int, bounds: Bounds, parameters: Parameters) -> sql.Composable:
    srid = sql.Literal(grid_srid)
    if affine is None:
        moved = sql.SQL("ST_Transform({}, {})").format(geometry, srid)
    else:
        moved = sql.SQL("ST_Affine({}, {})").format(geometry, _numbers(affine, parameters))
    return sql.SQL("ST_AsMVTGeom({moved}, ST_MakeEnvelope({bounds}, {srid}), {extent}, {buffer}, true)").format(
        moved=moved,
        srid=srid,
        bounds=_numbers(bounds, parameters),
        extent=sql.Literal(EXTENT),
        buffer=sql.Literal(BUFFER),
    )


def _numbers(values: tuple[float, ...], parameters: Parameters) -> sql.Composable:
    return sql.SQL(", ").join([parameters.add(float(value)) + sql.SQL("::float8") for value in values])


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
    """Return what a row (commit, bytes or None, rows) says."""
    commit, content, rows = row
    return DrawnTile(commit, bytes(content or b""), rows)


def properties_of(query: FeatureQuery, detail: Detail, *, near: bool) -> tuple[str, ...]:
    """Return the properties that features of a tile carry: far ones those of the style unless others are asked for."""
    color_by = color_field(query.collection, detail)
    if detail.properties == "color":
        return (color_by,) if color_by is not None and color_by in query.wanted_properties else ()
    if query.properties is not None and detail.properties == "all":
        return query.wanted_properties
    if near and detail.properties == "all":
        return query.collection.properties
    shown = _style_properties(query.collection, color_by)
    return shown if query.properties is None else tuple(n for n in query.wanted_properties if n in shown)


def color_field(collection: Collection, detail: Detail) -> str | None:
    """Return the field by which features that are drawn together are told apart, None where nothing colours them."""
    return detail.color_by or collection.feature_type.style.color_by


def _style_properties(collection: Collection, color_by: str | None) -> tuple[str, ...]:
    shown = {*collection.feature_type.style.choices, color_by, "name", "code", "level"}
    return tuple(n for n in collection.feature_type.field_names if n in shown)


def box_of(box: Bounds, parameters: Parameters, srid: int) -> sql.Composable:
    """Return the expression of the box of a frame (around a tile with its buffer), storage CRS."""
    return sql.SQL("ST_MakeEnvelope({}, {})").format(_numbers(box, parameters), sql.Literal(srid))


def _touching(box: Bounds, srid: int, parameters: Parameters, *, smallest_m: float | None, simple_only: bool) -> sql.Composable:
    found = sql.SQL("geom && {}").format(box_of(box, parameters, srid))
    if smallest_m is not None:
        found += sql.SQL(" AND ST_Length2D(ST_BoundingDiagonal(geom)) > {}::float8").format(parameters.add(smallest_m))
    return found + simple(sql.Identifier("geom")) if simple_only else found


def simple(geometry: sql.Composable) -> sql.Composed:
    """Return the further condition that a geometry has not very many vertices."""
    return sql.SQL(" AND ST_NPoints({}) <= {}").format(geometry, sql.Literal(_SIMPLE_VERTICES))


def shape(collection: Collection, tolerance_m: float | None) -> sql.Composable:
    """Return the expression of a feature's flat shape, simplified to ``tolerance_m`` where that is given."""
    flat = _flat(has_z=collection.feature_type.has_z)
    if tolerance_m is not None and collection.feature_type.geometry_type != "Point":
        flat = sql.SQL("ST_Simplify({}, {}, true)").format(flat, sql.Literal(tolerance_m))
    return flat


def _flat(*, has_z: bool) -> sql.Composable:
    return sql.SQL("ST_Force2D(geom)") if has_z else sql.Identifier("geom")
