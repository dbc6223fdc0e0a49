"""What groups of a query's features are together: their distinct values, and counts, sums and spreads of fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from twin.model import Principal
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import STANDING_COMMIT, selected_rows

AggregateKind = Literal["count", "sum", "min", "max", "avg", "stddev", "var"]
FID = "fid"
"""Names the features' own numbers where a field is due."""
_FUNCTIONS: dict[AggregateKind, sql.SQL] = {
    "count": sql.SQL("count({})"),
    "sum": sql.SQL("sum({})"),
    "min": sql.SQL("min({})"),
    "max": sql.SQL("max({})"),
    "avg": sql.SQL("avg({})::float8"),
    "stddev": sql.SQL("stddev_samp({})::float8"),
    "var": sql.SQL("var_samp({})::float8"),
}
_FINITE = sql.SQL("CASE WHEN {0} > '-Infinity' AND {0} < 'Infinity' THEN {0} END")
"""NaN, which is above infinity here, and infinity are no values, as in items."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is made of a field's values in a group; features without one do not count. Spreads are those of a sample."""

    kind: AggregateKind
    field: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """Features put together by equal values of ``keys``, all of them without any; ``aggregates`` are made of each group.

    Columns are counted from 0, the keys first. Names are fields of the collection, or :data:`FID`.
    """

    keys: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    order: tuple[tuple[int, bool], ...] = ()
    """Columns by which the groups come, each with whether it descends; then by the keys."""
    offset: int = 0
    limit: int = 1000


def groups_statement(query: FeatureQuery, principal: Principal, grouping: Grouping) -> Statement:
    """Return the statement of (commit the dataset stands at, JSON array of the columns of each group, ``limit`` groups at most)."""
    parameters = Parameters()
    width = len(grouping.keys) + len(grouping.aggregates)
    columns = [sql.Identifier(f"c{number}") for number in range(width)]
    order = [*grouping.order, *((number, False) for number in range(len(grouping.keys)))]
    text = sql.SQL(
        "SELECT {commit}, (SELECT coalesce(json_agg(json_build_array({columns})), '[]')::text FROM ({groups}{order}"
        " LIMIT {limit}::bigint OFFSET {offset}::bigint) AS counted)"
    ).format(
        commit=_commit(query),
        columns=sql.SQL(", ").join(columns),
        groups=_groups(query, principal, grouping, columns, parameters),
        order=sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join([_term(*one) for one in order])) if order else sql.SQL(""),
        limit=parameters.add(grouping.limit),
        offset=parameters.add(grouping.offset),
    )
    return Statement(text, parameters.values)


def group_count_statement(query: FeatureQuery, principal: Principal, grouping: Grouping) -> Statement:
    """Return the statement of (commit the dataset stands at, how many groups there are)."""
    parameters = Parameters()
    columns = [sql.Identifier(f"c{number}") for number in range(len(grouping.keys) + len(grouping.aggregates))]
    groups = _groups(query, principal, grouping, columns, parameters)
    text = sql.SQL("SELECT {commit}, (SELECT count(*) FROM ({groups}) AS counted)").format(commit=_commit(query), groups=groups)
    return Statement(text, parameters.values)


def _groups(
    query: FeatureQuery, principal: Principal, grouping: Grouping, columns: list[sql.Identifier], parameters: Parameters
) -> sql.Composed:
    reals = {f.name for f in query.collection.feature_type.fields if f.type == "number"}
    names = dict.fromkeys([FID, *grouping.keys, *(aggregate.field for aggregate in grouping.aggregates)])
    rows = selected_rows(query, principal, sql.SQL(", ").join([sql.Identifier(name) for name in names]), parameters)

    def value(name: str) -> sql.Composable:
        return _FINITE.format(sql.Identifier(name)) if name in reals else sql.Identifier(name)

    values = [*map(value, grouping.keys), *(_FUNCTIONS[a.kind].format(value(a.field)) for a in grouping.aggregates)]
    named = [sql.SQL("{} AS {}").format(made, column) for made, column in zip(values, columns, strict=True)]
    text = sql.SQL("SELECT {} FROM ({}) AS wanted").format(sql.SQL(", ").join(named), rows)
    places = [sql.Literal(number) for number in range(1, len(grouping.keys) + 1)]
    return text + sql.SQL(" GROUP BY {}").format(sql.SQL(", ").join(places)) if places else text


def _term(column: int, descending: bool) -> sql.Composed:
    return sql.SQL("{} DESC" if descending else "{}").format(sql.Identifier(f"c{column}"))


def _commit(query: FeatureQuery) -> sql.Composed:
    return STANDING_COMMIT.format(dataset=sql.Literal(query.collection.dataset.id))
