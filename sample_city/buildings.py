"""The buildings of the town with the attributes a building survey lists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from sample_city.layouts import House
from sample_city.names import estate_name
from sample_city.seeding import rng_at
from sample_city.streets import Cell, StreetGrid
from sample_city.town import TownBlock
from sample_city.zoning import COMMERCE, HOSPITAL, INDUSTRY, OFFICES, OLD_TOWN, PARK, SCHOOL, VILLAGE, WAREHOUSES

_SUBJECT_BUILDING = 51
_SHARE_WITHOUT_BASE = 0.12
_SHARE_WITHOUT_HEIGHT = 0.02
_LAST_YEAR = 2025
_BLOCKS_A_BATCH = 64


@dataclass(frozen=True, slots=True)
class Building:
    """One row of the building survey; heights are 1985 heights in metres, None where the survey left them out."""

    building_id: str
    name: str
    usage: str
    floors_above: int
    floors_below: int
    height_m: float | None
    base_height_m: float | None
    year_built: int
    structure: str
    address: str
    footprint: Polygon


def survey_buildings(grid: StreetGrid, blocks: Iterator[TownBlock]) -> Iterator[tuple[TownBlock, list[Building]]]:
    """Yield every block with its buildings, numbered through the town."""
    number = 0
    for batch in itertools.batched(blocks, _BLOCKS_A_BATCH):
        footprints = np.array([f for block in batch for f in block.footprints], dtype=object)
        middles = shapely.get_coordinates(shapely.centroid(footprints))
        ground = grid.relief.ground_m(middles[:, 0], middles[:, 1])
        start = 0
        for block in batch:
            here = slice(start, start + len(block.houses))
            yield block, _survey_block(grid, block, number, middles[here], ground[here])
            number += len(block.houses)
            start += len(block.houses)


def _survey_block(
    grid: StreetGrid, block: TownBlock, number: int, middles: NDArray[np.float64], ground: NDArray[np.float64]
) -> list[Building]:
    if not block.houses:
        return []
    rng = rng_at(grid.relief.seed, _SUBJECT_BUILDING, *block.cell)
    base = np.round(ground + rng.uniform(0.15, 0.60, len(middles)), 2)
    unknown_base = rng.random(len(middles)) < _SHARE_WITHOUT_BASE
    unknown_height = rng.random(len(middles)) < _SHARE_WITHOUT_HEIGHT
    first_year = _LAST_YEAR - min(45, 2 + int(rng.integers(0, 12)) + max(0, 26 - block.rank // 3))
    years = first_year + rng.integers(0, 3, len(middles))
    place, names = _place_name(block), _Numbering()
    addresses = _addresses(grid, block.cell, middles)
    return [
        Building(
            building_id=f"3204F{number + k + 1:07d}",
            name=names.name(place, house),
            usage=house.usage,
            floors_above=house.floors_above,
            floors_below=house.floors_below,
            height_m=None if unknown_height[k] else round(house.floors_above * house.storey_m + 0.6, 1),
            base_height_m=None if unknown_base[k] else float(base[k]),
            year_built=int(years[k]),
            structure=house.structure,
            address=addresses[k],
            footprint=footprint,
        )
        for k, (house, footprint) in enumerate(zip(block.houses, block.footprints, strict=True))
    ]


class _Numbering:
    """Names within one block: flats are numbered 1幢, 2幢…; the second of the same institution gets a number too."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def name(self, place: str, house: House) -> str:
        count = self._count[house.label] = self._count.get(house.label, 0) + 1
        if not house.label:
            return f"{place}{count}幢"
        if house.label in {"号楼", "号", "院", "车间", "仓库", "商铺"}:
            return f"{place}{count}{house.label}" if house.label != "商铺" else f"{place}商铺{count}号"
        return f"{place}{house.label}" if count == 1 else f"{place}{house.label}{count}号楼"


_INSTITUTION = {
    SCHOOL.name: "实验学校",
    HOSPITAL.name: "医院",
    INDUSTRY.name: "机械有限公司",
    WAREHOUSES.name: "物流园",
    VILLAGE.name: "村",
    OLD_TOWN.name: "里",
    PARK.name: "公园",
    COMMERCE.name: "",
    OFFICES.name: "",
}


def _place_name(block: TownBlock) -> str:
    estate = estate_name(block.rank)
    institution = _INSTITUTION.get(block.zone.name)
    return estate if institution is None else estate[:2] + institution


def _addresses(grid: StreetGrid, cell: Cell, places: NDArray[np.float64]) -> list[str]:
    """Number houses on the nearest street of their block: every 6 m of street is a number, odd on the north and west side."""
    corners = grid.cell_corners(cell)
    sides = np.array([side for side, street in enumerate(grid.town_edges(cell)) if street] or [0])
    start, end = corners[sides], np.roll(corners, -1, axis=0)[sides]
    along = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True)
    offset = places[:, None, :] - start
    distance = np.abs(along[:, 0] * offset[..., 1] - along[:, 1] * offset[..., 0])
    nearest = np.argmin(distance, axis=1)
    origin = np.where(np.isin(sides, (0, 1))[:, None], start, end)[nearest]
    steps = np.linalg.norm(places - origin, axis=1) // 6.0
    names = [grid.street_of_side(cell, int(side)) for side in sides]
    addresses = []
    for k, step in zip(nearest, steps, strict=True):
        side = sides[k]
        cells_before = cell[1] if side in (0, 2) else cell[0]
        number = 2 * (int(step) + 45 * cells_before) + (1 if side in (0, 1) else 2)
        addresses.append(f"{names[k]}{number}号")
    return addresses
