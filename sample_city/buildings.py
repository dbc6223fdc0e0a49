"""The buildings of the town with the attributes a building survey lists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from sample_city.cadastre import parcel_code, towns_of_city
from sample_city.layouts import House
from sample_city.names import STRETCH, estate_name, place_name
from sample_city.permits import permit_of
from sample_city.roof_types import roof_rise_m, roof_type_of
from sample_city.seeding import rng_at
from sample_city.streets import Cell, StreetGrid
from sample_city.town import TownBlock
from sample_city.zoning import COMMERCE, ESTATE, GOVERNMENT, HOSPITAL, INDUSTRY, OFFICES, OLD_TOWN, PARK, SCHOOL, VILLAGE, WAREHOUSES

_SUBJECT_BUILDING = 51
_SHARE_WITHOUT_BASE = 0.12
_SHARE_WITHOUT_HEIGHT = 0.02
_LAST_YEAR = 2025
_BLOCKS_A_BATCH = 64
_UNPERMITTED = 1
"""Which building of its block the one without a permit is."""
BASEMENT_STOREY_M = 3.9


@dataclass(frozen=True, slots=True)
class Building:
    """One row of the building survey; heights are 1985 heights in metres, None where the survey left them out.

    ``building_id`` to ``permit_no`` are listed in the survey. ``block`` is the block's rank, ``town_code`` and ``town`` the street or town;
    ``plinth_m`` and ``eaves_m`` are the true elevations of the ground floor and of the eaves, which the survey may have left out.
    """

    building_id: str
    name: str
    usage: str
    floors_above: int
    floors_below: int
    height_m: float | None
    base_height_m: float | None
    year_built: int
    structure: str
    roof_type: str
    address: str
    parcel_id: str
    permit_no: str | None
    footprint: Polygon
    block: int
    town_code: str
    town: str
    street: str
    house_number: str
    door: tuple[float, float]
    """Where its number plate hangs: on the red line of the street, as easting and northing."""
    plinth_m: float
    storey_m: float

    @property
    def eaves_m(self) -> float:
        """Elevation of the eaves, or of a flat roof."""
        return round(self.plinth_m + self.floors_above * self.storey_m, 3)


def survey_buildings(grid: StreetGrid, blocks: Iterator[TownBlock], counted: int = 0) -> Iterator[tuple[TownBlock, list[Building]]]:
    """Yield every block with its buildings, numbered through the town after the ``counted`` ones before.

    One building, of the first block that has permits for all its buildings, has been put up without one.
    """
    number = counted
    all_permitted = not counted
    towns = towns_of_city()
    for batch in itertools.batched(blocks, _BLOCKS_A_BATCH):
        footprints = np.array([f for block in batch for f in block.footprints], dtype=object)
        middles = shapely.get_coordinates(shapely.centroid(footprints))
        ground = grid.relief.ground_m(middles[:, 0], middles[:, 1])
        places = towns.nearest(np.array([grid.cell_corners(block.cell).mean(axis=0) for block in batch]))
        start = 0
        for block, place in zip(batch, places, strict=True):
            here = slice(start, start + len(block.houses))
            town = towns.code_and_name(int(place))
            found = _survey_block(grid, block, number, middles[here], ground[here], town) if block.houses else []
            if all_permitted and len(found) > _UNPERMITTED and all(b.permit_no for b in found):
                found[_UNPERMITTED] = replace(found[_UNPERMITTED], permit_no=None)
                all_permitted = False
            yield block, found
            number += len(block.houses)
            start += len(block.houses)


def _survey_block(
    grid: StreetGrid,
    block: TownBlock,
    number: int,
    middles: NDArray[np.float64],
    ground: NDArray[np.float64],
    town: tuple[str, str],
) -> list[Building]:
    rng = rng_at(grid.relief.seed, _SUBJECT_BUILDING, *block.cell)
    base = np.round(ground + rng.uniform(0.15, 0.60, len(middles)), 2)
    unknown_base = rng.random(len(middles)) < _SHARE_WITHOUT_BASE
    unknown_height = rng.random(len(middles)) < _SHARE_WITHOUT_HEIGHT
    years = _years(grid, block, rng)
    taste = float(rng.random())
    place, names = _place_name(block), _Numbering()
    doors = _doors(grid, block.cell, middles)
    town_code, town_name = town
    codes = [parcel_code(grid, block.cell, block.zone, town_code, k) for k in range(len(block.parcels))]
    found = []
    for k, (house, footprint) in enumerate(zip(block.houses, block.footprints, strict=True)):
        year, roof, (street, house_number, door) = int(years[k]), roof_type_of(block.zone, house, footprint, taste), doors[k]
        height = round(house.floors_above * house.storey_m + roof_rise_m(roof, footprint), 1)
        found.append(
            Building(
                building_id=f"3204F{number + k + 1:07d}",
                name=names.name(place, house),
                usage=house.usage,
                floors_above=house.floors_above,
                floors_below=house.floors_below,
                height_m=None if unknown_height[k] else height,
                base_height_m=None if unknown_base[k] else float(base[k]),
                year_built=year,
                structure=house.structure,
                roof_type=roof,
                address=f"{street}{house_number}",
                parcel_id=codes[block.parcel_of[k]],
                permit_no=permit_of(block.rank, int(years.min()), year),
                footprint=footprint,
                block=block.rank,
                town_code=town_code,
                town=town_name,
                street=street,
                house_number=house_number,
                door=door,
                plinth_m=float(base[k]),
                storey_m=house.storey_m,
            )
        )
    return found


def _years(grid: StreetGrid, block: TownBlock, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the years of a block's buildings: built within three years, the later the further out the block lies."""
    first, last = block.zone.built
    floors = max(house.floors_above for house in block.houses)
    # Flats above six floors need a lift: they came with the boom after 2003.
    if block.zone is ESTATE:
        first, last = (2003, last) if floors > 6 else (first, 2004)
    age = 0.55 * float(rng.random()) + 0.45 * min(1.0, block.rank / len(grid.growth) * 1.3)
    years = first + round((last - first) * age) + rng.integers(0, 3, len(block.houses))
    return np.asarray(np.minimum(years, _LAST_YEAR), dtype=np.int64)


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
    GOVERNMENT.name: "",
    OLD_TOWN.name: "里",
    PARK.name: "公园",
    COMMERCE.name: "",
    OFFICES.name: "",
}


def _place_name(block: TownBlock) -> str:
    institution = _INSTITUTION.get(block.zone.name)
    return estate_name(block.rank) if institution is None else place_name(block.rank) + institution


def _doors(grid: StreetGrid, cell: Cell, places: NDArray[np.float64]) -> list[tuple[str, str, tuple[float, float]]]:
    """Return the street, the house number and the place of the number plate of every building: its foot on the nearest side of the block.

    Every 6 m of street is a number, odd on the north and west side of the street's own heading.
    """
    town_edges = grid.town_edges(cell)
    corners = grid.cell_corners(cell)
    front = shapely.get_coordinates(grid.block(cell, town_edges).exterior)[:4]
    sides = np.array([side for side, street in enumerate(town_edges) if street] or [0])
    start, end = front[sides], np.roll(front, -1, axis=0)[sides]
    length = np.linalg.norm(end - start, axis=1)
    along = (end - start) / length[:, None]
    offset = places[:, None, :] - start
    distance = np.abs(along[:, 0] * offset[..., 1] - along[:, 1] * offset[..., 0])
    nearest = np.argmin(distance, axis=1)
    run = np.clip(np.einsum("pk,pk->p", along[nearest], offset[np.arange(len(places)), nearest]), 1.0, length[nearest] - 1.0)
    doors = np.round(start[nearest] + along[nearest] * run[:, None], 3)
    origin = np.where(np.isin(sides, (0, 1))[:, None], corners[sides], np.roll(corners, -1, axis=0)[sides])[nearest]
    steps = np.linalg.norm(doors - origin, axis=1) // 6.0
    names = [grid.street_of_side(cell, int(side)) for side in sides]
    found = []
    for k, step, (e, n) in zip(nearest, steps, doors, strict=True):
        side = sides[k]
        cells_before = (cell[1] if side in (0, 2) else cell[0]) % STRETCH
        number = 2 * (int(step) + 45 * cells_before) + (1 if side in (0, 1) else 2)
        found.append((names[k], f"{number}号", (float(e), float(n))))
    return found
