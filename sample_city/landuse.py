"""The land use plan: plots that cover the city without gap or overlap, and a few repealed plots of the plan before.

Codes follow 《国土空间调查、规划、用途管制用地用海分类指南》 (2023). Road land is one plot per quarter, with its blocks as holes.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from sample_city.plans import FORMER_MASTER_PLAN, MASTER_PLAN, Plan, detailed_plans
from sample_city.river import REACH_M, corridor, reach
from sample_city.seeding import rng_at
from sample_city.streets import Cell, OpenEdges, StreetGrid
from sample_city.town import land_of
from sample_city.utilities import UtilitySite, growth_land, utility_sites
from sample_city.zoning import Zone, zone_of

ROADS, RIVER, GREEN, FOREST, FIELD, _RESERVE = "1207", "1701", "1401", "0301", "0102", "16"
SMALL_PLOT_M2 = 2500.0
_TONGUE_M = 0.01
"""Half the width of what is cut off: corners rounded to the millimetre leave tongues along the middle of streets."""
_SMALLER_BEFORE_M = 2.0
"""By how much repealed plots lie within those of today."""
_REPEALED_EVERY = 29
QUARTER = 5
"""Roads and forests are one plot in every square of this many cells."""
_SUBJECT_PLOT = 91


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a plan; controls are None where the plan sets none."""

    plot_id: str
    land_use: str
    plan_state: str
    plan_name: str
    far: float | None
    density_pct: int | None
    height_limit_m: float | None
    green_ratio_pct: int | None
    approved_on: dt.date | None
    valid_from: dt.date | None
    valid_to: dt.date | None
    shape: Polygon

    @property
    def area_m2(self) -> float:
        """Area of the plot."""
        return round(float(self.shape.area), 2)


def plan_land_use(grid: StreetGrid, town: tuple[Cell, ...]) -> Iterator[Plot]:
    """Yield the plots of the whole grid when ``town`` lists the cells built on, oldest first."""
    rank = {cell: k for k, cell in enumerate(town)}
    built = np.zeros((grid.rows, grid.columns), bool)
    for cell in town:
        built[cell] = True
    streets = grid.open_edges(built)
    works = utility_sites(grid, town)
    reserve = frozenset(growth_land(grid, town))
    for row, column in itertools.product(range(0, grid.rows, QUARTER), range(0, grid.columns, QUARTER)):
        yield from _quarter(grid, streets, rank, works, reserve, row, column)
    yield from _river(grid)


def _quarter(
    grid: StreetGrid,
    streets: OpenEdges,
    rank: dict[Cell, int],
    works: dict[Cell, UtilitySite],
    reserve: frozenset[Cell],
    row: int,
    column: int,
) -> Iterator[Plot]:
    cells = list(itertools.product(range(row, min(row + QUARTER, grid.rows)), range(column, min(column + QUARTER, grid.columns))))
    taken: list[Polygon] = []
    forest: list[Polygon] = []
    for cell in cells:
        sides = grid.edges_of(cell, streets)
        block = grid.block(cell, sides)
        taken.append(block)
        land = land_of(grid, cell, sides)
        if grid.hill[cell]:
            forest += land
        elif cell in rank:
            yield from _town_plots(grid, cell, rank[cell], len(rank), land)
        elif cell in works:
            yield from _plots(cell, "U", land, works[cell].land_use, MASTER_PLAN)
        elif cell in reserve:
            yield from _plots(cell, "B", land, _RESERVE, MASTER_PLAN)
        else:
            yield from _plots(cell, "F", land, FIELD, MASTER_PLAN)
    number = (row, column)
    yield from _plots(number, "H", _pieces(_without_tongues(shapely.union_all(forest))), FOREST, MASTER_PLAN)
    ground = shapely.union_all([Polygon(grid.cell_corners(cell)) for cell in cells])
    roads = ground.difference(shapely.union_all(taken))
    west, south, east, north = ground.bounds
    for river in np.unique(grid.relief.river_index([south, north])):
        roads = roads.difference(corridor(grid.relief, int(river), west, east))
    yield from _plots(number, "R", _pieces(_without_tongues(roads)), ROADS, MASTER_PLAN)


def _town_plots(grid: StreetGrid, cell: Cell, rank: int, town_size: int, land: tuple[Polygon, ...]) -> Iterator[Plot]:
    zone = zone_of(grid, cell, rank)
    _, plan = detailed_plans(rank, town_size)
    large = [piece for piece in land if piece.area >= SMALL_PLOT_M2]
    small = [piece for piece in land if piece.area < SMALL_PLOT_M2]
    draw = rng_at(grid.relief.seed, _SUBJECT_PLOT, *cell)
    far = round(float(draw.uniform(*zone.far)), 1)
    yield from _plots(cell, "P", large, zone.land_use, plan, zone, far)
    yield from _plots(cell, "G", small, GREEN, plan)
    if rank % _REPEALED_EVERY == 7 and large:
        former = _pieces(large[0].buffer(-_SMALLER_BEFORE_M, join_style="mitre"))
        yield from _plots(cell, "X", former, _RESERVE, FORMER_MASTER_PLAN)


def _river(grid: StreetGrid) -> Iterator[Plot]:
    outline = grid.outline()
    west, south, east, north = grid.extent_m()
    low, high = grid.relief.river_index([south, north])
    shapely.prepare(outline)
    for river in range(int(low), int(high) + 1):
        for number in range(int(west // REACH_M), int(east // REACH_M) + 1):
            for part, use, shape in zip("SWN", (GREEN, RIVER, GREEN), reach(grid.relief, river, number), strict=True):
                pieces = _pieces(shape if outline.contains(shape) else shape.intersection(outline))
                yield from _plots((river, number), f"W{part}", pieces, use, MASTER_PLAN)


def _plots(
    place: Cell, letter: str, pieces: list[Polygon] | tuple[Polygon, ...], use: str, plan: Plan, zone: Zone | None = None, far: float = 0.0
) -> Iterator[Plot]:
    for k, piece in enumerate(pieces):
        suffix = "" if k == 0 else f"-{k + 1}"
        yield Plot(
            plot_id=f"CZ{letter}{place[0] % 10000:04d}{place[1] % 10000:04d}{suffix}",
            land_use=use,
            plan_state=plan.state,
            plan_name=plan.name,
            far=far if zone else None,
            density_pct=zone.density_pct if zone else None,
            height_limit_m=float(zone.height_limit_m) if zone else None,
            green_ratio_pct=zone.green_ratio_pct if zone else None,
            approved_on=plan.approved_on,
            valid_from=plan.approved_on,
            valid_to=plan.valid_to,
            shape=piece,
        )


def _pieces(shape: shapely.Geometry) -> list[Polygon]:
    parts = shape.geoms if isinstance(shape, shapely.GeometryCollection | MultiPolygon) else [shape]
    return [p for p in parts if isinstance(p, Polygon) and p.area > 0.5]


def _without_tongues(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape without hair-thin tongues, and without notches as thin."""
    for distance_m in (-_TONGUE_M, 2 * _TONGUE_M, -_TONGUE_M):
        shape = shape.buffer(distance_m, join_style="mitre")
    return shape
