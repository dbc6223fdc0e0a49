"""Features from real PostGIS as columns, and their tileset, against what psycopg and shapely say of the same rows."""

from __future__ import annotations

import datetime as dt

import numpy as np
import psycopg
import pytest
import shapely
from psycopg import sql

from tests import query_city as city
from tests.tile_features import to_geocentric
from tiles import read
from tiles.build import TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.columns import FeatureColumns, NumberColumn, TextColumn, concatenate
from tiles.memory_store import MemoryStore
from tiles.read import ReadError, decode_copy, read_features
from twin.catalogue import Catalogue
from twin.errors import BadRequestError
from twin.model import Principal
from twin.query.collection import collections_of
from twin.query.column_batches import stream_columns
from twin.query.feature_query import FeatureQuery, Statement


def query(catalogue: Catalogue, slug: str, as_of: int | None = None) -> FeatureQuery:
    collection = collections_of(catalogue)[slug]
    return FeatureQuery(collection, collection.crs[0], as_of=as_of)


def columns(catalogue: Catalogue, slug: str, as_of: int | None = None) -> FeatureColumns:
    wanted = query(catalogue, slug, as_of)
    with catalogue.pool.connection() as connection:
        return concatenate(list(read_features(connection, wanted, Principal.system(), wanted.collection.feature_type)))


def as_python(column: TextColumn | NumberColumn) -> list[object]:
    if isinstance(column, TextColumn):
        return list(column.texts())
    return [v if ok else None for v, ok in zip(column.values.tolist(), column.valid.tolist(), strict=True)]


@pytest.mark.parametrize(("slug", "as_of"), [("buildings", None), ("buildings", 1), ("pipes", None), ("plots", None)])
def test_columns_are_the_rows_that_psycopg_reads(catalogue: Catalogue, slug: str, as_of: int | None) -> None:
    found = columns(catalogue, slug, as_of)
    wanted = query(catalogue, slug, as_of)
    names = wanted.collection.feature_type.field_names
    with catalogue.pool.connection() as connection:
        batches = list(stream_columns(connection, wanted, Principal.system(), names))
    assert found.fid.tolist() == [f for b in batches for f in b.fid]
    geometry = [found.wkb[a:b].tobytes() for a, b in zip(found.wkb_offsets[:-1], found.wkb_offsets[1:], strict=True)]
    assert geometry == [bytes(g) for b in batches for g in b.geometry]
    assert len(geometry) > 4
    for name in names:
        assert as_python(found.columns[name]) == [v for b in batches for v in b.columns[name]], name


def test_batches_join_to_the_whole(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = columns(catalogue, "buildings")
    monkeypatch.setattr(read, "BATCH_BYTES", 700)
    wanted = query(catalogue, "buildings")
    with catalogue.pool.connection() as connection:
        parts = list(read_features(connection, wanted, Principal.system(), wanted.collection.feature_type))
    assert len(parts) > 3
    joined = concatenate(parts)
    assert joined.fid.tolist() == whole.fid.tolist()
    assert joined.wkb.tobytes() == whole.wkb.tobytes()
    assert all(as_python(joined.columns[n]) == as_python(whole.columns[n]) for n in whole.columns)


def test_every_type_of_value_and_its_null_comes_through(database_url: str) -> None:
    statement = """COPY (SELECT n::bigint, '\\x0102'::bytea,
        (ARRAY[NULL, '', '常州 🏙'])[n], (ARRAY[-5, NULL, 9000000000])[n]::bigint, (ARRAY[0.1, 'NaN', NULL])[n]::float8,
        (ARRAY[true, false, NULL])[n], (ARRAY['1999-12-31', NULL, 'infinity'])[n]::date,
        (ARRAY['2026-11-21T03:04:05.000006Z', NULL, '1970-01-01T00:00:00Z'])[n]::timestamptz
        FROM generate_series(1, 3) AS n) TO STDOUT (FORMAT BINARY)"""
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        raw = b"".join(bytes(piece) for piece in copy)
    names = ("t", "i", "f", "b", "d", "z")
    found = decode_copy(raw, names, ("string", "integer", "number", "boolean", "date", "datetime"), header=True)
    assert found.fid.tolist() == [1, 2, 3]
    assert as_python(found.columns["t"]) == [None, "", "常州 🏙"]
    assert as_python(found.columns["i"]) == [-5, None, 9_000_000_000]
    floats = as_python(found.columns["f"])
    assert floats[0] == 0.1
    assert np.isnan(floats[1])  # type: ignore[call-overload]
    assert floats[2] is None
    assert as_python(found.columns["b"]) == [True, False, None]
    assert as_python(found.columns["d"]) == [dt.date(1999, 12, 31), None, None]
    assert as_python(found.columns["z"]) == [dt.datetime(2026, 11, 21, 3, 4, 5, 6), None, dt.datetime(1970, 1, 1)]  # noqa: DTZ001 - UTC by contract
    with pytest.raises(ReadError):
        decode_copy(raw, names[:-1], ("string", "integer", "number", "boolean", "date"), header=True)
    with pytest.raises(ReadError):
        decode_copy(raw[4:], names, ("string", "integer", "number", "boolean", "date", "datetime"), header=True)


@pytest.mark.parametrize("rows", [0, 1, 3, 5_000])
def test_pieces_are_what_psycopg_reads_row_by_row(database_url: str, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Pieces end between rows, wherever the network cut the stream."""
    monkeypatch.setattr(read, "BATCH_BYTES", 4_000)
    text = sql.SQL("SELECT n::bigint, repeat('x', n % 700) FROM generate_series(1, {}) AS n").format(sql.Literal(rows))
    with psycopg.connect(database_url) as connection:
        pieces = [(bytes(piece), is_first) for piece, is_first in read.copied(connection, Statement(text))]
        with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(text)) as copy:
            assert b"".join(piece for piece, _ in pieces) == b"".join(bytes(row) for row in copy)
    assert [is_first for _, is_first in pieces] == [True] + [False] * (len(pieces) - 1)
    found = [decode_copy(piece, (), (), header=is_first) for piece, is_first in pieces]
    assert np.concatenate([f.fid for f in found]).tolist() == list(range(1, rows + 1))


def test_what_the_server_raises_amid_a_copy_is_raised(database_url: str) -> None:
    """Past rows that have been sent, and told for what it is; the connection is good afterwards."""
    text = sql.SQL("SELECT n::bigint, (10 / (1500 - n))::text FROM generate_series(1, 3000) AS n")
    with psycopg.connect(database_url) as connection:
        with pytest.raises(BadRequestError, match="division by zero"):
            list(read.copied(connection, Statement(sql.Composed([text]))))
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_fid_beyond_32_bits_is_refused_not_wrapped(database_url: str) -> None:
    statement = "COPY (SELECT 4294967296::bigint, ''::bytea) TO STDOUT (FORMAT BINARY)"
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        raw = b"".join(bytes(piece) for piece in copy)
    with pytest.raises(ReadError):
        decode_copy(raw, (), (), header=True)


@pytest.mark.parametrize("slug", ["buildings", "pipes"])
def test_a_dataset_in_the_database_becomes_a_tileset_without_problems(catalogue: Catalogue, slug: str) -> None:
    wanted = query(catalogue, slug)
    store = MemoryStore()
    target = TilesetTarget(slug, wanted.collection.revision.commit, "open", wanted.collection.oid_prefix)
    with catalogue.pool.connection() as connection:
        batches = read_features(connection, wanted, Principal.system(), wanted.collection.feature_type)
        summary = build_tileset(batches, wanted.collection.feature_type, to_geocentric, target, store)
    assert summary.features == summary.drawn + sum(summary.left_out.values())
    assert summary.drawn > 10
    entry = f"{target.revision}/tileset.json@open"
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/{slug}/{k}"]), entry) == []


def test_geometry_is_read_as_it_was_stored(catalogue: Catalogue) -> None:
    found = columns(catalogue, "pipes")
    first = shapely.from_wkb(found.wkb[: found.wkb_offsets[1]].tobytes())
    assert shapely.equals(first, city.line((20, 0, 3.5), (35, 5, 3.25)))
    assert first.has_z
