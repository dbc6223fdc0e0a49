"""The road centrelines: one line from junction to junction, its class and width from the street grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from shapely import LineString

from sample_city.seeding import hash_unit
from sample_city.streets import OpenEdges, StreetGrid, half_width_m, is_arterial

EXPRESSWAY, ARTERIAL, SECONDARY, BRANCH = "快速路", "主干路", "次干路", "支路"
LANES = {EXPRESSWAY: 8, ARTERIAL: 6, SECONDARY: 4, BRANCH: 2}
_EXPRESSWAY_EVERY, _FIRST_EXPRESSWAY = 24, 12
_SUBJECT_SURFACE = 101
_CONCRETE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Road:
    """One street between two junctions, EPSG:4549; ``width_m`` is between its red lines."""

    road_id: str
    name: str
    road_class: str
    width_m: float
    surface: str
    start: tuple[int, int]
    end: tuple[int, int]
    shape: LineString

    @property
    def length_m(self) -> float:
        """Length of the centreline."""
        return round(float(self.shape.length), 2)


def class_of(line: int) -> str:
    """Return the class of the street on grid line ``line``."""
    if line % _EXPRESSWAY_EVERY == _FIRST_EXPRESSWAY:
        return EXPRESSWAY
    if is_arterial(line):
        return ARTERIAL
    return SECONDARY if line % 2 == 0 else BRANCH


def roads_of(grid: StreetGrid, streets: OpenEdges) -> Iterator[Road]:
    """Yield the streets that run east, row by row, then those that run north, column by column."""
    for i, j in itertools.product(range(grid.rows + 1), range(grid.columns)):
        if streets.horizontal[i, j]:
            yield _road(grid, i, grid.horizontal_name(i, j), (i, j), (i, j + 1))
    for j, i in itertools.product(range(grid.columns + 1), range(grid.rows)):
        if streets.vertical[i, j]:
            yield _road(grid, j, grid.vertical_name(i, j), (i, j), (i + 1, j))


def _road(grid: StreetGrid, line: int, name: str, start: tuple[int, int], end: tuple[int, int]) -> Road:
    road_class = class_of(line)
    draw = hash_unit(grid.relief.seed, _SUBJECT_SURFACE, np.array([start[0]]), np.array([start[1]]))[0]
    return Road(
        road_id=f"DL{'E' if start[0] == end[0] else 'N'}{start[0]:04d}{start[1]:04d}",
        name=name,
        road_class=road_class,
        width_m=2 * half_width_m(line),
        surface="水泥混凝土" if road_class == BRANCH and draw < _CONCRETE_SHARE else "沥青",
        start=start,
        end=end,
        shape=LineString([grid.junctions[start], grid.junctions[end]]),
    )
