"""Delivers the pipe survey, 管线普查.xlsx, the one a quarter of a year later, 第二期/管线普查.xlsx, and the sensors that look after it."""

from __future__ import annotations

import functools

from sample_city import write_workbook
from sample_city.city import City
from sample_city.conflicts import Conflicts, plant_conflicts
from sample_city.deliver_second_survey import is_demolished
from sample_city.faults import Planted, plant_in_lines, plant_in_points
from sample_city.handover import HandOver
from sample_city.manifest import Fact, Update
from sample_city.pipes import PipeSurvey, SurveyLine, SurveyPoint
from sample_city.resurvey import Change, compare, resurvey
from sample_city.seeding import rng_at
from sample_city.sensors import Sensor, sensors_in_shafts
from sample_city.survey import survey_area
from sample_city.write_sensors import write_sensors
from sample_city.write_workbook import FILE_NAME, FIRST_ROW, LINE_SHEET, POINT_SHEET, WorkbookWriter

SECOND = "第二期"
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
            last = survey
        if last is None or conflicts is None:
            raise ValueError("the town has too few streets to survey")
        planted = _plant(city, handover, first, last, conflicts)
        sound = _sound_again(conflicts, *planted)
        second.add_points(sound.points)
        second.add_lines((*sound.lines, planted[1].rows[0]))
        extra = compare(_sound(conflicts, *planted), sound)
    _note_sources(handover, first.counts)
    note = "第二期重新测定了位置的管线点 / points whose place was measured anew"
    handover.facts.append(Fact("points-moved", f"{SECOND}/{FILE_NAME}", POINT_SHEET, "", note, {"nodes": moved}))
    write_sensors(city, handover, sensors)
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
    bad_points, bad_lines = plant_in_points(near.points[0], city.grid.relief.height_m), plant_in_lines(near.lines[0])
    workbook.add_points(bad_points.rows)
    workbook.add_lines(bad_lines.rows)
    handover.faults += bad_points.faults(FILE_NAME, POINT_SHEET, FIRST_ROW + points, [p.point_id for p in bad_points.rows])
    keys = [f"{s.start_id}-{s.end_id}" for s in bad_lines.rows]
    handover.faults += bad_lines.faults(FILE_NAME, LINE_SHEET, FIRST_ROW + lines, keys)
    return bad_points, bad_lines


def _sound(conflicts: Conflicts, points: Planted[SurveyPoint], lines: Planted[SurveyLine]) -> PipeSurvey:
    """Return the planted rows of the first survey that are published."""
    return PipeSurvey((*conflicts.survey.points, *_good(points)), (*conflicts.survey.lines, *_good(lines)))


def _sound_again(conflicts: Conflicts, points: Planted[SurveyPoint], lines: Planted[SurveyLine]) -> PipeSurvey:
    """Return them as of the second survey: the first conflict is resolved, its pipe is gone."""
    before = _sound(conflicts, points, lines)
    gone = conflicts.survey.lines[0]
    ends = {gone.start_id, gone.end_id}
    return PipeSurvey(
        tuple(point for point in before.points if point.point_id not in ends), tuple(line for line in before.lines if line is not gone)
    )


def _good[Row](planted: Planted[Row]) -> tuple[Row, ...]:
    return tuple(row for row, mark in zip(planted.rows, planted.marks, strict=True) if mark is None or mark[1] == "warning")


def _shuffled[Row](seed: int, quarter: int, rows: tuple[Row, ...]) -> list[Row]:
    return [rows[k] for k in rng_at(seed, _SUBJECT_SHUFFLE, quarter, len(rows)).permutation(len(rows))]


def _note_sources(handover: HandOver, counts: tuple[int, int]) -> None:
    note = "X 为北坐标，Y 为东坐标 / X is northing, Y is easting"
    handover.wrote(write_workbook.FILE_NAME, POINT_SHEET, "pipe_node", counts[0], note, crs_in_file=False)
    note = "雨污水为管底，其余为管顶 / sewers: invert, others: top"
    handover.wrote(write_workbook.FILE_NAME, LINE_SHEET, "pipe_segment", counts[1], note, crs_in_file=False)
