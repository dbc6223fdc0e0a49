import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from sample_city import Manifest
from tests.sample_city_reading import faulty_rows, read_layer, read_sheet


@pytest.fixture(scope="module")
def spaces(sample_city_folder: Path, sample_city_manifest: Manifest):
    """Sound spaces as (columns, shape)."""
    layer = read_layer(str(sample_city_folder / "地下空间.gpkg"), layer="地下空间")
    wrong = faulty_rows(sample_city_manifest, "地下空间")
    rows = [dict(zip(layer.columns, values, strict=True)) for values in zip(*layer.columns.values(), strict=True)]
    return [(row, shape) for k, (row, shape) in enumerate(zip(rows, layer.shapes, strict=True)) if k + 1 not in wrong]


@pytest.fixture(scope="module")
def buildings(sample_city_folder: Path, sample_city_manifest: Manifest):
    layer = read_layer(str(sample_city_folder / "建筑物.gpkg"), layer="建筑物")
    wrong = faulty_rows(sample_city_manifest, "建筑物")
    columns = zip(layer.columns["建筑编号"], layer.columns["地下层数"], layer.shapes, strict=True)
    return {number: (floors, shape) for k, (number, floors, shape) in enumerate(columns) if k + 1 not in wrong}


@pytest.fixture(scope="module")
def warned(sample_city_manifest: Manifest):
    """Keys of rows that are published with a planted reference to nothing."""
    return {f.key for f in sample_city_manifest.faults if f.rule == "reference"}


def ground_m(folder: Path, places) -> np.ndarray:
    with rasterio.open(folder / "高程.tif") as raster:
        return np.array([value[0] for value in raster.sample(places)])


def test_every_basement_floor_lies_under_its_building_and_no_other_is_listed(spaces, buildings, warned) -> None:
    below = {row["地下空间编号"]: (row, shape) for row, shape in spaces if re.fullmatch(r"DX3204F\d{7}B\d", row["地下空间编号"])}
    assert Counter(number[2:14] for number in below) == {number: floors for number, (floors, _) in buildings.items() if floors}
    for number, (row, shape) in below.items():
        assert row["建筑编号"] == number[2:14] or number in warned
        outline = shapely.Polygon(buildings[number[2:14]][1].exterior)
        assert shapely.force_2d(shape).symmetric_difference(outline).area < 0.01


def test_spaces_lie_below_the_ground_between_their_elevations(sample_city_folder: Path, spaces) -> None:
    middles = [shapely.get_coordinates(shapely.point_on_surface(shape))[0] for _, shape in spaces]
    for (row, shape), ground in zip(spaces, ground_m(sample_city_folder, middles), strict=True):
        assert row["顶板高程"] - row["底板高程"] == pytest.approx(row["高度"], abs=1e-6)
        assert row["高度"] > 2
        assert -0.6 < ground - row["顶板高程"] < 20, row
        assert np.unique(shapely.get_coordinates(shape, include_z=True)[:, 2]).tolist() == [row["底板高程"]]
        assert shape.is_valid
        assert row["建筑面积"] == pytest.approx(shape.area, abs=0.02)


def test_no_two_spaces_share_room(spaces) -> None:
    shapes = np.array([shape for _, shape in spaces])
    for a, b in np.column_stack(shapely.STRtree(shapes).query(shapes, predicate="intersects")).tolist():
        (first, _), (second, _) = spaces[a], spaces[b]
        common = min(first["顶板高程"], second["顶板高程"]) - max(first["底板高程"], second["底板高程"])
        assert a >= b or common < 0.01 or shapes[a].intersection(shapes[b]).area < 0.01, (first, second)


def test_every_kind_of_space_is_there(spaces, sample_city_manifest: Manifest) -> None:
    kinds = Counter(row["类型"] for row, _ in spaces)
    assert {"地下室", "地下车库", "人防工程", "地下街", "轨道站", "轨道区间"} <= set(kinds)
    assert (kinds["轨道站"], kinds["轨道区间"]) == (1, 4)
    assert {row["容量"] > 0 for row, _ in spaces if row["类型"] in {"地下车库", "人防工程"}} == {True}


def test_tunnels_and_metro_pass_below_every_sewer_and_each_other(sample_city_folder: Path, sample_city_manifest: Manifest, spaces) -> None:
    tunnels = read_layer(str(sample_city_folder / "地下空间.gpkg"), layer="综合管廊")
    bodies = [
        (shapely.force_2d(axis).buffer(width / 2000), min(low, high), max(low, high) + height / 1000)
        for axis, width, height, low, high in zip(
            tunnels.shapes, *(tunnels.columns[c] for c in ("断面宽", "断面高", "起点高程", "终点高程")), strict=True
        )
    ]
    assert len(bodies) > 5
    points = {p["管线点编号"]: (p["Y"], p["X"]) for p in read_sheet(sample_city_folder, "管点")}
    wrong = faulty_rows(sample_city_manifest, "管线")
    sewers = [s for k, s in enumerate(read_sheet(sample_city_folder, "管线"), start=2) if k not in wrong and s["管线类型"] in {"YS", "WS"}]
    axes = shapely.linestrings([[points[s["起点点号"]], points[s["终点点号"]]] for s in sewers])
    deep = [(shape, row["底板高程"], row["顶板高程"]) for row, shape in spaces if row["类型"] in {"轨道站", "轨道区间"}]
    crossed = 0
    tree = shapely.STRtree(axes)
    for shape, _, top in (*bodies, *deep):
        for k in tree.query(shape, predicate="intersects"):
            crossed += 1
            assert min(sewers[k]["起点管线高程"], sewers[k]["终点管线高程"]) > top + 0.4, sewers[k]
    assert crossed > 20
    for shape, floor, _ in bodies:
        assert all(top < floor for other, _, top in deep if other.intersects(shape))


def test_trunks_run_inside_the_tunnel_they_name(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    tunnels = read_layer(str(sample_city_folder / "地下空间.gpkg"), layer="综合管廊")
    axes = dict(zip(tunnels.columns["管廊编号"], tunnels.shapes, strict=True))
    assert {shapely.get_coordinates(axis, include_z=True)[0, 2] for axis in axes.values()} == set(tunnels.columns["起点高程"])
    points = {p["管线点编号"]: p for p in read_sheet(sample_city_folder, "管点")}
    trunks = [s for s in read_sheet(sample_city_folder, "管线") if s["管廊编号"]]
    assert {s["管廊编号"] for s in trunks} == set(axes)
    assert {s["管线类型"] for s in trunks} == set(tunnels.columns["入廊管线"][0].split(","))
    everywhere = shapely.force_2d(shapely.union_all(tunnels.shapes))
    for s in trunks:
        axis = axes[s["管廊编号"]]
        for node, elevation in (("起点点号", "起点管线高程"), ("终点点号", "终点管线高程")):
            place = shapely.Point(points[s[node]]["Y"], points[s[node]]["X"])
            width, height = (int(number) / 1000 for number in (s["管径"].split("X")[0], s["管径"].split("X")[-1]))
            assert everywhere.distance(place) + width / 2 < 5.6 / 2
            floor = shapely.get_z(axis.interpolate(axis.project(place)))
            assert floor < s[elevation] - height
            assert s[elevation] < floor + 3.8


def test_sensors_name_a_node_or_a_building_where_they_stand(
    sample_city_folder: Path, sample_city_manifest: Manifest, buildings, warned
) -> None:
    layer = read_layer(str(sample_city_folder / "感知设备.gpkg"), layer="传感器")
    column = layer.columns
    wrong = faulty_rows(sample_city_manifest, "传感器")
    nodes = {p["管线点编号"]: p for p in read_sheet(sample_city_folder, "管点")}
    kinds: Counter[str] = Counter()
    for k, shape in enumerate(layer.shapes):
        if k + 1 in wrong:
            continue
        node, building = column["管线点编号"][k], column["建筑编号"][k]
        assert node is None or building is None
        kinds["node" if node else "building" if building else "street"] += 1
        if node and column["设备编号"][k] not in warned:
            assert (nodes[node]["Y"], nodes[node]["X"]) == (shape.x, shape.y)
            assert abs(shape.z - nodes[node]["地面高程"]) <= 1.0 + 1e-9
        if building:
            assert buildings[building][1].covers(shape)
    assert min(kinds[kind] for kind in ("node", "building", "street")) > 20
    assert len(set(column["设备编号"])) == len(layer.shapes) - 1
    assert {"液位", "压力", "燃气泄漏", "沉降", "倾斜", "空气质量", "噪声"} <= set(column["监测类型"])


def test_the_planted_faults_are_where_the_manifest_says(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    for file, layer_name, key in (("地下空间.gpkg", "地下空间", "地下空间编号"), ("感知设备.gpkg", "传感器", "设备编号")):
        keys = read_layer(str(sample_city_folder / file), layer=layer_name).columns[key]
        faults = [f for f in sample_city_manifest.faults if f.layer == layer_name]
        assert {f.rule for f in faults} >= {"unique", "reference", "code"}
        assert [keys[f.row - 1] or "" for f in faults] == [f.key for f in faults]
