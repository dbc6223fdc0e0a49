"""The query core against real PostGIS, with pyproj and shapely as oracles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import psycopg
import pyproj
import pytest
import query_city as city
import shapely
from psycopg import sql
from psycopg_pool import AsyncConnectionPool
from shapely.geometry import shape

from tests.event_loop import run_alone
from twin.catalogue import Catalogue
from twin.crs import CrsError, OutputCrs, add_grid_directories, output_crs
from twin.db import conninfo_of, open_pool
from twin.errors import BadRequestError, NotFoundError, UnavailableError
from twin.model import Principal
from twin.query.area import bbox_area
from twin.query.collection import Collection, collections_of
from twin.query.column_batches import stream_columns
from twin.query.execute import Row, fetch_pinned, fetch_row_blocking
from twin.query.feature_query import Boundary, FeatureQuery
from twin.query.filter_build import build_filter
from twin.query.geoid import require_geoid
from twin.query.items import ItemsPage, count_statement, item, item_statement, items_page, items_statement
from twin.query.tile import Detail, tile_frame, tile_statement
from twin.query.vector_tile import VectorTile, vector_tile
from twin.tables import current_table
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD, TileAddress

ANYONE = Principal.anonymous()
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"


@pytest.fixture
def changing(database_url: str) -> Iterator[Catalogue]:
    """A city of the test's own."""
    made = city.small_city(database_url)
    yield made
    made.pool.close()


def _crs(collection: Collection, name: str) -> OutputCrs:
    return output_crs(name, collection.crs)


def _page(catalogue: Catalogue, query: FeatureQuery, at: int | None = None) -> ItemsPage:
    """Read a page as the doors do."""

    async def read() -> Row:
        async with AsyncConnectionPool(conninfo_of(catalogue.pool), min_size=1, open=False, kwargs={"autocommit": True}) as pool:
            return await fetch_pinned(pool, query, at, lambda q: items_statement(q, ANYONE))

    return items_page(run_alone(read()), query)


def _features(catalogue: Catalogue, query: FeatureQuery, at: int | None = None) -> list[dict]:
    page = _page(catalogue, query, at)
    features = json.loads(b"[" + page.features + b"]")
    assert len(features) == page.count
    return features


def _fids(catalogue: Catalogue, query: FeatureQuery, at: int | None = None) -> list[int]:
    return [int(f["id"].rsplit(".", 1)[1]) for f in _features(catalogue, query, at)]


def _query(catalogue: Catalogue, slug: str = "buildings", **parts: object) -> FeatureQuery:
    collection = collections_of(catalogue)[slug]
    return dataclasses.replace(FeatureQuery(collection, collection.crs[0], limit=1000), **parts)


def test_items_come_by_fid_with_oid_and_all_properties(catalogue: Catalogue) -> None:
    features = _features(catalogue, _query(catalogue))
    assert [f["id"] for f in features] == [f"2.25.7.2.1.{i}" for i in range(1, 32) if i not in {5, 7}]
    properties = features[1]["properties"]
    assert properties["name"] == city.HOSTILE_TEXT
    assert (properties["floors_above"], properties["height_m"], properties["valid_from"]) == (2, 6.0, "2002-01-01")
    assert set(properties) == set(collections_of(catalogue)["buildings"].properties)


def test_pages_joined_are_the_pinned_state_even_when_a_publish_comes_between(changing: Catalogue) -> None:
    query = _query(changing, limit=10)
    page = _page(changing, query)
    expected = _fids(changing, _query(changing))
    city.publish_change(changing, "buildings", deleted=[20, 21])
    seen, boundary = [], None
    while True:
        part = _page(changing, dataclasses.replace(query, boundary=boundary), page.commit)
        seen += [int(f["id"].rsplit(".", 1)[1]) for f in json.loads(b"[" + part.features + b"]")]
        boundary = part.farthest
        if not part.more:
            break
    assert seen == expected
    assert _fids(changing, _query(changing)) == [f for f in expected if f not in {20, 21}]


@pytest.mark.parametrize(("commits_back", "floors", "there"), [(2, 3, {5, 7}), (1, 99, {7}), (0, 100, set())])
def test_as_of_gives_the_state_that_was_recorded(catalogue: Catalogue, commits_back: int, floors: int, there: set[int]) -> None:
    revisions = catalogue.revisions("buildings")
    at = revisions[len(revisions) - 1 - commits_back].commit
    features = _features(catalogue, _query(catalogue), at)
    fids = [int(f["id"].rsplit(".", 1)[1]) for f in features]
    assert fids == sorted(fids)
    assert {5, 7} & set(fids) == there
    assert next(f for f in features if f["id"].endswith(".3"))["properties"]["floors_above"] == floors


def test_reading_current_rows_for_a_commit_that_was_overtaken_falls_back_to_history(changing: Catalogue) -> None:
    stale = _query(changing)  # knows the newest revision of now
    at = stale.collection.revision.commit
    city.publish_change(changing, "buildings", deleted=[1])
    assert 1 in _fids(changing, stale, at)


def test_crs84h_is_h_plus_n_at_every_vertex_and_a_tenth_of_a_millimetre_in_place(catalogue: Catalogue) -> None:
    add_grid_directories([Path("/usr/share/proj")])
    to_degrees = pyproj.Transformer.from_crs(4549, 4326, always_xy=True)
    separation = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids=egm96_15.gtx +multiplier=1"
    )
    to_metres = np.array([111_320 * np.cos(np.radians(31.8)), 110_900, 1.0])
    for feature in _features(catalogue, _query(catalogue, "pipes")):
        number = int(feature["id"].rsplit(".", 1)[1])
        stored = shapely.get_coordinates(city.line((number * 20, 0, 3.5), (number * 20 + 15, 5, 3.25)), include_z=True)
        lon, lat = to_degrees.transform(stored[:, 0], stored[:, 1])
        h = separation.transform(lon, lat, stored[:, 2])[2]
        assert 5.0 < h[0] - 3.5 < 5.3
        difference = (np.array(feature["geometry"]["coordinates"]) - np.column_stack([lon, lat, h])) * to_metres
        assert np.abs(difference).max() < 2e-4


def test_a_long_pipe_has_the_separation_of_each_of_its_ends(database_url: str) -> None:
    catalogue = city.new_catalogue(database_url)
    try:
        city.publish_first(
            catalogue, "pipes", "pipe_segment", [city.Row(1, city.line((0, 0, 0), (30_000, -20_000, 0)), {"segment_id": "long"})]
        )
        coordinates = _features(catalogue, _query(catalogue, "pipes"))[0]["geometry"]["coordinates"]
        ends = [_separation_m(catalogue, *c[:2]) for c in coordinates]
        assert abs(ends[0] - ends[1]) > 0.3
        assert [c[2] for c in coordinates] == pytest.approx(ends, abs=0.001)
    finally:
        catalogue.pool.close()


def _separation_m(catalogue: Catalogue, lon: float, lat: float) -> float:
    add_grid_directories([Path("/usr/share/proj")])
    transformer = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids=egm96_15.gtx +multiplier=1"
    )
    return float(transformer.transform(lon, lat, 0.0)[2])


@pytest.mark.parametrize(
    ("name", "order", "z"),
    [("EPSG:4549", (1, 0), True), ("EPSG:4528", (1, 0), True), ("EPSG:4490", (1, 0), False), ("EPSG:4326", (1, 0), False),
     ("EPSG:3857", (0, 1), False), (CRS84, (0, 1), False), (CRS84H, (0, 1), True)],
)  # fmt: skip
def test_axis_order_and_height_are_the_authoritys(catalogue: Catalogue, name: str, order: tuple[int, int], z: bool) -> None:
    query = _query(catalogue, "pipes")
    crs = _crs(query.collection, name)
    feature = _features(catalogue, dataclasses.replace(query, crs=crs))[0]
    x, y = pyproj.Transformer.from_crs(4549, crs.srid, always_xy=True).transform(city.EAST + 20, city.NORTH)
    position = feature["geometry"]["coordinates"][0]
    assert [position[order[0]], position[order[1]]] == pytest.approx([x, y], abs=1e-4 if crs.srid == 3857 else 1e-8, rel=1e-11)
    assert len(position) == (3 if z else 2)
    if name.startswith("EPSG:45"):
        assert position[2] == 3.5


@pytest.mark.parametrize(
    ("srid", "x", "y"),
    [
        (28992, 92000.0, 437000.0),
        (26913, 478000.0, 4430000.0),
        (25833, 370000.0, 5800000.0),
        (2056, 2683000.0, 1247000.0),
        (32650, 448000.0, 4410000.0),
    ],
)
def test_postgis_takes_the_same_operation_as_pyproj_for_other_cities(
    new_database: Callable[[], str], srid: int, x: float, y: float
) -> None:
    with psycopg.connect(new_database()) as connection:
        row = connection.execute(
            "SELECT postgis.ST_X(g), postgis.ST_Y(g)"
            " FROM postgis.ST_Transform(postgis.ST_SetSRID(postgis.ST_MakePoint(%s, %s), %s::int), 4326) AS g",
            (x, y, srid),
        ).fetchone()
    lon, lat = pyproj.Transformer.from_crs(srid, 4326, always_xy=True).transform(x, y)
    assert row == pytest.approx((lon, lat), abs=1e-9)


def test_bbox_in_degrees_selects_what_shapely_selects(catalogue: Catalogue) -> None:
    everything = _features(catalogue, _query(catalogue, crs=_crs(collections_of(catalogue)["buildings"], CRS84)))
    shapes = {int(f["id"].rsplit(".", 1)[1]): shape(f["geometry"]) for f in everything}
    rng = np.random.default_rng(7)
    west, south, east, north = shapely.union_all(list(shapes.values())).bounds
    for _ in range(25):
        x = np.sort(rng.uniform(west - 1e-4, east + 1e-4, 2))
        y = np.sort(rng.uniform(south - 1e-4, north + 1e-4, 2))
        query = _query(catalogue)
        area = bbox_area((x[0], y[0], x[1], y[1]), _crs(query.collection, CRS84), 4549)
        wanted = sorted(fid for fid, s in shapes.items() if s.intersects(shapely.box(x[0], y[0], x[1], y[1])))
        assert _fids(catalogue, dataclasses.replace(query, area=area)) == wanted


def test_questions_that_differ_in_values_share_their_text_and_those_that_differ_in_rows_do_not(catalogue: Catalogue) -> None:
    query = _query(catalogue)
    one, other = (bbox_area(box, _crs(query.collection, CRS84), 4549) for box in ((120, 31.7, 120.01, 31.71), (120.1, 31.8, 120.11, 31.81)))
    said = [items_statement(dataclasses.replace(query, area=area), ANYONE) for area in (one, other, None)]
    assert said[0].text is said[1].text
    assert said[0].values != said[1].values
    assert said[2].text.as_string(None) != said[0].text.as_string(None)
    firm = dataclasses.replace(query, boundary=Boundary(3))
    assert items_statement(firm, ANYONE).text is items_statement(dataclasses.replace(firm, boundary=Boundary(9)), ANYONE).text
    back = dataclasses.replace(firm, boundary=Boundary(3, back=True))
    assert items_statement(back, ANYONE).text.as_string(None) != items_statement(firm, ANYONE).text.as_string(None)
    listed = f"floors_above IN ({', '.join(map(str, range(300)))})"
    long = dataclasses.replace(query, filter=build_filter(listed, "cql2-text", query.crs, query.collection))
    assert items_statement(long, ANYONE).text is not items_statement(long, ANYONE).text


def test_bbox_is_read_in_the_axis_order_of_its_crs(catalogue: Catalogue) -> None:
    query = _query(catalogue, "plots")
    north, east = city.NORTH + 545, city.EAST + 145
    area = bbox_area((north - 1, east - 1, north + 1, east + 1), _crs(query.collection, "EPSG:4549"), 4549)
    assert _fids(catalogue, dataclasses.replace(query, area=area)) == [1]
    lon, lat = pyproj.Transformer.from_crs(4549, 4326, always_xy=True).transform(east, north)
    for name in ("EPSG:4490", "EPSG:4326"):
        area = bbox_area((lat - 1e-5, lon - 1e-5, lat + 1e-5, lon + 1e-5), _crs(query.collection, name), 4549)
        assert _fids(catalogue, dataclasses.replace(query, area=area)) == [1]


@pytest.mark.parametrize(
    "bounds",
    [(-180, -90, 180, 90), (100, 0, 140, 60), (119, 31, -179, 33), (170, -10, 121, 60)],
    ids=["world", "continent", "to the antimeridian", "around"],
)
def test_boxes_far_larger_than_the_grid_find_everything(catalogue: Catalogue, bounds: tuple[float, ...]) -> None:
    query = _query(catalogue)
    area = bbox_area(tuple(map(float, bounds)), _crs(query.collection, CRS84), 4549)
    assert len(_fids(catalogue, dataclasses.replace(query, area=area))) == 29


@pytest.mark.parametrize("bounds", [(0, 0, 10, 10), (-75, 40, -74, 41), (170, -10, -170, 10)])
def test_boxes_elsewhere_find_nothing(catalogue: Catalogue, bounds: tuple[float, ...]) -> None:
    query = _query(catalogue)
    area = bbox_area(tuple(map(float, bounds)), _crs(query.collection, CRS84), 4549)
    assert _fids(catalogue, dataclasses.replace(query, area=area)) == []


@pytest.mark.parametrize(
    ("crs", "low", "high", "found"),
    [(CRS84H, 8.5, 9.5, True), (CRS84H, 3.0, 4.0, False), ("EPSG:4549", 3.0, 4.0, True), ("EPSG:4549", 8.5, 9.5, False)],
)
def test_heights_of_a_3d_bbox_are_those_of_its_crs(catalogue: Catalogue, crs: str, low: float, high: float, found: bool) -> None:
    query = _query(catalogue, "pipes")
    asked = _crs(query.collection, crs)
    bounds = (119.9, 31.7, low, 120.1, 31.9, high) if crs == CRS84H else (3_500_000, 490_000, low, 3_540_000, 510_000, high)
    area = bbox_area(tuple(map(float, bounds)), asked, 4549)
    assert bool(_fids(catalogue, dataclasses.replace(query, area=area))) is found


@pytest.mark.parametrize(
    "bounds",
    [
        (1, 2, 3),
        (float("nan"), 0, 1, 1),
        (float("inf"), 0, 1, 1),
        (0, 2, 1, 1),
        (0, 91, 1, 92),
        (200, 0, 201, 1),
        (0, 0, 5, 1, 1, 4),
        (0, 0, 0, 1, 1, 1),
    ],
)
def test_what_is_no_box_is_refused(catalogue: Catalogue, bounds: tuple[float, ...]) -> None:
    collection = collections_of(catalogue)["pipes"]
    with pytest.raises(BadRequestError):
        bbox_area(bounds, _crs(collection, CRS84 if len(bounds) == 6 and bounds[2] == 0 else CRS84H), 4549)


def test_properties_and_geometry_can_be_left_out(catalogue: Catalogue) -> None:
    feature = _features(catalogue, _query(catalogue, properties=("name",), with_geometry=False))[0]
    assert feature["properties"] == {"name": "学府花园1幢"}
    assert feature["geometry"] is None
    assert _features(catalogue, _query(catalogue, properties=()))[0]["properties"] == {}


def test_an_item_is_the_feature_of_the_page(catalogue: Catalogue) -> None:
    query = _query(catalogue, fid=3)
    found = item(fetch_row_blocking(catalogue.pool, item_statement(query, ANYONE)))
    assert found.feature is not None
    assert json.loads(found.feature) == next(f for f in _features(catalogue, _query(catalogue)) if f["id"].endswith(".3"))
    assert item(fetch_row_blocking(catalogue.pool, item_statement(_query(catalogue, fid=5), ANYONE))).feature is None


def test_hidden_data_does_not_exist(catalogue: Catalogue) -> None:
    query = _query(catalogue, "secret")
    with pytest.raises(NotFoundError):
        items_statement(query, ANYONE)
    assert fetch_row_blocking(catalogue.pool, items_statement(query, Principal.system()))[2] == 1


def test_count_stops_at_its_limit(catalogue: Catalogue) -> None:
    assert fetch_row_blocking(catalogue.pool, count_statement(_query(catalogue), ANYONE))[0] == 29
    assert fetch_row_blocking(catalogue.pool, count_statement(_query(catalogue, limit=10), ANYONE))[0] == 10


def test_columns_stream_in_order_with_the_stored_geometry(catalogue: Catalogue) -> None:
    with catalogue.pool.connection() as connection:
        batches = list(stream_columns(connection, _query(catalogue), ANYONE, ("name", "height_m", "extra"), rows_a_batch=8))
    assert [len(b.fid) for b in batches] == [8, 8, 8, 5]
    fids = [fid for b in batches for fid in b.fid]
    assert fids == sorted(fids)
    first = shapely.from_wkb(batches[0].geometry[0])
    assert shapely.equals_exact(first, city.square(30, 0, z=7.0), normalize=True)
    assert first.has_z
    assert batches[0].columns["height_m"][:4] == (3.0, 6.0, 9.0, None)


def _near_address() -> TileAddress:
    """The tile of level 14 in which the city's first houses lie."""
    lon, lat = pyproj.Transformer.from_crs(4549, 4326, always_xy=True).transform(city.EAST + 150, city.NORTH + 50)
    x, y = int((lon + 180) / 360 * 2**14), int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**14)
    return TileAddress(WEB_MERCATOR_QUAD, 14, x, y)


def _tile(catalogue: Catalogue, query: FeatureQuery, address: TileAddress) -> VectorTile:
    async def draw() -> VectorTile:
        async with AsyncConnectionPool(conninfo_of(catalogue.pool), min_size=1, open=False, kwargs={"autocommit": True}) as pool:
            return await vector_tile(pool, query, None, address, ANYONE)

    return run_alone(draw())


def test_a_tile_holds_what_lies_in_it_under_its_fid(catalogue: Catalogue) -> None:
    query = _query(catalogue)
    address = _near_address()
    tile = _tile(catalogue, query, address)
    layer = mapbox_vector_tile.decode(tile.content, default_options={"y_coord_down": True})["buildings"]
    by_fid = {f["id"]: f for f in layer["features"]}
    assert set(by_fid) == {i for i in range(1, 32) if i not in {5, 7}}
    assert by_fid[2]["properties"]["name"] == city.HOSTILE_TEXT
    west, south, east, north = address.bounds()
    ring = np.array(by_fid[3]["geometry"]["coordinates"][0], dtype=float)
    placed = np.column_stack([west + ring[:, 0] / 4096 * (east - west), north - ring[:, 1] / 4096 * (north - south)])
    truth = shapely.transform(
        city.square(90, 0),
        lambda xy: np.column_stack(pyproj.Transformer.from_crs(4549, 3857, always_xy=True).transform(xy[:, 0], xy[:, 1])),
    )
    assert shapely.hausdorff_distance(shapely.Polygon(placed), truth) < 1.0
    assert tile.commit == query.collection.revision.commit


def test_a_tile_is_as_postgis_draws_it(catalogue: Catalogue) -> None:
    query, address = _query(catalogue), _near_address()
    names = query.collection.properties
    text = sql.SQL(
        "SELECT ST_AsMVT(t, 'buildings', 4096, 'geometry', 'fid') FROM (SELECT fid, {}, ST_AsMVTGeom(ST_Transform(ST_Force2D(geom), 3857),"
        " ST_TileEnvelope(%s, %s, %s), 4096, 64, true) AS geometry FROM {}) AS t WHERE geometry IS NOT NULL"
    ).format(sql.SQL(", ").join(map(sql.Identifier, names)), current_table("building", query.collection.dataset.id))
    with catalogue.pool.connection() as connection:
        row = connection.execute(text, (address.z, address.x, address.y)).fetchone()
    assert row is not None
    theirs, ours = (
        {f["id"]: f for f in mapbox_vector_tile.decode(content, default_options={"y_coord_down": True})["buildings"]["features"]}
        for content in (bytes(row[0]), _tile(catalogue, query, address).content)
    )
    assert {fid: f["properties"] for fid, f in ours.items()} == {fid: f["properties"] for fid, f in theirs.items()}
    for fid, feature in ours.items():
        shape, truth = (shapely.geometry.shape(f["geometry"]) for f in (feature, theirs[fid]))
        assert shapely.hausdorff_distance(shape, truth) < 1.5  # theirs is by PROJ, ours by the affine map


def test_a_near_tile_of_another_deployment_is_in_its_own_crs(catalogue: Catalogue) -> None:
    query = _query(catalogue)
    elsewhere = dataclasses.replace(query, collection=dataclasses.replace(query.collection, storage_srid=4528))
    texts = []
    for asked in (query, elsewhere):
        frame = tile_frame(_near_address(), asked.collection)
        assert frame is not None
        texts.append(tile_statement(asked, frame, Detail(), ANYONE).text.as_string(None))
    assert texts[1] == texts[0].replace("4549", "4528") != texts[0]


def test_tiles_elsewhere_are_empty_and_those_that_are_none_are_not_found(catalogue: Catalogue) -> None:
    query = _query(catalogue)
    assert tile_frame(TileAddress(WEB_MERCATOR_QUAD, 10, 3, 3), query.collection) is None
    near = _near_address()
    assert _tile(catalogue, query, dataclasses.replace(near, x=near.x + 20)).content == b""
    for z, x, y in ((23, 0, 0), (1, 2, 0), (1, 0, -1), (-1, 0, 0)):
        with pytest.raises(NotFoundError):
            TileAddress(WEB_MERCATOR_QUAD, z, x, y)


@pytest.mark.parametrize(
    ("text", "fids"),
    [
        ("floors_above > 28", [3, 29, 30, 31]),
        ("floors_above = 100 AND name LIKE '学府花园3_'", [3]),
        ("floors_above BETWEEN 10 AND 12", [10, 11, 12]),
        ("building_id IN ('B1','b2','B9')", [1, 9]),
        ("CASEI(building_id) IN ('b1', CASEI('B2'))", [1, 2]),
        ("height_m IS NULL", [4]),
        ("NOT (floors_above < 30) AND NOT building_id = 'B31'", [3, 30]),
        ("height_m / 3 = 9 OR 2 * floors_above - 1 = 17", [9]),
        ("floors_above % 10 = 0 AND floors_above div 10 = 2", [20]),
        ("S_INTERSECTS(geometry, BBOX(119.98, 31.80, 119.9905, 31.82)) AND floors_above < 3", [1, 2]),
        ("valid_from = DATE('2001-01-01')", [1, 21]),
        ("T_BEFORE(valid_to, DATE('2025-01-01'))", [8]),
        ("T_DISJOINT(INTERVAL(valid_from, valid_to), INTERVAL('2024-06-02', '..'))", [8]),
        ("T_AFTER(valid_from, TIMESTAMP('2018-12-31T23:59:59Z'))", [19]),
        ("T_INTERSECTS(INTERVAL(valid_from, valid_to), DATE('1999-01-01'))", [6]),
        # a missing date is unknown: it lies nowhere, nor does it lie elsewhere
        ("T_BEFORE(valid_from, DATE('2002-01-01'))", [1, 20, 21]),
        ("T_DISJOINT(valid_to, DATE('2025-01-01'))", [8]),
        ("NOT T_AFTER(valid_from, DATE('2001-01-01'))", [1, 20, 21]),
        ("T_INTERSECTS(valid_to, INTERVAL('..', '..'))", [8]),
        ("name = 'it''s' OR TRUE AND building_id='B11'", [11]),
        ("floors_above > 9007199254740993 OR building_id='B12'", [12]),
        ("floors_above = 99999999999999999999", []),
    ],
)
def test_cql2_text_selects(catalogue: Catalogue, text: str, fids: list[int]) -> None:
    query = _query(catalogue)
    predicate = build_filter(text, "cql2-text", _crs(query.collection, CRS84), query.collection)
    assert _fids(catalogue, dataclasses.replace(query, filter=predicate)) == fids


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_beyond_a_double_are_refused(catalogue: Catalogue, digits: int) -> None:
    query, number = _query(catalogue), "1" * digits
    asked = [
        ("cql2-text", f"floors_above = {number}"),
        ("cql2-json", f'{{"op": "=", "args": [{{"property": "floors_above"}}, -{number}]}}'),
    ]
    asked.append(("cql2-text", f"S_INTERSECTS(geometry, POINT({number} 1))"))
    for language, text in asked:
        with pytest.raises(BadRequestError) as caught:
            build_filter(text, language, _crs(query.collection, CRS84), query.collection)
        assert caught.value.code == "bad-filter"


def test_spatial_filters_read_the_axis_order_of_filter_crs(catalogue: Catalogue) -> None:
    query = _query(catalogue, "plots")
    north, east = city.NORTH, city.EAST
    for relation, fids in (("S_WITHIN", [2]), ("S_INTERSECTS", [1, 2, 3]), ("S_DISJOINT", [4, 5])):
        ring = ", ".join(f"{north + y} {east + x}" for x, y in ((185, 490), (305, 490), (305, 600), (185, 600), (185, 490)))
        predicate = build_filter(f"{relation}(geom, POLYGON(({ring})))", "cql2-text", _crs(query.collection, "EPSG:4549"), query.collection)
        assert _fids(catalogue, dataclasses.replace(query, filter=predicate)) == fids


def test_not_offered_crs_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises((BadRequestError, CrsError)):
        _crs(collections_of(catalogue)["plots"], CRS84H)


def test_a_database_without_the_geoid_grid_is_found_out(database_url: str) -> None:
    """Named after PROJ's habit: without the grid it passes H through as h and says nothing."""
    pool = open_pool(database_url)
    require_geoid(pool)
    with pool.connection() as connection:
        connection.execute("UPDATE postgis.spatial_ref_sys SET proj4text = replace(proj4text, 'egm96_15', 'not_there') WHERE srid = 998001")
    pool.close()
    fresh = open_pool(database_url)
    with pytest.raises(UnavailableError) as caught:
        require_geoid(fresh)
    assert caught.value.code == "geoid-grid-missing"
    fresh.close()
