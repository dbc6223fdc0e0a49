"""Pages that compiled code writes have the bytes that PostgreSQL and PostGIS write of the same rows."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
import pytest
import query_city as city
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from twin.crs import OutputCrs
from twin.db import connection_string
from twin.embedded import EmbeddedCluster
from twin.query import feature_records
from twin.query.feature_records import feature_writer, record
from twin.query.geojson_kernels import write_features
from twin.query.items import _feature_text
from twin.query.positions import StoredPositions, decimals

_TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
Connection = psycopg.Connection[tuple[Any, ...]]

COLUMNS = {"number": "bigint", "measure": "float8", '名称 "q"': "text", "is": "boolean", "day": "date", "time": "timestamptz"}
GRID = OutputCrs("", 4549, xy=True, height="gravity")
DEGREES = OutputCrs("", 4326, xy=True, height="none")
MEASURES = [
    0.0, -0.0, 1.0, -3.0, 1e15, -1e15, 999999999999999.0, 1e-4, 1e-5, 0.0001234, 5e-324, 1.7976931348623157e308, 9007199254740993.0,
    0.1 + 0.2, math.nan, math.inf, -math.inf,
]  # fmt: skip
TEXTS = ["", 'DN<300 & >100 "q"', "\\", "a\b\f\n\r\t\x01\x1f\x7f/", "锦绣\u2028😀", "x" * 3000]
DAYS = [
    "infinity", "-infinity", "0044-03-15 BC", "0001-12-31 BC", "0001-01-01", "1900-02-28", "2000-02-29", "12024-01-02", "5874897-12-31",
    "4713-01-01 BC",
]  # fmt: skip
TIMES = [
    "infinity", "-infinity", "0044-03-15 12:00 BC", "1999-12-31 23:59:59.999999", "2024-01-02 03:04:05.00001", "12024-01-02 03:04:05.1",
]  # fmt: skip
SHAPES = [
    "POINT EMPTY", "POINT(1 2)", "POINT Z(0.00005 0.00015 -0.00035)", "LINESTRING EMPTY", "LINESTRING(0 0,1e-7 9.99995)", "POLYGON EMPTY",
    "POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1),(0.1 0.1 1,0.2 0.1 1,0.2 0.2 1,0.1 0.1 1))", "MULTIPOINT(1 2,3 4)", "MULTILINESTRING((0 0,1 1))",
    "MULTIPOLYGON EMPTY", "MULTIPOLYGON(EMPTY,((0 0,1 0,1 1,0 0)))", "LINESTRING(1e15 -1.5e22,123456789012345.678 999999999.99999)",
]  # fmt: skip


@pytest.fixture(scope="module")
def connection(cluster: EmbeddedCluster, template: str) -> Iterator[Connection]:
    with city.clone_of(template, cluster.dsn) as url, psycopg.connect(connection_string(url), autocommit=True) as opened:
        columns = sql.SQL(", ").join([sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in COLUMNS.items()])
        opened.execute(sql.SQL("CREATE TEMPORARY TABLE given (fid bigint, geom postgis.geometry, {})").format(columns))
        yield opened


def _compare(connection: Connection, rows: Sequence[Sequence[object]], crs: OutputCrs = GRID) -> bytes:
    """Return the page of rows (geometry and columns), which has to be that of PostgreSQL."""
    connection.execute("TRUNCATE given")
    with connection.cursor().copy("COPY given FROM STDIN") as copy:
        for k, row in enumerate(rows):
            copy.write_row([k - 1, *row])
    names, stored = tuple(COLUMNS), StoredPositions(crs.srid, has_z=crs.has_z, vertical="none")
    features = sql.SQL("SELECT string_agg({}, ',' ORDER BY fid) FROM given")
    expected = connection.execute(features.format(_feature_text("2.25.1.", stored, crs, names, None, frozenset({"measure"})))).fetchone()
    records = sql.SQL("SELECT string_agg({}, '' ORDER BY fid) FROM given").format(record(sql.Identifier("geom"), names))
    with connection.cursor(binary=True) as cursor:
        sent = cursor.execute(records).fetchone()
    assert expected is not None
    assert sent is not None
    made = feature_writer("2.25.1.", None, names, decimals(crs)).text(sent[0])
    assert made == expected[0].encode()
    return made


def test_values_of_every_type_are_written_as_postgresql_writes_them(connection: Connection) -> None:
    most = max(map(len, (MEASURES, TEXTS, DAYS, TIMES, SHAPES)))
    numbers = [0, -1, 10, 2**63 - 1, -(2**63)]
    taken = [[v[k] if k < len(v) else None for k in range(most)] for v in (SHAPES, numbers, MEASURES, TEXTS, [True, False], DAYS, TIMES)]
    made = json.loads(b"[" + _compare(connection, list(zip(*taken, strict=True))) + b"]")
    assert [f["properties"]['名称 "q"'] for f in made[: len(TEXTS)]] == TEXTS
    assert made[-1]["id"] == f"2.25.1.{most - 2}"


@pytest.mark.parametrize("crs", [GRID, DEGREES])
def test_reals_and_coordinates_of_all_magnitudes_are_written_as_postgis_writes_them(connection: Connection, crs: OutputCrs) -> None:
    rng = np.random.default_rng(20_251_122)
    count = 3000
    bits = rng.integers(0, 2**64, count, dtype=np.uint64).view(np.float64)
    ordinates = np.round((rng.random((count, 6)) - 0.5) * 10.0 ** rng.integers(0, 9, (count, 1)), 13)
    ordinates[: count // 2] = np.round(ordinates[: count // 2], decimals(crs) + 1)  # half of them are ties, or near
    ordinates[np.abs(ordinates) < 1e-7] = 0.0  # PostGIS writes with an exponent what is rounded to nothing here
    lines = [f"LINESTRING Z({a:f} {b:.13f} {c:.13f},{d:.13f} {e:.13f} {f:.13f})" for a, b, c, d, e, f in ordinates]
    empty = [None] * 4
    _compare(connection, [(line, k, float(real), *empty) for k, (line, real) in enumerate(zip(lines, bits, strict=True))], crs)


@given(_TEXTS, st.floats(), st.dates(), st.integers(-(2**63), 2**63 - 1))
@example('\\"', 3e-5, dt.date(4, 2, 29), 0)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_is_written_as_postgresql_writes_it(connection: Connection, text: str, real: float, day: object, number: int) -> None:
    _compare(connection, [(None, number, real, text, None, day, None)])


def test_a_buffer_that_is_too_small_is_begun_anew(connection: Connection) -> None:
    made = _compare(connection, [(None, None, None, "\x01" * 50_000, None, None, None)] * 3)
    assert made.count(b"\\u0001") == 150_000


def test_one_large_geometry_is_written_once(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []

    def counted(*given: Any) -> int:
        ends.append(write_features(*given))
        return ends[-1]

    monkeypatch.setattr(feature_records, "write_features", counted)
    _compare(connection, [(f"LINESTRING({','.join(f'{k} 1' for k in range(20_000))})", *[None] * 6)])
    assert len(ends) == 1


def test_what_is_no_number_is_null_in_coordinates_too(connection: Connection) -> None:
    connection.execute("TRUNCATE given")
    connection.execute("INSERT INTO given (fid, geom) VALUES (1, postgis.ST_MakePoint(1, 'NaN'))")
    records = sql.SQL("SELECT string_agg({}, '') FROM given").format(record(sql.Identifier("geom"), ()))
    with connection.cursor(binary=True) as cursor:
        sent = cursor.execute(records).fetchone()
    assert sent is not None
    feature = json.loads(feature_writer("", None, (), 9).text(sent[0]))
    assert feature["geometry"] == {"type": "Point", "coordinates": [1, None]}
    assert feature["properties"] == {}


def test_a_type_no_column_has_is_an_error(connection: Connection) -> None:
    with connection.cursor(binary=True) as cursor:
        sent = cursor.execute("SELECT record_send(ROW(1::bigint, NULL::bytea, ARRAY[1]))").fetchone()
    assert sent is not None
    with pytest.raises(RuntimeError):
        feature_writer("", None, ("a",), 9).text(sent[0])
