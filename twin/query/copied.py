"""Rows on their way out as PostgreSQL's COPY sends them: one statement and so one snapshot, and memory of a few rows however many come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from psycopg import sql

from twin.db import Connection, translated
from twin.model import Principal
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.items import feature_text
from twin.query.order import order_terms
from twin.query.parameters import Parameters
from twin.query.rows import selected_rows

Piece = bytes | bytearray | memoryview
_FORMS = {"binary": sql.SQL("FORMAT binary"), "csv": sql.SQL("FORMAT csv, HEADER")}
_HEADER_BYTES = 19
"""Signature, flags and the length of an extension that there is none of (PostgreSQL manual, COPY, "Binary Format")."""
_BEFORE_VALUE_BYTES = 6
"""The number of columns and the length of the one there is."""


def copied(connection: Connection, statement: Statement, form: Literal["binary", "csv"]) -> Iterator[Piece]:
    """Yield what ``COPY (statement) TO STDOUT`` sends, a row a piece; driver errors come as TwinErrors.

    COPY knows no parameters: the driver writes the bound values into the statement as literals. A reader that waits makes PostgreSQL wait.
    """
    text = sql.SQL("COPY ({}) TO STDOUT ({})").format(statement.text, _FORMS[form])
    with translated(), connection.cursor() as cursor, cursor.copy(text, statement.values) as copy:
        yield from copy


def feature_lines(connection: Connection, query: FeatureQuery, principal: Principal, limit: int | None) -> Iterator[bytes]:
    """Yield the features a query means, in its order, as GeoJSON, by the expression that makes a page of items: at most ``limit``."""
    parameters = Parameters()
    rows = rows_in_order(query, principal, parameters, limit)
    text = sql.SQL("SELECT {} FROM ({}) AS wanted").format(feature_text(query), rows)
    begins = _HEADER_BYTES + _BEFORE_VALUE_BYTES  # of the first row, which has the header of the stream before it
    for row in copied(connection, Statement(text, parameters.values), "binary"):
        if len(row) > begins:
            yield bytes(row[begins:])
        begins = _BEFORE_VALUE_BYTES


def rows_in_order(query: FeatureQuery, principal: Principal, parameters: Parameters, limit: int | None) -> sql.Composed:
    """Return ``SELECT …`` of the rows a query means, in its order, with the columns that its features are written from."""
    geometry = ("geom",) if query.with_geometry else ()
    names = dict.fromkeys(("fid", *geometry, *query.wanted_properties, *(key.name for key in query.order)))
    columns = sql.SQL(", ").join([sql.Identifier(name) for name in names])
    return selected_rows(query, principal, columns, parameters, order=order_terms(query), limit=limit)
