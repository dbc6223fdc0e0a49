"""What a pipe survey consists of: points with a ground elevation, and lines between two points with a depth at each end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_city.services import Service
from sample_city.streets import Cell, OpenEdges, StreetGrid


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


@dataclass(frozen=True, slots=True)
class Site:
    """The streets of the surveyed area, and where points lie in them. Numbers of points derive from the place alone."""

    grid: StreetGrid
    streets: OpenEdges

    def at_junction(self, service: Service, junction: Cell) -> Spot:
        """Return the point of a service at a junction."""
        e, n = self.grid.junctions[junction]
        return Spot(f"{service.kind}{self._number(junction)}", _mm(e + service.offset_m), _mm(n + service.offset_m))

    def along(self, service: Service, stretch: Stretch, share: float, number: int) -> Spot:
        """Return point ``number`` of a service on a stretch, at ``share`` of its length."""
        place = self.grid.junctions[stretch.start] * (1 - share) + self.grid.junctions[stretch.end] * share + service.offset_m
        heading = "E" if stretch.start[0] == stretch.end[0] else "N"
        return Spot(f"{service.kind}{self._number(stretch.start)}{heading}{number}", _mm(float(place[0])), _mm(float(place[1])))

    def length_m(self, stretch: Stretch) -> float:
        """Return the length of a stretch from junction to junction."""
        return float(np.linalg.norm(self.grid.junctions[stretch.end] - self.grid.junctions[stretch.start]))

    def ground(self, spots: list[Spot]) -> dict[str, float]:
        """Return the ground elevation at every spot, to the millimetre, by its number."""
        places: NDArray[np.float64] = np.array([(s.e, s.n) for s in spots], dtype=np.float64).reshape(-1, 2)
        heights = np.round(self.grid.relief.ground_m(places[:, 0], places[:, 1]), 3)
        return {spot.point_id: float(height) for spot, height in zip(spots, heights, strict=True)}

    def _number(self, junction: Cell) -> str:
        return f"{junction[0] * (self.grid.columns + 1) + junction[1]:04d}"


def deepen_cm(depth_m: float) -> float:
    """Return a depth as surveyors note it, to the centimetre, never shallower than it is."""
    return math.ceil(round(depth_m * 100, 6)) / 100


def _mm(value: float) -> float:
    return round(float(value), 3)
