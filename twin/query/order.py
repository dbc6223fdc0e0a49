"""The order of features and where in it a page begins: keysets, so that a page costs the same wherever it lies.

Without sort keys the primary key gives the order and a page reads what it shows. By a property that has no index every page reads
all rows a query means and keeps the nearest ones, never sorting them all: :data:`MOST_SORTED` is where that ends to be quick.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from twin.query.collection import Collection
from twin.query.feature_query import Boundary, FeatureQuery, SortKey
from twin.query.filter_ast import ValueType
from twin.query.parameters import Parameters

MOST_SORTED = 1_000_000
"""Collections with more features than this are ordered by their ids only."""
_CASTS: Mapping[ValueType, sql.SQL] = {
    "text": sql.SQL("::text"),
    "number": sql.SQL("::float8"),
    "boolean": sql.SQL("::boolean"),
    "date": sql.SQL("::date"),
    "timestamp": sql.SQL("::timestamptz"),
}
_INTEGER = sql.SQL("::bigint")


def sortables(collection: Collection) -> dict[str, ValueType]:
    """Return the properties by which a collection's features can be ordered, beside their ids."""
    return {} if collection.revision.count > MOST_SORTED else dict(collection.value_types)


def order_terms(query: FeatureQuery) -> sql.Composed:
    """Return what follows ORDER BY: the order of the query, turned around where its page goes back."""
    back = query.boundary is not None and query.boundary.back
    terms = [_term(sql.Identifier(key.name), descending=key.descending != back) for key in query.order]
    return sql.SQL(", ").join([*terms, _term(sql.Identifier("fid"), descending=query.descending_fid != back)])


def beyond(query: FeatureQuery, boundary: Boundary, parameters: Parameters) -> sql.Composable:
    """Return the condition of rows on the far side of a boundary."""
    fid = sql.SQL("fid {} {}::bigint").format(sql.SQL("<" if query.descending_fid != boundary.back else ">"), parameters.add(boundary.fid))
    condition: sql.Composable = fid
    for key, value in reversed(list(zip(query.order, boundary.values, strict=True))):
        condition = _beyond_key(query.collection, key, value, condition, parameters, back=boundary.back)
    return condition


def _beyond_key(
    collection: Collection, key: SortKey, value: str | None, tied: sql.Composable, parameters: Parameters, *, back: bool
) -> sql.Composable:
    # Without a value is the greatest value of all, as PostgreSQL orders it: ascending last, descending first.
    column, descending = sql.Identifier(key.name), key.descending != back
    if value is None:
        same = sql.SQL("({} IS NULL AND {})").format(column, tied)
        return sql.SQL("({} IS NOT NULL OR {})").format(column, same) if descending else same
    bound = parameters.add(value) + _cast(collection, key)
    farther = sql.SQL("{} < {}" if descending else "({0} > {1} OR {0} IS NULL)").format(column, bound)
    return sql.SQL("({} OR ({} = {} AND {}))").format(farther, column, bound, tied)


def _cast(collection: Collection, key: SortKey) -> sql.SQL:
    # A whole number above 2^53 changes as a double.
    kinds = {f.name: f.type for f in collection.feature_type.fields}
    return _INTEGER if kinds.get(key.name) == "integer" else _CASTS[key.type]


def _term(column: sql.Composable, *, descending: bool) -> sql.Composed:
    return sql.SQL("{} DESC").format(column) if descending else sql.SQL("{}").format(column)
