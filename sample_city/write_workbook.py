"""Writes the pipe survey as one XLSX workbook with the sheets 管点 and 管线 (ECMA-376 SpreadsheetML).

X is northing and Y easting, as surveyors write them. Sheets are spooled to disk, so a survey of any length takes little memory.
Libraries that write XLSX stamp the time of writing into it, and equal seeds shall give equal bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self, TextIO
from xml.sax.saxutils import escape

from sample_city.pipes import SurveyLine, SurveyPoint
from sample_city.write_archive import write_archive

FILE_NAME, POINT_SHEET, LINE_SHEET = "管线普查.xlsx", "管点", "管线"
FIRST_ROW = 2
"""Sheet row of the first data row: the header is row 1."""
_IN_USE = "在用"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_POINT_HEADER = (
    "管线点编号", "图上点号", "管线类型", "X", "Y", "地面高程", "特征", "附属物", "井深", "井底高程", "井材质", "井径", "要素代码",
    "所在道路", "权属单位", "建筑编号", "使用状态", "探测年份",
)  # fmt: skip
_LINE_HEADER = (
    "起点点号", "终点点号", "管线类型", "管径", "材质", "埋设方式", "起点埋深", "终点埋深", "起点管线高程", "终点管线高程", "流向", "压力",
    "电压", "电缆条数", "总孔数", "已用孔数", "建设年代", "所在道路", "权属单位", "管廊编号", "使用状态", "断面形状", "壁厚",
)  # fmt: skip
Value = str | float | int | None


class WorkbookWriter:
    """Collects the rows of both sheets, then writes the workbook; used as a context manager."""

    def __init__(self, folder: Path, name: str = FILE_NAME) -> None:
        self._path = folder / name
        self._scratch = tempfile.TemporaryDirectory()
        self._folder = Path(self._scratch.name)
        self._points = _Sheet(self._folder / "sheet1.xml", _POINT_HEADER)
        self._lines = _Sheet(self._folder / "sheet2.xml", _LINE_HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._points.close()
        self._lines.close()
        if kind is None:
            self._pack()
        self._scratch.cleanup()

    def add_points(self, points: Iterable[SurveyPoint]) -> None:
        """Append rows to the sheet 管点."""
        for p in points:
            bottom = None if p.well_depth_m is None else round(p.ground_m - p.well_depth_m, 3)
            self._points.add((
                p.point_id or None, p.map_number or p.point_id or None, p.kind, p.n, p.e, p.ground_m, p.feature, p.appurtenance,
                p.well_depth_m, bottom, p.well_material, p.well_diameter_mm, p.feature_code, p.street, p.owner,
                p.building_id, _IN_USE, p.year,
            ))  # fmt: skip

    def add_lines(self, lines: Iterable[SurveyLine]) -> None:
        """Append rows to the sheet 管线."""
        for s in lines:
            self._lines.add((
                s.start_id or None, s.end_id or None, s.kind, s.size, s.material, s.embedding, s.start_depth_m, s.end_depth_m,
                s.start_elevation_m, s.end_elevation_m, s.flow, s.pressure, s.voltage_kv, s.cables, s.holes, s.holes_used, s.year, s.street,
                s.owner, s.tunnel_id, s.state, s.shape, s.wall_mm,
            ))  # fmt: skip

    @property
    def counts(self) -> tuple[int, int]:
        """Number of data rows in 管点 and 管线 so far."""
        return self._points.rows - 1, self._lines.rows - 1

    def _pack(self) -> None:
        parts = {"[Content_Types].xml": _content_types(), "_rels/.rels": _package_relations()}
        parts |= {"xl/workbook.xml": _workbook(), "xl/_rels/workbook.xml.rels": _workbook_relations()}
        members = []
        for number, (name, text) in enumerate(parts.items()):
            source = self._folder / f"part{number}"
            source.write_text(_DECLARATION + text, encoding="utf-8")
            members.append((name, source))
        sheets = [(f"xl/worksheets/sheet{k}.xml", self._folder / f"sheet{k}.xml") for k in (1, 2)]
        self._path.unlink(missing_ok=True)
        write_archive(self._path, members + sheets)


class _Sheet:
    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")
        self._file.write(f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetData>\n')
        self._letters = [_column_letters(k) for k in range(len(header))]
        self.rows = 0
        self.add(header)

    def add(self, values: tuple[Value, ...]) -> None:
        self.rows += 1
        cells = [_cell(f"{letter}{self.rows}", value) for letter, value in zip(self._letters, values, strict=True)]
        self._file.write(f'<row r="{self.rows}">{"".join(cells)}</row>\n')

    def close(self) -> None:
        self._file.write("</sheetData></worksheet>\n")
        self._file.close()


def _cell(place: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


def _column_letters(index: int) -> str:
    letters = ""
    while index >= 0:
        letters = chr(ord("A") + index % 26) + letters
        index = index // 26 - 1
    return letters


def _content_types() -> str:
    sheets = "".join(f'<Override PartName="/xl/worksheets/sheet{k}.xml" ContentType="{_TYPES}.worksheet+xml"/>' for k in (1, 2))
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>{sheets}</Types>'
    )


def _package_relations() -> str:
    target = f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{target}</Relationships>'


def _workbook() -> str:
    names = enumerate((POINT_SHEET, LINE_SHEET), start=1)
    sheets = "".join(f'<sheet name="{name}" sheetId="{k}" r:id="rId{k}"/>' for k, name in names)
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'


def _workbook_relations() -> str:
    sheets = "".join(f'<Relationship Id="rId{k}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{k}.xml"/>' for k in (1, 2))
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{sheets}</Relationships>'
