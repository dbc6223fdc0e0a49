"""Delivers the pipe survey, 管线普查.xlsx, the one a quarter of a year later, 第二期/管线普查.xlsx, and the sensors that look after it."""

from __future__ import annotations

import functools

from sample_city import write_workbook
from sample_city.city import City
from sample_city.conflicts import Conflicts, plant_conflicts
from sample_city.deliver_neighbour import Edge, deliver_neighbour, edges_of, mains_of
from sample_city.deliver_second_survey import is_demolished
from sample_city.faults import Planted, plant_in_lines, plant_in_points
from sample_city.handover import HandOver
from sample_city.manifest import Fact, Update
from sample_city.pipes import PipeSurvey, SurveyLine, SurveyPoint
from sample_city.resurvey import Change, compare, resurvey
from sample_city.seeding import rng_at
from sample_city.sensors import Sensor, sensors_in_shafts
from sample_city.survey import survey_area
from sample_city.survey_faults import plant_networks
from sample_city.write_sensors import write_sensors
from sample_city.write_workbook import FILE_NAME, FIRST_ROW, LINE_SHEET, POINT_SHEET, WorkbookWriter

SECOND = "第二期"
_FROM_CORNER_M = 20.0
"""Of the city to the networks with planted faults: open country, far from the survey."""
_SUBJECT_SHUFFLE = 65
_MOVED_LISTED = 100


def deliver_pipes(city: City, handover: HandOver) -> None:
    """Write both surveys quarter by quarter, the planted rows last; the second one in another order."""
    second_folder = city.folder / SECOND
    gone = functools.partial(is_demolished, city.seed)
    second_folder.mkdir(exist_ok=True)
    with WorkbookWriter(city.folder) as first, WorkbookWriter(second_folder) as second:
        changes = (Change(), Change())
        conflicts: Conflicts | None = None
        last: PipeSurvey | None = None
        sensors: list[Sensor] = []
        moved: list[str] = []
        edges: list[Edge] = []
        for number, survey in enumerate(survey_area(city).quarters()):
            again = resurvey(survey, city.seed, city.grid.relief.height_m, gone)
            changes = (changes[0] + again.points, changes[1] + again.lines)
            first.add_points(survey.points)
            first.add_lines(survey.lines)
            second.add_points(_shuffled(city.seed, number, again.survey.points))
            second.add_lines(_shuffled(city.seed, number, again.survey.lines))
            conflicts = conflicts or plant_conflicts(survey, city.grid.relief.height_m)
            moved += again.moved[: _MOVED_LISTED - len(moved)]
            sensors += sensors_in_shafts(survey.points, city.seed)
            edges += edges_of(survey)
            last = survey
        if last is None or conflicts is None:
            raise ValueError("the town has too few streets to survey")
        planted = _plant(city, handover, first, last, conflicts)
        sound = _sound_again(conflicts, *planted)
        _plant_again(handover, second, sound, *planted)
        extra = compare(_sound(conflicts, *planted), sound)
    _note_sources(handover, first.counts)
    note = "第二期重新测定了位置的管线点 / points whose place was measured anew"
    handover.facts.append(Fact("points-moved", f"{SECOND}/{FILE_NAME}", POINT_SHEET, "", note, {"nodes": moved}))
    write_sensors(city, handover, sensors)
    deliver_neighbour(city, handover, next(mains_of(last)), edges)
    for sheet, feature_type, change, rejected in (
        (POINT_SHEET, "pipe_node", changes[0] + extra[0], 0),
        (LINE_SHEET, "pipe_segment", changes[1] + extra[1], 1),
    ):
        counts = (change.inserted, change.updated, change.deleted, change.unchanged)
        handover.updates.append(Update(f"{SECOND}/{FILE_NAME}", sheet, feature_type, "replace", *counts, rejected))


def _plant(
    city: City, handover: HandOver, workbook: WorkbookWriter, near: PipeSurvey, conflicts: Conflicts
) -> tuple[Planted[SurveyPoint], Planted[SurveyLine]]:
    """Append the rows of the conflicts and the faulty rows, and note them."""
    workbook.add_points(conflicts.survey.points)
    workbook.add_lines(conflicts.survey.lines)
    handover.facts += conflicts.facts
    points, lines = workbook.counts
    west, south, _, _ = city.grid.extent_m()
    networks = plant_networks((west + _FROM_CORNER_M, south + _FROM_CORNER_M), city.grid.relief.height_m, near.points[0])
    bad_points = plant_in_points(near.points[0], city.grid.relief.height_m) + networks[0]
    bad_lines = plant_in_lines(near.lines[0]) + networks[1]
    workbook.add_points(bad_points.rows)
    workbook.add_lines(bad_lines.rows)
    handover.faults += bad_points.faults(FILE_NAME, POINT_SHEET, FIRST_ROW + points, [p.point_id for p in bad_points.rows])
    handover.faults += bad_lines.faults(FILE_NAME, LINE_SHEET, FIRST_ROW + lines, _keys(bad_lines.rows))
    return bad_points, bad_lines


def _plant_again(
    handover: HandOver, workbook: WorkbookWriter, sound: PipeSurvey, points: Planted[SurveyPoint], lines: Planted[SurveyLine]
) -> None:
    """Append what stays of the planted rows to the second survey, and one line that is wrong again."""
    workbook.add_points(sound.points)
    workbook.add_lines(sound.lines)
    name, (before_points, before_lines) = f"{SECOND}/{FILE_NAME}", workbook.counts
    kept_points, kept_lines = points.published(), lines.published() + Planted(lines.rows[:1], lines.marks[:1])
    workbook.add_lines(lines.rows[:1])
    first_point, first_line = before_points - len(kept_points.rows), before_lines + 1 - len(kept_lines.rows)
    handover.faults += kept_points.faults(name, POINT_SHEET, FIRST_ROW + first_point, [p.point_id for p in kept_points.rows])
    handover.faults += kept_lines.faults(name, LINE_SHEET, FIRST_ROW + first_line, _keys(kept_lines.rows))


def _keys(lines: list[SurveyLine]) -> list[str]:
    return [f"{line.start_id}-{line.end_id}" for line in lines]


def _sound(conflicts: Conflicts, points: Planted[SurveyPoint], lines: Planted[SurveyLine]) -> PipeSurvey:
    """Return the planted rows of the first survey that are published."""
    return PipeSurvey((*conflicts.survey.points, *points.published().rows), (*conflicts.survey.lines, *lines.published().rows))


def _sound_again(conflicts: Conflicts, points: Planted[SurveyPoint], lines: Planted[SurveyLine]) -> PipeSurvey:
    """Return them as of the second survey: the first conflict is resolved, its pipe is gone."""
    before = _sound(conflicts, points, lines)
    gone = conflicts.survey.lines[0]
    ends = {gone.start_id, gone.end_id}
    return PipeSurvey(
        tuple(point for point in before.points if point.point_id not in ends), tuple(line for line in before.lines if line is not gone)
    )


def _shuffled[Row](seed: int, quarter: int, rows: tuple[Row, ...]) -> list[Row]:
    return [rows[k] for k in rng_at(seed, _SUBJECT_SHUFFLE, quarter, len(rows)).permutation(len(rows))]


def _note_sources(handover: HandOver, counts: tuple[int, int]) -> None:
    note = "X 为北坐标，Y 为东坐标 / X is northing, Y is easting"
    handover.wrote(write_workbook.FILE_NAME, POINT_SHEET, "pipe_node", counts[0], note, crs_in_file=False)
    note = "雨污水为管底，其余为管顶 / sewers: invert, others: top"
    handover.wrote(write_workbook.FILE_NAME, LINE_SHEET, "pipe_segment", counts[1], note, crs_in_file=False)
