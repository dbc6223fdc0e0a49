"""What the master plan keeps land for at the edge of the town: its growth, and the works that supply it with water, power and gas."""

from __future__ import annotations

from dataclasses import dataclass

from sample_city.streets import Cell, StreetGrid

_FEWEST_TO_GROW, _TOWN_TO_GROWTH = 6, 40
_CELLS_APART = 5
"""Works stand on cells this far apart in the order of growth, so that they spread round the town."""


@dataclass(frozen=True, slots=True)
class UtilitySite:
    """One works; ``land_use`` is its class of 《国土空间调查、规划、用途管制用地用海分类指南》 (2023)."""

    name: str
    land_use: str


_SITES = (
    UtilitySite("城东给水厂", "1301"),
    UtilitySite("江边污水处理厂", "1302"),
    UtilitySite("运河220kV变电站", "1303"),
    UtilitySite("城北天然气门站", "1304"),
)


def growth_land(grid: StreetGrid, town: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Return the cells where the town grows next; ``town`` lists its cells in order of growth."""
    return grid.growth[len(town) : len(town) + _FEWEST_TO_GROW + len(town) // _TOWN_TO_GROWTH]


def utility_sites(grid: StreetGrid, town: tuple[Cell, ...]) -> dict[Cell, UtilitySite]:
    """Return the works by their cells, the first beyond the land that the town grows on."""
    free = grid.growth[len(town) + len(growth_land(grid, town)) :: _CELLS_APART]
    return dict(zip(free, _SITES, strict=False))
