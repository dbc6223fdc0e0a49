"""The spatial plans of the city in two generations: master plans, detailed plans of the old and the new town, and special plans.

The plans of 2011 to 2014 are the first generation. The master plan of 2021 and the detailed plan of the old town have taken their place;
for the new town a successor is being drafted, so there the plan of 2014 is still in force.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from sample_city.streets import Cell, StreetGrid

DRAFTING, APPROVED, REPEALED = "编制", "批准", "废止"
MASTER, DETAILED, SPECIAL = "总体规划", "详细规划", "专项规划"
NEW_TOWN_SHARE = 0.85
"""The youngest blocks of the town are still being planned."""
_PROVINCE, _CITY = "江苏省人民政府", "常州市人民政府"


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan without its area; ``supersedes`` is the id of the plan whose place it takes, ``valid_to`` the day it was repealed."""

    plan_id: str
    name: str
    kind: str
    generation: int
    state: str
    approved_on: dt.date | None
    approved_by: str | None
    supersedes: str | None = None
    valid_to: dt.date | None = None


FORMER_MASTER_PLAN = Plan(
    "GHZT2011", "常州市城市总体规划（2011-2020）", MASTER, 1, REPEALED, dt.date(2013, 5, 20), _PROVINCE, valid_to=dt.date(2021, 6, 18)
)
MASTER_PLAN = Plan(
    "GHZT2021", "常州市国土空间总体规划（2021-2035年）", MASTER, 2, APPROVED, dt.date(2023, 11, 6), _PROVINCE, FORMER_MASTER_PLAN.plan_id
)
FORMER_OLD_TOWN_PLAN = Plan(
    "GHXX2012-01", "常州市老城片区控制性详细规划", DETAILED, 1, REPEALED, dt.date(2012, 9, 14), _CITY, valid_to=dt.date(2021, 6, 18)
)
OLD_TOWN_PLAN = Plan(
    "GHXX2021-01", "常州市老城片区详细规划", DETAILED, 2, APPROVED, dt.date(2021, 6, 18), _CITY, FORMER_OLD_TOWN_PLAN.plan_id
)
FORMER_NEW_TOWN_PLAN = Plan("GHXX2014-02", "常州市新城片区控制性详细规划", DETAILED, 1, APPROVED, dt.date(2014, 3, 27), _CITY)
NEW_TOWN_PLAN = Plan("GHXX2026-02", "常州市新城片区详细规划（草案）", DETAILED, 2, DRAFTING, None, None, FORMER_NEW_TOWN_PLAN.plan_id)
HERITAGE_PLAN = Plan("GHZX2022-01", "常州市历史文化名城保护规划", SPECIAL, 2, APPROVED, dt.date(2022, 4, 8), _PROVINCE)
GREEN_PLAN = Plan("GHZX2023-02", "常州市绿地系统专项规划", SPECIAL, 2, APPROVED, dt.date(2023, 12, 19), _CITY)
UTILITIES_PLAN = Plan("GHZX2024-03", "常州市市政公用设施专项规划", SPECIAL, 2, APPROVED, dt.date(2024, 5, 30), _CITY)


def is_new_town(rank: int, town_size: int) -> bool:
    """Return whether block number ``rank`` of a town of ``town_size`` blocks lies in the new town."""
    return rank >= town_size * NEW_TOWN_SHARE


def detailed_plans(rank: int, town_size: int) -> tuple[Plan, Plan]:
    """Return the detailed plans of the first and of the second generation that cover a block of the town."""
    if is_new_town(rank, town_size):
        return FORMER_NEW_TOWN_PLAN, NEW_TOWN_PLAN
    return FORMER_OLD_TOWN_PLAN, OLD_TOWN_PLAN


def spatial_plans(grid: StreetGrid, town: tuple[Cell, ...]) -> Iterator[tuple[Plan, MultiPolygon]]:
    """Yield every plan with the area it covers, EPSG:4549; ``town`` lists the cells built on, oldest first."""
    first_new = next((rank for rank in range(len(town)) if is_new_town(rank, len(town))), len(town))
    city = area_of([grid.outline()])
    old, new = (area_of([Polygon(grid.cell_corners(cell)) for cell in cells]) for cells in (town[:first_new], town[first_new:]))
    for plan in (FORMER_MASTER_PLAN, MASTER_PLAN):
        yield plan, city
    for plan, area in ((FORMER_OLD_TOWN_PLAN, old), (OLD_TOWN_PLAN, old), (FORMER_NEW_TOWN_PLAN, new), (NEW_TOWN_PLAN, new)):
        yield plan, area
    for plan, area in ((HERITAGE_PLAN, old), (GREEN_PLAN, city), (UTILITIES_PLAN, city)):
        yield plan, area


def area_of(shapes: list[Polygon]) -> MultiPolygon:
    """Return the union of polygons that meet in shared edges."""
    union = shapely.coverage_union_all(np.array(shapes, dtype=object))
    return union if isinstance(union, MultiPolygon) else MultiPolygon([union])


def within_cell(grid: StreetGrid, cell: Cell, land: Polygon) -> Polygon:
    """Return land without what the rounding of its corners to the millimetre puts beyond its cell: two cells' lands never overlap."""
    parts = shapely.get_parts(land.intersection(Polygon(grid.cell_corners(cell))))
    return max((part for part in parts if isinstance(part, Polygon)), key=lambda part: float(part.area))
