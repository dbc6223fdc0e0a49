"""The address register and the points of interest: what people call the places where buildings stand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_city.buildings import Building
from sample_city.seeding import rng_at

_SUBJECT_SHOPS = 61


@dataclass(frozen=True, slots=True)
class Address:
    """One address; ``place`` is the number plate on the street's red line, easting and northing."""

    address_id: str
    full_address: str
    street: str
    house_number: str
    building_id: str
    parcel_id: str
    town_code: str
    place: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PointOfInterest:
    """One place that people look for, inside its building."""

    poi_id: str
    name: str
    category: str
    address_id: str
    building_id: str
    phone: str | None
    place: tuple[float, float]


_CATEGORY = {
    "商业": "购物", "办公": "公司企业", "教育": "科教", "医疗": "医疗卫生", "行政办公": "政府机构", "文化": "文化", "体育": "体育休闲",
    "旅馆": "住宿", "社区服务": "政府机构", "工业": "公司企业", "仓储": "邮政物流",
}  # fmt: skip
_SHOPS = (
    ("便利店", "购物"), ("大药房", "医疗卫生"), ("面馆", "餐饮"), ("银行支行", "金融"), ("水果店", "购物"), ("快递驿站", "邮政物流"),
    ("包子铺", "餐饮"), ("理发店", "其他"), ("小吃店", "餐饮"), ("诊所", "医疗卫生"), ("五金店", "购物"), ("健身房", "体育休闲"),
)  # fmt: skip
_BRANDS = ("惠民", "江南", "好邻居", "百姓", "龙城", "天宁", "瑞祥", "福润", "新世纪", "兴隆", "和顺", "万家")
_TENANTS = (
    ("信息科技有限公司", "公司企业"), ("建筑设计院", "公司企业"), ("律师事务所", "公司企业"), ("咖啡馆", "餐饮"), ("证券营业部", "金融"),
    ("人力资源服务中心", "公司企业"), ("餐厅", "餐饮"), ("培训学校", "科教"),
)  # fmt: skip


def address_of(building: Building) -> Address:
    """Return the address of a building; its code is the town's, then the building's number."""
    b = building
    return Address(
        address_id=address_code(b),
        full_address=f"江苏省常州市{b.town}{b.street}{b.house_number}{b.name}",
        street=b.street,
        house_number=b.house_number,
        building_id=b.building_id,
        parcel_id=b.parcel_id,
        town_code=b.town_code,
        place=b.door,
    )


def address_code(building: Building) -> str:
    """Return the code of a building's address."""
    return f"{building.town_code}{building.building_id[-7:]}"


def points_of_interest(seed: int, building: Building) -> Iterator[PointOfInterest]:
    """Yield the points of interest in a building: itself unless people live in it, and the shops and firms of its ground floor."""
    rng = rng_at(seed, _SUBJECT_SHOPS, int(building.building_id[-7:]))
    named = [(building.name, _CATEGORY[building.usage])] if building.usage in _CATEGORY else []
    if building.usage == "商业":
        named += _ground_floor(rng, _SHOPS, 3)
    if building.usage == "办公":
        named += _ground_floor(rng, _TENANTS, 2)
    inside = shapely.get_coordinates(shapely.point_on_surface(building.footprint))[0]
    for number, (name, category) in enumerate(named):
        yield PointOfInterest(
            poi_id=f"POI{building.building_id[-7:]}{number:02d}",
            name=name,
            category=category,
            address_id=address_code(building),
            building_id=building.building_id,
            phone=None if rng.random() < 0.3 else f"0519-8{int(rng.integers(0, 10_000_000)):07d}",
            place=_beside(inside, number),
        )


def _ground_floor(rng: np.random.Generator, kinds: tuple[tuple[str, str], ...], most: int) -> list[tuple[str, str]]:
    chosen = rng.choice(len(kinds), size=int(rng.integers(0, most + 1)), replace=False)
    return [(_BRANDS[int(rng.integers(0, len(_BRANDS)))] + kinds[int(k)][0], kinds[int(k)][1]) for k in chosen]


def _beside(middle: NDArray[np.float64], number: int) -> tuple[float, float]:
    """Spread the points of one building round its middle, so that their labels do not lie on one another."""
    turn, out_m = number * 1.7, 2.5 if number else 0.0
    return round(float(middle[0]) + out_m * math.cos(turn), 3), round(float(middle[1]) + out_m * math.sin(turn), 3)
