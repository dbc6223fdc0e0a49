"""The planning conditions (规划条件) of every plot of the town, in two generations of detailed plans.

What is built keeps to the plan in force, but for the breaches planted here: in a few plots the height limit lies below the tallest
houses, in a few the setback takes in ground that is built on. Some plots of the first generation were meant for another use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon

from sample_city.buildings import Building
from sample_city.city import SurveyedBlock
from sample_city.landuse import GREEN, SMALL_PLOT_M2
from sample_city.manifest import Fact, Value
from sample_city.plans import Plan, detailed_plans, within_cell
from sample_city.streets import StreetGrid
from sample_city.subdivision import faces_between
from sample_city.town import TownBlock
from sample_city.zoning import COMMERCE, ESTATE, INDUSTRY, OFFICES, OLD_TOWN, PARK, TOWERS, VILLAGE, WAREHOUSES

FIRST_TRUSTED_BUILDING = 200
"""Breaches are planted where no building is one of the first, which carry the faults of the survey."""
_CONFLICT_EVERY, _CONFLICT_AT, _LAST_CONFLICT = 23, 5, 2000
_BREACHES = 3
_SETBACKS_M = (3.0, 4.0, 6.0, 8.0)
_STOREYS_TOO_HIGH, _TALL_M = 3, 30.0
_FORMER_USE = {
    ESTATE.name: "1401",
    TOWERS.name: "100102",
    COMMERCE.name: "070102",
    OFFICES.name: "070103",
    INDUSTRY.name: "0102",
    WAREHOUSES.name: "100102",
    VILLAGE.name: "070102",
    PARK.name: "070102",
    OLD_TOWN.name: "090101",
}


@dataclass(frozen=True, slots=True)
class PlanPlot:
    """One plot of a detailed plan with its conditions; gardens have none."""

    plot_id: str
    plan: Plan
    land_use: str
    shape: Polygon
    far_max: float | None = None
    far_min: float | None = None
    density_max_pct: float | None = None
    height_max_m: float | None = None
    green_ratio_min_pct: float | None = None
    setback_m: float | None = None

    @property
    def area_m2(self) -> float:
        """Area of the plot."""
        return round(float(self.shape.area), 2)


class PlotPlanner:
    """Plans block after block and notes what it planted; the blocks come in order of growth."""

    def __init__(self, file: str, layer: str, grid: StreetGrid, town_size: int) -> None:
        self._file, self._layer, self._grid, self._town_size = file, layer, grid, town_size
        self._too_high = self._too_near = 0
        self.facts: list[Fact] = []

    def plots(self, surveyed: SurveyedBlock) -> Iterator[PlanPlot]:
        """Yield the plots of a block: those in the later plan first, then those of the plan before."""
        block, buildings = surveyed
        former, current = detailed_plans(block.rank, self._town_size)
        conflicting = block.rank % _CONFLICT_EVERY == _CONFLICT_AT and block.rank < _LAST_CONFLICT and block.zone.name in _FORMER_USE
        for number, land in enumerate(within_cell(self._grid, block.cell, land) for land in block.land):
            plot = self._plot(block, buildings, current, number, land)
            yield plot
            if conflicting and number == 0 and land.area >= SMALL_PLOT_M2:
                yield from self._former_halves(block, plot, former)
            else:
                yield _before(plot, former)

    def _plot(self, block: TownBlock, buildings: list[Building], plan: Plan, number: int, land: Polygon) -> PlanPlot:
        letter, suffix = ("P" if land.area >= SMALL_PLOT_M2 else "G"), ("" if number == 0 else f"-{number + 1}")
        plot_id = f"CZ{letter}{block.cell[0] % 10000:04d}{block.cell[1] % 10000:04d}{suffix}"
        if letter == "G":
            return PlanPlot(plot_id, plan, GREEN, land)
        inside = [b for b in buildings if shapely.contains(land, b.footprint)]
        plot = _conditions(block, inside, PlanPlot(plot_id, plan, block.zone.land_use, land))
        return self._breached(block, inside, plot)

    def _breached(self, block: TownBlock, buildings: list[Building], plot: PlanPlot) -> PlanPlot:
        """Return the plot, with a limit that its buildings do not keep where a breach is due."""
        if len(buildings) < 2 or int(buildings[0].building_id[5:]) < FIRST_TRUSTED_BUILDING:
            return plot
        if self._too_high < _BREACHES and max(_height_m(b) for b in buildings) > _TALL_M:
            self._too_high += 1
            return self._lowered(buildings, plot)
        if self._too_near < _BREACHES and block.zone is not PARK:
            self._too_near += 1
            return self._widened(buildings, plot)
        return plot

    def _lowered(self, buildings: list[Building], plot: PlanPlot) -> PlanPlot:
        tallest = max(_height_m(b) for b in buildings)
        limit = float(math.floor(tallest - _STOREYS_TOO_HIGH * buildings[0].storey_m))
        for b in buildings:
            if b.height_m is not None and b.height_m > limit:
                self._note(
                    "height-over-limit",
                    plot,
                    "建筑高度超过规划限高 / taller than the plan allows",
                    {"building_id": b.building_id, "height_m": b.height_m, "height_max_m": limit},
                )
        return replace(plot, height_max_m=limit)

    def _widened(self, buildings: list[Building], plot: PlanPlot) -> PlanPlot:
        """Ask for two metres more than the building nearest to the edge keeps."""
        setback = float(math.ceil(_clearance_m(plot.shape, buildings)) + 2)
        buildable = shapely.buffer(plot.shape, -setback)
        for b in buildings:
            outside = float(b.footprint.difference(buildable).area)
            if outside > 0:
                self._note(
                    "outside-setback",
                    plot,
                    "建筑超出退让线 / stands beyond the setback",
                    {"building_id": b.building_id, "setback_m": setback, "area_m2": round(outside, 3)},
                )
        return replace(plot, setback_m=setback)

    def _former_halves(self, block: TownBlock, plot: PlanPlot, former: Plan) -> Iterator[PlanPlot]:
        """Yield the plot as two of the former plan: the western half for another use."""
        halves = sorted(_halves(plot.shape), key=lambda half: float(half.centroid.x))
        for letter, half in zip("AB", halves, strict=True):
            earlier = replace(_before(plot, former), plot_id=f"{plot.plot_id}-{letter}", shape=half)
            if letter == "A":
                earlier = PlanPlot(earlier.plot_id, former, _FORMER_USE[block.zone.name], half)
                self._note(
                    "plan-conflict",
                    plot,
                    "两版规划用途不一致 / two generations of plans disagree on the use",
                    {
                        "plan_id": plot.plan.plan_id,
                        "earlier_plan_id": former.plan_id,
                        "earlier_plot_id": earlier.plot_id,
                        "land_use": plot.land_use,
                        "earlier_land_use": earlier.land_use,
                        "area_m2": round(float(plot.shape.intersection(half).area), 3),
                    },
                )
            yield earlier

    def _note(self, kind: str, plot: PlanPlot, note: str, values: dict[str, Value]) -> None:
        self.facts.append(Fact(kind, self._file, self._layer, plot.plot_id, note, values))


def _conditions(block: TownBlock, buildings: list[Building], plot: PlanPlot) -> PlanPlot:
    """Return the plot with the conditions of its zone, eased where what stands there asks for it."""
    zone, area = block.zone, float(plot.shape.area)
    floors = sum(b.floors_above * float(b.footprint.area) for b in buildings)
    ground = sum(float(b.footprint.area) for b in buildings)
    clearance = _clearance_m(plot.shape, buildings) if buildings else _SETBACKS_M[-1]
    tallest = max((_height_m(b) for b in buildings), default=0.0)
    return replace(
        plot,
        far_max=max(zone.far[1], math.ceil(floors / area * 10) / 10),
        far_min=min(zone.far[0], math.floor(floors / area * 10) / 10),
        density_max_pct=float(max(zone.density_pct, math.ceil(ground / area * 100))),
        height_max_m=float(max(zone.height_limit_m, math.ceil(tallest))),
        green_ratio_min_pct=float(min(zone.green_ratio_pct, math.floor(90 - ground / area * 100))),
        setback_m=max(s for s in (0.0, *_SETBACKS_M) if s <= clearance),
    )


def _before(plot: PlanPlot, former: Plan) -> PlanPlot:
    """Return the plot as the plan before had it: the same use, a denser and lower town."""
    if plot.far_max is None or plot.height_max_m is None or plot.green_ratio_min_pct is None:
        return replace(plot, plan=former)
    return replace(
        plot,
        plan=former,
        far_max=round(plot.far_max * 0.9, 1),
        height_max_m=float(math.floor(plot.height_max_m * 0.8)),
        green_ratio_min_pct=float(math.floor(plot.green_ratio_min_pct * 0.85)),
        setback_m=_SETBACKS_M[0],
    )


def _height_m(building: Building) -> float:
    """Return the height of a building, also of one whose height the survey left out (a roof is at most four metres)."""
    return building.height_m if building.height_m is not None else building.floors_above * building.storey_m + 4.0


def _clearance_m(land: Polygon, buildings: list[Building]) -> float:
    footprints: NDArray[np.object_] = np.array([b.footprint for b in buildings], dtype=object)
    return float(shapely.distance(land.boundary, footprints).min())


def _halves(shape: Polygon) -> list[Polygon]:
    """Cut a plot in two across the middle of its longer sides, to the millimetre."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))[:4]
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    first = int(np.argmax(sides[:2]))
    a, b = (corners[k] + corners[(k + 1) % 4] for k in (first, first + 2))
    beyond = (b / 2 - a / 2) * 0.1
    faces = faces_between(shape, [LineString([a / 2 - beyond, b / 2 + beyond])])
    largest = sorted(faces, key=lambda face: -float(face.area))
    return largest[:2]
