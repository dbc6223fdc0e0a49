"""The faults planted into the files, each of a kind that surveyors really hand over.

A fault never pulls a good row down with it: faulty points carry no pipe, and faulty pipes only refer to good points or to none.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely import Polygon

from sample_city.admin import AdminUnit
from sample_city.buildings import Building
from sample_city.landuse import Plot
from sample_city.manifest import Fault, Severity
from sample_city.pipes import SurveyLine, SurveyPoint, exchanged

_NO_BUILDING = "3204F9999998"
_UNITS_AWAY = (
    ("320499001", "虚构一镇", "区县", None),
    ("320499002", "虚构二镇", "镇", "320499"),
    ("320404990", "虚构三镇", "镇", "320404"),
)
"""Units outside the city, which nothing lies in: code, name, level, parent."""
_FAULTS_AWAY: tuple[tuple[str, Severity, str], ...] = (
    ("admin-code", "warning", "九位代码写成区县级 / a code of nine digits for a district"),
    ("admin-parent", "warning", "上级代码不存在 / there is no such parent"),
    ("admin-inside", "warning", "位于上级行政区之外 / outside its parent"),
)
_AWAY_DEG, _SIDE_DEG = (119.02, 31.1), 0.01
_EARLIER, _LATER = dt.date(2009, 1, 1), dt.date(2021, 6, 18)


@dataclass(frozen=True, slots=True)
class Planted[Row]:
    """Rows with their faults; ``rule``, ``severity`` and ``note`` run in parallel with ``rows`` where the row is faulty, else None."""

    rows: list[Row]
    marks: list[tuple[str, Severity, str] | None]
    more: list[tuple[int, str, Severity, str]] = field(default_factory=list)
    """Further faults of rows, by their place in ``rows``: a point may be wrong and meet no line."""

    def faults(self, file: str, layer: str, first_row: int, keys: list[str]) -> list[Fault]:
        """Return the faults as manifest entries when the first of ``rows`` is row ``first_row`` of the layer."""
        marked = [(k, *mark) for k, mark in enumerate(self.marks) if mark is not None]
        return [Fault(file, layer, first_row + k, keys[k], rule, grade, note) for k, rule, grade, note in sorted([*marked, *self.more])]

    def __add__(self, other: Planted[Row]) -> Planted[Row]:
        """Return the rows of both, one after the other."""
        count = len(self.rows)
        more = [*self.more, *((count + k, rule, grade, note) for k, rule, grade, note in other.more)]
        return Planted([*self.rows, *other.rows], [*self.marks, *other.marks], more)

    def published(self) -> Planted[Row]:
        """Return the rows that are published, with their faults."""
        kept = [k for k, mark in enumerate(self.marks) if mark is None or mark[1] != "error"]
        place = {k: number for number, k in enumerate(kept)}
        more = [(place[k], rule, grade, note) for k, rule, grade, note in self.more if k in place]
        return Planted([self.rows[k] for k in kept], [self.marks[k] for k in kept], more)


WARNED_BUILDINGS = frozenset({"3204F0000128", "3204F0000145"})
"""Buildings that the survey lists with a planted warning; other files do not repeat them."""


def plant_in_buildings(rows: list[Building]) -> Planted[Building]:
    """Put rows that cannot be among the first buildings, and spoil two of these so that they are published with a warning.

    The wrong rows have numbers of their own, so nothing in other files refers to what is rejected.
    """
    planted = Planted(list(rows), [None] * len(rows))
    for row, building in enumerate(rows):
        if building.building_id in WARNED_BUILDINGS:
            _warn_building(planted, row)
    wrong: tuple[tuple[int, str, str, dict[str, object]], ...] = (
        (16, "geometry-valid", "底面自相交 / the footprint crosses itself", {"footprint": _bow_tie(rows[16].footprint)}),
        (41, "range", "建筑高度为负 / negative height", {"height_m": -12.0}),
        (58, "range", "建筑高度超限 / height beyond any building", {"height_m": 99999.0}),
        (76, "unique", "建筑编号与第76行重复 / same id as row 76", {}),
        (93, "area-of-use", "坐标远在测区之外 / far outside", {"footprint": _moved(rows[93].footprint, 1_500_000.0, 0.0)}),
        (110, "range", "层数为负 / negative number of floors", {"floors_above": -3}),
    )
    for row, rule, note, changes in wrong:
        before = planted.rows[row - 1]
        number = before.building_id if rule == "unique" else f"3204F9{row:06d}"
        planted.rows.insert(row, dataclasses.replace(before, building_id=number, **changes))  # type: ignore[arg-type]
        planted.marks.insert(row, (rule, "error", note))
    return planted


def _warn_building(planted: Planted[Building], row: int) -> None:
    if planted.rows[row].building_id.endswith("128"):
        _spoil(planted, row, "code", "建筑用途不在代码表中 / unknown use", severity="warning", usage="飞碟停机坪")
    else:
        _spoil(planted, row, "reference", "宗地代码不存在 / no such parcel", severity="warning", parcel_id="320499999001GB99999")


def plant_in_plots(rows: list[Plot]) -> Planted[Plot]:
    """Spoil some of the first plots in place."""
    planted = Planted(list(rows), [None] * len(rows))
    _spoil(planted, 4, "required", "缺用地代码 / no land use code", land_use="")
    _spoil(planted, 9, "code", "用地代码不存在 / land use code does not exist", land_use="9999")
    _spoil(planted, 13, "geometry-valid", "地块自相交 / the plot crosses itself", shape=_bow_tie(rows[13].shape))
    _spoil(planted, 19, "range", "绿地率大于100% / green ratio above 100 %", green_ratio_pct=135)
    _spoil(planted, 22, "date-order", "失效早于生效 / ends before it begins", valid_from=_LATER, valid_to=_EARLIER)
    _spoil(planted, 26, "required", "缺规划状态 / no plan state", plan_state="")
    return planted


def plant_in_units(rows: list[AdminUnit]) -> Planted[AdminUnit]:
    """Append units that cannot be."""
    last = rows[-1]
    away: list[AdminUnit] = [
        dataclasses.replace(last, code=code, name=name, level=level, parent_code=parent, shape=_far_square(k))
        for k, (code, name, level, parent) in enumerate(_UNITS_AWAY)
    ]
    planted = Planted([*rows, last, last, *away], [None] * (len(rows) + 2 + len(away)))
    _spoil(planted, len(rows), "required", "缺名称 / no name", code="320481999", name="")
    _spoil(planted, len(rows) + 1, "unique", f"代码与第{len(rows)}行重复 / same code as row {len(rows)}")
    for k, mark in enumerate(_FAULTS_AWAY, start=len(rows) + 2):
        planted.marks[k] = mark
    return planted


def plant_in_points(good: SurveyPoint, ground_m: Callable[[float, float], float]) -> Planted[SurveyPoint]:
    """Return points to append that no line refers to; their places are beside ``good``, on the ground."""
    stub = dataclasses.replace(good, feature="起讫点", appurtenance=None, well_depth_m=None, well_diameter_mm=None, feature_code=None)
    places = [round(good.e + 1.5 * k, 3) for k in range(1, 8)]
    lonely = [
        dataclasses.replace(stub, point_id=f"TC{k:04d}", e=e, ground_m=round(ground_m(e, good.n), 3)) for k, e in enumerate(places, start=1)
    ]
    planted = Planted(lonely, [None] * len(lonely))
    _spoil(planted, 1, "P02", "管线点编号与上一行重复 / same number as the row above", point_id=lonely[0].point_id)
    _spoil(planted, 2, "required", "缺管线点编号 / no point number", point_id="")
    _spoil(planted, 3, "code", "管线类型不存在 / unknown kind of pipe", kind="QZ")
    _spoil(planted, 4, "range", "地面高程超限 / ground elevation beyond the Earth", ground_m=98765.0)
    _spoil(planted, 5, "area-of-use", "X、Y 坐标多一位 / a digit too many in X", n=35_211_234.567)
    note = "建筑编号不存在 / no such building"
    _spoil(planted, 6, "reference", note, severity="warning", feature="进出户点", building_id=_NO_BUILDING)
    planted.more.extend((k, "J02", "warning", "孤立点 / no line ends here") for k in (0, 6))
    return planted


def plant_in_lines(good: SurveyLine) -> Planted[SurveyLine]:
    """Return lines to append; the sound ends are those of ``good``."""
    planted = Planted([good] * 8, [None] * 8)
    _spoil(planted, 0, "node-exists", "终点点号在管点表中不存在 / end point is not surveyed", end_id="YS999999")
    _spoil(planted, 1, "L03", "管线与前面重复 / line listed twice")
    _spoil(planted, 2, "code", "管线类型不存在 / unknown kind of pipe", kind="ZZ", start_id=good.end_id, end_id=good.start_id)
    _spoil(planted, 3, "node-exists", "起点点号在管点表中不存在 / start point is not surveyed", start_id="WS999998")
    turned = exchanged(good)
    note = "管线与前面重复，起止点互换 / line listed twice, its ends exchanged"
    planted.rows[4], planted.marks[4] = turned, ("L03", "error", note)
    _spoil(planted, 5, "L01", "缺终点点号 / no number of the end point", end_id="")
    _spoil(planted, 6, "L02", "起点与终点相同 / ends where it starts", end_id=good.start_id)
    note = "地面高程不等于埋深加管线高程 / ground is not depth plus elevation"
    planted.rows[7] = dataclasses.replace(turned, kind="LD", start_depth_m=turned.start_depth_m + 1.0)
    planted.marks[7] = ("J03", "error", note)
    return planted


def _spoil[Row](planted: Planted[Row], row: int, rule: str, note: str, severity: Severity = "error", **changes: object) -> None:
    planted.rows[row] = dataclasses.replace(planted.rows[row], **changes)  # type: ignore[type-var]
    planted.marks[row] = (rule, severity, note)


def _bow_tie(shape: Polygon) -> Polygon:
    ring = shapely.get_coordinates(shapely.box(*shape.bounds).exterior)
    return Polygon(ring[[0, 2, 1, 3]])


def _far_square(number: int) -> Polygon:
    west, south = _AWAY_DEG[0] + 2 * number * _SIDE_DEG, _AWAY_DEG[1]
    return shapely.orient_polygons(shapely.box(west, south, west + _SIDE_DEG, south + _SIDE_DEG))


def _moved(shape: Polygon, east_m: float, north_m: float) -> Polygon:
    moved: Polygon = shapely.transform(shape, lambda places: places + np.array([east_m, north_m]))
    return moved
