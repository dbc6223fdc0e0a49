"""Positions that compiled code turns into degrees are written as those that the database turns."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import query_city as city
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from ogc.state import StateKeeper
from tests.event_loop import run_alone
from twin.catalogue import Catalogue
from twin.crs import add_grid_directories
from twin.db import Pool, open_pool
from twin.model import Principal
from twin.query import unprojecting_proof
from twin.query.collection import Collection, collections_of
from twin.query.execute import fetch_row_blocking
from twin.query.feature_query import FeatureQuery
from twin.query.feature_records import feature_writer, record
from twin.query.items import items_page, items_statement
from twin.query.positions import decimals, geometry_in
from twin.query.unprojecting import NO_WAY
from twin.query.unprojecting_proof import unprojecting_of

ANYONE = Principal.anonymous()
WEST, SOUTH, EAST, NORTH = 296_359.0, 2_647_536.0, 703_641.0, 5_968_850.0
"""Of the window of EPSG:4549, to a metre; a test holds them."""
DEGREES_EACH = {(4326, "none"), (4490, "none"), (4326, "ellipsoidal")}


@pytest.fixture(scope="module", autouse=True)
def _geoid() -> None:
    add_grid_directories([Path("/usr/share/proj")])


def _page(catalogue: Catalogue, collection: Collection, number: int) -> bytes:
    query = FeatureQuery(collection, collection.crs[number], limit=1000)
    return items_page(fetch_row_blocking(catalogue.pool, items_statement(query, ANYONE)), query).features


def _collections(catalogue: Catalogue) -> dict[str, Collection]:
    deployment = catalogue.deployment
    return collections_of(catalogue, unprojecting_of(catalogue.pool, deployment.storage_srid, deployment.vertical))


def _written(catalogue: Catalogue, collection: Collection, shapes: list[bytes], number: int) -> tuple[bytes, bytes, list[bool]]:
    """Return what is written of geometries (WKB) of the storage CRS in a CRS of the collection: ours, and of the database's positions.

    And which of them were sent for it as they are stored.
    """
    crs, table, way = collection.crs[number], collection.stored, collection.unprojecting
    assert way is not None
    own, rows = (
        way.way(crs),
        sql.SQL("SELECT ST_GeomFromWKB(w, {0}) AS geom, n AS fid FROM unnest(%s::bytea[]) WITH ORDINALITY AS g (w, n)"),
    )
    sent = way.sent(crs, table)
    statement = sql.SQL(
        "SELECT string_agg({}, '' ORDER BY fid), string_agg({}, '' ORDER BY fid),"
        " json_agg(ST_SRID({}) = {} ORDER BY fid) FROM ({}) AS given"
    ).format(record(sent, ()), record(geometry_in(crs, table), ()), sent, sql.Literal(table.srid), rows.format(sql.Literal(table.srid)))
    assert own is not None
    with catalogue.pool.connection() as connection, connection.cursor(binary=True) as cursor:
        row = cursor.execute(statement, [shapes]).fetchone()
    assert row is not None
    ours, theirs = (feature_writer("", None, (), decimals(crs), used).text(records) for used, records in ((own, row[0]), (NO_WAY, row[1])))
    return ours, theirs, row[2]


def _wkb(*shapes: BaseGeometry) -> list[bytes]:
    return [shapely.to_wkb(shape, output_dimension=3) for shape in shapes]


def test_all_crs_in_degrees_are_had_here(catalogue: Catalogue) -> None:
    way = unprojecting_of(catalogue.pool, 4549, "egm96")
    assert way is not None
    assert way.targets == DEGREES_EACH
    assert unprojecting_of(catalogue.pool, 4549, "egm96") is way


@pytest.mark.parametrize("slug", ["buildings", "pipes", "plots"])
def test_a_page_is_the_same_in_every_crs(catalogue: Catalogue, slug: str) -> None:
    collection = _collections(catalogue)[slug]
    plain = dataclasses.replace(collection, unprojecting=None)
    for number in range(len(collection.crs)):
        assert _page(catalogue, collection, number) == _page(catalogue, plain, number)


def test_the_window_is_what_these_tests_draw_from(catalogue: Catalogue) -> None:
    way = _collections(catalogue)["buildings"].unprojecting
    assert way is not None
    assert [round(edge) for edge in way.window_m] == [WEST, SOUTH, EAST, NORTH]


@given(
    st.lists(st.tuples(st.floats(WEST + 1, EAST - 1), st.floats(SOUTH + 1, NORTH - 1), st.floats(-100, 9000)), min_size=2, max_size=30),
    st.integers(0, 3),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_position_is_written_as_the_database_has_it(
    catalogue: Catalogue, positions: list[tuple[float, float, float]], number: int
) -> None:
    shapes = _wkb(shapely.linestrings(positions), shapely.Point(positions[0]), shapely.multipoints(positions))
    ours, theirs, as_stored = _written(catalogue, _collections(catalogue)["buildings"], shapes, number)
    assert as_stored == [True, True, True]
    assert ours == theirs


def test_many_positions_are_written_as_the_database_has_them(catalogue: Catalogue) -> None:
    collection = _collections(catalogue)["buildings"]
    rng = np.random.default_rng(20_261_123)  # others than those that were looked at before a page was written
    places = rng.uniform((WEST + 1, SOUTH + 1, -100), (EAST - 1, NORTH - 1, 3000), (20_000, 3))
    for number in range(4):
        ours, theirs, as_stored = _written(catalogue, collection, _wkb(shapely.linestrings(places)), number)
        assert as_stored == [True]
        assert ours == theirs
        assert len(json.loads(ours)["geometry"]["coordinates"]) == 20_000


def test_what_lies_beyond_the_grid_is_turned_by_the_database(catalogue: Catalogue) -> None:
    collection = _collections(catalogue)["buildings"]
    shapes = _wkb(shapely.LineString([(EAST - 5, 3e6, 1), (EAST + 5, 3e6, 2)]), shapely.Point(EAST + 90_000, 3e6, 3))
    for number in range(4):
        ours, theirs, as_stored = _written(catalogue, collection, shapes, number)
        assert as_stored == [False, False]
        assert ours == theirs


def test_nothing_is_written_as_nothing(catalogue: Catalogue) -> None:
    for number in range(4):
        ours, theirs, _ = _written(catalogue, _collections(catalogue)["buildings"], _wkb(shapely.LineString(), shapely.Point()), number)
        assert ours == theirs


def _run(pool: Pool, statement: str) -> None:
    """Run a statement, and end the other sessions of its database: PostGIS keeps in each what it has once read of a CRS."""
    with pool.connection() as connection:
        connection.execute(statement)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.commit()
        connection.execute("SELECT 1")
        connection.close()  # the pool opens another
    pool.check()


MOVED = "UPDATE postgis.spatial_ref_sys SET proj4text = replace(proj4text, '+x_0=500000', '+x_0=500000.00000001') WHERE srid = 994549"


def test_where_the_database_has_other_numbers_it_is_left_to_it(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    pool = open_pool(database_url)
    _run(pool, MOVED)
    with caplog.at_level(logging.INFO):
        way = unprojecting_of(pool, 4549, "egm96")
    assert way is not None
    assert way.targets == DEGREES_EACH - {(4326, "ellipsoidal")}
    assert "not EPSG:4326 (height: ellipsoidal): the database has other digits" in caplog.text
    assert unprojecting_of(pool, 4549, "egm96") is way
    pool.close()


def test_a_database_with_another_proj_is_asked_again_and_pages_follow(database_url: str) -> None:
    made = city.small_city(database_url)
    keeper = StateKeeper(made)

    def targets() -> set[tuple[int, str]]:
        way = run_alone(keeper.state(max_age_s=0)).collections["buildings"].unprojecting
        assert way is not None
        return set(way.targets)

    assert targets() == DEGREES_EACH
    _run(made.pool, MOVED)
    assert targets() == DEGREES_EACH
    _run(made.pool, "CREATE OR REPLACE FUNCTION postgis.postgis_proj_version() RETURNS text LANGUAGE sql AS $$SELECT 'another'$$")
    assert targets() == DEGREES_EACH - {(4326, "ellipsoidal")}
    made.pool.close()


def test_a_database_that_could_not_answer_is_asked_again(
    database_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = open_pool(database_url)
    _run(pool, "UPDATE postgis.spatial_ref_sys SET srid = 994000 WHERE srid = 994549")
    first = unprojecting_of(pool, 4549, "egm96")
    assert first is not None
    assert first.targets == DEGREES_EACH - {(4326, "ellipsoidal")}
    assert "not EPSG:4326 (height: ellipsoidal): the database did not answer" in caplog.text
    _run(pool, "UPDATE postgis.spatial_ref_sys SET srid = 994549 WHERE srid = 994000")
    assert unprojecting_of(pool, 4549, "egm96") is first
    monkeypatch.setattr(unprojecting_proof, "AGAIN_S", 0.0)
    _run(pool, "UPDATE postgis.spatial_ref_sys SET srid = 994000 WHERE srid = 994549")
    caplog.clear()
    assert unprojecting_of(pool, 4549, "egm96") is first  # asked again: the same answer is the same object, and said once
    assert caplog.text == ""
    _run(pool, "UPDATE postgis.spatial_ref_sys SET srid = 994549 WHERE srid = 994000")
    again = unprojecting_of(pool, 4549, "egm96")
    assert again is not None
    assert again.targets == DEGREES_EACH
    pool.close()


@pytest.mark.parametrize(("srid", "vertical", "targets"), [(28992, "none", None), (4549, "constant:12.5", DEGREES_EACH)])
def test_other_deployments(database_url: str, srid: int, vertical: str, targets: set[tuple[int, str]] | None) -> None:
    pool = open_pool(database_url)
    way = unprojecting_of(pool, srid, vertical)
    assert (None if way is None else way.targets) == targets
    pool.close()
