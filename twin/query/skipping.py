"""Which feature comes n-th: for protocols that ask for a page by how many features come before it."""

from __future__ import annotations

import dataclasses
from typing import Any

from psycopg import sql

from twin.model import Principal
from twin.query.collection import Collection
from twin.query.feature_query import Boundary, FeatureQuery, Statement
from twin.query.order import order_terms
from twin.query.parameters import Parameters
from twin.query.rows import STANDING_COMMIT, selected_rows


def skipping_statement(query: FeatureQuery, principal: Principal, count: int) -> Statement:
    """Return the statement of the feature that comes ``count``-th from where the query begins: one row, read by :func:`skipped`.

    Its cost grows with ``count``, but no geometry is read: whoever goes on from a page had better take its boundary.
    """
    parameters = Parameters()
    keys = [sql.Identifier(key.name) for key in query.order]
    rows = selected_rows(
        dataclasses.replace(query, limit=count),
        principal,
        sql.SQL(", ").join([sql.Identifier("fid"), *keys]),
        parameters,
        order=order_terms(query),
        limit=count,
    )
    values = sql.SQL(", ").join([sql.SQL("to_jsonb({}) #>> '{{}}'").format(key) for key in keys])
    text = sql.SQL(
        "SELECT {commit}, last.* FROM (VALUES (1)) AS one"
        " LEFT JOIN (SELECT fid, ARRAY[{values}]::text[] FROM ({rows}) AS wanted OFFSET {before}) AS last ON true"
    ).format(
        commit=STANDING_COMMIT.format(dataset=sql.Literal(query.collection.dataset.id)),
        values=values,
        rows=rows,
        before=parameters.add(count - 1) + sql.SQL("::bigint"),
    )
    return Statement(text, parameters.values)


def standing_statement(collection: Collection) -> Statement:
    """Return the statement of the commit that a collection's dataset stands at: one row of one number."""
    return Statement(sql.SQL("SELECT {}").format(STANDING_COMMIT.format(dataset=sql.Literal(collection.dataset.id))))


def counted_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (commit the dataset stands at, how many features a query means, ``query.limit`` at most)."""
    parameters = Parameters()
    rows = selected_rows(query, principal, sql.SQL("1"), parameters, limit=query.limit)
    text = sql.SQL("SELECT {commit}, (SELECT count(*) FROM ({rows}) AS wanted)").format(
        commit=STANDING_COMMIT.format(dataset=sql.Literal(query.collection.dataset.id)), rows=rows
    )
    return Statement(text, parameters.values)


def skipped(row: tuple[Any, ...]) -> Boundary | None:
    """Return what the one row of :func:`skipping_statement` says: None when there are fewer features."""
    _, fid, values = row
    return None if fid is None else Boundary(fid, tuple(values))
