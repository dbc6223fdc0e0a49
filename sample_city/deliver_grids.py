"""Delivers management grids and survey control points: 网格与控制点.gpkg."""

from __future__ import annotations

from shapely import Point

from sample_city.city import City
from sample_city.control_points import control_points
from sample_city.handover import HandOver
from sample_city.management_grids import management_cells
from sample_city.manifest import Fault
from sample_city.write_layers import DATE, NUMBER, TEXT, GeoPackage, Layer

FILE_NAME = "网格与控制点.gpkg"
CELLS = Layer("网格", "MultiPolygon", {"网格体系": TEXT, "网格编码": TEXT, "名称": TEXT, "行政区划代码": TEXT, "网格员岗位": TEXT})
POINTS = Layer(
    "测量控制点", "Point Z",
    {
        "点号": TEXT, "点名": TEXT, "平面等级": TEXT, "高程": NUMBER, "高程等级": TEXT, "标石类型": TEXT, "埋设日期": DATE,
        "完好状态": TEXT,
    },
)  # fmt: skip


def deliver_grids(city: City, handover: HandOver) -> None:
    """Write both layers; the last control point is listed twice."""
    with GeoPackage(city.folder / FILE_NAME, CELLS, POINTS) as package:
        for cell in management_cells(city.grid):
            package.add(CELLS, cell.shape, cell.system.name, cell.cell_id, cell.name, cell.town_code, cell.system.steward)
        points = list(control_points(city.grid))
        for p in (*points, points[-1]):
            place = Point(p.e, p.n, p.elevation_m)
            facts = (p.elevation_m, p.elevation_grade, p.mark, p.established_on, p.state)
            package.add(POINTS, place, p.point_id, p.name, p.grade, *facts)
        twice = package.rows(POINTS)
        note = "点号与上一行重复 / same number as the row above"
        handover.faults.append(Fault(FILE_NAME, POINTS.name, twice, points[-1].point_id, "unique", "error", note))
    handover.wrote(FILE_NAME, CELLS.name, "grid_cell", package.rows(CELLS), "五套网格各自铺满全域 / five systems, each tiles the city")
    handover.wrote(FILE_NAME, POINTS.name, "survey_control", twice, "1985国家高程基准 / 1985 heights")
