"""Construction projects in the four stages of approval: land, planning, construction, acceptance.

Every block built on since the register of permits began is one project, under the permit that its buildings carry. Projects that
are still to be built renew villages; one of them is planned on permanent farmland, as a planted fact.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from sample_city.buildings import Building
from sample_city.city import SurveyedBlock
from sample_city.control_lines import ControlLine
from sample_city.landuse import SMALL_PLOT_M2
from sample_city.names import estate_name, place_name
from sample_city.permits import permit_year
from sample_city.plans import within_cell
from sample_city.seeding import rng_at
from sample_city.streets import StreetGrid
from sample_city.town import TownBlock
from sample_city.zoning import COMMERCE, ESTATE, GOVERNMENT, HOSPITAL, INDUSTRY, OFFICES, PARK, SCHOOL, TOWERS, VILLAGE, WAREHOUSES

LAND, PLANNING, CONSTRUCTION, ACCEPTED = "立项用地规划许可", "建设工程规划许可", "施工许可", "竣工验收"
_SUBJECT_PROJECT = 93
_LAST_YEAR = 2025
_SITE_M = 70.0
_PURPOSE = {
    ESTATE.name: "住宅小区",
    TOWERS.name: "高层住宅",
    COMMERCE.name: "商业综合体",
    OFFICES.name: "商务办公楼",
    SCHOOL.name: "学校",
    HOSPITAL.name: "医院",
    GOVERNMENT.name: "政务服务中心",
    INDUSTRY.name: "标准厂房",
    WAREHOUSES.name: "物流仓储",
    PARK.name: "公园配套",
    VILLAGE.name: "农民安置房",
}
_PUBLIC = {
    SCHOOL.name: "教育局",
    HOSPITAL.name: "卫生健康委员会",
    GOVERNMENT.name: "机关事务管理局",
    PARK.name: "园林绿化局",
    VILLAGE.name: "城市建设集团",
}


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit or an acceptance: its number and its day."""

    number: str
    on: dt.date


@dataclass(frozen=True, slots=True)
class Project:
    """One construction project; permits it has not reached yet are None, its red line is EPSG:4549."""

    project_id: str
    name: str
    developer: str
    parcel_id: str | None
    land_permit: Permit
    planning_permit: Permit | None
    construction_permit: Permit | None
    acceptance: Permit | None
    floor_area_m2: float
    far: float
    height_max_m: float
    shape: MultiPolygon

    @property
    def stage(self) -> str:
        """The last stage that it has reached."""
        if self.acceptance:
            return ACCEPTED
        if self.construction_permit:
            return CONSTRUCTION
        return PLANNING if self.planning_permit else LAND


def project_of(grid: StreetGrid, surveyed: SurveyedBlock) -> Project | None:
    """Return the project of a block: what was built there under permits, or what is to take a village's place; None for most old blocks."""
    block, buildings = surveyed
    rng = rng_at(grid.relief.seed, _SUBJECT_PROJECT, *block.cell)
    if any(b.permit_no for b in buildings):
        return _built(grid, block, buildings, rng)
    if block.zone is VILLAGE and block.land and block.land[0].area >= SMALL_PLOT_M2:
        return _renewal(grid, block, buildings, rng)
    return None


def project_on_farmland(farmland: ControlLine, ground: Polygon, town: MultiPolygon) -> Project:
    """Return a project within ``ground`` at the edge of the town, most of it on permanent farmland."""
    foot = shapely.get_coordinates(shapely.shortest_line(farmland.shape, town))[0]
    inwards = shapely.get_coordinates(farmland.shape.centroid)[0] - foot
    step = inwards / np.linalg.norm(inwards)
    side = np.array([-step[1], step[0]])
    corners = [foot + a * side + b * step for a, b in ((-_SITE_M, -8), (_SITE_M, -8), (_SITE_M, _SITE_M), (-_SITE_M, _SITE_M))]
    site = Polygon(corners).intersection(ground)
    return Project(
        project_id="2026-320400-70-01-900001",
        name="城郊仓储物流项目",
        developer="常州市远达物流有限公司",
        parcel_id=None,
        land_permit=Permit("地字第32042026900001号", dt.date(2026, 2, 12)),
        planning_permit=None,
        construction_permit=None,
        acceptance=None,
        floor_area_m2=round(0.9 * float(site.area), 0),
        far=0.9,
        height_max_m=18.0,
        shape=_multi(site),
    )


def _built(grid: StreetGrid, block: TownBlock, buildings: list[Building], rng: np.random.Generator) -> Project:
    permit_no = next(b.permit_no for b in buildings if b.permit_no)
    permitted, last = permit_year(permit_no), max(b.year_built for b in buildings)
    land_on = _day(rng, permitted - 1, 1, 365)
    planning_on = _day(rng, permitted, 40, 300)
    construction_on = planning_on + dt.timedelta(days=int(rng.integers(45, 180)))
    accepted_on = _day(rng, last, 200, 360)
    under_way = last >= _LAST_YEAR
    large = [piece for piece in block.land if piece.area >= SMALL_PLOT_M2] or block.land[:1]
    site = MultiPolygon([within_cell(grid, block.cell, piece) for piece in large])
    floors = sum(b.floors_above * float(b.footprint.area) for b in buildings)
    number = f"{block.rank:06d}"
    return Project(
        project_id=f"{permitted - 1}-320400-{_branch(block)}-01-{number}",
        name=f"{_place(block)}{_PURPOSE.get(block.zone.name, '住宅')}建设项目",
        developer=_developer(block),
        parcel_id=buildings[0].parcel_id,
        land_permit=Permit(f"地字第3204{land_on.year}{number}号", land_on),
        planning_permit=Permit(permit_no, planning_on),
        construction_permit=Permit(f"3204{construction_on:%Y%m%d}{number[-4:]}-SX-001", construction_on),
        acceptance=None if under_way else Permit(f"3204-JX-{accepted_on.year}-{number}", accepted_on),
        floor_area_m2=round(floors, 1),
        far=round(floors / float(site.area), 2),
        height_max_m=max(round(b.floors_above * b.storey_m, 1) for b in buildings),
        shape=site,
    )


def _renewal(grid: StreetGrid, block: TownBlock, buildings: list[Building], rng: np.random.Generator) -> Project:
    """A village within the town gives way to flats: with land permit, half of them with planning and some with construction permit."""
    land = within_cell(grid, block.cell, block.land[0])
    land_on = _day(rng, _LAST_YEAR - 1, 30, 330)
    planning_on = land_on + dt.timedelta(days=int(rng.integers(120, 240)))
    construction_on = planning_on + dt.timedelta(days=int(rng.integers(40, 120)))
    reached = float(rng.random())
    number = f"{block.rank:06d}"
    planning = Permit(f"建字第3204{planning_on.year}{number}号", planning_on)
    construction = Permit(f"3204{construction_on:%Y%m%d}{number[-4:]}-SX-001", construction_on)
    return Project(
        project_id=f"{land_on.year}-320400-{_branch(block)}-01-{number}",
        name=f"{_place(block)}城中村改造项目",
        developer=_developer(block),
        parcel_id=buildings[0].parcel_id if buildings else None,
        land_permit=Permit(f"地字第3204{land_on.year}{number}号", land_on),
        planning_permit=planning if reached > 0.4 else None,
        construction_permit=construction if reached > 0.75 else None,
        acceptance=None,
        floor_area_m2=round(1.8 * float(land.area), 0),
        far=1.8,
        height_max_m=54.0,
        shape=MultiPolygon([land]),
    )


def _day(rng: np.random.Generator, year: int, first: int, last: int) -> dt.date:
    return dt.date(year, 1, 1) + dt.timedelta(days=int(rng.integers(first, last)) - 1)


def _branch(block: TownBlock) -> str:
    """Return the two digits of the branch of business in a project's code: 47 building, 36 manufacturing, 59 storage (GB/T 4754)."""
    return {INDUSTRY.name: "36", WAREHOUSES.name: "59"}.get(block.zone.name, "47")


def _place(block: TownBlock) -> str:
    return estate_name(block.rank) if block.zone in (ESTATE, TOWERS) else place_name(block.rank)


def _developer(block: TownBlock) -> str:
    office = _PUBLIC.get(block.zone.name)
    return f"常州市{office}" if office else f"常州{place_name(block.rank)}置业有限公司"


def _multi(shape: shapely.Geometry) -> MultiPolygon:
    return shape if isinstance(shape, MultiPolygon) else MultiPolygon([shape])
