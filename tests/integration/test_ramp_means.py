"""The mean by which a cell of a far tile is coloured, of values that are no numbers of this world among others."""

from __future__ import annotations

from decimal import Decimal

import psycopg
from psycopg import sql

from twin.db import connection_string, load_queries

_MEAN = load_queries("twin.query", "massed_tile.sql")["common_number"].format(step=sql.Literal(Decimal("0.1")))
_CELLS = (
    ([(1.0, "2"), (3.0, "4"), (9.0, "")], 3.5),
    ([(1.0, "2"), (5.0, "NaN"), (5.0, "Infinity"), (5.0, "-Infinity")], 2.0),
    ([(1.0, "NaN")], None),
    ([(1.0, "1e308")] * 3, 1e15),
    ([(1.0, "-1e308"), (1.0, "1e308")], 0.0),
    ([(0.0, "4"), (1.0, "")], None),
)


def test_no_value_spoils_the_colour_of_a_cell(database_url: str) -> None:
    with psycopg.connect(connection_string(database_url)) as connection:
        for cells, mean in _CELLS:
            values = sql.SQL(", ").join([sql.SQL("({}::float8, {}::text)").format(weight, text) for weight, text in cells])
            row = connection.execute(sql.SQL("SELECT {} FROM (VALUES {}) AS cells (weight, class)").format(_MEAN, values)).fetchone()
            assert row is not None
            assert (float(row[0]) if row[0] else None) == mean, cells
