"""What each cell of the grid is for: the zone that decides its land use, its buildings and its pipes.

Land use codes follow 《国土空间调查、规划、用途管制用地用海分类指南》 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sample_city.seeding import rng_at
from sample_city.streets import Cell, StreetGrid

_SUBJECT_ZONE = 31
_INDUSTRY_SECTOR_RAD = (-1.2, 0.35)
"""The industrial sector lies in the east, seen from the centre."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A kind of block, with the planning controls its plots get, the years in which it is built and how its land is held."""

    name: str
    land_use: str
    far: tuple[float, float]
    density_pct: int
    height_limit_m: int
    green_ratio_pct: int
    built: tuple[int, int]
    """First and last year; the blocks further out are younger."""
    lot_buildings: int
    """How many buildings stand on one parcel at most."""


ESTATE = Zone("estate", "070102", (1.4, 2.2), 28, 60, 35, (1986, 2020), 99)
TOWERS = Zone("towers", "070102", (2.2, 3.2), 22, 100, 35, (2005, 2024), 99)
OLD_TOWN = Zone("old_town", "070103", (0.9, 1.4), 55, 12, 15, (1952, 1988), 6)
COMMERCE = Zone("commerce", "090101", (2.0, 3.5), 50, 50, 20, (1994, 2022), 1)
OFFICES = Zone("offices", "0902", (3.0, 6.0), 40, 180, 20, (1998, 2024), 1)
SCHOOL = Zone("school", "080403", (0.7, 1.0), 25, 24, 35, (1972, 2018), 99)
HOSPITAL = Zone("hospital", "080601", (1.5, 2.2), 30, 80, 35, (1984, 2018), 99)
GOVERNMENT = Zone("government", "0801", (1.0, 1.8), 30, 60, 35, (1985, 2014), 99)
INDUSTRY = Zone("industry", "100102", (1.0, 1.6), 45, 24, 15, (1993, 2022), 3)
WAREHOUSES = Zone("warehouses", "110101", (0.8, 1.4), 50, 24, 15, (2000, 2023), 3)
VILLAGE = Zone("village", "070301", (0.6, 0.9), 40, 12, 20, (1984, 2014), 1)
PARK = Zone("park", "1401", (0.0, 0.1), 3, 9, 75, (1984, 2016), 99)

_MIXES: dict[str, tuple[tuple[Zone, float], ...]] = {
    "core": ((OFFICES, 0.42), (COMMERCE, 0.28), (GOVERNMENT, 0.12), (TOWERS, 0.12), (PARK, 0.06)),
    "inner": (
        (OLD_TOWN, 0.14), (ESTATE, 0.34), (COMMERCE, 0.14), (TOWERS, 0.14), (SCHOOL, 0.10), (HOSPITAL, 0.05),
        (OFFICES, 0.05), (PARK, 0.04),
    ),
    "outer": ((ESTATE, 0.50), (TOWERS, 0.22), (SCHOOL, 0.07), (COMMERCE, 0.08), (HOSPITAL, 0.02), (PARK, 0.05), (VILLAGE, 0.06)),
    "industry": ((INDUSTRY, 0.70), (WAREHOUSES, 0.20), (PARK, 0.05), (ESTATE, 0.05)),
}  # fmt: skip


def zone_of(grid: StreetGrid, cell: Cell, rank: int) -> Zone:
    """Return the zone of a cell that is built on as number ``rank`` of the town's growth."""
    mix = _MIXES[_ring(grid, cell, rank)]
    draw = rng_at(grid.relief.seed, _SUBJECT_ZONE, *cell).random()
    for zone, share in mix:
        draw -= share
        if draw < 0:
            return zone
    return mix[0][0]


def _ring(grid: StreetGrid, cell: Cell, rank: int) -> str:
    share = rank / len(grid.growth)
    if share < 0.05:
        return "core"
    if share < 0.20:
        return "inner"
    centre = grid.cell_corners(cell).mean(axis=0)
    bearing = math.atan2(centre[1] - grid.relief.origin_n, centre[0] - grid.relief.origin_e)
    west, east = _INDUSTRY_SECTOR_RAD
    return "industry" if share > 0.28 and west < bearing < east else "outer"
