"""Features as finished GeoJSON text: a page is written of records by compiled code, a single feature by PostGIS.

Both have the same bytes but for positions: on a page an ordinate below 1e-8 is rounded like all others and NaN is null (decision 59).
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from twin.crs import OutputCrs
from twin.model import Principal
from twin.query.collection import Collection, require_visible
from twin.query.execute import AsyncPool, fetch_pinned
from twin.query.feature_query import Boundary, FeatureQuery, Statement
from twin.query.feature_records import FeatureWriter, feature_writer, record
from twin.query.order import order_terms
from twin.query.parameters import Parameters
from twin.query.positions import StoredPositions, decimals, geojson_in, geometry_in
from twin.query.rows import STANDING_COMMIT, MeantRows, meant_rows, rows_text, selected_rows
from twin.query.unprojecting import NO_WAY

_MOST_KEPT = 2_000
"""Characters of conditions whose statement is kept: longer ones are filters that nobody asks again, and would fill the memory."""
_PLACE = sql.Identifier("Place")
"""A row's number on its page; no field has a capital in its name."""
_MOST_ON_LOOP = 1 << 19
"""Bytes of records that are written while others wait: about three milliseconds."""


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """One page: its features joined by commas in the order asked for, and where the pages beside it begin."""

    commit: int
    """The commit the dataset stood at in the snapshot that gave the rows."""
    features: bytes
    count: int
    more: bool
    """Whether there are features beyond the page, on the side to which its query goes."""
    matched: int | None
    """How many features the query means on all pages, where that is known at no cost."""
    nearest: Boundary | None
    """The feature next to where the page begins; None of an empty page."""
    farthest: Boundary | None
    """The feature beyond which the next page lies, where there is ``more``."""


@dataclass(frozen=True, slots=True)
class Item:
    """One feature, or None where the id is not there."""

    commit: int
    feature: bytes | None
    since: int | None
    """The commit that wrote this state of it."""


async def fetch_page(pool: AsyncPool, query: FeatureQuery, at: int | None, principal: Principal) -> ItemsPage:
    """Return the page of a query for the state at commit ``at`` (None: the current one); driver errors come as TwinErrors."""
    row = await fetch_pinned(pool, query, at, lambda asked: items_statement(asked, principal))
    if len(row[1]) <= _MOST_ON_LOOP:
        return items_page(row, query)
    return await asyncio.to_thread(items_page, row, query)


def items_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of a page: one row, read by :func:`items_page`.

    The page is cut in an inner query, so geometries of rows that are not shown are never moved; one row beyond the limit is looked at
    to know whether there is a next page.
    """
    parameters = Parameters()
    rows = meant_rows(query, principal, parameters)
    written = _kept_page_text if len(rows.conditions) <= _MOST_KEPT else _page_text
    return Statement(written(rows, _without_values(query), is_whole=query.is_whole), parameters.values)


def _page_text(rows: MeantRows, query: FeatureQuery, *, is_whole: bool) -> sql.Composed:
    keys = tuple(key.name for key in query.order)
    needed = _needed((*query.wanted_properties, *(k for k in keys if k not in query.wanted_properties)), with_geometry=query.with_geometry)
    back = query.boundary is not None and query.boundary.back
    return _once(
        sql.SQL(
            "SELECT {commit}, coalesce(string_agg({record}, ''::bytea{turned}) FILTER (WHERE {place} <= {limit}), ''),"
            " count(*), {matched}, max(fid) FILTER (WHERE {place} = 1), max(fid) FILTER (WHERE {place} = {limit}){keys}"
            " FROM (SELECT row_number() OVER () AS {place}, * FROM ({page}) AS wanted) AS numbered"
        ).format(
            commit=_commit(query.collection),
            record=record(_sent_geometry(query), query.wanted_properties),
            turned=sql.SQL(" ORDER BY {} DESC").format(_PLACE) if back else sql.SQL(""),
            place=_PLACE,
            limit=sql.Literal(query.limit),
            matched=_matched(query.collection, rows.at) if is_whole else sql.SQL("NULL::bigint"),
            keys=_key_values(keys, query.limit),
            page=rows_text(rows, needed, order=order_terms(query), limit=query.limit + 1),
        )
    )


_kept_page_text = functools.lru_cache(maxsize=512)(_page_text)
"""Written out once for all queries that differ in values only: putting it together costs more than running it for a single item."""


def _without_values(query: FeatureQuery) -> FeatureQuery:
    """Return a query as far as it makes the text of its statement; which rows it means is left out."""
    boundary = None if query.boundary is None else Boundary(0, back=query.boundary.back)
    return dataclasses.replace(query, as_of=None, fid=None, fids=None, boundary=boundary, area=None, validity=None, filter=None)


def items_page(row: tuple[Any, ...], query: FeatureQuery) -> ItemsPage:
    """Return what the one row of :func:`items_statement` says of ``query``."""
    commit, records, count, matched, first, last, *keys = row
    first_values, last_values = keys or ((), ())
    nearest = None if first is None else Boundary(first, tuple(first_values))
    more = count > query.limit
    farthest = Boundary(last, tuple(last_values)) if more else None
    features = _writer(query).text(records)
    return ItemsPage(commit, features, min(count, query.limit), more, matched, nearest, farthest)


def _sent_geometry(query: FeatureQuery) -> sql.Composable | None:
    if not query.with_geometry:
        return None
    table, unprojecting = query.collection.stored, query.collection.unprojecting
    if unprojecting is not None and unprojecting.way(query.crs) is not None:
        return unprojecting.sent(query.crs, table)
    return geometry_in(query.crs, table)


def _writer(query: FeatureQuery) -> FeatureWriter:
    collection = query.collection
    return _kept_writer(collection, collection.slug if query.with_collection else None, query.wanted_properties, query.crs)


@functools.lru_cache(maxsize=1024)
def _kept_writer(collection: Collection, slug: str | None, names: tuple[str, ...], crs: OutputCrs) -> FeatureWriter:
    way = None if collection.unprojecting is None else collection.unprojecting.way(crs)
    return feature_writer(collection.oid_prefix, slug, names, decimals(crs), way or NO_WAY)


def item_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of the feature ``query.fid``: one row, read by :func:`item`."""
    parameters = Parameters()
    return Statement(_item_text(meant_rows(query, principal, parameters), _without_values(query)), parameters.values)


@functools.lru_cache(maxsize=512)
def _item_text(rows: MeantRows, query: FeatureQuery) -> sql.Composed:
    columns = sql.SQL("{}, commit_from").format(_needed(query.wanted_properties, with_geometry=query.with_geometry))
    return _once(
        sql.SQL(
            "SELECT {commit}, found.* FROM (VALUES (1)) AS one LEFT JOIN"
            " (SELECT convert_to({feature}, 'UTF8'), commit_from FROM ({rows}) AS wanted) AS found ON true"
        ).format(commit=_commit(query.collection), feature=feature_text(query), rows=rows_text(rows, columns, limit=1))
    )


def item(row: tuple[Any, ...]) -> Item:
    """Return what the one row of :func:`item_statement` says."""
    return Item(*row)


def count_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement that counts the features a query means, up to ``query.limit``."""
    parameters = Parameters()
    rows = selected_rows(query, principal, sql.SQL("1"), parameters, limit=query.limit)
    return Statement(sql.SQL("SELECT count(*) FROM ({}) AS wanted").format(rows), parameters.values)


def matched_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (commit the dataset stands at, exact number of features a query means wherever its page begins)."""
    parameters = Parameters()
    query = dataclasses.replace(query, boundary=None)
    if query.is_whole:
        require_visible(query.collection, principal)
        number = _matched(query.collection, None if query.as_of is None else parameters.add(query.as_of).as_string(None))
    else:
        number = sql.SQL("(SELECT count(*) FROM ({}) AS wanted)").format(selected_rows(query, principal, sql.SQL("1"), parameters))
    return Statement(sql.SQL("SELECT {}, {}").format(_commit(query.collection), number), parameters.values)


def feature_text(query: FeatureQuery) -> sql.SQL:
    """Return the expression of a row's GeoJSON Feature (RFC 7946); its id is the OID."""
    collection = query.collection
    slug = collection.slug if query.with_collection else None
    crs = query.crs if query.with_geometry else None
    reals = frozenset(f.name for f in collection.feature_type.fields if f.type == "number")
    return _feature_text(collection.oid_prefix, collection.stored, crs, query.wanted_properties, slug, reals)


@functools.lru_cache(maxsize=1024)
def _feature_text(
    oid_prefix: str, table: StoredPositions, crs: OutputCrs | None, names: tuple[str, ...], slug: str | None, reals: frozenset[str]
) -> sql.SQL:
    # Written out once per collection and CRS: putting it together costs more than running it for a single item.
    geometry = sql.SQL("NULL") if crs is None else geojson_in(crs, table)
    member = f'"collection":"{slug}",' if slug is not None else ""
    head = sql.Literal(f'{{"type":"Feature",{member}"id":"{oid_prefix}')
    return _written(
        sql.SQL("""{head} || fid || '","geometry":' || coalesce({geometry}, 'null') || ',"properties":' || {properties} || '}}'""").format(
            head=head, geometry=geometry, properties=_properties(names, reals)
        )
    )


def _matched(collection: Collection, at: str | None) -> sql.Composable:
    # Every revision says how many features it has.
    return sql.SQL(
        "coalesce((SELECT count FROM catalog.revision WHERE dataset = {} AND commit <= {} ORDER BY commit DESC LIMIT 1), 0)"
    ).format(sql.Literal(collection.dataset.id), _commit(collection) if at is None else sql.SQL(at))


def _key_values(keys: tuple[str, ...], limit: int) -> sql.Composable:
    if not keys:
        return sql.SQL("")
    array = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join([sql.SQL("to_jsonb({}) #>> '{{}}'").format(sql.Identifier(k)) for k in keys]))
    return sql.SQL(", max({0}) FILTER (WHERE {1} = 1), max({0}) FILTER (WHERE {1} = {2})").format(array, _PLACE, sql.Literal(limit))


_REAL = sql.SQL(
    "CASE WHEN {0} = trunc({0}) AND abs({0}) < 1e15 THEN ({0}::bigint || '.0')::json"
    " WHEN {0} > '-Infinity' AND {0} < 'Infinity' THEN to_json({0}) END AS {0}"
)
"""A number that is whole is written 3.0: clients without the schema (QGIS, GDAL) take the type of a field from the first page.

NaN, which is above infinity here, and infinity are null: to_json would make texts of them.
"""


def _properties(names: tuple[str, ...], reals: frozenset[str]) -> sql.Composable:
    if not names:
        return sql.SQL("'{{}}'").format()
    columns = sql.SQL(", ").join([_REAL.format(sql.Identifier(n)) if n in reals else sql.Identifier(n) for n in names])
    return sql.SQL('(SELECT row_to_json("P") FROM (SELECT {}) AS "P")').format(columns)


@functools.lru_cache(maxsize=1024)
def _needed(names: tuple[str, ...], *, with_geometry: bool) -> sql.SQL:
    return _written(sql.SQL(", ").join([sql.Identifier(n) for n in ("fid", *(("geom",) if with_geometry else ()), *names)]))


def _once(composed: sql.Composed) -> sql.Composed:
    """Return the same SQL in one piece."""
    return sql.Composed([_written(composed)])


def _written(composed: sql.Composed) -> sql.SQL:
    """Return the same SQL as one piece; its quoting is done, its text is ours."""
    return sql.SQL(composed.as_string(None))


def _commit(collection: Collection) -> sql.Composed:
    return STANDING_COMMIT.format(dataset=sql.Literal(collection.dataset.id))
