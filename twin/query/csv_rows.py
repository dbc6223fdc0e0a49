"""Features as CSV that PostgreSQL writes, safe to open in a spreadsheet and without loss (reliability.md §2, "CSV/XLSX")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from psycopg import sql

from twin.db import Connection
from twin.featuretypes.validity import validity_fields
from twin.model import FieldType, Principal
from twin.query.copied import Piece, copied, rows_in_order
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.positions import decimals, geometry_in

Geometry = Literal["wkt", "xy"]
_FORMULA = "=+-@\t\r\n＝＋－＠"
"""What a cell of text begins with that a spreadsheet takes for a formula, also in the full width of Chinese texts."""
_MARK = "'"
"""Stands before such a text, and before one that begins with it: a reader takes one away and has what was stored."""


def csv_rows(
    connection: Connection, query: FeatureQuery, principal: Principal, geometry: Geometry, limit: int | None = None
) -> Iterator[Piece]:
    """Yield the lines of a CSV (RFC 4180, lines end in LF): names, then the features a query means, in its order, at most ``limit``.

    Columns are ``id`` (OID), the properties, and ``wkt``, or of points ``x``, ``y`` and ``z``, in ``query.crs``. NULL is an empty cell,
    an empty text ``""``; numbers are written with as many digits as they have, NaN and infinity as NULL, times as in GeoJSON. A text
    that a spreadsheet would take for a formula has an apostrophe before it, as has one that begins with an apostrophe.
    """
    parameters = Parameters()
    rows = rows_in_order(query, principal, parameters, limit)
    text = sql.SQL("SELECT {} FROM ({}) AS wanted").format(sql.SQL(", ").join(_columns(query, geometry)), rows)
    return copied(connection, Statement(text, parameters.values), "csv")


def _columns(query: FeatureQuery, geometry: Geometry) -> list[sql.Composable]:
    types: dict[str, FieldType] = {f.name: f.type for f in (*query.collection.feature_type.fields, *validity_fields())}
    identifier = sql.SQL("{} || fid AS id").format(sql.Literal(query.collection.oid_prefix))
    return [identifier, *(_value(name, types[name]) for name in query.wanted_properties), *_geometry(query, geometry)]


def _value(name: str, kind: FieldType) -> sql.Composable:
    column = sql.Identifier(name)
    match kind:
        case "string" | "code":
            text = sql.SQL("CASE WHEN {0} <> '' AND strpos({1}, left({0}, 1)) > 0 THEN {2} || {0} ELSE {0} END AS {0}")
            return text.format(column, sql.Literal(_FORMULA + _MARK), sql.Literal(_MARK))
        case "number":
            return sql.SQL("CASE WHEN {0} NOT IN ('NaN', 'Infinity', '-Infinity') THEN {0} END AS {0}").format(column)
        case "boolean":
            return sql.SQL("{0}::text AS {0}").format(column)
        case "datetime":
            return sql.SQL("to_json({0}) #>> '{{}}' AS {0}").format(column)
        case _:
            return column


def _geometry(query: FeatureQuery, geometry: Geometry) -> list[sql.Composable]:
    if not query.with_geometry:
        return []
    moved, digits = geometry_in(query.crs, query.collection.stored), sql.Literal(decimals(query.crs))
    if geometry == "wkt":
        return [sql.SQL("ST_AsText({}, {}) AS wkt").format(moved, digits)]
    axes = ("x", "y", "z") if query.crs.has_z and query.collection.feature_type.has_z else ("x", "y")
    cell = sql.SQL("round({}({})::numeric, {}) AS {}")
    return [cell.format(sql.SQL({"x": "ST_X", "y": "ST_Y", "z": "ST_Z"}[axis]), moved, digits, sql.Identifier(axis)) for axis in axes]
