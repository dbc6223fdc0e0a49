"""Management grids (网格) of five systems, each of which tiles the whole city within its streets and towns.

A cell is a stretch of blocks between street centre lines, cut where a town ends. Codes have 15 digits: 9 of the town, 3 of the community,
3 of the cell; the communities are ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Transformer
from shapely import MultiPolygon, Polygon

from sample_city.admin import admin_units
from sample_city.city import STORAGE_CRS
from sample_city.streets import StreetGrid

_CELLS_A_COMMUNITY = 100
_SLIVER_M2 = 0.01


@dataclass(frozen=True, slots=True)
class GridSystem:
    """One system: how many rows and columns of blocks a cell takes, and the post of who looks after it."""

    name: str
    rows: int
    columns: int
    steward: str


GRID_SYSTEMS = (
    GridSystem("综治", 5, 6, "专职网格员"),
    GridSystem("党建", 10, 12, "网格党支部书记"),
    GridSystem("警务", 8, 8, "社区民警"),
    GridSystem("民政", 10, 8, "民政协理员"),
    GridSystem("城管", 2, 2, "城管巡查员"),
)
"""As many cells of the first to a building as Changzhou has: 5,891 for 4.7 million people."""


@dataclass(frozen=True, slots=True)
class ManagementCell:
    """One cell of one system, EPSG:4549."""

    system: GridSystem
    cell_id: str
    name: str
    town_code: str
    shape: MultiPolygon


def management_cells(grid: StreetGrid) -> Iterator[ManagementCell]:
    """Yield the cells of all systems, row by row. Ground outside every town has none."""
    codes, names, shapes = _towns()
    tree = shapely.STRtree(shapes)
    for system in GRID_SYSTEMS:
        numbers: dict[str, int] = {}
        for row, column in itertools.product(range(0, grid.rows, system.rows), range(0, grid.columns, system.columns)):
            ground = stretch_of_blocks(grid, (row, column), (row + system.rows, column + system.columns))
            for town in sorted(tree.query(ground, predicate="intersects").tolist()):
                shape = _polygons(shapely.intersection(ground, shapes[town]))
                if shape.area > _SLIVER_M2:
                    number = numbers[codes[town]] = numbers.get(codes[town], 0) + 1
                    community, last = divmod(number - 1, _CELLS_A_COMMUNITY)
                    name = f"{names[town]}{system.name}第{number}网格"
                    yield ManagementCell(system, f"{codes[town]}{community + 1:03d}{last + 1:03d}", name, codes[town], shape)


def stretch_of_blocks(grid: StreetGrid, first: tuple[int, int], end: tuple[int, int]) -> Polygon:
    """Return the outline of the blocks from ``first`` up to but without ``end`` (row, column), along the centre lines of streets."""
    (south, west), north, east = first, min(end[0], grid.rows), min(end[1], grid.columns)
    j = grid.junctions[south : north + 1, west : east + 1]
    return Polygon(np.concatenate([j[0, :-1], j[:-1, -1], j[-1, :0:-1], j[:0:-1, 0]]))


def _towns() -> tuple[list[str], list[str], list[Polygon]]:
    """Return codes, names and outlines of all towns; straight lines run between the vertices in EPSG:4549, as where boundaries are kept."""
    to_grid = Transformer.from_crs("EPSG:4490", STORAGE_CRS, always_xy=True)
    towns = [unit for unit in admin_units() if len(unit.code) == 9]
    shapes = [shapely.transform(t.shape, lambda places: np.column_stack(to_grid.transform(places[:, 0], places[:, 1]))) for t in towns]
    return [town.code for town in towns], [town.name for town in towns], shapes


def _polygons(shape: shapely.Geometry) -> MultiPolygon:
    return MultiPolygon([part for part in shapely.get_parts(shape) if isinstance(part, Polygon)])
