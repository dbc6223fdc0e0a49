"""Delivers the pipe survey: 管线普查.xlsx."""

from __future__ import annotations

from sample_city import write_workbook
from sample_city.city import City
from sample_city.faults import plant_in_lines, plant_in_points
from sample_city.handover import HandOver
from sample_city.survey import survey_area


def deliver_pipes(city: City, handover: HandOver) -> None:
    """Write points and lines of all streets, quarter by quarter, the faulty rows last."""
    name, first = write_workbook.FILE_NAME, write_workbook.FIRST_ROW
    with write_workbook.WorkbookWriter(city.folder) as workbook:
        last = None
        for survey in survey_area(city.grid, city.town).quarters():
            workbook.add_points(survey.points)
            workbook.add_lines(survey.lines)
            last = survey
        if last is None:
            raise ValueError("the town has no streets to survey")
        points, lines = workbook.counts
        bad_points = plant_in_points(last.points[0], lambda e, n: float(city.grid.relief.ground_m(e, n)))
        bad_lines = plant_in_lines(last.lines[0])
        workbook.add_points(bad_points.rows)
        workbook.add_lines(bad_lines.rows)
        handover.faults += bad_points.faults(name, write_workbook.POINT_SHEET, first + points, [p.point_id for p in bad_points.rows])
        keys = [f"{s.start_id}-{s.end_id}" for s in bad_lines.rows]
        handover.faults += bad_lines.faults(name, write_workbook.LINE_SHEET, first + lines, keys)
        points, lines = workbook.counts
    note = "X 为北坐标，Y 为东坐标 / X is northing, Y is easting"
    handover.wrote(name, write_workbook.POINT_SHEET, "pipe_node", points, note, crs_in_file=False)
    note = "雨污水为管底，其余为管顶 / sewers: invert, others: top"
    handover.wrote(name, write_workbook.LINE_SHEET, "pipe_segment", lines, note, crs_in_file=False)
