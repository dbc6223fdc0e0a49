"""Vector tiles of a collection (Mapbox Vector Tile 2.1), in any tile matrix set.

Near tiles draw every feature with every property: the database finds the rows, twin/mvt draws them. Far ones draw what is large, and sum
up the rest in cells (twin/query/massed_tile.py).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from twin.model import Principal
from twin.mvt.layer import LayerFrame
from twin.query.area import Bounds, to_storage, transformer_between
from twin.query.collection import VALIDITY_FIELDS, Collection, require_visible
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import current_rows, selected_rows
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
_LARGE_BYTES = 4_000
"""Of a geometry, as it is stored: of larger ones one looks how many vertices they have."""
_MOST_SIMPLIFIED = 10_000
"""Vertices of what is simplified, a tenth of a second at worst."""
_MOST_SENT_BYTES = 16_000_000
"""Of the geometries of one tile, as they are stored: to draw them takes some ten times as much memory, more where they are compressed."""
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
    """Without features of very many vertices."""
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
    the caller knows; of so many at ``most`` it takes the largest. What was published is valid, and is sent as it is: the database does
    nothing to a geometry that could take it longer than in proportion to its vertices, which it would not be interrupted at.
    Geometries beyond what one tile may take are NULL.
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
        told_as_text(collection, names),
        collection.storage_srid,
        frame.address.matrix_set.srid,
        is_affine=frame.affine is not None,
        has_z=kind.has_z,
        most=detail.most,
        simple_only=detail.simple_only,
    )
    return Statement(text, {f"v{n}": value for n, value in enumerate(frame.box)})


def layer_frame(collection: Collection, frame: TileFrame, names: tuple[str, ...]) -> LayerFrame:
    """Return how rows with the properties ``names``, in the CRS of :func:`sent`, are drawn."""
    grid, address = frame.address.matrix_set, frame.address
    west, _, _, north = address.bounds()
    scale = EXTENT / grid.side(address.z)
    # rows are in the storage CRS where there is an affine map out of it, else in that of the grid
    a, b, d, e, x, y = frame.affine or (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    to_units = (scale * a, scale * b, scale * (x - west), -scale * d, -scale * e, scale * (north - y))
    return LayerFrame(collection.slug, names, EXTENT, BUFFER, to_units)


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
    # tile. Its values are the box of the region. It is kept for the whole process, so it is made of its arguments only: another deployment
    # in the same process may have the same dataset in another CRS.
    parameters, anywhere = Parameters(), (0.0, 0.0, 0.0, 0.0)
    touching = _touching(anywhere, storage_srid, parameters, smallest_m=None, simple_only=simple_only)
    rows = current_rows(_columns("fid", "geom", *names), type_name, dataset, [touching], order=_order(most), limit=_limit(most))
    geometry = sql.Identifier("geom") if is_affine else _moved(_flat(has_z=has_z), grid_srid)
    return sql.Composed([sql.SQL(_one_by_one(dataset, names, as_text, geometry, rows).as_string(None))])


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
    geometry = sent(sql.Identifier("geom") if frame.is_near and frame.affine is not None else shape(collection, frame), frame)
    return Statement(_one_by_one(collection.dataset.id, names, told_as_text(collection, names), geometry, rows), parameters.values)


def sent(geometry: sql.Composable, frame: TileFrame) -> sql.Composable:
    """Return the expression of a geometry of the storage CRS as it is sent: in that of the grid where no affine map leads out of it."""
    return geometry if frame.affine is not None else _moved(geometry, frame.address.matrix_set.srid)


def _moved(geometry: sql.Composable, srid: int) -> sql.Composable:
    return sql.SQL("ST_Transform({}, {})").format(geometry, sql.Literal(srid))


def _one_by_one(
    dataset: int, names: tuple[str, ...], as_text: frozenset[str], geometry: sql.Composable, rows: sql.Composable
) -> sql.Composed:
    told = [sql.SQL(", {}").format(as_told(name, as_text)) for name in names]
    # Of what together is too large nothing is sent that is larger than its share: whichever way the rows are found, and in their order.
    features = sql.SQL(
        "SELECT fid, false AS is_drawn, CASE WHEN sum(pg_column_size(geom)) OVER () <= {most}"
        " OR pg_column_size(geom) <= {most} / count(*) OVER () THEN {geometry} END AS geometry{told} FROM ({rows}) AS chosen"
    )
    most = sql.Literal(_MOST_SENT_BYTES)
    return records(dataset, features.format(most=most, geometry=geometry, told=sql.Composed(told), rows=rows))


def as_told(name: str, as_text: frozenset[str]) -> sql.Composable:
    """Return the expression of a property as a vector tile has it."""
    return sql.SQL("{}::text" if name in as_text else "{}").format(sql.Identifier(name))


def records(dataset: int, features: sql.Composable) -> sql.Composed:
    """Return the statement of (commit, record) of rows (fid, is_drawn, geometry, properties …): at least one, whose record may be NULL."""
    # Joined to the dataset, whose commit comes even where no feature does. The capital: a field called as the row would hide it.
    return sql.SQL(
        'SELECT dataset.current_commit, "Feature" FROM catalog.dataset LEFT JOIN ({features}) AS "Feature" ON true'
        " WHERE dataset.id = {dataset}"
    ).format(features=features, dataset=sql.Literal(dataset))


def told_as_text(collection: Collection, names: tuple[str, ...]) -> frozenset[str]:
    """Return which properties a vector tile has as text, as it has no values of their type."""
    kind = collection.feature_type
    return frozenset(n for n in names if n in VALIDITY_FIELDS or kind.field(n).type in _AS_TEXT)


def _columns(*names: str) -> sql.Composable:
    return sql.SQL(", ").join([sql.Identifier(n) for n in names])


def _order(most: int | None) -> sql.Composable | None:
    return sql.SQL("ST_Length2D(ST_BoundingDiagonal(geom)) DESC, fid") if most is not None else None


def _limit(most: int | None) -> int:
    return FEATURE_CAP + 1 if most is None else most


def _numbers(values: tuple[float, ...], parameters: Parameters) -> sql.Composable:
    return sql.SQL(", ").join([parameters.add(float(value)) + sql.SQL("::float8") for value in values])


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


def shape(collection: Collection, frame: TileFrame) -> sql.Composable:
    """Return the expression of a feature's flat shape, simplified to a unit of the tile where that is not near."""
    flat = _flat(has_z=collection.feature_type.has_z)
    if frame.is_near or collection.feature_type.geometry_type == "Point":
        return flat
    # ST_Simplify takes as long as the square of the vertices at worst, uninterrupted: zigzags that grow. Snapping never does.
    return sql.SQL(
        "CASE WHEN pg_column_size(geom) <= {large} OR ST_NPoints(geom) <= {most} THEN ST_Simplify({flat}, {unit}, true)"
        " WHEN ST_NPoints({snapped}) <= {most} THEN ST_Simplify({snapped}, {unit}, true) ELSE {snapped} END"
    ).format(
        large=sql.Literal(_LARGE_BYTES),
        most=sql.Literal(_MOST_SIMPLIFIED),
        flat=flat,
        unit=sql.Literal(frame.unit_m),
        snapped=sql.SQL("ST_SnapToGrid({}, {})").format(flat, sql.Literal(frame.unit_m)),
    )


def _flat(*, has_z: bool) -> sql.Composable:
    return sql.SQL("ST_Force2D(geom)") if has_z else sql.Identifier("geom")
