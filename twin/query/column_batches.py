"""Rows as columns, in fid order, for tile builds and exports: memory is bounded by one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

from twin.db import Connection, translated
from twin.exact_json import exact_json
from twin.model import Principal
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import selected_rows

ROWS_A_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    """Some features, one sequence per column, all of one length."""

    fid: Sequence[int]
    geometry: Sequence[bytes]
    """ISO WKB in the storage CRS, little endian."""
    columns: dict[str, Sequence[Any]]
    """Values by name, None where there is none."""


def columns_statement(query: FeatureQuery, principal: Principal, names: Sequence[str]) -> Statement:
    """Return the statement of fid, geometry (WKB, storage CRS) and the columns ``names`` of all rows a query means, by fid.

    ``names`` may be properties and also ``natural_key``, ``admin_codes`` and ``extra``; ``query.limit`` does not apply.
    """
    parameters = Parameters()
    wanted = sql.SQL(", ").join([sql.Identifier(n) for n in ("fid", "geom", *names)])
    rows = selected_rows(query, principal, wanted, parameters, order=sql.SQL("fid"))
    others = sql.SQL("").join([sql.SQL(", {}").format(sql.Identifier(n)) for n in names])
    text = sql.SQL("SELECT fid, ST_AsBinary(geom, 'NDR'){} FROM ({}) AS wanted").format(others, rows)
    return Statement(text, parameters.values)


def stream_columns(
    connection: Connection, query: FeatureQuery, principal: Principal, names: Sequence[str], rows_a_batch: int = ROWS_A_BATCH
) -> Iterator[ColumnBatch]:
    """Yield the rows of :func:`columns_statement` batch by batch, all from one snapshot, through a server-side cursor.

    JSON of a source comes as `exact_json` reads it, so that it can be written again.
    """
    statement = columns_statement(query, principal, names)
    with translated(), connection.transaction(), psycopg.ServerCursor(connection, "column_batches") as cursor:
        set_json_loads(exact_json, cursor)
        cursor.execute(statement.text, statement.values, binary=True)
        while rows := cursor.fetchmany(rows_a_batch):
            fid, geometry, *others = zip(*rows, strict=True)
            yield ColumnBatch(fid, geometry, dict(zip(names, others, strict=True)))
