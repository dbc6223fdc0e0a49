"""Representations of the features a query means: the 3D that tile builds and exports read, in fid order."""

from __future__ import annotations

from typing import Literal

from psycopg import sql

from twin.model import Principal
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import selected_rows

Lod = str
Wanted = Literal["highest", "all"] | Lod

_HIGHEST = sql.SQL(
    "SELECT highest.fid, highest.lod, bodies.faces FROM (SELECT DISTINCT ON (fid) fid, lod FROM ({states}) AS states"
    " WHERE lod >= '1' AND lod < '4' ORDER BY fid, lod DESC) AS highest CROSS JOIN LATERAL ({bodies}) AS bodies ORDER BY highest.fid"
)
"""Which levels there are is sorted without the bodies: these would be some hundred megabytes to sort before the first row comes."""
_BODIES = sql.SQL(
    "SELECT r.faces FROM {schema}.representation AS r WHERE r.dataset = {dataset} AND r.fid = highest.fid AND r.lod = highest.lod"
)
_ALL = sql.SQL("SELECT {columns} FROM ({states}) AS states ORDER BY fid, lod")
_ONE = sql.SQL("SELECT {columns} FROM ({states}) AS states WHERE lod = {lod} ORDER BY fid")


def representations_statement(query: FeatureQuery, principal: Principal, lod: Wanted = "highest") -> Statement:
    """Return the statement of (fid bigint, lod text, faces bytea) of the features ``query`` means, by fid, as of its commit.

    ``highest`` gives one row a feature: the highest level of detail of LoD 1 to 3.x, as bodies are drawn; a feature that has none
    has no row. ``all`` gives every level, by fid and level; else that level alone. The column ``faces`` is read by
    `twin.representation.decode`. Raises NotFoundError for hidden collections.
    """
    columns = sql.SQL("fid, lod, faces")
    parameters = Parameters()
    if lod == "highest":
        states = _states(query, principal, sql.SQL("representation"), sql.SQL("r.fid, r.lod"), parameters)
        return Statement(_HIGHEST.format(states=states, bodies=_bodies(query, parameters)), parameters.values)
    states = _states(query, principal, sql.SQL("representation"), sql.SQL("r.fid, r.lod, r.faces"), parameters)
    if lod == "all":
        return Statement(_ALL.format(columns=columns, states=states), parameters.values)
    text = _ONE.format(columns=columns, states=states, lod=parameters.add(lod))
    return Statement(text, parameters.values)


def source_objects_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (fid bigint, header text, document bytea) of the features that came as CityJSON, by fid.

    A feature that was edited since by a source without 3D has no row. Raises NotFoundError for hidden collections.
    """
    parameters = Parameters()
    states = _states(query, principal, sql.SQL("source_object"), sql.SQL("r.fid, r.header, r.document"), parameters)
    text = sql.SQL("SELECT fid, header, document FROM ({}) AS states ORDER BY fid").format(states)
    return Statement(text, parameters.values)


def source_headers_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (hash text, crs text, document text, features bigint): what stands around those objects, most used first."""
    parameters = Parameters()
    states = _states(query, principal, sql.SQL("source_object"), sql.SQL("r.header"), parameters)
    text = sql.SQL(
        "SELECT h.hash, h.crs, h.document, count(*) FROM ({}) AS states JOIN catalog.source_header AS h ON h.hash = states.header"
        " GROUP BY h.hash ORDER BY count(*) DESC, h.hash"
    ).format(states)
    return Statement(text, parameters.values)


def _bodies(query: FeatureQuery, parameters: Parameters) -> sql.Composed:
    """Return the faces of one level of one feature at the query's commit: at most one row."""
    dataset = sql.Literal(query.collection.dataset.id)
    current = _BODIES.format(schema=sql.SQL("city"), dataset=dataset)
    if query.as_of is None:
        return current
    closed = _BODIES.format(schema=sql.SQL("history"), dataset=dataset)
    at = parameters.add(query.as_of)
    return sql.SQL("{} AND r.commit_from <= {at} UNION ALL {} AND r.commit_from <= {at} AND {at} < r.commit_to").format(
        current, closed, at=at
    )


def _states(query: FeatureQuery, principal: Principal, table: sql.SQL, columns: sql.SQL, parameters: Parameters) -> sql.Composed:
    """Return the rows of ``table`` that hold for the query's features at its commit.

    The parent is read with ``dataset = n``: that plans one partition, and none where the dataset has no representations.
    """
    wanted = selected_rows(query, principal, sql.SQL("fid"), parameters)
    dataset = sql.Literal(query.collection.dataset.id)
    arm = sql.SQL("SELECT {columns} FROM {schema}.{table} AS r JOIN ({wanted}) AS wanted USING (fid) WHERE r.dataset = {dataset}")
    places = {"columns": columns, "table": table, "wanted": wanted, "dataset": dataset}
    current = arm.format(schema=sql.SQL("city"), **places)
    if query.as_of is None:
        return current
    at = parameters.add(query.as_of)
    return sql.SQL("{} AND r.commit_from <= {at} UNION ALL {} AND r.commit_from <= {at} AND {at} < r.commit_to").format(
        current, arm.format(schema=sql.SQL("history"), **places), at=at
    )
