"""What a pipe survey consists of: points with a ground elevation, and lines between two points with a depth at each end."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_city.seeding import hash_unit
from sample_city.services import Conduit, Service
from sample_city.streets import Cell, OpenEdges, StreetGrid

_SUBJECT_COVER = 81
_COVER_SPREAD_M = 0.03


@dataclass(frozen=True, slots=True)
class SurveyPoint:
    """One row of the sheet 管点. A point has either a feature (特征) or an appurtenance (附属物)."""

    point_id: str
    kind: str
    e: float
    n: float
    ground_m: float
    feature: str | None
    appurtenance: str | None
    well_depth_m: float | None
    well_diameter_mm: int | None
    well_material: str | None
    feature_code: str | None
    street: str
    owner: str
    year: int
    building_id: str | None = None
    """The building that a house connection enters."""
    map_number: str | None = None
    """Its number on the map where that is another."""


@dataclass(frozen=True, slots=True)
class SurveyLine:
    """One row of the sheet 管线. Depths are from the ground to the top of the pipe, or to the invert of a sewer."""

    start_id: str
    end_id: str
    kind: str
    size: str
    material: str
    embedding: str
    start_depth_m: float
    end_depth_m: float
    start_elevation_m: float
    end_elevation_m: float
    flow: str | None
    pressure: str | None
    voltage_kv: float | None
    cables: int | None
    holes: int | None
    holes_used: int | None
    street: str
    owner: str
    year: int
    tunnel_id: str | None = None
    state: str = "在用"
    shape: str | None = None
    """Shape of the section (断面形状) where a team notes it."""
    wall_mm: float | None = None


def exchanged(line: SurveyLine) -> SurveyLine:
    """Return a line as a team that walks upstream notes it: start and end are swapped, and a flow is noted as against the line."""
    return dataclasses.replace(
        line,
        start_id=line.end_id,
        end_id=line.start_id,
        start_depth_m=line.end_depth_m,
        end_depth_m=line.start_depth_m,
        start_elevation_m=line.end_elevation_m,
        end_elevation_m=line.start_elevation_m,
        flow={"+": "-", "-": "+"}.get(line.flow or "", line.flow),
    )


@dataclass(frozen=True, slots=True)
class PipeSurvey:
    """Points and lines of one area."""

    points: tuple[SurveyPoint, ...]
    lines: tuple[SurveyLine, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A street between two junctions (row, column), eastwards or northwards. ``within``: both belong to the same quarter."""

    start: Cell
    end: Cell
    arterial: bool
    name: str
    within: bool
    year: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A place for a survey point: its number, and where it lies."""

    point_id: str
    e: float
    n: float

    def distance_m(self, other: Spot) -> float:
        """Return the horizontal distance to another spot."""
        return math.hypot(other.e - self.e, other.n - self.n)


@dataclass(frozen=True, slots=True)
class Site:
    """The streets of the surveyed area, and where points lie in them. Numbers of points derive from the place alone.

    ``carried`` says by the prefix of a conduit in which of the streets it lies, ``part`` which junctions streets join.
    """

    grid: StreetGrid
    streets: OpenEdges
    carried: Mapping[str, OpenEdges]
    part: NDArray[np.int64]

    def carries(self, service: Conduit, stretch: Stretch) -> bool:
        """Return whether a conduit lies in a stretch."""
        edges = self.carried[service.prefix]
        return bool((edges.horizontal if is_eastward(stretch) else edges.vertical)[stretch.start])

    def has_street(self, junction: Cell, neighbour: Cell) -> bool:
        """Return whether a surveyed street joins two junctions beside each other."""
        start = min(junction, neighbour)
        edges = self.streets.horizontal if junction[0] == neighbour[0] else self.streets.vertical
        return bool(edges[start])

    def meeting(self, service: Conduit, junction: Cell) -> list[tuple[Cell, Cell]]:
        """Return the stretches with this service that meet at a junction: from the south and west, then to the east and north."""
        i, j = junction
        edges = self.carried[service.prefix]
        horizontal, vertical = edges.horizontal, edges.vertical
        found: list[tuple[Cell, Cell]] = []
        if i > 0 and vertical[i - 1, j]:
            found.append(((i - 1, j), junction))
        if j > 0 and horizontal[i, j - 1]:
            found.append(((i, j - 1), junction))
        if j < horizontal.shape[1] and horizontal[i, j]:
            found.append((junction, (i, j + 1)))
        if i < vertical.shape[0] and vertical[i, j]:
            found.append((junction, (i + 1, j)))
        return found

    def at_junction(self, service: Service, junction: Cell) -> Spot:
        """Return the point of a service at a junction."""
        e, n = self.grid.junctions[junction]
        return Spot(f"{service.prefix}{self.number(junction)}", _mm(e + service.offset_m), _mm(n + service.offset_m))

    def along(self, service: Service, stretch: Stretch, share: float, number: str) -> Spot:
        """Return point ``number`` of a service on a stretch, at ``share`` of its length."""
        place = self.grid.junctions[stretch.start] * (1 - share) + self.grid.junctions[stretch.end] * share + service.offset_m
        heading = "E" if is_eastward(stretch) else "N"
        return Spot(f"{service.prefix}{self.number(stretch.start)}{heading}{number}", _mm(float(place[0])), _mm(float(place[1])))

    def beside(self, spot: Spot, stretch: Stretch, number: str, distance_m: float) -> Spot:
        """Return a point square to the street from a spot, ``distance_m`` to the north of an east-west street or the east of another."""
        along = self.grid.junctions[stretch.end] - self.grid.junctions[stretch.start]
        along = along / np.linalg.norm(along)
        e, n = (-along[1], along[0]) if is_eastward(stretch) else (along[1], -along[0])
        return Spot(spot.point_id + number, _mm(spot.e + float(e) * distance_m), _mm(spot.n + float(n) * distance_m))

    def length_m(self, stretch: Stretch) -> float:
        """Return the length of a stretch from junction to junction."""
        return float(np.linalg.norm(self.grid.junctions[stretch.end] - self.grid.junctions[stretch.start]))

    def ground(self, spots: list[Spot]) -> dict[str, float]:
        """Return the ground elevation at every spot, to the millimetre, by its number."""
        places: NDArray[np.float64] = np.array([(s.e, s.n) for s in spots], dtype=np.float64).reshape(-1, 2)
        heights = np.round(self.grid.relief.ground_m(places[:, 0], places[:, 1]), 3)
        return {spot.point_id: float(height) for spot, height in zip(spots, heights, strict=True)}

    def depths(self, spots: list[Spot], cover_m: float) -> dict[str, float]:
        """Return the depth of a conduit at every spot by its number: its cover, give or take a trench, whichever line ends there."""
        east = np.array([round(spot.e * 1000) for spot in spots], dtype=np.int64)
        north = np.array([round(spot.n * 1000) for spot in spots], dtype=np.int64)
        spread = hash_unit(self.grid.relief.seed, _SUBJECT_COVER, east, north) * _COVER_SPREAD_M
        return {spot.point_id: deepen_cm(cover_m + float(s)) for spot, s in zip(spots, spread, strict=True)}

    def number(self, junction: Cell) -> str:
        """Return the number of a junction, which the numbers of points near it contain."""
        return f"{junction[0] * (self.grid.columns + 1) + junction[1]:04d}"


def is_eastward(stretch: Stretch) -> bool:
    """Return whether a stretch runs eastwards, else it runs northwards."""
    return stretch.start[0] == stretch.end[0]


def even_shares(length_m: float, most_m: float) -> list[float]:
    """Return where a street of a length is divided into equal parts of at most ``most_m``, as shares of it."""
    count = max(1, math.ceil(length_m / most_m))
    return [k / count for k in range(1, count)]


def deepen_cm(depth_m: float) -> float:
    """Return a depth as surveyors note it, to the centimetre, never shallower than it is."""
    return math.ceil(round(depth_m * 100, 6)) / 100


def _mm(value: float) -> float:
    return round(float(value), 3)
