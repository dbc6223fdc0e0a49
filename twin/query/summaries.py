"""What a query's features are together: their ids, or how many they are and the box around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from twin.model import Principal
from twin.query.area import Bounds
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.order import order_terms
from twin.query.parameters import Parameters
from twin.query.positions import geometry_in
from twin.query.rows import STANDING_COMMIT, selected_rows


@dataclass(frozen=True, slots=True)
class Summary:
    """How many features there are, and the box around them in the CRS of the query; None where there are none with a geometry."""

    count: int
    bounds: Bounds | None


def ids_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (commit, the fids of a query's features in its order, as text joined by commas, ``query.limit`` at most)."""
    parameters = Parameters()
    keys = [sql.Identifier(key.name) for key in query.order]
    columns = sql.SQL(", ").join([sql.Identifier("fid"), *keys])
    rows = selected_rows(query, principal, columns, parameters, order=order_terms(query), limit=query.limit)
    text = sql.SQL("SELECT {commit}, (SELECT coalesce(string_agg(fid::text, ','), '') FROM ({rows}) AS wanted)")
    return Statement(text.format(commit=_commit(query), rows=rows), parameters.values)


def summary_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of a :func:`summary`: one row. Every geometry is transformed, however many there are."""
    parameters = Parameters()
    shape = geometry_in(query.crs, query.collection.stored)
    rows = selected_rows(query, principal, sql.SQL("geom"), parameters)
    text = sql.SQL(
        "SELECT {commit}, number, ST_XMin(around), ST_YMin(around), ST_XMax(around), ST_YMax(around)"
        " FROM (SELECT count(*) AS number, ST_Extent({shape}) AS around FROM ({rows}) AS wanted) AS whole"
    )
    return Statement(text.format(commit=_commit(query), shape=shape, rows=rows), parameters.values)


def summary(row: tuple[Any, ...]) -> Summary:
    """Return what the one row of :func:`summary_statement` says."""
    _, count, *bounds = row
    return Summary(count, None if bounds[0] is None else (bounds[0], bounds[1], bounds[2], bounds[3]))


def _commit(query: FeatureQuery) -> sql.Composed:
    return STANDING_COMMIT.format(dataset=sql.Literal(query.collection.dataset.id))
