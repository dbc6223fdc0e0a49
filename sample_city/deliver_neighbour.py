"""Delivers the survey of the district next door, 邻区管线.xlsx: water mains that go on where the city's survey ends.

One of them misses the end it should meet, one goes on in another material; and one is a pipe that the city's survey has already.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

from sample_city.city import City
from sample_city.handover import HandOver
from sample_city.manifest import Fault, Severity
from sample_city.pipes import PipeSurvey, SurveyLine, SurveyPoint
from sample_city.services import EDGE_OF_SURVEY, JUNCTION_FEATURES, WATER
from sample_city.write_workbook import FIRST_ROW, LINE_SHEET, POINT_SHEET, WorkbookWriter

FILE_NAME, DATASET = "邻区管线.xlsx", "neighbour"
_ON_M = 30.0
_BEYOND = (
    (0.2, None, "端点与相邻测区相差 0.2 m / 0.2 m from the end it should meet"),
    (0.0, "PE", "接边处材质不同 / another material beyond the edge"),
)
"""What is wrong at an edge: by how much it is missed, the other material."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A main that may leave the survey: the line, its last point, and the point before that."""

    line: SurveyLine
    last: SurveyPoint
    before: SurveyPoint

    @property
    def last_elevation_m(self) -> float:
        """Elevation of the main where it leaves."""
        return self.line.start_elevation_m if self.line.start_id == self.last.point_id else self.line.end_elevation_m


def mains_of(survey: PipeSurvey) -> Iterator[Edge]:
    """Yield the water mains of a survey, each twice: seen towards its end, and towards its start."""
    points = {point.point_id: point for point in survey.points}
    for line in survey.lines:
        if line.kind == WATER.kind and {line.start_id, line.end_id} <= points.keys():
            yield Edge(line, points[line.end_id], points[line.start_id])
            yield Edge(line, points[line.start_id], points[line.end_id])


def edges_of(survey: PipeSurvey) -> Iterator[Edge]:
    """Yield the water mains that go on where a survey ends."""
    return (main for main in mains_of(survey) if main.last.feature == EDGE_OF_SURVEY)


def deliver_neighbour(city: City, handover: HandOver, known: Edge, edges: list[Edge]) -> None:
    """Write what the neighbour surveyed: a main that is ``known``, and what lies beyond the first two of the edges."""
    beyond: list[tuple[PipeSurvey, tuple[str, Severity, str]]] = [
        (_again(known, 1), ("published-duplicate", "warning", "市测区已有该管段 / a pipe that the city has already"))
    ]
    for number, (edge, (missed_m, material, note)) in enumerate(zip(edges, _BEYOND, strict=False), start=1):
        survey = _beyond(city, edge, 1 + 2 * number, missed_m, material or edge.line.material)
        beyond.append((survey, ("edge-match", "warning", note)))
    with WorkbookWriter(city.folder, FILE_NAME) as workbook:
        for row, (survey, fault) in enumerate(beyond, start=FIRST_ROW):
            workbook.add_points(survey.points)
            workbook.add_lines(survey.lines)
            line = survey.lines[0]
            handover.faults.append(Fault(FILE_NAME, LINE_SHEET, row, f"{line.start_id}-{line.end_id}", *fault))
    counts = workbook.counts
    note = "相邻测区 / the district next door"
    handover.wrote(FILE_NAME, POINT_SHEET, "pipe_node", counts[0], note, crs_in_file=False, dataset=DATASET)
    handover.wrote(FILE_NAME, LINE_SHEET, "pipe_segment", counts[1], note, crs_in_file=False, dataset=DATASET)


def _beyond(city: City, edge: Edge, number: int, missed_m: float, material: str) -> PipeSurvey:
    """Go on straight from an edge, level, beginning ``missed_m`` beyond its last point."""
    a, b = edge.before, edge.last
    length = math.hypot(b.e - a.e, b.n - a.n)
    east, north = (b.e - a.e) / length, (b.n - a.n) / length
    places = [(b.e + east * m, b.n + north * m) for m in (missed_m, missed_m + _ON_M)]
    words = (EDGE_OF_SURVEY, JUNCTION_FEATURES[1])
    points = [_point(city, b, f"LJ{number + k:04d}", *place, word) for k, (place, word) in enumerate(zip(places, words, strict=True))]
    top = edge.last_elevation_m
    line = dataclasses.replace(
        edge.line,
        start_id=points[0].point_id,
        end_id=points[1].point_id,
        material=material,
        start_depth_m=round(points[0].ground_m - top, 2),
        end_depth_m=round(points[1].ground_m - top, 2),
        start_elevation_m=top,
        end_elevation_m=top,
    )
    return PipeSurvey(tuple(points), (line,))


def _again(edge: Edge, number: int) -> PipeSurvey:
    """Return a main of the city under the neighbour's numbers."""
    names = {edge.last.point_id: f"LJ{number:04d}", edge.before.point_id: f"LJ{number + 1:04d}"}
    plain = dict.fromkeys(("appurtenance", "well_depth_m", "well_diameter_mm", "well_material", "feature_code"))
    ends = (dataclasses.replace(p, point_id=names[p.point_id], feature=EDGE_OF_SURVEY, **plain) for p in (edge.last, edge.before))  # type: ignore[arg-type]
    points = tuple(ends)
    line = dataclasses.replace(edge.line, start_id=names[edge.line.start_id], end_id=names[edge.line.end_id])
    return PipeSurvey(points, (line,))


def _point(city: City, like: SurveyPoint, number: str, e: float, n: float, word: str) -> SurveyPoint:
    e, n = round(e, 3), round(n, 3)
    return dataclasses.replace(like, point_id=number, e=e, n=n, ground_m=round(city.grid.relief.height_m(e, n), 3), feature=word)
