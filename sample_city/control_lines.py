"""The control lines: 三线 (permanent farmland, ecological protection, urban growth boundary), road red lines, and 绿、蓝、紫、黄线.

They follow the plots of the land use plan. The three must keep clear of each other; here one farmland plot reaches into the urban
growth boundary, and one construction project into farmland, as planted facts.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from sample_city.landuse import FIELD, FOREST, GREEN, QUARTER, RIVER, ROADS, Plot, plan_land_use
from sample_city.management_grids import stretch_of_blocks
from sample_city.names import place_name
from sample_city.plans import GREEN_PLAN, HERITAGE_PLAN, MASTER_PLAN, UTILITIES_PLAN, Plan, area_of, within_cell
from sample_city.seeding import rng_at
from sample_city.streets import Cell, StreetGrid
from sample_city.utilities import growth_land, utility_sites
from sample_city.zoning import OLD_TOWN, zone_of

FARMLAND, ECOLOGY, URBAN_GROWTH = "永久基本农田", "生态保护红线", "城镇开发边界"
ROAD_LINE, GREEN_LINE, BLUE_LINE, PURPLE_LINE, YELLOW_LINE = "道路红线", "绿线", "蓝线", "紫线", "黄线"
URBAN_GROWTH_ID = "CZ320400"
_AUTHORITY = {
    FARMLAND: "农业农村局",
    ECOLOGY: "生态环境局",
    URBAN_GROWTH: "自然资源和规划局",
    ROAD_LINE: "自然资源和规划局",
    GREEN_LINE: "园林绿化局",
    BLUE_LINE: "水利局",
    PURPLE_LINE: "文化广电和旅游局",
    YELLOW_LINE: "住房和城乡建设局",
}
_LETTER = {
    FARMLAND: "YN", ECOLOGY: "ST", URBAN_GROWTH: "CZ", ROAD_LINE: "HX", GREEN_LINE: "LV", BLUE_LINE: "LA", PURPLE_LINE: "ZX",
    YELLOW_LINE: "HU",
}  # fmt: skip
_FARMLAND_SHARE, _SMALLEST_FARMLAND_M2 = 0.8, 3000.0
_SUBJECT_FARMLAND = 92
_SMALLEST_GREEN_M2 = 400.0
_HISTORIC_BLOCKS = 3
_ACROSS_A_STREET_M = 40.0
_REACH_INTO_TOWN_M = 55.0


@dataclass(frozen=True, slots=True)
class ControlLine:
    """One area under control, EPSG:4549."""

    line_id: str
    kind: str
    name: str
    plan: Plan
    shape: MultiPolygon

    @property
    def authority(self) -> str:
        """Who watches over it."""
        return _AUTHORITY[self.kind]

    @property
    def approved_on(self) -> dt.date | None:
        """When its plan was approved."""
        return self.plan.approved_on

    @property
    def area_m2(self) -> float:
        """Area under control."""
        return round(float(self.shape.area), 2)


@dataclass(frozen=True, slots=True)
class Encroachment:
    """Farmland beside the town: the plot that overlaps the urban growth boundary, and the one that a project is planned on.

    ``ground`` is the cell of the latter, with its half of the streets around.
    """

    overlapping: ControlLine | None
    overlap_m2: float
    built_on: ControlLine | None
    ground: Polygon


class ControlLinePlanner:
    """Draws the control lines of the whole city, plot after plot; ``town`` lists the cells built on, oldest first."""

    def __init__(self, grid: StreetGrid, town: tuple[Cell, ...]) -> None:
        self._grid, self._town = grid, town
        self._works = utility_sites(grid, town)
        self._inside = _with_river_between(grid, {*town, *growth_land(grid, town), *self._works})
        self.urban_growth = area_of([Polygon(grid.cell_corners(cell)) for cell in sorted(self._inside)])
        shapely.prepare(self.urban_growth)
        self._overlapping: ControlLine | None = None
        self._overlap_m2 = 0.0
        self._built_on: ControlLine | None = None
        self._ground = Polygon()
        self.historic = tuple(self._historic_blocks())
        self.open_field: Polygon | None = None
        """Farmland outside every control line."""

    @property
    def encroachment(self) -> Encroachment:
        """What was planted, once all lines are drawn."""
        return Encroachment(self._overlapping, self._overlap_m2, self._built_on, self._ground)

    def lines(self) -> Iterator[ControlLine]:
        """Yield all control lines: the urban growth boundary and the historic blocks first."""
        yield ControlLine(URBAN_GROWTH_ID, URBAN_GROWTH, "常州市城镇开发边界", MASTER_PLAN, self.urban_growth)
        yield from self.historic
        for plot in plan_land_use(self._grid, self._town):
            yield from self._lines_of(plot)

    def _lines_of(self, plot: Plot) -> Iterator[ControlLine]:
        letter = plot.plot_id[2]
        if plot.land_use == FIELD:
            yield from self._farmland(plot)
        elif plot.land_use == FOREST:
            row, column = _place(plot)
            quarter = stretch_of_blocks(self._grid, (row, column), (row + QUARTER, column + QUARTER))
            shape = _multi(plot.shape.intersection(quarter))
            yield ControlLine(_LETTER[ECOLOGY] + plot.plot_id[2:], ECOLOGY, "山体水源涵养生态保护红线", MASTER_PLAN, shape)
        elif plot.land_use == ROADS:
            yield _line(plot, ROAD_LINE, f"第{plot.plot_id[3:7]}-{plot.plot_id[7:11]}片区道路红线", MASTER_PLAN)
        elif plot.land_use == RIVER or letter == "W":
            yield from self._river(plot)
        elif plot.land_use == GREEN and plot.area_m2 >= _SMALLEST_GREEN_M2:
            yield _line(plot, GREEN_LINE, "公园绿地绿线", GREEN_PLAN)
        elif letter == "U":
            yield _line(plot, YELLOW_LINE, f"{self._works[_place(plot)].name}黄线", UTILITIES_PLAN)

    def _blocks_beside(self, cell: Cell) -> shapely.Geometry:
        """Return the town's blocks around a cell: farmland that reaches into the growth boundary takes none of their land."""
        beside = set(itertools.product(range(cell[0] - 1, cell[0] + 2), range(cell[1] - 1, cell[1] + 2)))
        return shapely.union_all([self._grid.block(c, self._grid.town_edges(c)) for c in sorted(beside.intersection(self._town))])

    def _historic_blocks(self) -> Iterator[ControlLine]:
        old = [k for k, cell in enumerate(self._town) if zone_of(self._grid, cell, k) is OLD_TOWN]
        for number, rank in enumerate(old[:_HISTORIC_BLOCKS], start=1):
            cell = self._town[rank]
            shape = MultiPolygon([self._grid.block(cell, self._grid.town_edges(cell))])
            name = f"{place_name(rank)}里历史文化街区核心保护范围"
            yield ControlLine(f"ZX{number:04d}", PURPLE_LINE, name, HERITAGE_PLAN, shape)

    def _river(self, plot: Plot) -> Iterator[ControlLine]:
        """Yield the water as a blue line; its banks are green lines in town, and ecological protection beyond."""
        if plot.land_use == RIVER:
            yield _line(plot, BLUE_LINE, "运河河道蓝线", MASTER_PLAN)
            return
        inside, outside = plot.shape.intersection(self.urban_growth), plot.shape.difference(self.urban_growth)
        for kind, shape, name, plan in (
            (GREEN_LINE, inside, "滨水绿地绿线", GREEN_PLAN),
            (ECOLOGY, outside, "运河生态廊道生态保护红线", MASTER_PLAN),
        ):
            polygons = [p for p in shapely.get_parts(shape) if isinstance(p, Polygon) and p.area >= _SMALLEST_GREEN_M2]
            if polygons:
                yield ControlLine(_LETTER[kind] + plot.plot_id[2:], kind, name, plan, MultiPolygon(polygons))

    def _farmland(self, plot: Plot) -> Iterator[ControlLine]:
        cell = _place(plot)
        if cell in self._inside:
            return
        near_town = plot.area_m2 >= _SMALLEST_FARMLAND_M2 and self.urban_growth.dwithin(plot.shape, _ACROSS_A_STREET_M)
        protected = rng_at(self._grid.relief.seed, _SUBJECT_FARMLAND, *cell).random() < _FARMLAND_SHARE
        wanted = near_town and (self._overlapping is None or self._built_on is None)
        if plot.area_m2 < _SMALLEST_FARMLAND_M2 or not (protected or wanted):
            if plot.area_m2 >= _SMALLEST_FARMLAND_M2 and not near_town:
                self.open_field = self.open_field or plot.shape
            return
        # corners rounded to the millimetre may lie beyond the middle of the street or ditch that farmland ends at
        ground = Polygon(self._grid.cell_corners(cell))
        shape: shapely.Geometry = within_cell(self._grid, cell, plot.shape)
        if wanted and self._overlapping is None:
            reached = plot.shape.buffer(_REACH_INTO_TOWN_M).intersection(self.urban_growth)
            shape = shapely.union_all([shape, reached.difference(self._blocks_beside(cell))])
        line = ControlLine(_LETTER[FARMLAND] + plot.plot_id[2:], FARMLAND, "永久基本农田图斑", MASTER_PLAN, _multi(shape))
        if wanted and self._overlapping is None:
            self._overlapping, self._overlap_m2 = line, float(line.shape.intersection(self.urban_growth).area)
        elif wanted:
            self._built_on, self._ground = line, ground
        yield line


def _with_river_between(grid: StreetGrid, inside: set[Cell]) -> frozenset[Cell]:
    """Return cells with those beside them that nobody can build on because the river takes them."""
    river = set(itertools.product(range(grid.rows), range(grid.columns))) - set(grid.growth) - set(zip(*np.nonzero(grid.hill), strict=True))
    return frozenset(inside | {(i, j) for i, j in river if inside & {(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)}})


def _line(plot: Plot, kind: str, name: str, plan: Plan) -> ControlLine:
    return ControlLine(_LETTER[kind] + plot.plot_id[2:], kind, name, plan, MultiPolygon([plot.shape]))


def _place(plot: Plot) -> Cell:
    """Return the cell of a plot, or the first of its quarter."""
    return int(plot.plot_id[3:7]), int(plot.plot_id[7:11])


def _multi(shape: shapely.Geometry) -> MultiPolygon:
    return shape if isinstance(shape, MultiPolygon) else MultiPolygon([shape])
