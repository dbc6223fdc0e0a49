"""Management grids, survey control points and cameras, read from the files by other readers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer

from sample_city import Manifest
from tests.sample_city_reading import Layer, faulty_rows, read_layer

SYSTEMS = {"综治", "党建", "警务", "民政", "城管"}


@pytest.fixture(scope="module")
def cells(sample_city_folder: Path) -> Layer:
    return read_layer(str(sample_city_folder / "网格与控制点.gpkg"), layer="网格")


@pytest.fixture(scope="module")
def cameras(sample_city_folder: Path, sample_city_manifest: Manifest) -> list[dict[str, Any]]:
    features = json.loads((sample_city_folder / "摄像头.geojson").read_text(encoding="utf-8"))["features"]
    wrong = faulty_rows(sample_city_manifest, "摄像头")
    assert wrong
    return [feature for row, feature in enumerate(features, start=1) if row not in wrong]


def of_system(cells: Layer, system: str) -> np.ndarray:
    return np.flatnonzero(cells.columns["网格体系"] == system)


def ground_at(folder: Path, places: np.ndarray) -> np.ndarray:
    """Return the elevation model at places, bilinear between the middles of its pixels."""
    with rasterio.open(folder / "高程.tif") as raster:
        heights = raster.read(1).astype(float)
        west, north, pixel = raster.transform.c, raster.transform.f, raster.transform.a
    column, row = (places[:, 0] - west) / pixel - 0.5, (north - places[:, 1]) / pixel - 0.5
    j, i = np.floor(column).astype(int), np.floor(row).astype(int)
    u, v = column - j, row - i
    return (1 - v) * ((1 - u) * heights[i, j] + u * heights[i, j + 1]) + v * ((1 - u) * heights[i + 1, j] + u * heights[i + 1, j + 1])


def test_every_system_tiles_the_city(cells: Layer, sample_city_folder: Path) -> None:
    assert set(cells.columns["网格体系"]) == SYSTEMS
    city = shapely.union_all(cells.shapes)
    land = read_layer(f"/vsizip/{sample_city_folder}/用地规划.zip/用地规划.shp", encoding="GBK").shapes
    assert shapely.contains(city.buffer(0.01), land[shapely.is_valid(land)]).all()
    for system in SYSTEMS:
        shapes = cells.shapes[of_system(cells, system)]
        assert shapely.area(shapes).sum() == pytest.approx(city.area, rel=1e-9)
        assert shapely.union_all(shapes).area == pytest.approx(city.area, rel=1e-9)


@pytest.mark.parametrize(("fine", "coarse"), [("城管", "综治"), ("综治", "警务"), ("党建", "民政")])
def test_the_crosswalk_of_two_systems_sums_to_the_whole_of_every_cell(cells: Layer, fine: str, coarse: str) -> None:
    a, b = (cells.shapes[of_system(cells, system)] for system in (fine, coarse))
    shared: dict[int, float] = defaultdict(float)
    for i, j in shapely.STRtree(b).query(a, predicate="intersects").T:
        shared[int(i)] += a[i].intersection(b[j]).area
    assert [shared[i] for i in range(len(a))] == pytest.approx(shapely.area(a).tolist(), rel=1e-6, abs=1e-4)


def test_cells_nest_in_their_towns_and_have_codes_of_15_digits(cells: Layer, sample_city_folder: Path) -> None:
    units = read_layer(str(sample_city_folder / "行政区划.geojson"))
    to_grid = Transformer.from_crs("EPSG:4490", "EPSG:4549", always_xy=True)
    town = {
        code: shapely.transform(shape, lambda places: np.column_stack(to_grid.transform(places[:, 0], places[:, 1])))
        for code, shape in zip(units.columns["行政区划代码"][:65], units.shapes[:65], strict=True)
    }
    code, place = cells.columns["网格编码"], cells.columns["行政区划代码"]
    for shape, cell_id, town_code in zip(cells.shapes, code, place, strict=True):
        assert cell_id[:9] == town_code
        assert len(cell_id) == 15
        assert shape.difference(town[town_code]).area < 1e-6
    for system in SYSTEMS:
        mine = code[of_system(cells, system)]
        assert len(set(mine)) == len(mine)


def test_no_cell_names_a_person(cells: Layer) -> None:
    assert set(cells.columns["网格员岗位"]) == {"专职网格员", "网格党支部书记", "社区民警", "民政协理员", "城管巡查员"}


def test_control_points_stand_on_the_ground_and_denser_the_lower_their_grade(
    sample_city_folder: Path, sample_city_manifest: Manifest
) -> None:
    layer = read_layer(str(sample_city_folder / "网格与控制点.gpkg"), layer="测量控制点")
    assert (shapely.get_z(layer.shapes) == layer.columns["高程"]).all()
    above = layer.columns["高程"] - ground_at(sample_city_folder, shapely.get_coordinates(layer.shapes))
    assert above.min() > -0.005
    assert above.max() < 0.07
    count = Counter(layer.columns["平面等级"])
    assert count["C级"] < count["D级"] < count["E级"] < count["一级"]
    seen, twice = set(), set()
    for row, number in enumerate(layer.columns["点号"], start=1):
        twice |= {row} if number in seen else set()
        seen.add(number)
    assert twice == faulty_rows(sample_city_manifest, "测量控制点")


def test_there_are_as_many_cameras_to_a_building_as_in_changzhou(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    count = next(s.rows for s in sample_city_manifest.sources if s.layer == "摄像头")
    assert count == pytest.approx(3000 * 46_000 / 1_000_000, rel=0.02)
    kinds = Counter(
        f["properties"]["摄像机类型"] for f in json.loads((sample_city_folder / "摄像头.geojson").read_text("utf-8"))["features"]
    )
    assert len(kinds) >= 5


def test_cameras_stand_in_the_open_and_see_something(cameras: list[dict[str, Any]], sample_city_folder: Path) -> None:
    to_grid = Transformer.from_crs("EPSG:4490", "EPSG:4549", always_xy=True)
    places = np.array([camera["geometry"]["coordinates"] for camera in cameras])
    e, n = to_grid.transform(places[:, 0], places[:, 1])
    properties = [camera["properties"] for camera in cameras]
    mount = np.array([p["架设高度"] for p in properties])
    above = places[:, 2] - ground_at(sample_city_folder, np.column_stack([e, n]))
    assert np.abs(above - mount).max() < 0.05
    footprints = read_layer(str(sample_city_folder / "建筑物.gpkg")).shapes
    footprints = footprints[shapely.is_valid(footprints)]
    points = shapely.points(e, n)
    tree = shapely.STRtree(footprints)
    assert tree.query(points, predicate="within").size == 0
    for point, p in zip(points, properties, strict=True):
        assert 0 <= p["方位角"] < 360
        assert 0 < p["俯角"] < 60
        # two metres ahead there is no wall
        azimuth = np.radians(p["方位角"])
        ahead = shapely.LineString([point, (point.x + 2 * np.sin(azimuth), point.y + 2 * np.cos(azimuth))])
        assert tree.query(ahead, predicate="intersects").size == 0
