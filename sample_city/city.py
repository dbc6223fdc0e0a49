"""The city that every delivery draws from: its streets and relief, and its blocks with their buildings, as often as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sample_city.buildings import Building, survey_buildings
from sample_city.permits import permit_of
from sample_city.relief import Relief
from sample_city.spool import Spool
from sample_city.streets import Cell, StreetGrid, plan_streets
from sample_city.town import TownBlock, grow_town
from sample_city.utilities import utility_sites

STORAGE_CRS = "EPSG:4549"
_ORIGIN_E, _ORIGIN_N = 497_200.0, 3_519_700.0
"""Near 119.970 E, 31.800 N: the middle of Changzhou."""
_PIXEL_M, _PIXEL_OF_LARGE_CITY_M, _LARGE_CITY = 5.0, 10.0, 50_000
_BLOCKS_KEPT = 3000
"""The first blocks are kept in memory, those of a larger town on disk, so memory stays bounded."""
COMING_YEAR = 2026
_COMING_SHARE, _FEWEST_COMING = 0.012, 30
SurveyedBlock = tuple[TownBlock, list[Building]]


@dataclass(frozen=True, slots=True)
class City:
    """One city to write into ``folder``. ``town`` lists the cells built on, oldest first."""

    folder: Path
    seed: int
    scale: int
    grid: StreetGrid
    town: tuple[Cell, ...]
    first_blocks: tuple[SurveyedBlock, ...]
    later_blocks: Spool[SurveyedBlock]

    def blocks(self) -> Iterator[SurveyedBlock]:
        """Yield every block of the town with its buildings, from the centre outwards, one batch of blocks in memory at a time."""
        yield from self.first_blocks
        yield from self.later_blocks

    def coming_blocks(self) -> Iterator[SurveyedBlock]:
        """Yield the blocks beyond the town that stand when the second survey is made, a quarter later, with their buildings."""
        coming = grow_town(self.grid, max(_FEWEST_COMING, round(self.scale * _COMING_SHARE)), len(self.town))
        works = utility_sites(self.grid, self.town)
        for block, buildings in survey_buildings(self.grid, (block for block in coming if block.cell not in works), self.scale):
            permit = permit_of(block.rank, COMING_YEAR, COMING_YEAR)
            yield block, [replace(b, year_built=COMING_YEAR, permit_no=permit) for b in buildings]


def plan_city(folder: Path, scale: int, seed: int) -> City:
    """Lay out a city of ``scale`` buildings; equal scale and seed give an equal city."""
    pixel = _PIXEL_M if scale <= _LARGE_CITY else _PIXEL_OF_LARGE_CITY_M
    grid = plan_streets(Relief(seed, _ORIGIN_E, _ORIGIN_N, pixel), scale)
    town: list[Cell] = []
    first: list[SurveyedBlock] = []
    later = Spool[SurveyedBlock]()
    for surveyed in survey_buildings(grid, grow_town(grid, scale)):
        town.append(surveyed[0].cell)
        (first if len(first) < _BLOCKS_KEPT else later).append(surveyed)
    return City(folder, seed, scale, grid, tuple(town), tuple(first), later)
