"""How buildings stand in a block of each zone. Pure geometry in the block's frame: x along its south side, y across, metres."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sample_city.footprints import Rings, courtyard, h_shape, l_shape, rectangle, u_shape
from sample_city.zoning import (
    COMMERCE,
    ESTATE,
    GOVERNMENT,
    HOSPITAL,
    INDUSTRY,
    OFFICES,
    OLD_TOWN,
    PARK,
    SCHOOL,
    TOWERS,
    VILLAGE,
    WAREHOUSES,
    Zone,
)

_MARGIN_M = 7.0
BRICK, FRAME, SHEAR_WALL, STEEL, TIMBER = "砖混结构", "框架结构", "剪力墙", "钢结构", "砖木结构"


@dataclass(frozen=True, slots=True)
class House:
    """One building before it has a place, a number and an age."""

    rings: Rings
    usage: str
    floors_above: int
    storey_m: float
    structure: str
    label: str
    """What its name ends in; empty for a numbered block of flats."""
    floors_below: int = 0


Layout = Callable[[float, float, np.random.Generator], Iterator[House]]


def layout_of(zone: Zone) -> Layout:
    """Return the layout that stands on blocks of a zone."""
    return _LAYOUTS[zone.name]


def _estate(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    floors = int(rng.choice([5, 6, 6, 11, 11, 17]))
    thick = float(rng.uniform(11.0, 13.5))
    pitch = thick + min(1.0 * 2.9 * floors, 30.0)
    y = _MARGIN_M
    shops = bool(rng.random() < 0.45)
    if shops:
        yield from _shops(width, rng)
        y += 26.0
    community = int(rng.integers(3, 7))
    number = 0
    while y + thick <= depth - _MARGIN_M:
        x = _MARGIN_M
        length = float(rng.uniform(28.0, 46.0))
        while x + length <= width - _MARGIN_M:
            number += 1
            if number == community:
                yield House(l_shape(x, y, length, thick + 8.0, 10.0), "社区服务", 2, 3.9, FRAME, "社区服务中心")
            else:
                structure = BRICK if floors <= 6 else SHEAR_WALL
                yield House(rectangle(x, y, length, thick), "住宅", floors, 2.9, structure, "", int(floors > 6))
            x += length + float(rng.uniform(7.0, 11.0))
        y += pitch


def _shops(width: float, rng: np.random.Generator) -> Iterator[House]:
    x = _MARGIN_M
    while x + 42.0 <= width - _MARGIN_M:
        length = float(rng.uniform(30.0, 42.0))
        yield House(rectangle(x, 5.0, length, 10.0), "商业", 2, 3.9, FRAME, "商铺")
        x += length + 8.0


def _towers(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    yield from _shops(width, rng)
    floors = int(rng.integers(18, 34))
    for x, y, w, d in _slots(width, depth - 24.0, 48.0, 46.0):
        size_x, size_y = float(rng.uniform(24.0, 32.0)), float(rng.uniform(18.0, 23.0))
        at_x, at_y = x + (w - size_x) / 2, y + 24.0 + (d - size_y) / 2
        below = int(rng.integers(1, 3))
        yield House(rectangle(at_x, at_y, size_x, size_y), "住宅", floors - int(rng.integers(0, 3)), 2.95, SHEAR_WALL, "", below)


def _old_town(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    y = _MARGIN_M
    while y + 15.0 <= depth - _MARGIN_M:
        x = _MARGIN_M
        while x + 22.0 <= width - _MARGIN_M:
            if rng.random() < 0.16:
                length = float(rng.uniform(17.0, 21.0))
                yield House(courtyard(x, y, length, 15.0, 4.2), "住宅", int(rng.integers(1, 3)), 3.3, TIMBER, "院")
            else:
                length = float(rng.uniform(10.0, 19.0))
                yield House(rectangle(x, y, length, float(rng.uniform(9.0, 14.0))), "住宅", int(rng.integers(1, 4)), 3.1, BRICK, "号楼")
            x += length + float(rng.uniform(1.2, 4.0))
        y += 15.0 + float(rng.uniform(3.0, 5.0))


def _village(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    for x, y, w, d in _slots(width, depth, 23.0, 24.0):
        if rng.random() < 0.25:
            continue
        size_x, size_y = float(rng.uniform(10.0, 14.0)), float(rng.uniform(9.0, 12.0))
        at_x, at_y = x + float(rng.uniform(0, w - size_x - 2)), y + float(rng.uniform(0, d - size_y - 2))
        shape = l_shape(at_x, at_y, size_x, size_y, 5.0) if rng.random() < 0.3 else rectangle(at_x, at_y, size_x, size_y)
        yield House(shape, "住宅", int(rng.integers(2, 4)), 3.2, BRICK, "号")


def _commerce(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    for k, (x, y, w, d) in enumerate(_slots(width, depth, 62.0, 50.0)):
        size_x, size_y = w - float(rng.uniform(10.0, 18.0)), d - float(rng.uniform(10.0, 16.0))
        if k == 0:
            yield House(courtyard(x + 5, y + 5, size_x, size_y, 13.0), "商业", int(rng.integers(4, 7)), 4.8, FRAME, "购物中心", 2)
        elif rng.random() < 0.5:
            yield House(l_shape(x + 5, y + 5, size_x, size_y, 18.0), "商业", int(rng.integers(3, 6)), 4.5, FRAME, "商场", 1)
        else:
            yield House(rectangle(x + 5, y + 5, size_x, min(size_y, 24.0)), "旅馆", int(rng.integers(8, 19)), 3.4, FRAME, "酒店", 1)


def _offices(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    for x, y, w, d in _slots(width, depth, 60.0, 48.0):
        size_x, size_y = w - float(rng.uniform(16.0, 26.0)), d - float(rng.uniform(14.0, 20.0))
        kind = rng.random()
        floors = int(rng.integers(9, 25))
        if kind < 0.4:
            side = min(size_x, size_y, 38.0)
            yield House(rectangle(x + 8, y + 8, side, side), "办公", floors + int(rng.integers(6, 18)), 3.9, SHEAR_WALL, "大厦", 3)
        elif kind < 0.7:
            yield House(l_shape(x + 8, y + 8, size_x, size_y, 17.0), "办公", floors, 3.9, FRAME, "商务中心", 2)
        else:
            yield House(u_shape(x + 8, y + 8, size_x, size_y, 14.0), "办公", floors // 2 + 2, 3.9, FRAME, "广场", 1)


def _school(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    yield House(u_shape(12.0, depth - 62.0, min(78.0, width - 60.0), 50.0, 13.0), "教育", int(rng.integers(4, 6)), 3.8, FRAME, "教学楼")
    yield House(l_shape(12.0, 12.0, 46.0, 34.0, 12.0), "教育", 4, 3.8, FRAME, "实验楼")
    yield House(rectangle(width - 52.0, 12.0, 38.0, 26.0), "体育", 1, 12.0, STEEL, "体育馆")
    yield House(rectangle(width - 44.0, depth - 30.0, 30.0, 18.0), "教育", 2, 4.2, FRAME, "食堂")


def _hospital(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    yield House(h_shape(14.0, depth - 66.0, min(84.0, width - 70.0), 52.0, 17.0), "医疗", int(rng.integers(9, 17)), 3.8, FRAME, "住院楼", 2)
    yield House(u_shape(14.0, 12.0, min(72.0, width - 70.0), 40.0, 15.0), "医疗", 5, 4.2, FRAME, "门诊楼", 1)
    yield House(rectangle(width - 46.0, 14.0, 32.0, 16.0), "医疗", 4, 3.8, FRAME, "急诊楼")
    yield House(l_shape(width - 46.0, depth - 46.0, 32.0, 30.0, 12.0), "医疗", 6, 3.8, FRAME, "医技楼")


def _government(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    middle = width / 2
    floors = int(rng.integers(8, 15))
    yield House(u_shape(middle - 42.0, depth - 58.0, 84.0, 42.0, 16.0), "行政办公", floors, 3.8, FRAME, "政务中心", 1)
    yield House(rectangle(14.0, 14.0, 30.0, 16.0), "行政办公", 4, 3.6, FRAME, "综合楼")
    yield House(rectangle(width - 44.0, 14.0, 30.0, 16.0), "文化", 3, 4.5, FRAME, "档案馆")


def _industry(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    for k, (x, y, w, d) in enumerate(_slots(width, depth, 56.0, 42.0)):
        if k == 0:
            yield House(l_shape(x + 6, y + 6, 36.0, 26.0, 12.0), "办公", 4, 3.6, FRAME, "厂部办公楼")
        else:
            size_x, size_y = w - float(rng.uniform(8.0, 16.0)), d - float(rng.uniform(10.0, 16.0))
            yield House(rectangle(x + 4, y + 5, size_x, size_y), "工业", 1, float(rng.uniform(8.5, 13.0)), STEEL, "车间")


def _warehouses(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    for x, y, w, d in _slots(width, depth, 80.0, 36.0):
        yield House(rectangle(x + 5, y + 6, w - 12.0, d - 16.0), "仓储", 1, float(rng.uniform(9.0, 12.0)), STEEL, "仓库")


def _park(width: float, depth: float, rng: np.random.Generator) -> Iterator[House]:
    for x, y, w, d in _slots(width, depth, 90.0, 80.0):
        if rng.random() < 0.55:
            side = float(rng.uniform(7.0, 11.0))
            yield House(rectangle(x + w / 2, y + d / 2, side, side), "文化", 1, 5.0, TIMBER, "亭")


def _slots(width: float, depth: float, slot_x: float, slot_y: float) -> Iterator[tuple[float, float, float, float]]:
    """Yield (x, y, width, depth) of an even grid of slots of about the size asked for, inside the margin."""
    inner_x, inner_y = width - 2 * _MARGIN_M, depth - 2 * _MARGIN_M
    across, up = max(1, int(inner_x // slot_x)), max(1, int(inner_y // slot_y))
    if inner_x < slot_x or inner_y < slot_y:
        return
    for row in range(up):
        for column in range(across):
            w, d = inner_x / across, inner_y / up
            yield _MARGIN_M + column * w, _MARGIN_M + row * d, w, d


_LAYOUTS: dict[str, Layout] = {
    ESTATE.name: _estate,
    TOWERS.name: _towers,
    OLD_TOWN.name: _old_town,
    COMMERCE.name: _commerce,
    OFFICES.name: _offices,
    SCHOOL.name: _school,
    HOSPITAL.name: _hospital,
    GOVERNMENT.name: _government,
    INDUSTRY.name: _industry,
    WAREHOUSES.name: _warehouses,
    VILLAGE.name: _village,
    PARK.name: _park,
}
