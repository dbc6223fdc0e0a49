"""Plans, control lines and projects: every planted fact follows from the files alone, and nothing else breaks the rules."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from sample_city import Manifest
from tests.sample_city_reading import Layer, read_layer

FILE = "规划.gpkg"
PLANTED = "CZP9998"
"""So begin the numbers of small plots that lie where none may."""
DATES = ("用地规划许可日期", "建设工程规划许可日期", "施工许可日期", "竣工验收日期")
NUMBERS = ("用地规划许可证号", "建设工程规划许可证号", "施工许可证号", "竣工验收编号")


@dataclass(frozen=True)
class Planning:
    plans: Layer
    plots: Layer
    lines: Layer
    projects: Layer
    buildings: Layer
    manifest: Manifest

    def facts(self, kind: str) -> list[Any]:
        return [fact for fact in self.manifest.facts if fact.kind == kind]


@pytest.fixture(scope="module")
def planning(sample_city_folder: Path, sample_city_manifest: Manifest) -> Planning:
    def sound_rows(file: str, name: str) -> Layer:
        layer = read_layer(str(sample_city_folder / file), layer=name)
        wrong = {f.row for f in sample_city_manifest.faults if (f.file, f.layer, f.severity) == (file, name, "error")}
        assert wrong or name == "国土空间规划"
        sound = np.array([k + 1 not in wrong for k in range(len(layer.shapes))])
        return Layer({column: values[sound] for column, values in layer.columns.items()}, layer.shapes[sound])

    plans, plots, lines, projects = (sound_rows(FILE, name) for name in ("国土空间规划", "规划条件", "控制线", "建设项目"))
    of_city = np.array([not number.startswith(PLANTED) for number in plots.columns["地块编号"]])
    plots = Layer({column: values[of_city] for column, values in plots.columns.items()}, plots.shapes[of_city])
    return Planning(plans, plots, lines, projects, sound_rows("建筑物.gpkg", "建筑物"), sample_city_manifest)


def rows(layer: Layer, name: str, value: str) -> np.ndarray:
    return np.flatnonzero(layer.columns[name] == value)


def test_plans_come_in_two_generations_and_the_later_name_the_earlier(planning: Planning) -> None:
    plan = planning.plans.columns
    generation = dict(zip(plan["规划编号"], plan["版次"], strict=True))
    kind = dict(zip(plan["规划编号"], plan["规划类型"], strict=True))
    superseded = {later: earlier for later, earlier in zip(plan["规划编号"], plan["取代的规划"], strict=True) if earlier}
    assert len(superseded) == 3
    for later, earlier in superseded.items():
        assert (generation[later], generation[earlier]) == (2, 1)
        assert kind[later] == kind[earlier]
    assert Counter(plan["规划状态"]) == {"批准": 6, "废止": 2, "编制": 1}
    assert set(plan["规划类型"]) == {"总体规划", "详细规划", "专项规划"}
    drafting = plan["规划状态"] == "编制"
    assert (np.isnat(plan["批准日期"].astype("datetime64[D]")) == drafting).all()


def test_plots_lie_in_their_plans_and_those_of_one_plan_do_not_overlap(planning: Planning) -> None:
    plots = planning.plots
    for plan_id in set(plots.columns["规划编号"]):
        mine = plots.shapes[rows(plots, "规划编号", plan_id)]
        area = planning.plans.shapes[rows(planning.plans, "规划编号", plan_id)[0]].buffer(0.002)
        shapely.prepare(area)
        assert shapely.contains(area, mine).all()
        assert shapely.area(mine).sum() == pytest.approx(shapely.union_all(mine).area, abs=1.0)
    assert np.abs(plots.columns["用地面积"] - shapely.area(plots.shapes)).max() < 0.01


def test_generations_disagree_on_the_use_exactly_where_planted(planning: Planning) -> None:
    plots, plan = planning.plots, planning.plans.columns
    generation = dict(zip(plan["规划编号"], plan["版次"], strict=True))
    of = np.array([generation[p] for p in plots.columns["规划编号"]])
    use, key = plots.columns["用地代码"], list(zip(plots.columns["规划编号"], plots.columns["地块编号"], strict=True))
    later, earlier = np.flatnonzero(of == 2), np.flatnonzero(of == 1)
    found: dict[Any, float] = {}
    for a, b in shapely.STRtree(plots.shapes[earlier]).query(plots.shapes[later], predicate="intersects").T:
        i, j = later[a], earlier[b]
        area = plots.shapes[i].intersection(plots.shapes[j]).area
        if use[i] != use[j] and area > 0.01:
            found[*key[i], *key[j]] = area
    planted = {
        (f.values["plan_id"], f.key, f.values["earlier_plan_id"], f.values["earlier_plot_id"]): f.values["area_m2"]
        for f in planning.facts("plan-conflict")
    }
    assert len(planted) > 8
    assert found == pytest.approx(planted, abs=0.01)


def plots_in_force(planning: Planning) -> dict[str, int]:
    """Which plot of the later generation each building stands on."""
    plan = planning.plans.columns
    later = {p for p, g in zip(plan["规划编号"], plan["版次"], strict=True) if g == 2}
    rows_of = np.flatnonzero([p in later for p in planning.plots.columns["规划编号"]])
    tree = shapely.STRtree(planning.plots.shapes[rows_of])
    building, plot = tree.query(planning.buildings.shapes, predicate="within")
    assert len(building) == len(planning.buildings.shapes)
    return {planning.buildings.columns["建筑编号"][b]: int(rows_of[p]) for b, p in zip(building, plot, strict=True)}


def test_buildings_keep_height_limit_and_setback_but_where_planted(planning: Planning) -> None:
    plot_of = plots_in_force(planning)
    limit, setback = planning.plots.columns["建筑限高"], planning.plots.columns["退让距离"]
    too_high, too_near = {}, {}
    table = zip(planning.buildings.columns["建筑编号"], planning.buildings.columns["建筑高度"], planning.buildings.shapes, strict=True)
    for building_id, height, footprint in table:
        plot = plot_of[building_id]
        if height > limit[plot]:
            too_high[building_id] = (height, limit[plot])
        outside = footprint.difference(planning.plots.shapes[plot].buffer(-setback[plot])).area
        if outside > 1e-6:
            too_near[building_id] = outside
    facts = planning.facts("height-over-limit")
    assert too_high == {f.values["building_id"]: (f.values["height_m"], f.values["height_max_m"]) for f in facts}
    assert len({f.key for f in facts}) == 3
    assert too_near == pytest.approx({f.values["building_id"]: f.values["area_m2"] for f in planning.facts("outside-setback")}, abs=0.001)
    assert len({f.key for f in planning.facts("outside-setback")}) == 3


def test_what_is_built_keeps_to_the_floor_area_ratio_and_density(planning: Planning) -> None:
    floors: dict[int, float] = defaultdict(float)
    ground: dict[int, float] = defaultdict(float)
    plot_of = plots_in_force(planning)
    for building_id, storeys, shape in zip(
        planning.buildings.columns["建筑编号"], planning.buildings.columns["地上层数"], planning.buildings.shapes, strict=True
    ):
        floors[plot_of[building_id]] += storeys * shape.area
        ground[plot_of[building_id]] += shape.area
    column, area = planning.plots.columns, shapely.area(planning.plots.shapes)
    assert all(column["容积率下限"][p] <= floors[p] / area[p] <= column["容积率上限"][p] for p in floors)
    assert all(100 * ground[p] / area[p] <= column["建筑密度上限"][p] for p in ground)
    assert all(100 * ground[p] / area[p] + column["绿地率下限"][p] <= 100 for p in ground)


def test_all_eight_kinds_of_control_lines_are_there(planning: Planning) -> None:
    assert set(planning.lines.columns["控制线类型"]) == {
        "永久基本农田", "生态保护红线", "城镇开发边界", "道路红线", "绿线", "蓝线", "紫线", "黄线",
    }  # fmt: skip
    assert len(set(planning.lines.columns["控制线编号"])) == len(planning.lines.shapes)
    assert shapely.is_valid(planning.lines.shapes).all()
    assert np.abs(planning.lines.columns["面积"] - shapely.area(planning.lines.shapes)).max() < 0.01
    assert set(planning.lines.columns["规划编号"]) <= set(planning.plans.columns["规划编号"])


def test_the_three_lines_overlap_only_where_planted(planning: Planning) -> None:
    kind, key = planning.lines.columns["控制线类型"], planning.lines.columns["控制线编号"]
    three = np.flatnonzero(np.isin(kind, ["永久基本农田", "生态保护红线", "城镇开发边界"]))
    shapes = planning.lines.shapes[three]
    overlaps = {}
    for a, b in shapely.STRtree(shapes).query(shapes, predicate="intersects").T:
        area = shapes[a].intersection(shapes[b]).area if a < b else 0.0
        if area > 0.01:
            overlaps[frozenset({key[three[a]], key[three[b]]})] = area
    (fact,) = planning.facts("three-lines-overlap")
    assert overlaps == pytest.approx({frozenset({fact.key, fact.values["other_line_id"]}): fact.values["area_m2"]}, abs=0.01)


def test_the_town_is_built_within_its_growth_boundary(planning: Planning) -> None:
    boundary = planning.lines.shapes[rows(planning.lines, "控制线类型", "城镇开发边界")[0]]
    shapely.prepare(boundary)
    assert shapely.contains(boundary, planning.buildings.shapes).all()
    for kind in ("道路红线", "蓝线", "绿线"):
        lines = planning.lines.shapes[rows(planning.lines, "控制线类型", kind)]
        meeting, building = shapely.STRtree(planning.buildings.shapes).query(lines, predicate="intersects")
        if kind == "绿线":  # pavilions stand in parks
            assert set(planning.buildings.columns["建筑用途"][building]) <= {"文化"}
        else:
            assert meeting.size == 0


def test_control_lines_lie_within_the_city(planning: Planning, sample_city_folder: Path) -> None:
    units = read_layer(str(sample_city_folder / "行政区划.geojson"))
    city = units.shapes[list(units.columns["级别"]).index("地级市")]
    west, south, east, north = shapely.total_bounds(planning.lines.shapes)
    to_degrees = Transformer.from_crs("EPSG:4549", "EPSG:4490", always_xy=True)
    corners = to_degrees.transform([west, east, east, west], [south, south, north, north])
    assert city.contains(shapely.Polygon(np.column_stack(corners)))


def test_one_project_takes_permanent_farmland(planning: Planning) -> None:
    farmland = rows(planning.lines, "控制线类型", "永久基本农田")
    taken = {}
    for project, line in shapely.STRtree(planning.lines.shapes[farmland]).query(planning.projects.shapes, predicate="intersects").T:
        area = planning.projects.shapes[project].intersection(planning.lines.shapes[farmland[line]]).area
        key = planning.projects.columns["项目编号"][project], planning.lines.columns["控制线编号"][farmland[line]]
        if area > 0.01:
            taken[key] = area
    (fact,) = planning.facts("project-on-farmland")
    (overlap,) = planning.facts("three-lines-overlap")
    # the farmland plot that reaches into town lies on what is built there
    taken = {key: area for key, area in taken.items() if key[1] != overlap.key}
    assert taken == pytest.approx({(fact.key, fact.values["line_id"]): fact.values["area_m2"]}, abs=0.01)


def test_permits_of_a_project_come_one_after_another(planning: Planning) -> None:
    column = planning.projects.columns
    stages = ("立项用地规划许可", "建设工程规划许可", "施工许可", "竣工验收")
    assert set(column["审批阶段"]) == set(stages)
    days = np.array([column[name].astype("datetime64[D]") for name in DATES])
    for project in range(len(planning.projects.shapes)):
        reached = stages.index(column["审批阶段"][project]) + 1
        assert not np.isnat(days[:reached, project]).any()
        assert np.isnat(days[reached:, project]).all()
        assert (np.diff(days[:reached, project]).astype(int) > 0).all()
        assert [bool(column[name][project]) for name in NUMBERS] == [k < reached for k in range(4)]
    for name in ("项目编号", *NUMBERS):
        given = [value for value in column[name] if value]
        assert len(given) == len(set(given))


@pytest.mark.parametrize("survey", ["建筑物.gpkg", "第二期/建筑物.gpkg"])
def test_every_building_since_2015_stands_on_its_project_but_the_one_without_a_permit(
    planning: Planning, sample_city_folder: Path, survey: str
) -> None:
    layer = read_layer(str(sample_city_folder / survey))
    permit, year = layer.columns["规划许可证号"], layer.columns["建成年份"]
    project = {number: k for k, number in enumerate(planning.projects.columns[NUMBERS[1]]) if number}
    allowed = np.array([bool(number) for number in permit])
    assert {permit[k] for k in np.flatnonzero(allowed)} <= set(project)
    assert all(re.fullmatch(r"建字第3204\d{4}\d{6}号", number) for number in project)
    (planted,) = planning.facts("building-without-permit")
    missing = {layer.columns["建筑编号"][k] for k in np.flatnonzero((year >= 2015) & ~allowed)}
    assert {key for key in missing if not key.startswith("3204F9")} == {planted.key}


def test_projects_stand_where_their_buildings_stand(planning: Planning) -> None:
    project = {number: k for k, number in enumerate(planning.projects.columns[NUMBERS[1]]) if number}
    permit = planning.buildings.columns["规划许可证号"]
    listed = [k for k in range(len(permit)) if permit[k]]
    ground = planning.projects.shapes[[project[permit[k]] for k in listed]]
    assert shapely.contains(ground, planning.buildings.shapes[listed]).all()
