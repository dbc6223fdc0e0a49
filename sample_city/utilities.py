"""The works that supply the town: water, sewage, power and gas stand on land of their own at its edge."""

from __future__ import annotations

from dataclasses import dataclass

from sample_city.streets import Cell, StreetGrid

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


def utility_sites(grid: StreetGrid, town: tuple[Cell, ...]) -> dict[Cell, UtilitySite]:
    """Return the works by their cells: the first that the town, ``town`` listing its cells in order of growth, leaves free."""
    free = grid.growth[len(town) :: _CELLS_APART]
    return dict(zip(free, _SITES, strict=False))
