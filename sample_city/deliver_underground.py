"""Delivers what lies under the ground besides pipes: 地下空间.gpkg with the layers 地下空间 and 综合管廊."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import shapely

from sample_city.city import City
from sample_city.handover import HandOver
from sample_city.manifest import Fault, Severity
from sample_city.survey import survey_area
from sample_city.tunnels import COMPARTMENTS, HEIGHT_MM, HOLDS, WIDTH_MM, tunnel_edges, tunnel_sections
from sample_city.underground import UndergroundSpace, metro, underground_of_block
from sample_city.write_layers import INTEGER, NUMBER, TEXT, GeoPackage, Layer

FILE_NAME = "地下空间.gpkg"
SPACES = Layer(
    "地下空间", "MultiPolygon Z",
    {
        "地下空间编号": TEXT, "名称": TEXT, "类型": TEXT, "建筑编号": TEXT, "底板高程": NUMBER, "顶板高程": NUMBER, "高度": NUMBER,
        "建筑面积": NUMBER, "容量": INTEGER,
    },
)  # fmt: skip
TUNNELS = Layer(
    "综合管廊", "LineString Z",
    {
        "管廊编号": TEXT, "名称": TEXT, "舱室数": INTEGER, "入廊管线": TEXT, "断面宽": INTEGER, "断面高": INTEGER, "起点高程": NUMBER,
        "终点高程": NUMBER, "高程基准部位": TEXT, "建成年份": INTEGER, "权属单位": TEXT,
    },
)  # fmt: skip
_NO_BUILDING = "3204F9999999"


def deliver_underground(city: City, handover: HandOver) -> None:
    """Write both layers; some spaces near the end of the first blocks are faulty."""
    with GeoPackage(city.folder / FILE_NAME, SPACES, TUNNELS) as package:
        for space in _spaces(city, handover):
            shape = shapely.force_3d(space.shape, space.bottom_m)
            package.add(
                SPACES, shape, space.space_id, space.name, space.kind, space.building_id, space.bottom_m, space.top_m, space.height_m,
                space.area_m2, space.capacity,
            )  # fmt: skip
        for section in tunnel_sections(city.grid, tunnel_edges(city.grid, survey_area(city).site.streets)):
            package.add(
                TUNNELS, section.axis, section.tunnel_id, section.name, COMPARTMENTS, ",".join(HOLDS), WIDTH_MM, HEIGHT_MM,
                section.start_elevation_m, section.end_elevation_m, "内底", section.year, section.owner,
            )  # fmt: skip
    note = "几何高程为底板高程；体量由底板高程和高度得出 / geometry Z is the bottom; bottom and height make the solid"
    handover.wrote(FILE_NAME, SPACES.name, "underground_space", package.rows(SPACES), note)
    handover.wrote(FILE_NAME, TUNNELS.name, "utility_tunnel", package.rows(TUNNELS), "几何高程为内底 / geometry Z is the invert")


def _spaces(city: City, handover: HandOver) -> Iterator[UndergroundSpace]:
    """Yield the metro, then the spaces of every block, the first of them among faulty rows."""
    station = list(metro(city.grid))
    every = itertools.chain.from_iterable(underground_of_block(city.grid, block, buildings) for block, buildings in city.blocks())
    first, second, third = itertools.islice(every, 3)
    upside_down = dataclasses.replace(first, space_id=f"{first.space_id}-1", bottom_m=first.top_m, top_m=first.bottom_m)
    planted: tuple[tuple[UndergroundSpace, str, Severity, str], ...] = (
        (first, "unique", "error", "地下空间编号与上一行重复 / same number as the row above"),
        (upside_down, "range", "error", "顶板低于底板 / the top lies below the bottom"),
        (dataclasses.replace(second, building_id=_NO_BUILDING), "reference", "warning", "建筑编号不存在 / no such building"),
        (dataclasses.replace(third, kind="地宫"), "code", "warning", "类型不在代码表中 / unknown kind"),
    )
    yield from station
    yield first
    for row, (space, rule, severity, note) in enumerate(planted, start=len(station) + 2):
        handover.faults.append(Fault(FILE_NAME, SPACES.name, row, space.space_id, rule, severity, note))
        yield space
    yield from every
