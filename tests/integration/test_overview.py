"""Overviews: what deltas keep is what a build anew would give, and what is summed up is what numpy sums up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import mapbox_vector_tile
import numpy as np
import psycopg
import pyproj
import pytest
import query_city as city
import shapely
from psycopg import sql
from psycopg.types.string import ByteaBinaryLoader
from psycopg_pool import AsyncConnectionPool

from tests.event_loop import run_alone
from twin import overview
from twin.catalogue import Catalogue
from twin.db import connection_string
from twin.embedded import EmbeddedCluster
from twin.model import Principal
from twin.mvt.layer import Layer, encode_layer
from twin.overview import OverviewTables
from twin.query.collection import collections_of
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.massed_tile import Sample, counted_statement, massed_properties, stored_statement
from twin.query.tile import FEATURE_CAP, Detail, TileFrame, layer_frame, tile_frame, tile_statement
from twin.query.vector_tile import NOTHING_DRAWN, VectorTile, vector_tile
from twin.server.overviews import complete_overviews, lacks_overview
from twin.tables import current_table
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD, TileAddress

KINDS = {"footprints": "building", "network": "pipe_segment", "trees": "vegetation"}


@pytest.fixture(scope="module")
def catalogue(cluster: EmbeddedCluster, template: str) -> Iterator[Catalogue]:
    with city.clone_of(template, cluster.dsn) as url:
        made = city.new_catalogue(url)
        for slug, kind in KINDS.items():
            city.publish_first(made, slug, kind, [_row(kind, fid) for fid in range(1, 120)])
        yield made
        made.pool.close()


def _row(kind: str, fid: int, turn: int = 0) -> city.Row:
    """Return a feature by its number, elsewhere and of another class each turn; some are large."""
    rng = np.random.default_rng([fid, turn])
    x, y, size = (float(v) for v in (*rng.uniform(0, 6000, 2), rng.choice([12, 60, 200, 700, 1500])))
    if kind == "building":
        values = {"building_id": f"B{fid}", "usage": str(rng.choice(["0701", "0901"])), "height_m": float(rng.integers(3, 90))}
        return city.Row(fid, city.square(x, y, size, z=3.0), values if fid % 9 else {**values, "height_m": None})
    if kind == "pipe_segment":
        turned = rng.permutation([(x, y, 1.0), (x + size, y - size / 2, 2.0)])
        shape = city.line(*(tuple(map(float, place)) for place in turned))
        return city.Row(fid, shape, {"segment_id": f"P{fid}", "kind": str(rng.choice(["JS", "YS"]))})
    return city.Row(fid, shapely.Point(city.EAST + x, city.NORTH + y, 5.0), {})


def _content(connection: psycopg.Connection[Any], dataset: int) -> tuple[list[Any], list[Any]]:
    tables = OverviewTables(dataset)
    cells = connection.execute(sql.SQL("SELECT * FROM {} ORDER BY level, x, y, dx, dy, class").format(tables.cells)).fetchall()
    large = connection.execute(sql.SQL("SELECT fid, size_m, ST_AsText(diagonal) FROM {} ORDER BY fid").format(tables.large)).fetchall()
    return cells, large


def _published(catalogue: Catalogue, slug: str, turn: int, *, deleted: list[int]) -> int:
    changed = [_row(KINDS[slug], fid, turn) for fid in range(turn * 7, 400, 11) if fid > 0 and fid not in deleted]
    return city.publish_change(catalogue, slug, changed, deleted)


@pytest.mark.parametrize("slug", KINDS)
def test_what_commits_keep_is_what_is_built_anew(catalogue: Catalogue, slug: str) -> None:
    complete_overviews(catalogue)
    assert not lacks_overview(catalogue)
    dataset = catalogue.dataset(slug)
    kind = catalogue.feature_type(dataset.feature_type)
    for turn in (1, 2, 3):
        commit = _published(catalogue, slug, turn, deleted=list(range(turn, 119, 13)))
        with catalogue.pool.connection() as connection:
            overview.advance(connection, kind, dataset, commit)
    with catalogue.pool.connection() as connection:
        kept = _content(connection, dataset.id)
        _build(connection, catalogue, slug)
        assert kept == _content(connection, dataset.id)
        assert kept[0]
    # What is published while it is built is added when it is done.
    with catalogue.pool.connection() as connection:
        overview.build(connection, kind, dataset, _standing(catalogue, slug))
    _published(catalogue, slug, 4, deleted=[2, 3, 40])
    _published(catalogue, slug, 5, deleted=[])
    with catalogue.pool.connection() as connection:
        overview.finish(connection, kind, dataset)
        kept = _content(connection, dataset.id)
        _build(connection, catalogue, slug)
        assert kept == _content(connection, dataset.id)


def test_cells_hold_what_numpy_puts_in_them(catalogue: Catalogue) -> None:
    complete_overviews(catalogue)
    dataset = catalogue.dataset("footprints")
    with catalogue.pool.connection() as connection:
        shapes = connection.execute(
            sql.SQL("SELECT ST_AsBinary(geom), usage FROM {}").format(current_table("building", dataset.id))
        ).fetchall()
        cells, large = _content(connection, dataset.id)
    counted: Counter[tuple[int, int, int, str]] = Counter()
    for content, usage in shapes:
        west, south, east, north = shapely.from_wkb(content).bounds
        diagonal = np.hypot(east - west, north - south)
        for level in range(7, 12):
            if diagonal <= overview.large_above_m(level):
                # Places are kept in whole metres: a centre 4 cm below a border lies on it.
                counted[level, round((west + east) / 2) >> level, round((south + north) / 2) >> level, usage] += 1
    assert {(c[0], c[1], c[2], c[5]): c[6] for c in cells} == dict(counted)
    assert len(large) == sum(
        np.hypot(*(np.array(shapely.from_wkb(w).bounds[2:]) - shapely.from_wkb(w).bounds[:2])) > 256 for w, _ in shapes
    )


@pytest.mark.parametrize("slug", KINDS)
def test_a_tile_of_the_overview_stands_for_every_feature_like_one_that_is_summed_up_now(catalogue: Catalogue, slug: str) -> None:
    complete_overviews(catalogue)
    collection = collections_of(catalogue)[slug]
    frame = tile_frame(_address(9), collection)
    assert frame is not None
    query, system = FeatureQuery(collection, collection.crs[0]), Principal.system()
    stored = _drawn(catalogue, stored_statement(query, frame, Detail(), system), query, frame)
    counted = _drawn(catalogue, counted_statement(query, frame, Detail(), system), query, frame)
    for sample in (Sample(2, by_number=True), Sample(2, by_number=False)):
        assert _drawn(catalogue, counted_statement(query, frame, Detail(), system, sample), query, frame)
    totals = {_total(stored, slug), _total(counted, slug)}
    assert totals == ({_count(catalogue, slug)} if slug != "network" else totals)
    assert 0 not in totals


def test_a_tile_too_large_loses_properties_and_then_its_smallest_features(catalogue: Catalogue) -> None:
    collection = collections_of(catalogue)["footprints"]
    address = _address(12)

    async def draw(most_bytes: int) -> VectorTile:
        async with AsyncConnectionPool(str(catalogue.pool.conninfo), open=False, kwargs={"autocommit": True}) as pool:
            return await vector_tile(pool, FeatureQuery(collection, collection.crs[0]), None, address, Principal.system(), most_bytes)

    whole = run_alone(draw(500_000))
    plain = run_alone(draw(len(whole.content) - 1))
    least = run_alone(draw(len(plain.content) // 4))
    assert (whole.reduced, plain.reduced, least.reduced) == (None, "properties", "properties, small-features")
    assert len(plain.content) < len(whole.content)
    assert len(least.content) <= len(plain.content) // 4
    areas = {tile: sorted(_areas(tile.content), reverse=True) for tile in (plain, least)}
    assert 0 < len(areas[least]) < len(areas[plain])
    assert min(areas[least]) >= areas[plain][len(areas[least])] * 0.9


def test_cells_have_the_mean_of_a_number_that_another_style_colours_by(catalogue: Catalogue) -> None:
    complete_overviews(catalogue)
    collection = collections_of(catalogue)["footprints"]
    with catalogue.pool.connection() as connection:
        table = current_table("building", collection.dataset.id)
        stored = connection.execute(sql.SQL("SELECT ST_AsBinary(geom), height_m FROM {}").format(table)).fetchall()
    level = 10  # of the cells of the tile: 16.7 km in at most 134
    cells: dict[tuple[int, int], list[tuple[float, float | None]]] = {}
    for content, height_m in stored:
        shape = shapely.from_wkb(content)
        west, south, east, north = shape.bounds
        if np.hypot(east - west, north - south) > 2 << level:
            continue  # it is drawn itself
        cell = int((west + east) / 2) >> level, int((south + north) / 2) >> level
        cells.setdefault(cell, []).append((max(1, round(shape.area)), height_m))

    async def draw(color_by: str) -> VectorTile:
        async with AsyncConnectionPool(str(catalogue.pool.conninfo), open=False, kwargs={"autocommit": True}) as pool:
            query = FeatureQuery(collection, collection.crs[0])
            return await vector_tile(pool, query, None, _address(8), Principal.system(), color_by=color_by)

    features = mapbox_vector_tile.decode(run_alone(draw("height_m")).content)["footprints"]["features"]
    summed = [f["properties"] for f in features if "count" in f["properties"]]
    assert summed
    assert all("usage" not in of for of in summed)
    means = [_mean(of) for of in cells.values()]
    assert sorted(of.get("height_m", -1) for of in summed) == pytest.approx(sorted(means), abs=0.5)
    own = mapbox_vector_tile.decode(run_alone(draw("usage")).content)["footprints"]["features"]
    assert {f["properties"]["usage"] for f in own} <= {"0701", "0901"}


def _mean(of: list[tuple[float, float | None]]) -> float:
    known = [(weight, value) for weight, value in of if value is not None]
    return sum(w * v for w, v in known) / sum(w for w, _ in known) if known else -1


def test_a_near_tile_of_very_many_features_draws_the_largest(catalogue: Catalogue) -> None:
    city.publish_first(catalogue, "crowd", "building", [_row("building", 1)])
    collection = collections_of(catalogue)["crowd"]
    number, frame = collection.dataset.id, tile_frame(_address(14), collection)
    assert frame is not None
    middle = frame.region.centroid
    with catalogue.pool.connection() as connection:
        connection.execute(
            sql.SQL(
                "INSERT INTO {} (dataset, fid, commit_from, geom) SELECT %s, 1000 + k, %s, ST_Multi(ST_Force3D(ST_MakeEnvelope("
                "x, y, x + 1 + k * 0.0005, y + 1, %s), 3)) FROM (SELECT k, %s + (k %% 104) * 9.0 AS x, %s + (k / 104) * 9.0 AS y"
                " FROM generate_series(1, 10020) AS k) AS placed"
            ).format(current_table("building", number)),
            (number, collection.revision.commit, 4549, middle.x - 470, middle.y - 470),
        )

    async def draw() -> VectorTile:
        async with AsyncConnectionPool(str(catalogue.pool.conninfo), open=False, kwargs={"autocommit": True}) as pool:
            query = FeatureQuery(collection, collection.crs[0], properties=())
            return await vector_tile(pool, query, None, _address(14), Principal.system())

    tile = run_alone(draw())
    assert tile.reduced == "small-features"
    drawn = {f["id"] for f in mapbox_vector_tile.decode(tile.content)["crowd"]["features"]}
    assert len(drawn) == FEATURE_CAP
    assert max(set(range(1001, 11_021)) - drawn) < 2_500  # boxes that are kept beside geometries are good for some decimetres


@pytest.mark.parametrize("limit_ms", [1, 1_000])
def test_a_tile_that_takes_too_long_is_answered_with_less(catalogue: Catalogue, limit_ms: int) -> None:
    # A star of very many vertices fills the tile; time that is up before anything can be drawn stands for a machine that is too slow.
    rng = np.random.default_rng(1)
    # PostGIS 3.5 noticed its limit nine minutes late.
    angles = np.sort(rng.uniform(0, 2 * np.pi, 150_000))
    radii = 900 * rng.uniform(0.2, 1, len(angles))
    star = shapely.Polygon(np.column_stack([city.EAST + 3000 + radii * np.cos(angles), city.NORTH + 3000 + radii * np.sin(angles)]))
    rows = [city.Row(900, shapely.multipolygons([shapely.force_3d(star, 3.0)]), {"building_id": "star"})]
    slug = f"stars{limit_ms}"
    city.publish_first(catalogue, slug, "building", [*rows, city.Row(901, city.square(3000, 3000, 20, z=3.0), {"building_id": "B901"})])
    collection = collections_of(catalogue)[slug]

    async def draw() -> VectorTile:
        dsn = connection_string(str(catalogue.pool.conninfo), statement_timeout_s=limit_ms / 1000)
        async with AsyncConnectionPool(dsn, open=False, kwargs={"autocommit": True}) as pool:
            return await vector_tile(pool, FeatureQuery(collection, collection.crs[0]), None, _address(14), Principal.system(), 200_000)

    tile = run_alone(draw())
    assert len(tile.content) <= 200_000
    if limit_ms == 1:
        assert tile.reduced in {NOTHING_DRAWN, "complex-features, sample", "complex-features"}
    else:
        assert tile.reduced == "complex-features"
        assert {f["id"] for f in mapbox_vector_tile.decode(tile.content)[slug]["features"]} == {901}


def test_what_is_fetched_for_a_tile_is_bounded(catalogue: Catalogue) -> None:
    # Forty lines of a million bytes each, which no compression makes less, and of some units.
    rng = np.random.default_rng(3)
    places = np.sort(rng.uniform(0, 5, (40, 42_000, 3)), axis=1) + np.array([city.EAST + 3000, city.NORTH + 3000, 0])
    rows = [city.Row(n, shapely.LineString(line), {"segment_id": f"S{n}", "kind": "JS"}) for n, line in enumerate(places, 900)]
    short = city.Row(940, city.line((2900.0, 3000.0, 1.0), (3000.0, 3000.0, 1.0)), {"segment_id": "short", "kind": "JS"})
    city.publish_first(catalogue, "lines", "pipe_segment", [*rows, short])
    collection = collections_of(catalogue)["lines"]
    query, address = FeatureQuery(collection, collection.crs[0]), _address(14)

    async def draw() -> VectorTile:
        async with AsyncConnectionPool(str(catalogue.pool.conninfo), open=False, kwargs={"autocommit": True}) as pool:
            return await vector_tile(pool, query, None, address, Principal.system())

    frame = tile_frame(address, collection)
    assert frame is not None
    with catalogue.pool.connection() as connection:
        statement = tile_statement(query, frame, Detail(), Principal.system())
        records = connection.execute(statement.text, statement.values, binary=True).fetchall()
    assert sum(len(record) for _, record in records) < 16_000_000
    tile = run_alone(draw())
    assert tile.reduced == "complex-features"
    assert {f["id"] for f in mapbox_vector_tile.decode(tile.content)["lines"]["features"]} == {940}


@pytest.mark.parametrize("level", [10, 12])
def test_no_shape_keeps_the_database_at_simplifying_it(catalogue: Catalogue, level: int) -> None:
    # Teeth that grow are the worst that simplifying can meet: each vertex is compared with all others, and nothing interrupts it.
    k = np.arange(150_000)
    teeth = np.column_stack([city.EAST + 2000 + k / 75, city.NORTH + 3000 + np.where(k % 2, 1, -1) * k / 200])
    slug = f"saws{level}"
    saw = city.Row(900, shapely.force_3d(shapely.LineString(teeth), 3.0), {"segment_id": "saw", "kind": "JS"})
    city.publish_first(catalogue, slug, "pipe_segment", [saw])
    collection = collections_of(catalogue)[slug]

    async def draw() -> VectorTile:
        dsn = connection_string(str(catalogue.pool.conninfo), statement_timeout_s=3)
        async with AsyncConnectionPool(dsn, open=False, kwargs={"autocommit": True}) as pool:
            return await vector_tile(pool, FeatureQuery(collection, collection.crs[0]), None, _address(level), Principal.system())

    tile = run_alone(draw())
    assert tile.reduced is None
    assert 900 in {f.get("id") for f in mapbox_vector_tile.decode(tile.content)[slug]["features"]}


@pytest.mark.parametrize("drawing_s", [0.0, 60.0])
def test_a_tile_whose_drawing_takes_too_long_is_answered_with_less(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, drawing_s: float
) -> None:
    # Features that are drawn here had no time limit, and connections were given back before: any number could be at work at once.
    collection, at_work, most_at_work = collections_of(catalogue)["footprints"], 0, 0

    def counted(*arguments: Any) -> Layer:
        nonlocal at_work, most_at_work
        at_work += 1
        most_at_work = max(most_at_work, at_work)
        time.sleep(0.05)
        at_work -= 1
        return encode_layer(*arguments)

    monkeypatch.setattr("twin.query.vector_tile.encode_layer", counted)

    async def draw() -> list[VectorTile]:
        dsn = str(catalogue.pool.conninfo)
        async with AsyncConnectionPool(dsn, open=False, kwargs={"autocommit": True}, min_size=1, max_size=1) as pool:
            query = FeatureQuery(collection, collection.crs[0])
            tile = partial(vector_tile, pool, query, None, _address(14), Principal.system())
            return await asyncio.gather(*(tile(drawing_s=drawing_s) for _ in range(3)))

    tiles = run_alone(draw())
    assert {tile.reduced for tile in tiles} == {"complex-features, sample" if drawing_s == 0 else None}
    assert all(tile.content for tile in tiles)
    assert most_at_work == 1


def test_no_tile_is_drawn_on_the_event_loop_however_small(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    # One area of 6,000 vertices, 96 kB of records, took GEOS a second, and every request of the process waited for it.
    angles = np.linspace(0, 2 * np.pi, 5_000, endpoint=False)
    radii = np.where(np.arange(5_000) % 2, 60.0, 240.0)
    star = shapely.Polygon(np.column_stack([city.EAST + 3000 + radii * np.cos(angles), city.NORTH + 3000 + radii * np.sin(angles)]))
    rows = [city.Row(900, shapely.multipolygons([shapely.force_3d(star, 3.0)]), {"building_id": "star"})]
    city.publish_first(catalogue, "one_star", "building", rows)
    drawn_in: list[int] = []

    def noticed(*arguments: Any) -> Layer:
        drawn_in.append(threading.get_ident())
        return encode_layer(*arguments)

    monkeypatch.setattr("twin.query.vector_tile.encode_layer", noticed)

    async def draw() -> tuple[int, list[VectorTile]]:
        async with AsyncConnectionPool(str(catalogue.pool.conninfo), open=False, kwargs={"autocommit": True}) as pool:
            found = collections_of(catalogue)
            queries = [FeatureQuery(found[slug], found[slug].crs[0]) for slug in ("one_star", "trees")]
            tiles = [await vector_tile(pool, query, None, _address(14), Principal.system()) for query in queries]
            return threading.get_ident(), tiles

    loop, tiles = run_alone(draw())
    assert all(tile.content for tile in tiles)
    assert len(drawn_in) >= len(tiles)
    assert loop not in drawn_in


def _drawn(catalogue: Catalogue, statement: Statement, query: FeatureQuery, frame: TileFrame) -> bytes:
    with catalogue.pool.connection() as connection, connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("record", ByteaBinaryLoader)
        rows = cursor.execute(statement.text, statement.values).fetchall()
    names = massed_properties(query, Detail())
    return encode_layer([record for _, record in rows if record is not None], layer_frame(query.collection, frame, names)).content


def _address(level: int) -> TileAddress:
    grid = WEB_MERCATOR_QUAD
    x, y = pyproj.Transformer.from_crs(4549, 3857, always_xy=True).transform(city.EAST + 3000, city.NORTH + 3000)
    return TileAddress(grid, level, int((x - grid.west) // grid.side(level)), int((grid.north - y) // grid.side(level)))


def _areas(content: bytes) -> list[float]:
    return [shapely.geometry.shape(f["geometry"]).area for f in mapbox_vector_tile.decode(content)["footprints"]["features"]]


def _total(content: bytes, slug: str) -> int:
    """Return for how many features those of a tile stand."""
    features = mapbox_vector_tile.decode(content)[slug]["features"]
    return sum(f["properties"].get("count", 1) for f in features)


def _count(catalogue: Catalogue, slug: str) -> int:
    revision = catalogue.current_revision(slug)
    assert revision is not None
    return revision.count


def _standing(catalogue: Catalogue, slug: str) -> int:
    revision = catalogue.current_revision(slug)
    assert revision is not None
    return revision.commit


def _build(connection: psycopg.Connection[Any], catalogue: Catalogue, slug: str) -> None:
    dataset = catalogue.dataset(slug)
    kind = catalogue.feature_type(dataset.feature_type)
    overview.build(connection, kind, dataset, _standing(catalogue, slug))
    overview.finish(connection, kind, dataset)
