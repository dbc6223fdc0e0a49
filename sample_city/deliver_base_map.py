"""Delivers the base map: 基础地理.gpkg with roads, waters and trees."""

from __future__ import annotations

import dataclasses

import numpy as np
from shapely import Point, Polygon

from sample_city.city import City
from sample_city.handover import HandOver
from sample_city.manifest import Fault, Severity
from sample_city.roads import LANES, Road, roads_of
from sample_city.trees import Tree, block_trees, street_trees
from sample_city.waters import Water, park_lake, ponds, river_reaches
from sample_city.write_layers import INTEGER, NUMBER, TEXT, GeoPackage, Layer

FILE_NAME = "基础地理.gpkg"
ROADS = Layer(
    "道路", "LineString",
    {
        "道路编号": TEXT, "道路名称": TEXT, "道路等级": TEXT, "红线宽度": NUMBER, "车道数": INTEGER, "路面类型": TEXT, "长度": NUMBER,
    },
)  # fmt: skip
WATERS = Layer("水系", "MultiPolygon", {"水体编号": TEXT, "名称": TEXT, "水体类型": TEXT, "常水位": NUMBER, "管理单位": TEXT})
TREES = Layer(
    "植被", "Point Z",
    {
        "植株编号": TEXT, "植被类型": TEXT, "树种": TEXT, "树高": NUMBER, "冠幅": NUMBER, "胸径": NUMBER, "栽植年份": INTEGER,
        "古树等级": TEXT,
    },
)  # fmt: skip


def deliver_base_map(city: City, handover: HandOver) -> None:
    """Write the three layers: roads with their trees, then the blocks' waters and trees, then rivers and ponds."""
    relief = city.grid.relief
    with GeoPackage(city.folder / FILE_NAME, ROADS, WATERS, TREES) as package:
        base_map = _BaseMap(package, handover)
        for road in roads_of(city.grid, city.grid.open_edges(built_cells(city))):
            base_map.add_road(road)
            for tree in street_trees(relief, road):
                base_map.add_tree(tree)
        for block, _ in city.blocks():
            lake = park_lake(city, block)
            if lake is not None:
                base_map.add_water(lake)
            for tree in block_trees(relief, block, lake.shape if lake and isinstance(lake.shape, Polygon) else None):
                base_map.add_tree(tree)
        for water in (*river_reaches(city), *ponds(city)):
            base_map.add_water(water)
    handover.wrote(FILE_NAME, ROADS.name, "road", package.rows(ROADS), "中心线在路口相接 / centrelines meet in junctions")
    handover.wrote(FILE_NAME, WATERS.name, "water", package.rows(WATERS), "常水位为1985国家高程基准 / levels are 1985 heights")
    handover.wrote(FILE_NAME, TREES.name, "vegetation", package.rows(TREES), "Z 为树根处地面高程 / Z is the ground at the foot")


def built_cells(city: City) -> np.ndarray:
    """Return which cells are built on, as flags (rows, columns)."""
    built = np.zeros((city.grid.rows, city.grid.columns), bool)
    for cell in city.town:
        built[cell] = True
    return built


class _BaseMap:
    """Adds rows, and after some of them a row that cannot be, or spoils one so that it is published with a warning."""

    def __init__(self, package: GeoPackage, handover: HandOver) -> None:
        self._package = package
        self._handover = handover

    def add_road(self, road: Road) -> None:
        number = self._package.rows(ROADS)
        if number == 15:
            road = dataclasses.replace(road, surface="月壤")
        self._road(road)
        if number == 15:
            self._fault(ROADS, road.road_id, "code", "warning", "路面类型不在代码表中 / unknown surface")
        elif number == 21:
            self._road(road)
            self._fault(ROADS, road.road_id, "unique", "error", "道路编号重复 / road listed twice")

    def add_water(self, water: Water) -> None:
        w = water
        self._package.add(WATERS, w.shape, w.water_id, w.name, w.kind, w.level_m, w.keeper)

    def add_tree(self, tree: Tree) -> None:
        number = self._package.rows(TREES)
        self._tree(tree)
        if number == 40:
            wrong = dataclasses.replace(tree, plant_id="XDS900001", height_m=1800.0)
            self._tree(wrong)
            self._fault(TREES, wrong.plant_id, "range", "error", "树高超限，应为厘米 / taller than any tree: centimetres")

    def _road(self, r: Road) -> None:
        lanes = LANES[r.road_class]
        self._package.add(ROADS, r.shape, r.road_id, r.name, r.road_class, r.width_m, lanes, r.surface, r.length_m)

    def _tree(self, t: Tree) -> None:
        values = (t.plant_id, t.kind, t.species, t.height_m, t.crown_m, t.trunk_mm, t.planted_year, t.heritage)
        self._package.add(TREES, Point(t.place), *values)

    def _fault(self, layer: Layer, key: str, rule: str, severity: Severity, note: str) -> None:
        """Note a fault of the row that was added last."""
        self._handover.faults.append(Fault(FILE_NAME, layer.name, self._package.rows(layer), key, rule, severity, note))
