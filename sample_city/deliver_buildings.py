"""Delivers the building survey: 建筑物.gpkg, with Chinese layer and column names."""

from __future__ import annotations

from collections.abc import Iterator

from sample_city.buildings import Building
from sample_city.city import City
from sample_city.faults import plant_in_buildings
from sample_city.handover import HandOver
from sample_city.manifest import Fact
from sample_city.manifest import Value as FactValue
from sample_city.permits import FIRST_YEAR
from sample_city.write_layers import INTEGER, NUMBER, TEXT, GeoPackage, Layer, Value

FILE_NAME = "建筑物.gpkg"
BUILDINGS = Layer(
    "建筑物", "Polygon",
    {
        "建筑编号": TEXT, "名称": TEXT, "建筑用途": TEXT, "地上层数": INTEGER, "地下层数": INTEGER, "建筑高度": NUMBER, "基底高程": NUMBER,
        "建成年份": INTEGER, "结构": TEXT, "屋顶形式": TEXT, "地址": TEXT, "宗地代码": TEXT, "规划许可证号": TEXT,
    },
)  # fmt: skip
_SPOILT = 200
"""Faults lie among the first rows."""


def deliver_buildings(city: City, handover: HandOver) -> None:
    """Write the survey of all buildings."""
    with GeoPackage(city.folder / FILE_NAME, BUILDINGS) as package:
        for building in _rows(city, handover):
            package.add(BUILDINGS, building.footprint, *attributes(building))
    handover.wrote(FILE_NAME, BUILDINGS.name, "building", package.rows(BUILDINGS), "部分高程、高度为空 / some heights are missing")


def attributes(building: Building) -> tuple[Value, ...]:
    """Return the values of a building in the order of the layer's columns."""
    b = building
    return (
        b.building_id, b.name, b.usage, b.floors_above, b.floors_below, b.height_m, b.base_height_m, b.year_built, b.structure, b.roof_type,
        b.address, b.parcel_id, b.permit_no,
    )  # fmt: skip


def _rows(city: City, handover: HandOver) -> Iterator[Building]:
    rows = _noting_the_unpermitted(city, handover)
    planted = plant_in_buildings([next(rows) for _ in range(_SPOILT)])
    handover.faults += planted.faults(FILE_NAME, BUILDINGS.name, 1, [b.building_id for b in planted.rows])
    yield from planted.rows
    yield from rows


def _noting_the_unpermitted(city: City, handover: HandOver) -> Iterator[Building]:
    for _, buildings in city.blocks():
        for building in buildings:
            if building.permit_no is None and building.year_built >= FIRST_YEAR:
                note = f"{FIRST_YEAR}年以后的建筑没有规划许可证 / built since {FIRST_YEAR} without a planning permit"
                values: dict[str, FactValue] = {"year_built": building.year_built, "area_m2": round(float(building.footprint.area), 2)}
                handover.facts.append(Fact("building-without-permit", FILE_NAME, BUILDINGS.name, building.building_id, note, values))
            yield building
