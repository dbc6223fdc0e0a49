"""COPY BINARY bodies of ours, taken by PostgreSQL and read back."""

from __future__ import annotations

import datetime as dt
import json

import psycopg
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.copy_binary import HEADER, TRAILER, CopyColumn, Room, copy_binary_rows

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
DAY = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
MOMENT = st.datetimes(timezones=st.just(dt.UTC)).filter(lambda moment: 1900 < moment.year < 2200)
ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False), st.none() | st.booleans(), st.none() | TEXT,
    st.none() | DAY, st.none() | MOMENT, st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
)  # fmt: skip
TYPES = (pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.date32(), pa.timestamp("us", tz="UTC"), pa.string())
SQL_TYPES = ("bigint", "double precision", "boolean", "text", "date", "timestamptz", "json")
COLUMNS = (
    CopyColumn("integer", constant=7), *(CopyColumn(t, f"c{i}") for i, t in enumerate(SQL_TYPES)), CopyColumn("text", constant="常量"),
    CopyColumn("date"),
)  # fmt: skip


@pytest.fixture
def table(database_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        names = ", ".join(f"c{i} {t}" for i, t in enumerate(SQL_TYPES))
        connection.execute(f"CREATE TEMP TABLE target (dataset integer, {names}, label text, nothing date)")
        yield connection


def batch_of(rows: list[tuple[object, ...]]) -> pa.RecordBatch:
    columns = [[r[i] for r in rows] for i in range(len(TYPES))]
    columns[6] = [None if v is None else json.dumps(v) for v in columns[6]]
    arrays = [pa.array(c, t) for c, t in zip(columns, TYPES, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{i}" for i in range(len(TYPES))])


def copied(connection: psycopg.Connection, *batches: pa.RecordBatch) -> list[tuple[object, ...]]:
    connection.execute("TRUNCATE target")
    with connection.cursor() as cursor:
        with cursor.copy("COPY target FROM STDIN (FORMAT binary)") as copy:
            copy.write(HEADER)
            for batch in batches:
                copy.write(copy_binary_rows(batch, COLUMNS))
            copy.write(TRAILER)
        return cursor.execute("SELECT * FROM target ORDER BY ctid").fetchall()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=8), st.integers(0, 8))
def test_every_value_comes_back(table: psycopg.Connection, rows: list[tuple[object, ...]], cut: int) -> None:
    batch = batch_of(rows)
    assert copied(table, batch.slice(0, cut), batch.slice(cut)) == [(7, *row, "常量", None) for row in rows]


def test_buffers_that_are_longer_than_their_values_are_taken(table: psycopg.Connection) -> None:
    """Arrow counts them as valid, so whoever hands over rows may send them."""

    def longer(array: pa.Array) -> pa.Array:
        buffers = [b if b is None else pa.py_buffer(b.to_pybytes() + b"\1\2\3\4\5") for b in array.buffers()]
        return pa.Array.from_buffers(array.type, len(array), buffers)

    rows = [
        (k, 0.5 * k, k > 1, "甲" * k, dt.date(2020, 1, 1 + k), dt.datetime(2020, 1, 1 + k, tzinfo=dt.UTC), {"k": "v"}) for k in range(3)
    ]
    batch = batch_of([*rows])
    given = pa.RecordBatch.from_arrays([longer(c) for c in batch.columns], names=batch.schema.names)
    given.validate(full=True)
    assert copied(table, given.slice(1), given.slice(0, 1)) == [(7, *row, "常量", None) for row in (*rows[1:], rows[0])]


@pytest.mark.parametrize("size", [0, 1, 1000, 1 << 24])
def test_room_serves_batches_of_any_size_one_after_the_other(size: int) -> None:
    room, columns = Room(), [CopyColumn("bytea", "c")]
    for some in (size, 3, size, size + 1):
        batch = pa.RecordBatch.from_pydict({"c": pa.array([bytes(some), b"abc"], pa.binary())})
        assert bytes(copy_binary_rows(batch, columns, room)) == bytes(copy_binary_rows(batch, columns))


def test_rows_hold_while_another_room_is_used() -> None:
    room, other, columns = Room(), Room(), [CopyColumn("text", "c")]
    batches = [pa.RecordBatch.from_pydict({"c": [letter * 9]}) for letter in "abc"]
    first = copy_binary_rows(batches[0], columns, room)
    copy_binary_rows(batches[1], columns, other)
    assert bytes(first).endswith(b"aaaaaaaaa")
    copy_binary_rows(batches[2], columns, room)
    assert bytes(first).endswith(b"ccccccccc")


def test_no_rows_are_a_valid_copy(table: psycopg.Connection) -> None:
    assert copied(table, batch_of([])) == []


def test_geometry_arrives_with_srid_and_z(database_url: str) -> None:
    shapes = [shapely.Point(1, 2, 3), shapely.LineString([(0, 0, 1), (1, 1, 2)])]
    wkb = shapely.to_wkb(shapely.set_srid(shapes, 4549), include_srid=True, flavor="extended")
    batch = pa.RecordBatch.from_arrays([pa.array(list(wkb), pa.binary())], names=["geom"])
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path TO public, postgis")
        cursor.execute("CREATE TEMP TABLE g (geom geometry(GeometryZ, 4549))")
        with cursor.copy("COPY g FROM STDIN (FORMAT binary)") as copy:
            copy.write(HEADER + copy_binary_rows(batch, [CopyColumn("geometry", "geom")]) + TRAILER)
        found = cursor.execute("SELECT ST_AsEWKT(geom) FROM g ORDER BY ctid").fetchall()
    assert found == [("SRID=4549;POINT(1 2 3)",), ("SRID=4549;LINESTRING(0 0 1,1 1 2)",)]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="'nope'"):
        copy_binary_rows(batch_of([(None,) * 7]), [CopyColumn("text", "nope")])
