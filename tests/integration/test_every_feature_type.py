"""Every packaged FeatureType through every door: one small file each, published, asked as items, schema, tiles, scene and style."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import example_city
import httpx
import mapbox_vector_tile
import ogc_server
import opened_city
import pytest
import query_city
import shapely
from example_city import OF_FEATURES, TYPES, examples, stored
from jsonschema import Draft202012Validator
from shapely.geometry import shape

from styles.derive import scene_style
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from twin.catalogue import NewDataset, asset_kind
from twin.embedded import EmbeddedCluster
from twin.model import Principal
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.scene import scene_document

ZOOM = 18
SQL_TYPES = {"string": "text", "code": "text", "integer": "bigint", "number": "double precision", "boolean": "boolean", "date": "date"}
PUBLISHED = [*OF_FEATURES, "terrain", "point_cloud"]
"""Images and finished models have tests of their own."""
OF_A_FEW_PIPES = {"connectivity", "J06"}
"""A few example rows are no whole network."""


def of_every_type(function):
    return pytest.mark.parametrize("name", PUBLISHED)(function)


def of_types_with_features(function):
    return pytest.mark.parametrize("name", OF_FEATURES)(function)


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with query_city.clone_of(template, cluster.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def city(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city with one dataset of every type, called as the type: features of a GeoPackage, a GeoTIFF of heights, a LAS."""
    folder = tmp_path_factory.mktemp("every")
    example_city.write_geopackage(folder / "城市.gpkg")
    with opened_city.opened_city(database, folder / "data", 4549) as opened:
        parts = [(ft.title.zh, name, name) for name, ft in OF_FEATURES.items()]
        result = opened_city.load(opened, opened_city.request(folder / "城市.gpkg", *parts))
        assert result.rejected == 0
        assert result.findings.keys() <= OF_A_FEW_PIPES, opened.catalogue.submissions.findings(result.submission)
        example_city.write_elevation(folder / "高程.tif")
        opened_city.load(opened, opened_city.request(folder / "高程.tif", (None, "terrain", "terrain")))
        example_city.write_scan(folder / "点云.las")
        opened_city.load(opened, opened_city.request(folder / "点云.las", (None, "point_cloud", "point_cloud")))
        assert build_missing(opened, lambda *_: None, only=[*OF_FEATURES, "point_cloud"]) is None
        yield opened


@pytest.fixture(scope="module")
def door(city: City, database: str) -> Iterator[httpx.Client]:
    with ogc_server.served(city.catalogue, database) as base, httpx.Client(base_url=base, timeout=30) as client:
        yield client


def json_of(door: httpx.Client, path: str, **parameters: object) -> dict:
    answer = door.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def items_of(door: httpx.Client, name: str) -> list[dict]:
    return json_of(door, f"/collections/{name}/items", limit=100)["features"]


@of_types_with_features
def test_items_say_what_the_file_says(door: httpx.Client, name: str) -> None:
    ft, rows, items = TYPES[name], examples(name), items_of(door, name)
    assert len(items) == len(rows)
    for row, item in zip(rows, sorted(items, key=lambda i: int(i["id"].rsplit(".", 1)[1])), strict=True):
        expected = stored(ft, row["properties"])
        for field, value in expected.items():
            got = item["properties"][field]
            assert got == (pytest.approx(value) if isinstance(value, float) else value), field
        flat = shapely.force_2d(shape(row["geometry"]))
        assert shape(item["geometry"]).hausdorff_distance(flat) < 2e-7


def test_a_terrain_that_comes_after_the_pipes_gives_them_their_cover(door: httpx.Client) -> None:
    """The ground is 4.5 m all over; `write_elevation` is loaded when the pipes are published already."""
    pipes = sorted(items_of(door, "pipe_segment"), key=lambda i: int(i["id"].rsplit(".", 1)[1]))
    covered = 0
    for pipe, row in zip((p["properties"] for p in pipes), examples("pipe_segment"), strict=True):
        size_mm = pipe["section_height_mm"] or pipe["outer_diameter_mm"]
        if size_mm is None or pipe["section_shape"] == "egg" or len(row["geometry"]["coordinates"]) != 2:
            continue
        wall_mm = pipe["wall_thickness_mm"] or 0.0
        above_invert_m = (size_mm + wall_mm if pipe["size_reference"] == "inner" else size_mm - wall_mm) / 1000
        assert pipe["cover_m"] == pytest.approx(4.5 - max(pipe["start_invert_m"], pipe["end_invert_m"]) - above_invert_m, abs=0.002)
        covered += 1
    assert covered > 0


def test_a_terrain_that_comes_after_the_plots_is_what_their_limits_count_from(door: httpx.Client) -> None:
    told = {(plot["properties"]["base_height_m"], plot["properties"]["base_height_source"]) for plot in items_of(door, "plan_plot")}
    given = {row["properties"].get("base_height_m") for row in examples("plan_plot")}
    assert told == {(4.5, "dem")}
    assert given == {None}


@of_every_type
def test_schema_and_queryables_describe_the_items(door: httpx.Client, name: str) -> None:
    schema = json_of(door, f"/collections/{name}/schema")
    Draft202012Validator.check_schema(schema)
    assert set(TYPES[name].field_names) <= set(schema["properties"])
    for item in items_of(door, name):
        given = {k: v for k, v in item["properties"].items() if v is not None and k in schema["properties"]}
        assert list(Draft202012Validator(schema).iter_errors({"id": item["id"], **given})) == []
    assert set(TYPES[name].field_names) <= set(json_of(door, f"/collections/{name}/queryables")["properties"])


@of_types_with_features
def test_a_feature_is_found_by_its_key(door: httpx.Client, name: str) -> None:
    ft, row = TYPES[name], examples(name)[0]
    key = {k: v for k, v in stored(ft, row["properties"]).items() if k in ft.natural_key}
    found = json_of(door, f"/collections/{name}/items", **key)["features"]
    assert len(found) == 1 or not key


@of_types_with_features
def test_vector_tiles_have_the_features(door: httpx.Client, name: str) -> None:
    place = shape(examples(name)[0]["geometry"]).representative_point()
    row, column = _tile(place.x, place.y)
    answer = door.get(f"/collections/{name}/tiles/WebMercatorQuad/{ZOOM}/{row}/{column}")
    assert answer.status_code == 200, answer.text
    layer = mapbox_vector_tile.decode(answer.content)[name]
    key = stored(TYPES[name], examples(name)[0]["properties"])
    names = [n for n in TYPES[name].natural_key if n in key] or ["kind"]
    assert any(all(f["properties"].get(n) == key[n] for n in names) for f in layer["features"])


def _tile(lon: float, lat: float) -> tuple[int, int]:
    n = 2**ZOOM
    return int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n), int((lon + 180) / 360 * n)


@of_every_type
def test_the_scene_has_a_layer_with_fields_style_and_what_is_drawn(city: City, name: str) -> None:
    ft = TYPES[name]
    layers = scene_document(city.catalogue, Principal.anonymous(), city.frame.vertical)["layers"]
    (layer,) = [entry for entry in layers if entry["dataset"] == name]
    assert [f["name"] for f in layer["fields"]] == list(ft.field_names)
    assert (layer["recipe"], layer["count"]) == (ft.recipe, len(examples(name)))
    assert shapely.box(*layer["extent"]).buffer(1e-6).covers(shape(examples(name)[0]["geometry"]))
    style = scene_style(ft)
    assert {key: layer["style"][key] for key in style if key != "choices"} == {k: v for k, v in style.items() if k != "choices"}
    assert (layer["mvt"] is None) == (name not in OF_FEATURES)
    if asset_kind(ft) == "tileset":
        assert layer["tileset"]["state"] == "ready"


@pytest.mark.parametrize("name", [name for name, ft in TYPES.items() if asset_kind(ft) == "tileset" and ft.recipe != "model"])
def test_what_has_a_form_in_three_dimensions_has_a_valid_tileset(city: City, name: str) -> None:
    revision = city.catalogue.current_revision(name).commit
    read = dataset_reader(lambda key: city.store.get(f"tiles/{name}/{key}"))
    assert check_tileset(read, f"{revision}/tileset.json@open") == []
    assert list(Path(city.store.path(f"tiles/{name}")).rglob("*.glb"))


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_its_table(city: City, name: str) -> None:
    city.catalogue.ensure_dataset(NewDataset(slug=f"new_{name}", feature_type=name, title=TYPES[name].title, tolerance_m=0.001))
    with city.pool.connection() as connection:
        found = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'city' AND table_name = %s", (name,)
        ).fetchall()
    assert {f.name: SQL_TYPES[f.type] for f in TYPES[name].fields}.items() <= dict(found).items()


def test_only_terrain_is_ground(city: City) -> None:
    assert {name for name, ft in TYPES.items() if asset_kind(ft) == "terrain"} == {"terrain"}
    east, north, height = 497_600.0, 3_520_900.0, 4.5
    assert city.ground().height_m(east, north) == pytest.approx(height, abs=1e-3)
