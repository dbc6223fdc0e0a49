"""Which roof a building has, as a building survey notes it, and how high it rises above the eaves."""

from __future__ import annotations

import math

import shapely
from shapely import Polygon

from sample_city.layouts import House
from sample_city.zoning import COMMERCE, ESTATE, GOVERNMENT, HOSPITAL, INDUSTRY, OLD_TOWN, PARK, SCHOOL, VILLAGE, WAREHOUSES, Zone

FLAT, GABLE, HIP, PYRAMID, SHED, MANSARD = "平屋顶", "双坡屋顶", "四坡屋顶", "攒尖屋顶", "单坡屋顶", "折坡屋顶"
PARAPET_M = 0.6
_SLOPE = {GABLE: 0.5, HIP: 0.45, PYRAMID: 0.7, SHED: 0.12}
_WIDE_SLOPE = 0.2
_WIDE_M = 16.0
MANSARD_FOOT_M = 1.2
MANSARD_STEEP = 2.0
MANSARD_TOP_SLOPE = 0.25


def roof_type_of(zone: Zone, house: House, footprint: Polygon, taste: float) -> str:
    """Return the roof of a house; ``taste`` in [0, 1) is the block's, so that an estate is roofed alike."""
    rectangle = shapely.get_num_coordinates(footprint) == 5
    wanted = _wanted(zone, house, taste)
    if wanted in {GABLE, SHED} and not rectangle and shapely.get_num_interior_rings(footprint):
        return HIP
    if wanted == SHED and not rectangle:
        return GABLE
    return wanted


def _wanted(zone: Zone, house: House, taste: float) -> str:
    """Sloping roofs are for low buildings: halls, and what people, pupils and patients live and work in under six floors."""
    low = house.floors_above <= 6
    if house.usage in {"工业", "仓储", "体育"}:
        return GABLE if taste < 0.65 or zone is SCHOOL else SHED
    if zone is COMMERCE:
        return MANSARD if house.floors_above <= 12 and (house.usage == "旅馆" or taste < 0.25) else FLAT
    choice = _CHOICES.get(zone.name)
    if choice is None or not low or (zone is ESTATE and house.usage != "住宅"):
        return FLAT
    return choice[int(taste * len(choice))]


_CHOICES: dict[str, tuple[str, ...]] = {
    PARK.name: (PYRAMID,),
    OLD_TOWN.name: (GABLE, GABLE, GABLE, HIP, FLAT),
    VILLAGE.name: (GABLE, GABLE, HIP),
    ESTATE.name: (GABLE, HIP, FLAT),
    SCHOOL.name: (HIP, FLAT),
    GOVERNMENT.name: (HIP, FLAT),
    HOSPITAL.name: (HIP, FLAT),
    INDUSTRY.name: (HIP, FLAT, FLAT),
    WAREHOUSES.name: (HIP, FLAT, FLAT),
}


def bar_thickness_m(footprint: Polygon) -> float:
    """Return the thickness of the bars of one thickness that a right-angled footprint is made of; of a rectangle, its shorter side.

    Area A and perimeter P of such a shape without a courtyard are those of a rectangle of its thickness w, A = w (P/2 - w), because
    every corner between two bars takes as much from the one as from the other; around a courtyard A = w P/2.
    """
    half, area = float(footprint.length) / 2, float(footprint.area)
    if footprint.interiors:
        return area / half
    return (half - math.sqrt(max(0.0, half * half - 4 * area))) / 2


def slope_of(roof: str, thickness_m: float) -> float:
    """Return rise over run of a roof's planes; wide halls have flat slopes."""
    return _WIDE_SLOPE if thickness_m > _WIDE_M and roof != SHED else _SLOPE[roof]


def ridge_rise_m(roof: str, footprint: Polygon) -> float:
    """Return how far the highest line of a roof lies above the eaves, or the parapet of a flat roof above the roof."""
    thickness = bar_thickness_m(footprint)
    if roof == FLAT:
        return PARAPET_M
    if roof == MANSARD:
        return MANSARD_FOOT_M * MANSARD_STEEP + (thickness / 2 - MANSARD_FOOT_M) * MANSARD_TOP_SLOPE
    return slope_of(roof, thickness) * (thickness if roof == SHED else thickness / 2)


def roof_rise_m(roof: str, footprint: Polygon) -> float:
    """Return what a roof adds to the height of a building: a parapet in full, a sloping roof to the middle between eaves and ridge."""
    rise = ridge_rise_m(roof, footprint)
    return rise if roof == FLAT else rise / 2
