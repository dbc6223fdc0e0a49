"""Positions that compiled code turns into degrees are written as those that the database turns."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import query_city as city
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from twin.catalogue import Catalogue
from twin.crs import add_grid_directories
from twin.db import open_pool
from twin.embedded import EmbeddedCluster
from twin.model import Principal
from twin.query import unprojecting as subject
from twin.query.collection import Collection, collections_of
from twin.query.execute import fetch_row_blocking
from twin.query.feature_query import FeatureQuery
from twin.query.feature_records import feature_writer, record
from twin.query.items import items_page, items_statement
from twin.query.positions import decimals, geometry_in
from twin.query.unprojecting import unprojecting_of

ANYONE = Principal.anonymous()
DEGREES_EACH = {(4326, "none"), (4490, "none"), (4326, "ellipsoidal")}


@pytest.fixture(scope="module", autouse=True)
def _geoid() -> None:
    add_grid_directories([Path("/usr/share/proj")])


@pytest.fixture(scope="module")
def catalogue(cluster: EmbeddedCluster, template: str) -> Iterator[Catalogue]:
    with city.clone_of(template, cluster.dsn) as url:
        made = city.small_city(url)
        yield made
        made.pool.close()


def _page(catalogue: Catalogue, collection: Collection, number: int) -> bytes:
    query = FeatureQuery(collection, collection.crs[number], limit=1000)
    return items_page(fetch_row_blocking(catalogue.pool, items_statement(query, ANYONE)), query).features


def _written(catalogue: Catalogue, collection: Collection, shapes: list[bytes], number: int) -> tuple[bytes, bytes]:
    """Return what is written of geometries (WKB) of the storage CRS in a CRS of the collection: ours, and of the database's positions."""
    crs, table, way = collection.crs[number], collection.stored, collection.unprojecting
    assert way is not None
    rows = sql.SQL("SELECT ST_SetSRID(ST_GeomFromWKB(w), {}) AS geom, n AS fid FROM unnest(%s::bytea[]) WITH ORDINALITY AS g (w, n)")
    made = []
    for sent, own in ((way.sent(crs, table), way.way(crs)), (geometry_in(crs, table), subject.NO_WAY)):
        statement = sql.SQL("SELECT string_agg({}, '' ORDER BY fid) FROM ({}) AS given").format(
            record(sent, ()), rows.format(sql.Literal(table.srid))
        )
        assert own is not None
        with catalogue.pool.connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(statement, [shapes]).fetchone()
        assert row is not None
        made.append(feature_writer("", None, (), decimals(crs), own).text(row[0]))
    return made[0], made[1]


def _wkb(*shapes: BaseGeometry) -> list[bytes]:
    return [shapely.to_wkb(shape, output_dimension=3) for shape in shapes]


def test_all_crs_in_degrees_are_had_here(catalogue: Catalogue) -> None:
    way = unprojecting_of(catalogue.pool, 4549, "egm96")
    assert way is not None
    assert way.targets == DEGREES_EACH
    assert unprojecting_of(catalogue.pool, 4549, "egm96") is way


@pytest.mark.parametrize("slug", ["buildings", "pipes", "plots"])
def test_a_page_is_the_same_in_every_crs(catalogue: Catalogue, slug: str) -> None:
    collection = collections_of(catalogue, for_pages=True)[slug]
    plain = dataclasses.replace(collection, unprojecting=None)
    for number in range(len(collection.crs)):
        assert _page(catalogue, collection, number) == _page(catalogue, plain, number)


@given(
    st.lists(st.tuples(st.floats(250_000, 750_000), st.floats(1_900_000, 5_800_000), st.floats(-100, 9000)), min_size=2, max_size=30),
    st.integers(0, 3),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_position_is_written_as_the_database_has_it(
    catalogue: Catalogue, positions: list[tuple[float, float, float]], number: int
) -> None:
    shapes = _wkb(shapely.linestrings(positions), shapely.Point(positions[0]), shapely.multipoints(positions))
    ours, theirs = _written(catalogue, collections_of(catalogue, for_pages=True)["buildings"], shapes, number)
    assert ours == theirs


def test_many_positions_are_written_as_the_database_has_them(catalogue: Catalogue) -> None:
    collection = collections_of(catalogue, for_pages=True)["buildings"]
    rng = np.random.default_rng(20_261_122)
    places = rng.uniform((250_000, 1_900_000, -100), (750_000, 5_800_000, 3000), (20_000, 3))
    for number in range(4):
        ours, theirs = _written(catalogue, collection, _wkb(shapely.linestrings(places)), number)
        assert ours == theirs
        assert len(json.loads(ours)["geometry"]["coordinates"]) == 20_000


def test_what_lies_beyond_the_grid_is_turned_by_the_database(catalogue: Catalogue) -> None:
    collection = collections_of(catalogue, for_pages=True)["buildings"]
    assert collection.unprojecting is not None
    east = collection.unprojecting.window_m[2]
    shapes = _wkb(shapely.LineString([(east - 5, 3e6, 1), (east + 5, 3e6, 2)]), shapely.Point(east + 90_000, 3e6, 3), shapely.LineString())
    for number in range(4):
        ours, theirs = _written(catalogue, collection, shapes, number)
        assert ours == theirs


def test_where_the_database_has_other_numbers_it_is_left_to_it(database_url: str) -> None:
    made = city.small_city(database_url)
    with made.pool.connection() as connection:
        connection.execute(
            "UPDATE postgis.spatial_ref_sys SET proj4text = replace(proj4text, '+x_0=500000', '+x_0=500000.00000001') WHERE srid = 994549"
        )
    made.pool.close()
    pool = open_pool(database_url)
    way = unprojecting_of(pool, 4549, "egm96")
    assert way is not None
    assert way.targets == DEGREES_EACH - {(4326, "ellipsoidal")}
    pool.close()


@pytest.mark.parametrize(("srid", "vertical", "targets"), [(28992, "none", None), (4549, "constant:12.5", DEGREES_EACH)])
def test_other_deployments(database_url: str, srid: int, vertical: str, targets: set[tuple[int, str]] | None) -> None:
    pool = open_pool(database_url)
    way = unprojecting_of(pool, srid, vertical)
    assert (None if way is None else way.targets) == targets
    pool.close()
