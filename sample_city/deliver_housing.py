"""Delivers land register, addresses, points of interest and what is inside some buildings of the centre: 房屋与地址.gpkg."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import shapely
from shapely import Point, Polygon

from sample_city.addresses import Address, PointOfInterest, address_of, points_of_interest
from sample_city.buildings import Building
from sample_city.cadastre import Parcel, parcels_of, towns_of_city
from sample_city.city import City, SurveyedBlock
from sample_city.handover import HandOver
from sample_city.interiors import Part, Room, Storey, parts_of, rooms_of, storeys_of
from sample_city.manifest import Fault, Severity
from sample_city.write_layers import DATE, INTEGER, NUMBER, TEXT, GeoPackage, Layer

FILE_NAME = "房屋与地址.gpkg"
PARCELS = Layer(
    "宗地", "Polygon", {"宗地代码": TEXT, "地类": TEXT, "权利类型": TEXT, "权利人类别": TEXT, "宗地面积": NUMBER, "登记日期": DATE}
)
ADDRESSES = Layer(
    "门牌地址", "Point",
    {"地址编码": TEXT, "标准地址": TEXT, "街路巷": TEXT, "门牌号": TEXT, "建筑编号": TEXT, "宗地代码": TEXT, "行政区划代码": TEXT},
)  # fmt: skip
POINTS_OF_INTEREST = Layer(
    "兴趣点", "Point", {"兴趣点编号": TEXT, "名称": TEXT, "类别": TEXT, "地址编码": TEXT, "建筑编号": TEXT, "电话": TEXT}
)
PARTS = Layer(
    "建筑部件", "Polygon Z",
    {"部件编号": TEXT, "建筑编号": TEXT, "名称": TEXT, "屋顶形式": TEXT, "地上层数": INTEGER, "部件高度": NUMBER, "基底高程": NUMBER},
)  # fmt: skip
STOREYS = Layer(
    "楼层", "Polygon Z",
    {
        "楼层编号": TEXT, "建筑编号": TEXT, "楼层": INTEGER, "名称": TEXT, "用途": TEXT, "楼面高程": NUMBER, "层高": NUMBER,
        "建筑面积": NUMBER,
    },
)  # fmt: skip
SPACES = Layer(
    "房间", "Polygon Z",
    {
        "房间编号": TEXT, "楼层编号": TEXT, "建筑编号": TEXT, "名称": TEXT, "用途": TEXT, "楼面高程": NUMBER, "净高": NUMBER,
        "面积": NUMBER,
    },
)  # fmt: skip
_BUILDINGS_A_SURVEYED_INTERIOR, _FEWEST_INTERIORS, _MOST_INTERIORS = 100, 12, 2000
_INTERIORS_WITH_ROOMS = 6


def deliver_housing(city: City, handover: HandOver) -> None:
    """Write the six layers in one pass through the town."""
    towns = towns_of_city()
    inside = _Interiors(min(max(_FEWEST_INTERIORS, city.scale // _BUILDINGS_A_SURVEYED_INTERIOR), _MOST_INTERIORS))
    register = _Register(GeoPackage(city.folder / FILE_NAME, PARCELS, ADDRESSES, POINTS_OF_INTEREST, PARTS, STOREYS, SPACES), handover)
    with register.package:
        for block, buildings in itertools.chain(city.blocks(), _bare(city.coming_blocks())):
            place = city.grid.cell_corners(block.cell).mean(axis=0, keepdims=True)
            for parcel in parcels_of(city.grid, block, str(towns.codes[towns.nearest(place)[0]])):
                register.add_parcel(parcel)
            for building in buildings:
                register.add_address(address_of(building))
                for point in points_of_interest(city.seed, building):
                    register.add_point(point)
                for part in inside.of(building):
                    register.add_interior(part)
    notes = {PARCELS: "不重叠，铺满街坊用地 / parcels tile the land of every block", SPACES: "与楼层严密相接 / rooms tile their storey"}
    types = {PARCELS: "parcel", ADDRESSES: "address", POINTS_OF_INTEREST: "poi", PARTS: "building_part", STOREYS: "storey", SPACES: "space"}
    for layer, feature_type in types.items():
        handover.wrote(FILE_NAME, layer.name, feature_type, register.package.rows(layer), notes.get(layer, ""))


def _bare(blocks: Iterator[SurveyedBlock]) -> Iterator[SurveyedBlock]:
    """Land is parcelled out before it is built on."""
    return ((block, []) for block, _ in blocks)


class _Interiors:
    """Chooses the first buildings for a survey of their parts and storeys, and the first rectangular ones for one of their rooms."""

    def __init__(self, buildings: int) -> None:
        self._left = buildings
        self._rooms_left = _INTERIORS_WITH_ROOMS

    def of(self, building: Building) -> list[Part | Storey | Room]:
        if not self._left:
            return []
        self._left -= 1
        storeys = list(storeys_of(building))
        rooms = list(rooms_of(building, storeys)) if self._rooms_left else []
        self._rooms_left -= bool(rooms)
        return [*parts_of(building), *storeys, *rooms]


class _Register:
    """Adds rows, and after some of them a row that cannot be, or spoils one so that it is published with a warning."""

    def __init__(self, package: GeoPackage, handover: HandOver) -> None:
        self.package = package
        self._handover = handover

    def add_parcel(self, parcel: Parcel) -> None:
        number = self.package.rows(PARCELS)
        if number == 12:
            parcel = dataclasses.replace(parcel, right="祖传")
        self._parcel(parcel)
        if number == 12:
            self._fault(PARCELS, parcel.parcel_id, "code", "warning", "权利类型不在代码表中 / unknown right")
        elif number == 7:
            self._parcel(parcel)
            self._fault(PARCELS, parcel.parcel_id, "unique", "error", "宗地代码重复 / parcel listed twice")
        elif number == 20:
            ring = shapely.get_coordinates(shapely.box(*parcel.shape.bounds).exterior)
            wrong = dataclasses.replace(parcel, parcel_id=parcel.parcel_id[:-5] + "99998", shape=Polygon(ring[[0, 2, 1, 3]]))
            self._parcel(wrong)
            self._fault(PARCELS, wrong.parcel_id, "geometry-valid", "error", "界址线自相交 / the boundary crosses itself")

    def add_address(self, address: Address) -> None:
        number = self.package.rows(ADDRESSES)
        self._address(address)
        if number == 30:
            self._address(address)
            self._fault(ADDRESSES, address.address_id, "unique", "error", "地址编码重复 / address listed twice")
        elif number == 45:
            lost = dataclasses.replace(address, address_id=f"{address.town_code}9000001", building_id="3204F9999999")
            self._address(lost)
            self._fault(ADDRESSES, lost.address_id, "reference", "warning", "建筑编号不存在 / no such building")
        elif number == 60:
            nameless = dataclasses.replace(address, address_id=f"{address.town_code}9000002", full_address="")
            self._address(nameless)
            self._fault(ADDRESSES, nameless.address_id, "required", "error", "缺标准地址 / no full address")
        elif number == 80:
            east, north = address.place
            swapped = dataclasses.replace(address, address_id=f"{address.town_code}9000003", place=(north, east))
            self._address(swapped)
            self._fault(ADDRESSES, swapped.address_id, "area-of-use", "error", "X、Y 坐标互换 / northing and easting swapped")

    def add_point(self, point: PointOfInterest) -> None:
        number = self.package.rows(POINTS_OF_INTEREST)
        if number == 25:
            point = dataclasses.replace(point, category="飞碟维修")
        elif number == 33:
            point = dataclasses.replace(point, address_id="000000000")
        p = point
        self.package.add(POINTS_OF_INTEREST, Point(p.place), p.poi_id, p.name, p.category, p.address_id, p.building_id, p.phone)
        if number == 25:
            self._fault(POINTS_OF_INTEREST, p.poi_id, "code", "warning", "类别不在代码表中 / unknown category")
        elif number == 33:
            self._fault(POINTS_OF_INTEREST, p.poi_id, "reference", "warning", "地址编码不存在 / no such address")

    def add_interior(self, part: Part | Storey | Room) -> None:
        if isinstance(part, Part):
            p = part
            values = (p.part_id, p.building_id, p.name, p.roof_type, p.floors, p.height_m, p.base_m)
            self.package.add(PARTS, shapely.force_3d(p.shape, p.base_m), *values)
            return
        shape = shapely.force_3d(part.shape, part.floor_m)
        area = round(float(part.shape.area), 2)
        if isinstance(part, Storey):
            s = part
            self.package.add(STOREYS, shape, s.storey_id, s.building_id, s.level, s.name, s.usage, s.floor_m, s.height_m, area)
        else:
            r = part
            self.package.add(SPACES, shape, r.space_id, r.storey_id, r.building_id, r.name, r.usage, r.floor_m, r.height_m, area)

    def _parcel(self, p: Parcel) -> None:
        self.package.add(PARCELS, p.shape, p.parcel_id, p.land_use, p.right, p.holder, p.area_m2, p.registered_on)

    def _address(self, a: Address) -> None:
        values = (a.address_id, a.full_address or None, a.street, a.house_number, a.building_id, a.parcel_id, a.town_code)
        self.package.add(ADDRESSES, Point(a.place), *values)

    def _fault(self, layer: Layer, key: str, rule: str, severity: Severity, note: str) -> None:
        """Note a fault of the row that was added last."""
        self._handover.faults.append(Fault(FILE_NAME, layer.name, self.package.rows(layer), key, rule, severity, note))
