"""A pipe survey in good order but for one row of a hundred, as files that bureaus hand over: a workbook, tables as text, a GeoPackage."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import openpyxl
import shapely

from bench.pipes import SEWERS, PipeSurvey, make_pipe_survey, write_layers

POINT_TABLE, LINE_TABLE = "管点表", "管线表"
_FAULT_EVERY, _FAULT_FROM = 100, 50
_POINT_TITLES = (("物探点号", "管类", "特征", "平面坐标(m)", None, "地面标高"), (None, None, None, "X", "Y", None))
_POINT_MERGED = ("A1:F1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "F2:F3")
_LINE_TITLES = (
    ("起点", None, None, "终点", None, None, "管类", "材质", "管径", "埋设方式", "建设年代"),
    ("点号", "埋深", "高程", "点号", "埋深", "高程", None, None, None, None, None),
)
_LINE_MERGED = ("A1:K1", "A2:C2", "D2:F2", "G2:G3", "H2:H3", "I2:I3", "J2:J3", "K2:K3")
_LINE_FIELDS = (
    "起点点号", "起点埋深", "起点管线高程", "终点点号", "终点埋深", "终点管线高程", "管线类型", "材质", "管径", "埋设方式", "建设年代"
)  # fmt: skip

Row = Sequence[object]


def make_survey(rows: int) -> tuple[PipeSurvey, int]:
    """Return a survey of sewers of about ``rows`` points and lines, and how many of its lines end at a point that is not there."""
    survey = make_pipe_survey(rows // 2, SEWERS)
    ends = survey.line_fields["终点点号"].copy()
    spoilt = slice(_FAULT_FROM, None, _FAULT_EVERY)
    ends[spoilt] = "无此点"
    return replace(survey, line_fields={**survey.line_fields, "终点点号": ends}), len(ends[spoilt])


def write_workbook(survey: PipeSurvey, path: Path) -> None:
    """Write two sheets, each with a title over all columns and a header of two rows whose groups are merged; X is the northing."""
    book = openpyxl.Workbook(write_only=True)
    tables = (
        (POINT_TABLE, _POINT_TITLES, _POINT_MERGED, _points(survey)),
        (LINE_TABLE, _LINE_TITLES, _LINE_MERGED, _lines(survey)),
    )
    for name, titles, merged, rows in tables:
        sheet = book.create_sheet(name)
        for cells in merged:
            sheet.merged_cells.add(cells)
        sheet.append([f"地下管线普查成果{name}"])
        for row in (*titles, *rows):
            sheet.append(list(row))
    book.save(path)


def write_texts(survey: PipeSurvey, path: Path) -> None:
    """Write a ZIP of two CSV in GB18030."""
    header = ("物探点号", "管类", "特征", "X坐标(m)", "Y坐标(m)", "地面标高")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{POINT_TABLE}.csv", _text([header, *_points(survey)]))
        archive.writestr(f"{LINE_TABLE}.csv", _text([_LINE_FIELDS, *_lines(survey)]))


def write_geopackage(survey: PipeSurvey, path: Path) -> None:
    """Write two layers, which have the geometry of their own."""
    write_layers(survey, path)


def _text(rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("gb18030")


def _points(survey: PipeSurvey) -> Iterator[Row]:
    fields = survey.point_fields
    east, north = shapely.get_x(survey.points).tolist(), shapely.get_y(survey.points).tolist()
    columns = [fields[name].tolist() for name in ("管线点编号", "管线类型", "特征", "地面高程")]
    yield from zip(*columns[:3], north, east, columns[3], strict=True)


def _lines(survey: PipeSurvey) -> Iterator[Row]:
    yield from zip(*(survey.line_fields[name].tolist() for name in _LINE_FIELDS), strict=True)
