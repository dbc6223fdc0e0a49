"""Delivers plans, planning conditions, control lines and construction projects: 规划.gpkg.

The last row of the last three layers is one that cannot be; it has a number of its own, so nothing refers to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import shapely
from shapely import Polygon

from sample_city.city import City
from sample_city.control_lines import (
    BLUE_LINE,
    ECOLOGY,
    GREEN_LINE,
    ROAD_LINE,
    URBAN_GROWTH,
    URBAN_GROWTH_ID,
    YELLOW_LINE,
    ControlLine,
    ControlLinePlanner,
)
from sample_city.handover import HandOver
from sample_city.landuse import FIELD, GREEN
from sample_city.manifest import Fact, Fault, Severity, Value
from sample_city.plan_plots import PlanPlot, PlotPlanner
from sample_city.plans import MASTER_PLAN, REPEALED, spatial_plans
from sample_city.projects import Project, project_of, project_on_farmland
from sample_city.write_layers import DATE, INTEGER, NUMBER, TEXT, GeoPackage, Layer

FILE_NAME = "规划.gpkg"
IN_HERITAGE = "地块位于历史文化街区 / the plot lies in a historic block"
TAKES_FARMLAND = "项目占用永久基本农田 / the project takes permanent farmland"
_SQUARE_M, _TOUCHES_M2 = 8.0, 1.0
_VILLAGE_HOUSE = "0703"
_CONFLICTS = (
    (ECOLOGY, "in-ecological-red-line", "宅基地位于生态保护红线内 / a homestead inside the ecological red line"),
    (GREEN_LINE, "in-green-line", "宅基地位于绿线内 / a homestead inside a green line"),
    (BLUE_LINE, "in-blue-line", "宅基地位于蓝线内 / a homestead inside a blue line"),
    (YELLOW_LINE, "in-yellow-line", "宅基地位于黄线内 / a homestead inside a yellow line"),
    (ROAD_LINE, "on-road-red-line", "宅基地侵入道路红线 / a homestead on the land of a road"),
)
_SHIFTS_M = (0.0, 0.3, -0.7)
_NEIGHBOURS = (
    ("", ""),
    ("coverage-gap", "与前一地块间有 0.3 m 空隙 / a gap of 0.3 m to the plot before"),
    ("coverage-overlap", "与前一地块重叠 1 m / overlaps the plot before by 1 m"),
)
"""Plots side by side, each shifted by so many metres to the east."""
PLANS = Layer(
    "国土空间规划", "MultiPolygon",
    {
        "规划编号": TEXT, "规划名称": TEXT, "规划类型": TEXT, "版次": INTEGER, "规划状态": TEXT, "批准日期": DATE, "批准机关": TEXT,
        "取代的规划": TEXT,
    },
)  # fmt: skip
PLOTS = Layer(
    "规划条件", "Polygon",
    {
        "地块编号": TEXT, "规划编号": TEXT, "用地代码": TEXT, "容积率上限": NUMBER, "容积率下限": NUMBER, "建筑密度上限": NUMBER,
        "建筑限高": NUMBER, "绿地率下限": NUMBER, "退让距离": NUMBER, "用地面积": NUMBER, "规划状态": TEXT,
    },
)  # fmt: skip
LINES = Layer(
    "控制线", "MultiPolygon",
    {"控制线编号": TEXT, "控制线类型": TEXT, "名称": TEXT, "规划编号": TEXT, "管控部门": TEXT, "批准日期": DATE, "面积": NUMBER},
)  # fmt: skip
PROJECTS = Layer(
    "建设项目", "MultiPolygon",
    {
        "项目编号": TEXT, "项目名称": TEXT, "审批阶段": TEXT, "建设单位": TEXT, "宗地代码": TEXT, "用地规划许可证号": TEXT,
        "建设工程规划许可证号": TEXT, "施工许可证号": TEXT, "竣工验收编号": TEXT, "用地规划许可日期": DATE, "建设工程规划许可日期": DATE,
        "施工许可日期": DATE, "竣工验收日期": DATE, "建筑面积": NUMBER, "容积率": NUMBER, "建筑高度": NUMBER,
    },
)  # fmt: skip


def deliver_plans(city: City, handover: HandOver) -> None:
    """Write the four layers; plots and projects in one pass over the blocks."""
    plots = PlotPlanner(FILE_NAME, PLOTS.name, city.grid, len(city.town))
    lines = ControlLinePlanner(city.grid, city.town)
    with GeoPackage(city.folder / FILE_NAME, PLANS, PLOTS, LINES, PROJECTS) as package:
        for plan, shape in spatial_plans(city.grid, city.town):
            values = (plan.plan_id, plan.name, plan.kind, plan.generation, plan.state, plan.approved_on, plan.approved_by, plan.supersedes)
            package.add(PLANS, shape, *values)
        for surveyed in city.blocks():
            for plot in plots.plots(surveyed):
                _add_plot(package, plot)
                if _is_in_force_within(plot, lines.historic):
                    handover.faults.append(
                        Fault(FILE_NAME, PLOTS.name, package.rows(PLOTS), plot.plot_id, "in-purple-line", "review", IN_HERITAGE)
                    )
            project = project_of(city.grid, surveyed)
            if project is not None:
                _add_project(package, project)
        # these have permits: the last of them lends its number to a wrong row
        coming: list[tuple[int, Project]] = []
        for surveyed in city.coming_blocks():
            project = project_of(city.grid, surveyed)
            if project is not None:
                _add_project(package, project)
                coming.append((package.rows(PROJECTS), project))
        first_of_kind: dict[str, ControlLine] = {}
        for line in lines.lines():
            _add_line(package, line, line.kind)
            first_of_kind.setdefault(line.kind, line)
        handover.facts += plots.facts
        handover.faults += _coming_on_farmland(coming, lines.encroachment.overlapping)
        _plant_encroachments(package, lines, handover)
        _plant_faults(package, plot, line, project, handover)
        _plant_conflicts(package, first_of_kind, lines.open_field, handover)
    handover.wrote(FILE_NAME, PLANS.name, "spatial_plan", package.rows(PLANS), "两版规划 / two generations of plans")
    handover.wrote(FILE_NAME, PLOTS.name, "plan_plot", package.rows(PLOTS), "两版规划的地块重叠 / plots of both generations overlap")
    handover.wrote(FILE_NAME, LINES.name, "control_line", package.rows(LINES), "三线与五线 / all eight kinds")
    handover.wrote(FILE_NAME, PROJECTS.name, "construction_project", package.rows(PROJECTS), "四阶段许可 / four stages of permits")


def _coming_on_farmland(coming: list[tuple[int, Project]], farmland: ControlLine | None) -> Iterator[Fault]:
    """Yield the projects beyond the town that the farmland planted within its growth boundary takes in."""
    for row, project in coming:
        if farmland is not None and float(project.shape.intersection(farmland.shape).area) > _TOUCHES_M2:
            yield Fault(FILE_NAME, PROJECTS.name, row, project.project_id, "on-farmland", "warning", TAKES_FARMLAND)


def _plant_encroachments(package: GeoPackage, lines: ControlLinePlanner, handover: HandOver) -> None:
    found = lines.encroachment
    if found.overlapping is not None:
        overlap: dict[str, Value] = {"other_line_id": URBAN_GROWTH_ID, "other_kind": URBAN_GROWTH, "area_m2": round(found.overlap_m2, 3)}
        note = "永久基本农田与城镇开发边界重叠 / farmland overlaps the urban growth boundary"
        handover.facts.append(Fact("three-lines-overlap", FILE_NAME, LINES.name, found.overlapping.line_id, note, overlap))
    if found.built_on is not None:
        project = project_on_farmland(found.built_on, found.ground, lines.urban_growth)
        _add_project(package, project)
        area = float(project.shape.intersection(found.built_on.shape).area)
        note = TAKES_FARMLAND
        taken: dict[str, Value] = {"line_id": found.built_on.line_id, "area_m2": round(area, 3)}
        handover.facts.append(Fact("project-on-farmland", FILE_NAME, PROJECTS.name, project.project_id, note, taken))
        row = package.rows(PROJECTS)
        handover.faults.append(Fault(FILE_NAME, PROJECTS.name, row, project.project_id, "on-farmland", "warning", note))


def _plant_faults(package: GeoPackage, plot: PlanPlot, line: ControlLine, project: Project | None, handover: HandOver) -> None:
    def fault(layer: Layer, key: str, rule: str, note: str) -> None:
        handover.faults.append(Fault(FILE_NAME, layer.name, package.rows(layer), key, rule, "error", note))

    dense = replace(plot, plot_id="CZP99990001", density_max_pct=130.0)
    _add_plot(package, dense)
    fault(PLOTS, dense.plot_id, "range", "建筑密度大于100% / density above 100 %")
    orange = replace(line, line_id="CX99990001")
    _add_line(package, orange, "橙色警戒线")
    fault(LINES, orange.line_id, "code", "控制线类型不存在 / unknown kind of control line")
    if project is not None:
        twice = replace(project, project_id="2026-320400-47-01-900002")
        _add_project(package, twice)
        fault(PROJECTS, twice.project_id, "unique", "规划许可证号与另一项目重复 / another project has the same permit")


def _plant_conflicts(package: GeoPackage, first: Mapping[str, ControlLine], field: Polygon | None, handover: HandOver) -> None:
    """Append small plots of the master plan: some lie where control lines do not let them, two leave a gap and overlap."""

    def plant(shape: Polygon, land_use: str, rule: str, severity: Severity, note: str) -> None:
        plot = PlanPlot(f"CZP9998{package.rows(PLOTS):04d}", MASTER_PLAN, land_use, shape)
        _add_plot(package, plot)
        if rule:
            handover.faults.append(Fault(FILE_NAME, PLOTS.name, package.rows(PLOTS), plot.plot_id, rule, severity, note))

    for kind, rule, note in _CONFLICTS:
        if kind in first:
            plant(_square(first[kind].shape), _VILLAGE_HOUSE, rule, "warning", note)
    if field is not None:
        plant(
            _square(field), "0701", "outside-urban-growth", "review", "城镇住宅位于开发边界之外 / urban housing outside the growth boundary"
        )
        west, south, _, _ = _square(field).bounds
        for k, (rule, note) in enumerate(_NEIGHBOURS):
            east, width = west + _SQUARE_M * (k + 1) + _SHIFTS_M[k], _SQUARE_M
            plant(shapely.box(east, south, east + width, south + width), FIELD, rule, "warning", note)
        above = shapely.box(west, south + 2 * _SQUARE_M, west + _SQUARE_M, south + 3 * _SQUARE_M)
        plant(above, "01", "land-use-level", "review", "详细规划只用一级类 / a detailed plan with a class of the first level")


def _square(shape: shapely.Geometry) -> Polygon:
    """Return a small square well inside a shape, where it has one."""
    middle = shapely.maximum_inscribed_circle(shape, tolerance=1.0)
    e, n = shapely.get_coordinates(middle)[0].round(1)
    return shapely.box(e - _SQUARE_M / 2, n - _SQUARE_M / 2, e + _SQUARE_M / 2, n + _SQUARE_M / 2)


def _is_in_force_within(plot: PlanPlot, historic: Sequence[ControlLine]) -> bool:
    if plot.plan.state == REPEALED or plot.land_use == GREEN:
        return False
    return any(float(line.shape.intersection(plot.shape).area) > _TOUCHES_M2 for line in historic)


def _add_line(package: GeoPackage, line: ControlLine, kind: str) -> None:
    package.add(LINES, line.shape, line.line_id, kind, line.name, line.plan.plan_id, line.authority, line.approved_on, line.area_m2)


def _add_plot(package: GeoPackage, p: PlanPlot) -> None:
    package.add(
        PLOTS, p.shape, p.plot_id, p.plan.plan_id, p.land_use, p.far_max, p.far_min, p.density_max_pct, p.height_max_m,
        p.green_ratio_min_pct, p.setback_m, p.area_m2, p.plan.state,
    )  # fmt: skip


def _add_project(package: GeoPackage, p: Project) -> None:
    permits = (p.land_permit, p.planning_permit, p.construction_permit, p.acceptance)
    numbers = [permit.number if permit else None for permit in permits]
    days = [permit.on if permit else None for permit in permits]
    package.add(
        PROJECTS, p.shape, p.project_id, p.name, p.stage, p.developer, p.parcel_id, *numbers, *days, p.floor_area_m2, p.far, p.height_max_m,
    )  # fmt: skip
