"""Parcels, addresses, storeys, rooms, roads, waters and trees of the sample city, read by other readers."""

import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import rasterio
import shapely

from sample_city import Manifest
from tests.sample_city_reading import Layer, read_layer


def layer_of(folder: Path, manifest: Manifest, file: str, layer: str) -> Layer:
    """Rows of a layer without those planted to be rejected."""
    whole = read_layer(str(folder / file), layer=layer)
    wrong = {f.row for f in manifest.faults if (f.file, f.layer, f.severity) == (file, layer, "error")}
    kept = [k for k in range(len(whole.shapes)) if k + 1 not in wrong]
    return Layer({name: values[kept] for name, values in whole.columns.items()}, whole.shapes[kept])


@pytest.fixture(scope="module")
def layers(sample_city_folder: Path, sample_city_manifest: Manifest) -> dict[str, Layer]:
    files = {
        "建筑物.gpkg": ("建筑物",),
        "房屋与地址.gpkg": ("宗地", "门牌地址", "兴趣点", "建筑部件", "楼层", "房间"),
        "基础地理.gpkg": ("道路", "水系", "植被"),
    }
    return {name: layer_of(sample_city_folder, sample_city_manifest, file, name) for file, names in files.items() for name in names}


def planted(manifest: Manifest, layer: str, rule: str) -> set[str]:
    return {f.key for f in manifest.faults if (f.layer, f.rule, f.severity) == (layer, rule, "warning")}


def test_parcels_do_not_overlap_and_neighbours_share_their_vertices(layers: dict[str, Layer]) -> None:
    shapes = layers["宗地"].shapes
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)


def test_every_building_stands_on_the_parcel_it_names(layers: dict[str, Layer], sample_city_manifest: Manifest) -> None:
    parcels, buildings = layers["宗地"], layers["建筑物"]
    shapes = dict(zip(parcels.columns["宗地代码"], parcels.shapes, strict=True))
    lost = planted(sample_city_manifest, "建筑物", "reference")
    checked = 0
    for key, parcel, shape in zip(buildings.columns["建筑编号"], buildings.columns["宗地代码"], buildings.shapes, strict=True):
        if key in lost:
            assert parcel not in shapes
        else:
            assert shapes[parcel].contains(shape), key
            checked += 1
    assert checked == 2999


def test_parcel_codes_have_nineteen_characters_and_areas_are_those_of_the_shapes(layers: dict[str, Layer]) -> None:
    codes = layers["宗地"].columns["宗地代码"]
    assert all(re.fullmatch(r"3204\d{8}(GB|JC)\d{5}", code) for code in codes)
    assert len(set(codes)) == len(codes)
    assert np.abs(layers["宗地"].columns["宗地面积"] - shapely.area(layers["宗地"].shapes)).max() <= 0.005 + 1e-9


def test_addresses_are_unique_and_lie_beside_a_street(layers: dict[str, Layer]) -> None:
    addresses, roads = layers["门牌地址"], layers["道路"]
    full = addresses.columns["标准地址"].tolist()
    assert len(set(full)) == len(full) - 1, "only the planted address of no building repeats another's"
    named = defaultdict(list)
    for name, width, shape in zip(roads.columns["道路名称"], roads.columns["红线宽度"], roads.shapes, strict=True):
        named[name].append((width / 2, shape))
    for street, place in zip(addresses.columns["街路巷"], addresses.shapes, strict=True):
        gap = min(abs(place.distance(axis) - half) for half, axis in named[street])
        assert gap < 0.01, "a number plate hangs on the red line of its street"


def test_references_of_addresses_points_storeys_and_rooms_are_answered(layers: dict[str, Layer], sample_city_manifest: Manifest) -> None:
    keys = {
        "建筑编号": set(layers["建筑物"].columns["建筑编号"]),
        "宗地代码": set(layers["宗地"].columns["宗地代码"]),
        "地址编码": set(layers["门牌地址"].columns["地址编码"]),
        "楼层编号": set(layers["楼层"].columns["楼层编号"]),
    }
    own = {"门牌地址": "地址编码", "兴趣点": "兴趣点编号", "楼层": "楼层编号", "房间": "房间编号"}
    for name, key in own.items():
        columns = layers[name].columns
        lost = {
            columns[key][row]
            for column, known in keys.items()
            if column in columns and column != key
            for row, value in enumerate(columns[column])
            if value not in known
        }
        assert lost == planted(sample_city_manifest, name, "reference")


def test_storeys_stand_on_one_another_up_to_the_eaves(layers: dict[str, Layer]) -> None:
    storeys, buildings = layers["楼层"].columns, layers["建筑物"].columns
    floors = dict(zip(buildings["建筑编号"], zip(buildings["地上层数"], buildings["地下层数"], strict=True), strict=True))
    found: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    for building, level, floor, height in zip(storeys["建筑编号"], storeys["楼层"], storeys["楼面高程"], storeys["层高"], strict=True):
        found[building][int(level)] = (floor, height)
    assert len(found) == 30
    for building, levels in found.items():
        above, below = floors[building]
        assert set(levels) == {*range(-below, 0), *range(1, above + 1)}
        ordered = [levels[level] for level in sorted(levels)]
        for (floor, height), (upper, _) in itertools.pairwise(ordered):
            assert upper == pytest.approx(floor + height, abs=0.0021)
    assert (shapely.get_coordinates(layers["楼层"].shapes, include_z=True)[:, 2] > -20).all()


def test_parts_stack_from_the_ground_floor_to_the_last_storey(layers: dict[str, Layer]) -> None:
    parts, storeys = layers["建筑部件"].columns, layers["楼层"].columns
    tops: dict[str, float] = defaultdict(float)
    for building, level, floor, height in zip(storeys["建筑编号"], storeys["楼层"], storeys["楼面高程"], storeys["层高"], strict=True):
        if level > 0:
            tops[building] = max(tops[building], floor + height)
    stacks: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for building, base, height in zip(parts["建筑编号"], parts["基底高程"], parts["部件高度"], strict=True):
        stacks[building].append((base, base + height))
    assert stacks.keys() == tops.keys()
    for building, stack in stacks.items():
        for (_, top), (base, _) in itertools.pairwise(sorted(stack)):
            assert top == pytest.approx(base, abs=0.002)
        assert max(stack)[1] == pytest.approx(tops[building], abs=0.01)
    assert 1 < max(map(len, stacks.values())) <= 2


def test_rooms_tile_their_storey(layers: dict[str, Layer]) -> None:
    storeys = dict(zip(layers["楼层"].columns["楼层编号"], layers["楼层"].shapes, strict=True))
    rooms = defaultdict(list)
    for storey, shape in zip(layers["房间"].columns["楼层编号"], layers["房间"].shapes, strict=True):
        rooms[storey].append(shape)
    assert len(rooms) > 20
    for storey, shapes in rooms.items():
        assert shapely.coverage_is_valid(shapes)
        assert shapely.coverage_union_all(shapes).symmetric_difference(storeys[storey]).area < 0.2
        assert len(shapes) >= 4


def test_points_of_interest_lie_in_their_building(layers: dict[str, Layer]) -> None:
    shapes = dict(zip(layers["建筑物"].columns["建筑编号"], layers["建筑物"].shapes, strict=True))
    points = layers["兴趣点"]
    near = [shapes[b].distance(p) for b, p in zip(points.columns["建筑编号"], points.shapes, strict=True)]
    assert max(near) < 3
    assert len(set(points.columns["类别"])) >= 10


def test_roads_meet_in_junctions_and_make_one_network(layers: dict[str, Layer]) -> None:
    roads = layers["道路"]
    ends = shapely.get_coordinates(roads.shapes).reshape(-1, 2, 2)
    graph = nx.Graph((tuple(start), tuple(end)) for start, end in ends)
    parts = sorted((len(part) for part in nx.connected_components(graph)), reverse=True)
    assert parts[0] > 0.97 * sum(parts)
    first, second = shapely.STRtree(roads.shapes).query(roads.shapes, predicate="crosses")
    assert first.size == second.size == 0, "roads meet at their ends only"
    assert set(roads.columns["道路等级"]) == {"快速路", "主干路", "次干路", "支路"}
    assert np.abs(roads.columns["长度"] - shapely.length(roads.shapes)).max() <= 0.005 + 1e-9


def test_a_street_has_one_name_from_junction_to_junction_and_its_stretches_join(layers: dict[str, Layer]) -> None:
    roads = layers["道路"]
    lanes = Counter(name for name in roads.columns["道路名称"] if not name.endswith("路"))
    for name in lanes:
        shapes = [s for s, n in zip(roads.shapes, roads.columns["道路名称"], strict=True) if n == name]
        ends = Counter(tuple(c) for s in shapes for c in shapely.get_coordinates(s))
        assert max(ends.values()) <= 2


def test_waters_keep_clear_of_buildings_and_of_one_another(layers: dict[str, Layer]) -> None:
    waters = layers["水系"]
    assert set(waters.columns["水体类型"]) == {"河流", "坑塘", "景观水体"}
    assert shapely.is_valid(waters.shapes).all()
    assert shapely.STRtree(layers["建筑物"].shapes).query(waters.shapes, predicate="intersects").size == 0
    first, second = shapely.STRtree(waters.shapes).query(waters.shapes, predicate="intersects")
    assert all(a == b or waters.shapes[a].intersection(waters.shapes[b]).area == 0 for a, b in zip(first, second, strict=True))
    assert len(set(waters.columns["水体编号"])) == len(waters.shapes)


def test_trees_stand_on_the_ground_beside_houses_and_water(layers: dict[str, Layer], sample_city_folder: Path) -> None:
    trees = layers["植被"]
    places = shapely.get_coordinates(trees.shapes, include_z=True)
    with rasterio.open(sample_city_folder / "高程.tif") as raster:
        nearest = np.array([value[0] for value in raster.sample(places[:, :2])])
    assert np.abs(places[:, 2] - nearest).max() < 0.6
    for name in ("建筑物", "水系"):
        assert shapely.STRtree(layers[name].shapes).query(trees.shapes, predicate="intersects").size == 0, name
    old = trees.columns["古树等级"] != np.array(None)
    assert old.sum() > 3
    assert ((2026 - trees.columns["栽植年份"] >= 100) == old).all()


def test_one_building_since_2015_has_no_permit_and_the_others_name_a_project(
    layers: dict[str, Layer], sample_city_folder: Path, sample_city_manifest: Manifest
) -> None:
    buildings = layers["建筑物"].columns
    projects = read_layer(str(sample_city_folder / "规划.gpkg"), layer="建设项目").columns
    known = {number for number in projects["建设工程规划许可证号"] if number}
    recent = buildings["建成年份"] >= 2015
    without = {key for key, permit in zip(buildings["建筑编号"][recent], buildings["规划许可证号"][recent], strict=True) if not permit}
    assert without == {fact.key for fact in sample_city_manifest.facts if fact.kind == "building-without-permit"}
    assert len(without) == 1
    assert {permit for permit in buildings["规划许可证号"] if permit} <= known
