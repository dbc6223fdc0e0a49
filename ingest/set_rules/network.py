"""The network that will be there once a submission is published: points, lines and the ends where they meet, in the database.

It is made once per check, in temporary tables of the transaction (network.sql says what is in them), by the first rule that asks; it
holds what is staged by then, what stays of the datasets that are partly replaced, and every other published dataset of pipes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import sql

from ingest.set_rules.context import SetCheck, SetContext
from ingest.staging import Staging
from ingest.tally import ROWS_A_SOURCE
from twin.db import load_queries
from twin.errors import Text
from twin.model import FeatureType, Finding
from twin.tables import current_table

NODE, SEGMENT = "pipe_node", "pipe_segment"
QUERIES = load_queries("ingest.set_rules", "network.sql")

DRAINAGE = "PS"
"""The class whose kinds are systems of their own."""
_NODE_COLUMNS: Mapping[str, str] = {
    "node_id": "text",
    "natural_key": "text",
    "kind": "text",
    "feature": "text",
    "appurtenance": "text",
    "ground_elevation_m": "double precision",
    "geom": "postgis.geometry",
}
_LINE_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("natural_key", "start_node", "end_node", "kind", "material", "flow_direction", "pressure"), "text"),
    **dict.fromkeys(("outer_diameter_mm", "width_mm", "section_height_mm", "start_depth_m", "end_depth_m"), "double precision"),
    **dict.fromkeys(("start_elevation_m", "end_elevation_m"), "double precision"),
    "geom": "postgis.geometry",
}


def along_network(context: SetContext, name: str, **values: object) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query of network.sql over the network of the submission; ``part`` is bound to that of the context."""
    _make(context)
    yield from context.rows(QUERIES[name], {"part": context.staging.part, **values})


def among_rows(
    context: SetContext, name: str, values: Mapping[str, object] | None = None, **places: sql.Composable
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query of network.sql over the staged rows of the part alone."""
    query = QUERIES[name].format(staging=context.staging.table, **places)
    yield from context.rows(query, values)


def has_fields(context: SetContext, *names: str) -> bool:
    """Return whether the FeatureType of the part has all these fields: a deployment's own may lack some, then there is nothing to judge."""
    return set(names) <= set(context.feature_type.field_names)


def row_in_source(number: int) -> int:
    """Return the number a row has in its own source."""
    return number % ROWS_A_SOURCE


def finding(check: SetCheck, row: tuple[Any, ...], message: Text, value: object = None) -> Finding:
    """Return a finding about a row that a query gave as (row, natural key, x, y, …)."""
    number, key, x, y = row[:4]
    place = None if x is None or y is None else (float(x), float(y))
    shown = None if value is None else str(value)
    return Finding(rule=check.rule.id, severity=check.severity, row=number, key=key, message=message, place=place, value=shown)


def title_of_code(context: SetContext, field: str, code: str) -> Text:
    """Return what a code of a field of the part is called, the code itself where no list says so."""
    codelist = context.feature_type.field(field).codelist if field in context.feature_type.field_names else None
    known = codelist.by_code().get(code) if codelist else None
    return known.title if known else Text(code, code)


def systems(segments: FeatureType) -> Mapping[str, str]:
    """Return per kind of pipe the system it belongs to: the kind itself for sewers, else its class."""
    codelist = segments.field("kind").codelist if "kind" in segments.field_names else None
    codes = codelist.codes if codelist else ()
    return {code.code: code.parent for code in codes if code.parent is not None and code.parent != DRAINAGE}


def _make(context: SetContext) -> None:
    connection = context.connection
    if connection.execute("SELECT to_regclass('pg_temp.network_end')").fetchone() != (None,):
        return
    of_kinds = json.dumps(systems(context.catalogue.feature_type(SEGMENT)))
    connection.execute(QUERIES["make_points"].format(rows=_rows(context, NODE, _NODE_COLUMNS)))
    connection.execute(
        "CREATE UNIQUE INDEX ON network_point (node_id); CREATE UNIQUE INDEX ON network_point (number); ANALYZE network_point"
    )
    connection.execute(QUERIES["make_lines"].format(rows=_rows(context, SEGMENT, _LINE_COLUMNS)), {"systems": of_kinds})
    connection.execute("CREATE UNIQUE INDEX ON network_line (number); ANALYZE network_line")
    connection.execute(QUERIES["make_ends"])
    connection.execute("CREATE INDEX ON network_end (point); CREATE INDEX ON network_end (line); ANALYZE network_end")


def _rows(context: SetContext, name: str, wanted: Mapping[str, str]) -> sql.Composable:
    """Return a query of the features of a type that there will be: (part, row, …); part is NULL for those that are published."""
    staged = [s for s in context.staged if s.feature_type.name == name]
    queries = [_staged(s, wanted) for s in staged]
    for dataset in context.catalogue.datasets():
        if dataset.feature_type == name:
            published = sql.SQL("SELECT NULL::integer AS part, NULL::bigint AS row, {} FROM {} AS c").format(
                _columns(context.catalogue.feature_type(name), wanted), current_table(name, dataset.id)
            )
            own = next((s for s in staged if s.dataset.id == dataset.id), None)
            queries.append(published if own is None else published + _that_stay(own, context.kept.get(dataset.id, ())))
    return sql.SQL(" UNION ALL ").join(queries)


def _staged(staging: Staging, wanted: Mapping[str, str]) -> sql.Composed:
    return sql.SQL("SELECT {}::integer AS part, row, {} FROM {}").format(
        sql.Literal(staging.part), _columns(staging.feature_type, wanted), staging.table
    )


def _that_stay(staging: Staging, kept: object) -> sql.Composed:
    """Return which published rows stay: those of rejected rows where the whole dataset is replaced, else those that are not staged."""
    if staging.is_whole:
        return sql.SQL(" WHERE natural_key = ANY ({}::text[])").format(sql.Literal(list(kept)))  # type: ignore[call-overload]
    return sql.SQL(" WHERE NOT EXISTS (SELECT FROM {} AS s WHERE s.natural_key = c.natural_key)").format(staging.table)


def _columns(feature_type: FeatureType, wanted: Mapping[str, str]) -> sql.Composed:
    there = {"natural_key", "geom", *feature_type.field_names}
    return sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(sql.Identifier(name) if name in there else sql.SQL("NULL::") + _type(sql_type), sql.Identifier(name))
        for name, sql_type in wanted.items()
    )


def _type(name: str) -> sql.Composable:
    return {"text": sql.SQL("text"), "double precision": sql.SQL("double precision"), "postgis.geometry": sql.SQL("postgis.geometry")}[name]
