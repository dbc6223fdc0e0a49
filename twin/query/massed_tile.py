"""Vector tiles of low levels: large features drawn themselves, the rest summed up in cells.

A cell is 4 to 8 pixels of a tile drawn at 512. Areas of a cell are a square of their common area and prevailing class, points one point,
lines edges between the cells of their ends. The sums come of the overview that every publish keeps (twin/overview.py) or, where a
question has none (a filter, a past state) or few features are in question, of the features themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from twin import overview
from twin.db import load_queries
from twin.model import Principal
from twin.overview import FIRST_LEVEL, LAST_LEVEL, OverviewTables
from twin.query.collection import Collection, require_visible
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import selected_rows
from twin.query.tile import (
    BUFFER,
    COUNT_PROPERTY,
    EXTENT,
    FEATURE_CAP,
    Detail,
    TileFrame,
    as_told,
    box_of,
    color_field,
    properties_of,
    records,
    sent,
    shape,
    simple,
    told_as_text,
)
from twin.tables import current_table

COUNTED = 60_000
"""So many features are summed up while a caller waits."""
_MASSED = {"MultiPolygon": "massed_areas", "LineString": "massed_lines", "Point": "massed_points"}
_MOST_CELLS_ACROSS = {"MultiPolygon": 134, "LineString": 67, "Point": 67}
"""So that a tile full of cells is no larger than 500 kB."""
_LARGE_CELLS = 2
"""Features of more cells than this are drawn themselves where cells are made of the features."""
_BEYOND = 1
_COUNTING_LEVEL = 9
"""Of the cells that are counted: from here on lines that lie in one cell are summed up, too."""
_STEPS_OF_A_RAMP = 100
"""More colours of a ramp nobody tells apart, and every value of its own makes a tile larger."""
_QUERIES = load_queries("twin.query", "massed_tile.sql")


@dataclass(frozen=True, slots=True)
class Sample:
    """Every ``step``-th feature by number stands for all."""

    step: int
    by_number: bool
    """True to look them up by number, which pays where the tile shows most of the dataset; else by place."""


def has_overview_statement(collection: Collection) -> Statement:
    """Return the statement of one boolean: whether the dataset has an overview that fits."""
    name = sql.Literal(OverviewTables(collection.dataset.id).cells_name)
    wanted = sql.Literal(overview.description(collection.feature_type))
    return Statement(_QUERIES["has_overview"].format(cells_name=name, wanted=wanted), {})


def count_statement(query: FeatureQuery, frame: TileFrame, principal: Principal, *, has_overview: bool) -> Statement:
    """Return the statement of how many features touch a tile: at most ``COUNTED`` + 1 are looked at, none where the overview knows.

    The overview counts all of cells that reach into the tile, and none of those that are larger than its cells are.
    """
    parameters = Parameters()
    collection = query.collection
    if has_overview:
        require_visible(collection, principal)
        cells = _stored_cells(collection, _cell_range(frame, _COUNTING_LEVEL, margin=0), _COUNTING_LEVEL, 0, parameters)
        return Statement(_QUERIES["count_in_cells"].format(cells=cells), parameters.values)
    rows = selected_rows(
        FeatureQuery(collection, query.crs, as_of=query.as_of),
        principal,
        sql.SQL("1"),
        parameters,
        limit=COUNTED + 1,
        also=_in_box(frame, parameters, collection),
    )
    return Statement(_QUERIES["count_touching"].format(rows=rows), parameters.values)


def stored_statement(query: FeatureQuery, frame: TileFrame, detail: Detail, principal: Principal) -> Statement:
    """Return the statement of a tile of all features as they stand, made of the overview."""
    require_visible(query.collection, principal)
    parameters = Parameters()
    collection = query.collection
    wanted = max(FIRST_LEVEL, _cell_level(collection, frame, detail))
    level = min(wanted, LAST_LEVEL)
    tables = OverviewTables(collection.dataset.id)
    box = box_of(frame.box, parameters, collection.storage_srid)
    reach = _cell_range(frame, level, margin=_BEYOND << (wanted - level))
    cells = _stored_cells(collection, reach, level, wanted - level, parameters)
    names = properties_of(query, detail, near=False)
    large = _QUERIES["large_stored"].format(
        large=tables.large,
        current=current_table(collection.feature_type.name, collection.dataset.id),
        dataset=sql.Literal(collection.dataset.id),
        large_m=sql.Literal(overview.large_above_m(level)),
        properties=_columns(names, "f"),
        box=box,
        simple=simple(sql.Identifier("f", "geom")) if detail.simple_only else sql.SQL(""),
        cap=sql.Literal(_cap(detail)),
    )
    return _drawn(query, frame, detail, sql.SQL("cells AS ({})").format(cells), large, wanted, parameters)


def counted_statement(
    query: FeatureQuery, frame: TileFrame, detail: Detail, principal: Principal, sample: Sample | None = None
) -> Statement:
    """Return the statement of a tile of any query, made of the features that touch it, or of a ``sample`` of them."""
    parameters = Parameters()
    collection, kind = query.collection, query.collection.feature_type
    level = _cell_level(collection, frame, detail)
    names = properties_of(query, detail, near=False)
    color_by = color_field(collection, detail)
    large_m = sql.Literal(_LARGE_CELLS << level)
    wanted = dict.fromkeys(("fid", "geom", *names, *((color_by,) if color_by else ())))
    touching = _in_box(frame, parameters, collection)
    if detail.simple_only:
        touching += simple(sql.Identifier("geom"))
    if sample is not None:
        touching = sql.SQL("{} AND {}").format(touching, _sampled(sample, collection))
    rows = selected_rows(query, principal, sql.SQL(", ").join([sql.Identifier(n) for n in wanted]), parameters, also=touching)
    named = sql.SQL("coalesce({}::text, '')").format(sql.Identifier(color_by)) if color_by else sql.SQL("''::text")
    seen = overview.seen_statement(kind, sql.SQL("SELECT geom, 1 AS sign, {} AS class FROM seen_rows").format(named))
    scale = sql.Literal(1 if sample is None else sample.step)
    cells = _QUERIES["counted_cells"].format(level=sql.Literal(level), seen=seen, large_m=large_m, scale=scale)
    large = _QUERIES["large_counted"].format(properties=_columns(names, "seen_rows"), large_m=large_m, cap=sql.Literal(_cap(detail)))
    sources = sql.SQL("seen_rows AS MATERIALIZED ({}), cells AS MATERIALIZED ({})").format(rows, cells)
    return _drawn(query, frame, detail, sources, large, level, parameters)


def _stored_cells(collection: Collection, reach: dict[str, int], level: int, shift: int, parameters: Parameters) -> sql.Composed:
    return _QUERIES["stored_cells"].format(
        cells=OverviewTables(collection.dataset.id).cells,
        level=sql.Literal(level),
        shift=sql.Literal(shift),
        above=sql.Literal(LAST_LEVEL - level),
        last=sql.Literal(LAST_LEVEL),
        block=sql.Literal(overview.BLOCK),
        **{name: parameters.add(value) + sql.SQL("::integer") for name, value in reach.items()},
    )


def _drawn(
    query: FeatureQuery,
    frame: TileFrame,
    detail: Detail,
    sources: sql.Composable,
    large: sql.Composable,
    level: int,
    parameters: Parameters,
) -> Statement:
    """Return the statement of records of the cells, and over them, the largest first, of the features that are drawn themselves."""
    collection, kind = query.collection, query.collection.feature_type
    names, color_by = properties_of(query, detail, near=False), color_field(collection, detail)
    massed = _QUERIES[_MASSED[kind.geometry_type]].format(
        side_m=sql.Literal(1 << level),
        srid=sql.Literal(collection.storage_srid),
        common=_common(collection, color_by),
        **_tile_places(frame, parameters),
    )
    # Squares are in units of the tile.
    is_drawn = kind.geometry_type == "MultiPolygon"
    geometry = sql.Identifier("geom") if is_drawn else sent(sql.Identifier("geom"), frame)
    classes = [_class_value(collection, n) if n == color_by else sql.SQL("NULL") for n in names]
    counts = detail.properties == "all"
    as_text = told_as_text(collection, names)
    features = sql.SQL(
        "WITH {sources} SELECT NULL::bigint AS fid, {is_drawn} AS is_drawn, {geometry} AS geometry{classes}{count}"
        " FROM ({massed}) AS massed UNION ALL SELECT fid, false, {large_geometry}{properties}{no_count} FROM ({large}) AS large"
    ).format(
        sources=sources,
        is_drawn=sql.Literal(is_drawn),
        geometry=geometry,
        classes=sql.Composed([sql.SQL(", {} AS {}").format(value, sql.Identifier(n)) for n, value in zip(names, classes, strict=True)]),
        count=sql.SQL(", count AS {}").format(sql.Identifier(count_property(collection))) if counts else sql.SQL(""),
        massed=massed,
        large_geometry=sent(shape(collection, frame), frame),
        properties=sql.Composed([sql.SQL(", {}").format(as_told(n, as_text)) for n in names]),
        no_count=sql.SQL(", NULL" if counts else ""),
        large=large,
    )
    return Statement(records(collection.dataset.id, features), parameters.values)


def massed_properties(query: FeatureQuery, detail: Detail) -> tuple[str, ...]:
    """Return the properties of the records of a tile from afar, in their order."""
    names = properties_of(query, detail, near=False)
    return (*names, count_property(query.collection)) if detail.properties == "all" else names


def _tile_places(frame: TileFrame, parameters: Parameters) -> dict[str, sql.Composable]:
    west, _, _, north = frame.address.bounds()
    grid = frame.address.matrix_set
    numbers = {"west": west, "north": north, "units": EXTENT / grid.side(frame.address.z), "units_m": 1 / frame.unit_m}
    bound = {name: parameters.add(number) + sql.SQL("::float8") for name, number in numbers.items()}
    return {**bound, "tile_srid": sql.Literal(grid.srid), "least": sql.Literal(-BUFFER), "most": sql.Literal(EXTENT + BUFFER)}


def count_property(collection: Collection) -> str:
    """Return the name of the property that says for how many features one is drawn."""
    return COUNT_PROPERTY if COUNT_PROPERTY not in collection.properties else f"_{COUNT_PROPERTY}"


def _class_value(collection: Collection, name: str) -> sql.Composable:
    types = {"integer": "bigint", "number": "double precision", "boolean": "boolean"}
    field = collection.feature_type.field(name)
    return sql.SQL("nullif(class, '')::{}").format(sql.SQL(types.get(field.type, "text")))


def _common(collection: Collection, color_by: str | None) -> sql.Composable:
    """Return the expression of what a cell's features have in common: a code that prevails, or the mean of a number that a ramp colours."""
    ramp = None if color_by is None else collection.feature_type.style.ramps.get(color_by)
    if ramp is None:
        return _QUERIES["common_code"].format()
    is_whole = color_by is not None and collection.feature_type.field(color_by).type == "integer"
    digits = math.floor(math.log10(abs(ramp[-1][0] - ramp[0][0] or 1.0) / _STEPS_OF_A_RAMP))
    return _QUERIES["common_number"].format(step=sql.Literal(Decimal(10) ** (max(0, digits) if is_whole else digits)))


def _columns(names: tuple[str, ...], table: str) -> sql.Composable:
    listed = [sql.Identifier(table, n) for n in names]
    return sql.SQL(", ").join(listed) if listed else sql.SQL("NULL::text AS nothing")


def _cap(detail: Detail) -> int:
    return max(1, round(FEATURE_CAP * detail.share))


def _cell_level(collection: Collection, frame: TileFrame, detail: Detail) -> int:
    """Return the finest level of which a tile has not too many cells; coarser ones where it would be too large."""
    side_m = frame.mean_side_m / _MOST_CELLS_ACROSS[collection.feature_type.geometry_type]
    coarser = -0.5 * math.log2(detail.share)
    return max(0, math.ceil(math.log2(side_m) + coarser))


def _cell_range(frame: TileFrame, level: int, margin: int) -> dict[str, int]:
    west, south, east, north = (math.floor(edge / (1 << level)) for edge in frame.box)
    return {"west": west - margin, "south": south - margin, "east": east + margin, "north": north + margin}


def _in_box(frame: TileFrame, parameters: Parameters, collection: Collection) -> sql.Composed:
    return sql.SQL("geom && {}").format(box_of(frame.box, parameters, collection.storage_srid))


def _sampled(sample: Sample, collection: Collection) -> sql.Composable:
    step = sql.Literal(sample.step)
    if not sample.by_number:
        return sql.SQL("hashint8(fid) %% {} = 0").format(step)
    table = current_table(collection.feature_type.name, collection.dataset.id)
    return sql.SQL("fid = ANY (ARRAY(SELECT generate_series(min(fid), max(fid), {}) FROM {}))").format(step, table)
