"""The part every form shares: which rows of which partition a query means."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from psycopg import sql

from twin.crs import OutputCrs
from twin.model import Principal
from twin.query.area import Area
from twin.query.collection import Collection, require_visible
from twin.query.feature_query import FeatureQuery, Validity
from twin.query.filter_sql import filter_sql
from twin.query.order import beyond
from twin.query.parameters import Parameters
from twin.query.positions import geometry_in
from twin.tables import current_table, history_table

_ELLIPSOIDAL = OutputCrs("", 4326, xy=True, height="ellipsoidal")
STANDING_COMMIT = sql.SQL("(SELECT current_commit FROM catalog.dataset WHERE id = {dataset})")
"""The commit a dataset stands at, in the snapshot of the statement that holds it."""


@dataclass(frozen=True, slots=True)
class MeantRows:
    """Which rows of a collection a query means: equal for queries that differ in bound values only."""

    collection: Collection
    conditions: str
    """Written out and joined by AND; empty where every row is meant."""
    at: str | None
    """Placeholder of the commit whose recorded state is meant; None for the current rows."""


def selected_rows(
    query: FeatureQuery,
    principal: Principal,
    columns: sql.Composable,
    parameters: Parameters,
    *,
    order: sql.Composable | None = None,
    limit: int | None = None,
    also: sql.Composable | None = None,
) -> sql.Composed:
    """Return ``SELECT columns FROM …`` over the rows that the query means and the caller may see.

    Raises NotFoundError for hidden collections.
    """
    return rows_text(meant_rows(query, principal, parameters, also), columns, order=order, limit=limit)


def meant_rows(query: FeatureQuery, principal: Principal, parameters: Parameters, also: sql.Composable | None = None) -> MeantRows:
    """Return the rows that a query means, their values added to ``parameters``; NotFoundError for hidden collections."""
    require_visible(query.collection, principal)
    conditions = _conditions(query, parameters)
    if also is not None:
        conditions.append(also)
    written = " AND ".join([condition.as_string(None) for condition in conditions])
    at = None if query.as_of is None else parameters.add(query.as_of).as_string(None)
    return MeantRows(query.collection, written, at)


def rows_text(rows: MeantRows, columns: sql.Composable, *, order: sql.Composable | None = None, limit: int | None = None) -> sql.Composed:
    """Return ``SELECT columns FROM …`` over rows.

    The partition is named and ``dataset = n`` added, so no other one is planned. An as-of query joins current and closed rows by
    UNION ALL with order and limit in both arms and again around them (DESIGN 5).
    """
    name, dataset = rows.collection.feature_type.name, rows.collection.dataset.id
    conditions: list[sql.Composable] = [sql.SQL(rows.conditions)] if rows.conditions else []
    if rows.at is None:
        return current_rows(columns, name, dataset, conditions, order=order, limit=limit)
    shared, tail, at = [_of_dataset(dataset), *conditions], _tail(order, limit), sql.SQL(rows.at)
    current = _arm(columns, current_table(name, dataset), [*shared, sql.SQL("commit_from <= {}").format(at)])
    closed = sql.SQL("commit_from <= {0} AND {0} < commit_to").format(at)
    history = _arm(columns, history_table(name, dataset), [*shared, closed])
    return sql.SQL("SELECT * FROM (({}) UNION ALL ({})) AS states").format(current + tail, history + tail) + tail


def current_rows(
    columns: sql.Composable,
    type_name: str,
    dataset: int,
    conditions: list[sql.Composable],
    *,
    order: sql.Composable | None,
    limit: int | None,
) -> sql.Composed:
    """Return ``SELECT columns FROM …`` over the current rows of a dataset; who may see it has been asked before."""
    return _arm(columns, current_table(type_name, dataset), [_of_dataset(dataset), *conditions]) + _tail(order, limit)


def _of_dataset(dataset: int) -> sql.Composable:
    return sql.SQL("dataset = {}").format(sql.Literal(dataset))


def _arm(columns: sql.Composable, table: sql.Composable, conditions: list[sql.Composable]) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, table, sql.SQL(" AND ").join(conditions))


def _tail(order: sql.Composable | None, limit: int | None) -> sql.Composed:
    tail = sql.Composed([])
    if order is not None:
        tail += sql.SQL(" ORDER BY {}").format(order)
    if limit is not None:
        tail += sql.SQL(" LIMIT {}").format(sql.Literal(limit))
    return tail


def _conditions(query: FeatureQuery, parameters: Parameters) -> list[sql.Composable]:
    collection = query.collection
    found: list[sql.Composable] = []
    if query.fid is not None:
        found.append(sql.SQL("fid = {}::bigint").format(parameters.add(query.fid)))
    if query.fids is not None:
        array = f"{{{','.join(map(str, query.fids))}}}"  # psycopg writes a list one by one, which takes longer than the query
        found.append(sql.SQL("fid = ANY ({}::bigint[])").format(parameters.add(array)))
    if query.boundary is not None:
        found.append(beyond(query, query.boundary, parameters))
    if query.area is not None:
        found += _area_conditions(query, query.area, parameters)
    if query.validity is not None:
        found += _validity_conditions(query.validity, parameters)
    if query.filter is not None:
        found.append(filter_sql(query.filter, parameters, collection.storage_srid))
    return found


def _area_conditions(query: FeatureQuery, area: Area, parameters: Parameters) -> list[sql.Composable]:
    collection = query.collection
    found: list[sql.Composable] = []
    if area.region is not None:
        found.append(_region_condition(area, area.region, collection.storage_srid, parameters))
    if area.heights_m is not None and collection.feature_type.has_z:
        geometry: sql.Composable = sql.Identifier("geom")
        if area.height == "ellipsoidal":
            geometry = geometry_in(_ELLIPSOIDAL, collection.stored)
        low, high = area.heights_m
        found.append(sql.SQL("ST_ZMax({}) >= {}::float8").format(geometry, parameters.add(low)))
        found.append(sql.SQL("ST_ZMin({}) <= {}::float8").format(geometry, parameters.add(high)))
    return found


def _region_condition(area: Area, region: bytes, srid: int, parameters: Parameters) -> sql.Composable:
    text = _region_text(len(parameters.values), srid, has_inside=area.inside is not None)
    for value in (*area.around, *(area.inside or ())):
        parameters.add(float(value))
    parameters.add(region)
    return text


@functools.lru_cache(maxsize=256)
def _region_text(first: int, srid: int, *, has_inside: bool) -> sql.SQL:
    # The same for every box but for its values, and putting it together takes as long as reading a small page. They are the corners
    # around, those inside where there are such, and the region, numbered from ``first``.
    numbered = Parameters(first)
    around = sql.SQL("geom && {}").format(_envelope(srid, numbered))
    inside = sql.SQL("geom @ {} OR ").format(_envelope(srid, numbered)) if has_inside else sql.SQL("")
    exact = sql.SQL("ST_Intersects(geom, ST_GeomFromWKB({}, {}))").format(numbered.add(None), sql.Literal(srid))
    # The index answers by boxes; only what is not wholly inside by its box is looked at exactly.
    return sql.SQL(sql.SQL("{} AND ({}{})").format(around, inside, exact).as_string(None))


def _envelope(srid: int, parameters: Parameters) -> sql.Composable:
    corners = sql.SQL(", ").join([parameters.add(None) + sql.SQL("::float8") for _ in range(4)])
    return sql.SQL("ST_MakeEnvelope({}, {})").format(corners, sql.Literal(srid))


def _validity_conditions(validity: Validity, parameters: Parameters) -> list[sql.Composable]:
    # [valid_from, valid_to) holds a day of [first, last].
    found: list[sql.Composable] = []
    if validity.last is not None:
        found.append(sql.SQL("(valid_from IS NULL OR valid_from <= {}::date)").format(parameters.add(validity.last)))
    if validity.first is not None:
        found.append(sql.SQL("(valid_to IS NULL OR valid_to > {}::date)").format(parameters.add(validity.first)))
    return found
