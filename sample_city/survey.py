"""The underground pipe survey: points and lines of every service, quarter by quarter, as a survey team measures them.

The survey covers the centre of the town. A quarter is 5 × 5 junctions; it is one drainage area for each sewer service, so the work and the
memory of a quarter do not grow with the town. Coordinates are EPSG:4549, heights 1985; ground elevations are the elevation model's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_city.conduits import lay_conduit
from sample_city.pipes import PipeSurvey, Site, Stretch
from sample_city.seeding import rng_at
from sample_city.services import CONDUITS, SEWERS
from sample_city.sewers import lay_sewer
from sample_city.streets import Cell, OpenEdges, StreetGrid, is_arterial

QUARTER = 5
"""Junctions along one side of a quarter."""
_SURVEYED_SHARE = 0.46
_MOST_SURVEYED_BLOCKS = 60_000
"""Keeps the survey below the 1,048,576 rows of a worksheet."""
_SUBJECT_YEAR = 61


@dataclass(frozen=True, slots=True)
class SurveyArea:
    """The streets that the survey covers: those beside surveyed cells that no river cuts."""

    grid: StreetGrid
    streets: OpenEdges

    def quarters(self) -> Iterator[PipeSurvey]:
        """Yield the survey of every quarter that has streets in the area."""
        for row, column in itertools.product(range(0, self.grid.rows + 1, QUARTER), range(0, self.grid.columns + 1, QUARTER)):
            stretches = self._stretches(row, column)
            if stretches:
                yield self._survey(stretches)

    def _survey(self, stretches: list[Stretch]) -> PipeSurvey:
        site = Site(self.grid, self.streets)
        laid = [lay_sewer(site, service, stretches) for service in SEWERS]
        laid += [lay_conduit(site, service, stretches) for service in CONDUITS]
        return PipeSurvey(
            points=tuple(p for survey in laid for p in survey.points), lines=tuple(s for survey in laid for s in survey.lines)
        )

    def _stretches(self, row: int, column: int) -> list[Stretch]:
        rows = range(row, min(row + QUARTER, self.grid.rows + 1))
        columns = range(column, min(column + QUARTER, self.grid.columns + 1))
        found = []
        for i, j in itertools.product(rows, columns):
            if j < self.grid.columns and self.streets.horizontal[i, j]:
                found.append(self._stretch((i, j), (i, j + 1), is_arterial(i), self.grid.horizontal_name(i, j)))
            if i < self.grid.rows and self.streets.vertical[i, j]:
                found.append(self._stretch((i, j), (i + 1, j), is_arterial(j), self.grid.vertical_name(i, j)))
        return found

    def _stretch(self, start: Cell, end: Cell, arterial: bool, name: str) -> Stretch:
        draw = rng_at(self.grid.relief.seed, _SUBJECT_YEAR, *start, end[0] - start[0])
        within = (start[0] // QUARTER, start[1] // QUARTER) == (end[0] // QUARTER, end[1] // QUARTER)
        return Stretch(start, end, arterial, name, within, int(draw.integers(1996, 2025)))


def survey_area(grid: StreetGrid, town: tuple[Cell, ...]) -> SurveyArea:
    """Return the area surveyed when ``town`` lists the cells built on, oldest first: its older part."""
    count = min(round(len(town) * _SURVEYED_SHARE), _MOST_SURVEYED_BLOCKS)
    surveyed = np.zeros((grid.rows, grid.columns), bool)
    for cell in town[:count]:
        surveyed[cell] = True
    beside = OpenEdges(_beside(surveyed, 0), _beside(surveyed, 1))
    streets = grid.open_edges(surveyed)
    return SurveyArea(
        grid,
        OpenEdges(
            horizontal=beside.horizontal & streets.horizontal,
            vertical=beside.vertical & streets.vertical & ~_bridges(grid),
        ),
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
