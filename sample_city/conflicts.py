"""Two new lines that keep too little distance from old ones, for the checks of clearances to find."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from shapely import LineString

from sample_city import write_workbook
from sample_city.manifest import Fact, Value
from sample_city.pipes import PipeSurvey, SurveyLine, SurveyPoint
from sample_city.services import EDGE_OF_SURVEY, FOUL_SEWER, GAS, JUNCTION_FEATURES, LIGHTING, WATER, Conduit

_BESIDE_M, _ALONG_M = 0.6, 20.0
_GAS_FROM_SEWER_M = 1.2
"""GB 50289-2016 table 4.1.9, gas of medium pressure A beside a sewer."""
_ACROSS_M, _ABOVE_M = 4.0, 0.05
_CABLE_FROM_WATER_M = 0.15
"""Of the older vertical table (GB 50289-98, 2.2.12, from memory): a cable in a duct above a water main."""
Ground = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The new points and lines, and what is known about them."""

    survey: PipeSurvey
    facts: tuple[Fact, ...]


def plant_conflicts(survey: PipeSurvey, ground_m: Ground) -> Conflicts | None:
    """Lay a gas pipe beside a foul sewer and a cable across a water main; None where the survey has no such mains."""
    points = {point.point_id: point for point in survey.points}
    sewer = _main(survey, points, FOUL_SEWER.kind)
    water = _main(survey, points, WATER.kind)
    if sewer is None or water is None:
        return None
    beside, crossing = _gas_beside(sewer, points, ground_m), _cable_across(water, points, ground_m)
    return Conflicts(PipeSurvey((*beside[0], *crossing[0]), (beside[1], crossing[1])), (beside[2], crossing[2]))


def _main(survey: PipeSurvey, points: dict[str, SurveyPoint], kind: str) -> SurveyLine | None:
    """Return the first long line of a kind in a street where no branch leaves."""
    for line in survey.lines:
        ends = {line.start_id, line.end_id}
        if line.kind == kind and ends <= points.keys() and not any(set("YT").intersection(number[2:]) for number in ends):
            a, b = points[line.start_id], points[line.end_id]
            if math.hypot(b.e - a.e, b.n - a.n) > 1.5 * _ALONG_M:
                return line
    return None


def _gas_beside(sewer: SurveyLine, points: dict[str, SurveyPoint], ground_m: Ground) -> tuple[list[SurveyPoint], SurveyLine, Fact]:
    a, b = points[sewer.start_id], points[sewer.end_id]
    length = math.hypot(b.e - a.e, b.n - a.n)
    along, across = ((b.e - a.e) / length, (b.n - a.n) / length), (-(b.n - a.n) / length, (b.e - a.e) / length)
    first = (a.e + along[0] * length / 4 + across[0] * _BESIDE_M, a.n + along[1] * length / 4 + across[1] * _BESIDE_M)
    places = [first, (first[0] + along[0] * _ALONG_M, first[1] + along[1] * _ALONG_M)]
    ends = [_end(GAS, f"TRC{k}", place, a, ground_m) for k, place in enumerate(places, start=1)]
    ends[1] = dataclasses.replace(ends[1], feature=EDGE_OF_SURVEY)
    line = _line(GAS, ends, GAS.lane_size, (GAS.cover_m, GAS.cover_m))
    apart = LineString([(p.e, p.n) for p in ends]).distance(LineString([(a.e, a.n), (b.e, b.n)]))
    clear = apart - (int(sewer.size) + int(line.size)) / 2000
    return ends, line, _fact(line, sewer, "horizontal", clear, _GAS_FROM_SEWER_M, "燃气管距污水管过近 / gas pipe too close beside a sewer")


def _cable_across(water: SurveyLine, points: dict[str, SurveyPoint], ground_m: Ground) -> tuple[list[SurveyPoint], SurveyLine, Fact]:
    a, b = points[water.start_id], points[water.end_id]
    length = math.hypot(b.e - a.e, b.n - a.n)
    e, n = (a.e + b.e) / 2, (a.n + b.n) / 2
    half = (-(b.n - a.n) / length * _ACROSS_M / 2, (b.e - a.e) / length * _ACROSS_M / 2)
    ends = [_end(LIGHTING, f"LDC{k}", (e + s * half[0], n + s * half[1]), a, ground_m) for k, s in ((1, -1), (2, 1))]
    top_of_water = (water.start_elevation_m + water.end_elevation_m) / 2
    top = top_of_water + _ABOVE_M + int(LIGHTING.lane_size) / 1000
    line = _line(LIGHTING, ends, LIGHTING.lane_size, (round(ends[0].ground_m - top, 2), round(ends[1].ground_m - top, 2)))
    at_crossing = (line.start_elevation_m + line.end_elevation_m) / 2 - int(line.size) / 1000
    note = "电缆与给水管垂直净距不足 / cable crosses too close above a water main"
    return ends, line, _fact(line, water, "vertical", at_crossing - top_of_water, _CABLE_FROM_WATER_M, note)


def _fact(line: SurveyLine, other: SurveyLine, direction: str, clear_m: float, required_m: float, note: str) -> Fact:
    key, beside = (f"{s.start_id}-{s.end_id}" for s in (line, other))
    values: dict[str, Value] = {"other": beside, "direction": direction, "clear_m": round(clear_m, 3), "required_m": required_m}
    return Fact("pipes-too-close", write_workbook.FILE_NAME, write_workbook.LINE_SHEET, key, note, values)


def _end(service: Conduit, number: str, place: tuple[float, float], near: SurveyPoint, ground_m: Ground) -> SurveyPoint:
    e, n = round(place[0], 3), round(place[1], 3)
    return dataclasses.replace(
        near,
        point_id=number,
        kind=service.kind,
        e=e,
        n=n,
        ground_m=ground_m(e, n),
        feature=JUNCTION_FEATURES[1],
        appurtenance=None,
        well_depth_m=None,
        well_diameter_mm=None,
        well_material=None,
        feature_code=None,
        owner=service.owner,
        building_id=None,
    )


def _line(service: Conduit, ends: list[SurveyPoint], size: str, depths_m: tuple[float, float]) -> SurveyLine:
    start, end = ends
    return SurveyLine(
        start_id=start.point_id,
        end_id=end.point_id,
        kind=service.kind,
        size=size,
        material=service.material,
        embedding=service.embedding,
        start_depth_m=depths_m[0],
        end_depth_m=depths_m[1],
        start_elevation_m=round(start.ground_m - depths_m[0], 3),
        end_elevation_m=round(end.ground_m - depths_m[1], 3),
        flow=None,
        pressure=service.pressure,
        voltage_kv=service.voltage_kv,
        cables=service.cables,
        holes=service.holes,
        holes_used=None,
        street=start.street,
        owner=service.owner,
        year=start.year,
    )
