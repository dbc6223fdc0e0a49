"""The underground pipe survey: points and lines of every service, quarter by quarter, as a survey team measures them.

The survey covers the centre of the town. A quarter is 5 × 5 junctions; it is one drainage area for each sewer service, so the work and the
memory of a quarter do not grow with the town. Coordinates are EPSG:4549, heights 1985; ground elevations are the elevation model's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_city.buildings import Building
from sample_city.city import City
from sample_city.conduits import lay_conduit
from sample_city.pipes import PipeSurvey, Site, Stretch, is_eastward
from sample_city.seeding import rng_at
from sample_city.service_areas import carried_edges
from sample_city.services import CONDUITS, FOUL_SEWER, STORM_SEWER, Service
from sample_city.sewers import lay_sewer
from sample_city.streets import Cell, OpenEdges, StreetGrid, is_arterial
from sample_city.town import TownBlock
from sample_city.unknown_lines import find_unknown_lines
from sample_city.yards import Branch, plan_branches
from sample_city.zoning import PARK, TOWERS

QUARTER = 5
"""Junctions along one side of a quarter."""
_SURVEYED_SHARE = 0.40
_MOST_SURVEYED_BLOCKS = 20_000
"""Keeps the survey below the 1,048,576 rows of a worksheet."""
_SHARE_OF_YARDS = 0.75
_SUBJECT_YEAR, _SUBJECT_YARD = 61, 62
_WITHOUT_YARDS = {PARK.name, TOWERS.name}
"""Blocks with nothing to connect, or with a car park under the whole block."""
_RIVER_LAND_M2 = 1.0


@dataclass(frozen=True, slots=True)
class SurveyArea:
    """The streets that the survey covers, those beside surveyed cells that no river cuts, and the yards that were surveyed with them."""

    site: Site
    yards: Mapping[Cell, list[Building]]

    def quarters(self) -> Iterator[PipeSurvey]:
        """Yield the survey of every quarter that has streets in the area."""
        grid = self.site.grid
        for row, column in itertools.product(range(0, grid.rows + 1, QUARTER), range(0, grid.columns + 1, QUARTER)):
            stretches = self._stretches(row, column)
            if stretches:
                yield self._survey(stretches)

    def _survey(self, stretches: list[Stretch]) -> PipeSurvey:
        site = self.site
        branches = [branch for stretch in stretches for branch in self._branches(stretch)]
        storm = lay_sewer(site, STORM_SEWER, stretches, [])
        foul = lay_sewer(site, FOUL_SEWER, stretches, _of(FOUL_SEWER, branches), storm.inverts_m)
        laid = [storm.survey, foul.survey, *(lay_conduit(site, service, stretches, _of(service, branches)) for service in CONDUITS)]
        laid.append(find_unknown_lines(site, stretches))
        return PipeSurvey(
            points=tuple(p for survey in laid for p in survey.points), lines=tuple(s for survey in laid for s in survey.lines)
        )

    def _branches(self, stretch: Stretch) -> list[Branch]:
        if is_eastward(stretch) or stretch.arterial or stretch.start not in self.yards:
            return []
        return plan_branches(self.site, stretch, self.yards[stretch.start])

    def _stretches(self, row: int, column: int) -> list[Stretch]:
        grid, streets = self.site.grid, self.site.streets
        rows = range(row, min(row + QUARTER, grid.rows + 1))
        columns = range(column, min(column + QUARTER, grid.columns + 1))
        found = []
        for i, j in itertools.product(rows, columns):
            if j < grid.columns and streets.horizontal[i, j]:
                found.append(self._stretch((i, j), (i, j + 1), is_arterial(i), grid.horizontal_name(i, j)))
            if i < grid.rows and streets.vertical[i, j]:
                found.append(self._stretch((i, j), (i + 1, j), is_arterial(j), grid.vertical_name(i, j)))
        return found

    def _stretch(self, start: Cell, end: Cell, arterial: bool, name: str) -> Stretch:
        draw = rng_at(self.site.grid.relief.seed, _SUBJECT_YEAR, *start, end[0] - start[0])
        within = (start[0] // QUARTER, start[1] // QUARTER) == (end[0] // QUARTER, end[1] // QUARTER)
        return Stretch(start, end, arterial, name, within, int(draw.integers(1996, 2025)))


def survey_area(city: City) -> SurveyArea:
    """Return the area surveyed: the older part of the town, with the yards of some of its oldest blocks."""
    grid = city.grid
    surveyed = city.town[: min(round(len(city.town) * _SURVEYED_SHARE), _MOST_SURVEYED_BLOCKS)]
    streets = _streets_beside(grid, surveyed)
    site = Site(grid, streets, carried_edges(grid, streets, surveyed), streets.parts())
    among = set(surveyed)
    yards = {block.cell: buildings for block, buildings in city.first_blocks if block.cell in among and _has_yard(grid, block)}
    return SurveyArea(site, yards)


def _has_yard(grid: StreetGrid, block: TownBlock) -> bool:
    if block.zone.name in _WITHOUT_YARDS or not block.houses or len(block.land) != 1:
        return False
    if abs(grid.block(block.cell, grid.town_edges(block.cell)).area - block.land[0].area) > _RIVER_LAND_M2:
        return False
    return bool(rng_at(grid.relief.seed, _SUBJECT_YARD, *block.cell).random() < _SHARE_OF_YARDS)


def _of(service: Service, branches: list[Branch]) -> list[Branch]:
    return [branch for branch in branches if branch.yard.service is service]


def _streets_beside(grid: StreetGrid, cells: tuple[Cell, ...]) -> OpenEdges:
    surveyed = np.zeros((grid.rows, grid.columns), bool)
    for cell in cells:
        surveyed[cell] = True
    streets = grid.open_edges(surveyed)
    return OpenEdges(
        horizontal=_beside(surveyed, 0) & streets.horizontal,
        vertical=_beside(surveyed, 1) & streets.vertical & ~_bridges(grid),
    )


def _beside(surveyed: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    padding = [(1, 1), (0, 0)] if axis == 0 else [(0, 0), (1, 1)]
    padded = np.pad(surveyed, padding)
    return np.asarray(padded[1:] | padded[:-1] if axis == 0 else padded[:, 1:] | padded[:, :-1])


def _bridges(grid: StreetGrid) -> NDArray[np.bool_]:
    """No pipe of this city crosses the river: each bank has its own networks."""
    start, end = grid.junctions[:-1], grid.junctions[1:]
    wet = np.zeros(start.shape[:-1], bool)
    for share in np.linspace(0.0, 1.0, 13):
        place = start + share * (end - start)
        wet |= grid.relief.river_distance_m(place[..., 0], place[..., 1]) < 100.0
    return wet
