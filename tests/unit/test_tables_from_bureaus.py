"""Survey tables as bureaus really hand them over: printed headers, totals, hidden rows, angles, stray spaces, formulas without result."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
import shapely

from ingest.convert import convert
from ingest.proposals import Proposal, placed, propose
from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers.angles import degrees
from ingest.readers.choice import choose_reader
from ingest.readers.delimited import read_delimited
from ingest.readers.sheets import Sheet, find_table
from ingest.readers.source import SourceBatch
from ingest.readers.survey import Survey, SurveyLayer, known_names
from ingest.readers.workbook_cells import _notes
from ingest.sampling import with_samples
from ingest.understanding.area import deployment_area
from ingest.understanding.layer import Surroundings
from tests.reading import read_file
from tests.workbooks import workbook
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
NODES = [("物探点号", "X", "Y", "地面高程"), ("W001", 3520000.0, 497000.0, 6.0), ("W002", 3520040.0, 497000.0, 6.2)]
LINES = [("起点点号", "终点点号", "管径"), ("W001", "W002", 300)]
ANGLE = 31 + 48 / 60 + 39.56 / 3600


def survey(path: Path, *companions: Path, crs: str = "EPSG:4549") -> Survey:
    reader = choose_reader(ReadRequest(path, (), storage_srid=4549, crs=crs, companions=companions))
    assert isinstance(reader, Survey)
    return reader


def layer(path: Path, feature_type: str, name: str | None = None, crs: str = "EPSG:4549") -> tuple[SurveyLayer, SourceBatch]:
    opened = survey(path, crs=crs).open(PartRequest(name, TYPES[feature_type], "d"))
    (batch,) = opened.batches()
    return opened, batch


def notes(opened: SurveyLayer) -> str:
    return " ".join(note.zh for note in opened.source.notes)


def table(rows: Sequence[Sequence[object]], merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()) -> Sheet:
    found = find_table("t", list(rows), list(range(1, len(rows) + 1)), known_names(), merged)
    assert found is not None
    return found


def told(batch: SourceBatch) -> list[tuple[int, str, str]]:
    return [(int(batch.rows[f.index]), f.rule, f.message.zh) for f in batch.faults]


# --------------------------------------------------------------------------------------------------------------------- headers


def test_names_below_group_titles_of_any_order_are_known() -> None:
    """管线点号 over 起点 is 起点管线点号, 埋深(m) over 起点 is 起点埋深(m), 平面坐标(m) over X is X(m)."""
    rows = [
        ("管线点号", None, "埋深(m)", None, "平面坐标(m)", None, "管径(cm)"),
        ("起点", "终点", "起点", "终点", "X", "Y", None),
        ("A", "B", 1, 2, 3, 4, 5),
    ]
    merged = (((0, 0), (0, 1)), ((0, 2), (0, 3)), ((0, 4), (0, 5)), ((0, 6), (1, 6)))
    expected = ("起点管线点号", "终点管线点号", "起点埋深(m)", "终点埋深(m)", "X(m)", "Y(m)", "管径(cm)")
    assert table(rows, merged).columns == expected
    assert table(rows).columns == expected


def test_repeated_headers_totals_and_signatures_are_no_rows_and_are_told() -> None:
    page = [("管线成果表",), ("起点点号", "终点点号", "管径", "材质", "备注"), ("A", "B", 300, "PVC", None)]
    aside = [*page[:2], ("合计", None, 600), ("制表：张三", None, "2026-11-20")]
    rows = [*page, *aside, ("检查井1", "D", 300), ("合计", "E", 300, "PVC", None)]
    sheet = table(rows)
    assert [row[0] for row in sheet.rows] == ["A", "检查井1", "合计"]
    assert sheet.numbers.tolist() == [3, 8, 9]
    assert ["4、5、6、7" in note.zh for note in sheet.notes] == [True]


# --------------------------------------------------------------------------------------------------------------------- cells


def test_errors_formulas_without_result_and_hidden_rows_are_told_by_their_cells(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"管点": NODES, "管线": LINES})
    book = openpyxl.load_workbook(path)
    sheet = book["管点"]
    sheet["D2"], sheet["D3"] = "=6.0+0.1", "#REF!"
    sheet["D3"].data_type = "e"
    sheet.row_dimensions[3].hidden = True
    book.save(path)
    opened, batch = layer(path, "pipe_node")
    assert batch.columns["地面高程"].to_pylist() == [None, None]
    said = notes(opened)
    assert "D2 的公式没有计算结果" in said
    assert "D3 是错误值" in said
    assert "第 3 行被筛选或隐藏" in said
    assert "公式" not in notes(layer(path, "pipe_segment")[0])


def test_a_formula_whose_result_is_an_empty_text_was_calculated() -> None:
    """IF(A2="","",A2) of an empty cell, as spreadsheets store it."""
    cell = '<c r="D2"{}><f>IF(A2="","",A2)</f>{}</c>'
    assert _notes([cell.format(' t="str"', "<v></v>").encode()]) == ()
    assert _notes([cell.format(' s="1" t="str"', "<v/>").encode()]) == ()
    assert all(_notes([cell.format(kind, value).encode()]) for kind in ("", ' s="1"') for value in ("", "<v/>", "<v></v>"))


def test_a_sheet_whose_header_nobody_understands_is_named(tmp_path: Path) -> None:
    lines = [("本点编号", "连接编号", "口径"), ("W001", "W002", 300)]
    opened, _ = layer(workbook(tmp_path / "a.xlsx", {"管点": NODES, "线": lines}), "pipe_node")
    assert "工作表“线”没有可识别的表头" in notes(opened)


def test_a_locked_workbook_is_told_by_its_streams(tmp_path: Path) -> None:
    """Excel writes a workbook with a password as a compound file of these streams."""
    path = tmp_path / "a.xlsx"
    streams = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", "EncryptionInfo", "EncryptedPackage"))
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack("<504x") + streams)
    with pytest.raises(TwinError) as caught:
        survey(path)
    assert caught.value.code == "workbook-encrypted"


def test_space_around_a_text_was_not_meant(tmp_path: Path) -> None:
    lines = [LINES[0], (" W001 ", "W002\u3000", 300), ("W002\n", "W001", 300)]
    _, batch = layer(workbook(tmp_path / "a.xlsx", {"管点": NODES, "管线": lines}), "pipe_segment")
    assert batch.columns["起点点号"].to_pylist() == ["W001", "W002"]
    assert told(batch) == []


# ----------------------------------------------------------------------------------------------------------------------- ends


def test_an_end_that_is_not_there_is_told_with_the_point_that_may_be_meant(tmp_path: Path) -> None:
    nodes = [*NODES, ("W003", None, 497000.0, 6.3), ("W4", "待测", 497000.0, 6.3)]
    lines = [LINES[0], ("w1", "Ｗ００２", 300), ("W003", "W002", 300), ("X9", "W002", 300)]
    path = workbook(tmp_path / "a.xlsx", {"管点": nodes, "管线": lines})
    assert told(layer(path, "pipe_segment")[1]) == [
        (2, "node-exists", "端点 w1 不在管线点表中；是否为 W001？；端点 Ｗ００２ 不在管线点表中；是否为 W002？"),
        (3, "node-exists", "端点 W003 在管线点表中没有坐标"),
        (4, "node-exists", "端点 X9 不在管线点表中"),
    ]
    assert told(layer(path, "pipe_node")[1]) == [
        (4, "geometry-empty", "没有坐标：列“X”为空"),
        (5, "geometry-empty", "没有坐标：列“X”的“待测”不是坐标"),
    ]


def test_lines_without_coordinates_are_placed_by_the_points_of_another_file(tmp_path: Path) -> None:
    found: list[Proposal] = []
    around = Surroundings(deployment_area(4549, (118.5, 31.0, 121.0, 33.0)))
    for name, rows in (("管点.csv", NODES), ("管线.csv", LINES)):
        path = tmp_path / name
        path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
        reader = survey(path)
        found += propose(name, with_samples(reader, reader.inspect()), TYPES, (), around)
    assert [p.understanding.crs.value for p in found] == ["EPSG:4549", None]
    points, lines = placed(found)
    assert (points, lines.understanding.crs.value) == (found[0], "EPSG:4549")
    assert "位置取自表“管点”" in lines.understanding.crs.text.zh


# --------------------------------------------------------------------------------------------------------------------- angles


@pytest.mark.parametrize(
    "text",
    [
        "31°48′39.56″",
        "31°48'39.56\"",
        "31度48分39.56秒",
        "31 48 39.56",
        "31:48:39.56",
        "N31°48′39.56″",
        "31°48′39.56″N",
        "３１°４８′３９.５６″",
        "北纬31°48′39.56″",
        "31°48'39.56''",
    ],
)
def test_degrees_minutes_and_seconds_are_read_however_they_are_written(text: str) -> None:
    assert degrees(text) == pytest.approx(ANGLE, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "angle"),
    [
        ("31°48.5′", 31 + 48.5 / 60),
        ("S31°48′00″", -31.8),
        ("31°60′00″", None),
        ("31°", None),
        ("3 4", 3 + 4 / 60),
        ("待测", None),
        ("W1", None),
        ("512 34.5", None),
        ("1" + " " * 100_000 + "x", None),
    ],
)
def test_other_texts_are_angles_only_where_they_can_be(text: str, angle: float | None) -> None:
    assert degrees(text) == (None if angle is None else pytest.approx(angle))


def test_points_given_in_degrees_minutes_and_seconds_have_a_place(tmp_path: Path) -> None:
    rows = [("物探点号", "纬度", "经度"), ("W1", "31°48′39.56″", "119°58′26.4″"), ("W2", 31.8, 119.9)]
    _, batch = layer(workbook(tmp_path / "a.xlsx", {"管点": rows}), "pipe_node", crs="EPSG:4490")
    assert shapely.get_coordinates(batch.geometry).tolist() == [
        [pytest.approx(119 + 58 / 60 + 26.4 / 3600), pytest.approx(ANGLE)],
        [119.9, 31.8],
    ]


# ----------------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(("encoding", "delimiter"), [("gb18030", ","), ("utf-8", "\t"), ("gb18030", ";")])
def test_titles_above_the_header_of_a_text_do_no_harm(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "管点.csv"
    path.write_text("\r\n".join(["常州市管点成果表", "测区：天宁", *(delimiter.join(map(str, row)) for row in NODES)]), encoding=encoding)
    _, batch = layer(path, "pipe_node")
    assert batch.rows.tolist() == [4, 5]
    assert batch.columns["物探点号"].to_pylist() == ["W001", "W002"]


@pytest.mark.parametrize(
    "text",
    [
        "点号;X;Y;备注\nWS1;3,522,123.45;512,345.67;a\n",
        "点号\tX\tY\t备注\nWS1\t3522123.45\t512345.67\t塑料,砖,混凝土,PE,其他\n",
        "常州市,天宁区,a,b,c,d\n点号;X;Y;备注\nWS1;3522123.45;512345.67;a\n",
        '"点号";"X";"Y";"备注"\n"WS1";"3522123,45";"512345,67";"a,b,c,d"\n',
    ],
)
def test_commas_in_cells_do_not_part_what_semicolons_or_tabs_part(text: str) -> None:
    (sheet,) = read_delimited(text.encode(), Limits(), known_names(), "t")
    assert sheet.columns == ("点号", "X", "Y", "备注")


def test_coordinates_that_are_none_are_told_whatever_they_are(tmp_path: Path) -> None:
    rows = [("物探点号", "X", "Y"), ("W1", dt.date(2015, 6, 30), 497000.0), ("W2", "119-58-26", None), ("W3", 3520000.0, 497000.0)]
    _, batch = layer(workbook(tmp_path / "a.xlsx", {"管点": rows}), "pipe_node")
    assert [(row, rule) for row, rule, _ in told(batch)] == [(2, "geometry-empty"), (3, "geometry-empty")]
    first, second = (message for _, _, message in told(batch))
    assert "列“X”的“2015-06-30" in first
    assert first.endswith("不是坐标")
    assert second == "没有坐标：列“Y”为空，列“X”的“119-58-26”不是坐标"


def test_a_note_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "说明.txt"
    path.write_text("说明\n一、测区，天宁区，常州\n二、单位\n", encoding="utf-8")
    with pytest.raises(TwinError) as caught:
        choose_reader(ReadRequest(path, (), storage_srid=4549))
    assert caught.value.code == "unsupported-media"


# ----------------------------------------------------------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "cells",
    [
        [20150630],
        [2015, 20150630],
        ["20150630"],
        [42185],
        ["2015年6月", "42185"],
        [42185, 20150630],
        [dt.date(2015, 6, 30)],
        ["2015.6.30"],
        [2015.0, 20150630.0],
    ],
)
def test_a_year_is_read_out_of_dates_in_every_spelling_of_a_spreadsheet(cells: list[object]) -> None:
    field = next(f for f in TYPES["pipe_segment"].fields if f.name == "year_laid")
    converted = convert(pa.array(cells), field)
    assert converted.values.to_pylist() == [2015] * len(cells)
    assert not converted.bad.any()


def test_numbers_that_are_neither_years_nor_dates_stay_for_the_range_to_refuse() -> None:
    field = next(f for f in TYPES["pipe_segment"].fields if f.name == "year_laid")
    assert convert(pa.array([2015, 20190]), field).values.to_pylist() == [2015, 20190], "a year mistyped, no day of 1955"
    assert convert(pa.array(["2015", "20190"]), field).values.to_pylist() == [2015, 20190]
    assert convert(pa.array([20159999, 12000]), field).values.to_pylist() == [20159999, 12000]
    floors = next(f for f in TYPES["building"].fields if f.type == "integer" and f.maximum and f.maximum < 1000)
    assert convert(pa.array(np.array([20150630])), floors).values.to_pylist() == [20150630]


# ----------------------------------------------------------------------------------------------------------- day of the survey


def test_the_day_of_the_survey_is_a_field_however_it_is_written_and_no_day_refuses_no_row(tmp_path: Path) -> None:
    """普查日期, SDate (requirements C.5)."""
    days = ["2021-05-08", "20210508", "2021年5月8日", "2021.5", 44324, "", "去年", "2999-01-01"]
    rows = [(f"W{i}", 3520000.0 + 40 * i, 497000.0, 6.0, day) for i, day in enumerate(days)]
    path = workbook(tmp_path / "普查.xlsx", {"管点": [(*NODES[0], "普查日期"), *rows]})
    (batch,) = (
        m
        for m in read_file(ReadRequest(path, (PartRequest(None, TYPES["pipe_node"], "d"),), 4549, crs="EPSG:4549"))
        if isinstance(m, PartBatch)
    )
    day = dt.date(2021, 5, 8)
    assert batch.table["surveyed_on"].to_pylist() == [day, day, day, dt.date(2021, 5, 1), day, None, None, dt.date(2999, 1, 1)]
    assert [(f.rule, f.severity, f.row) for f in batch.findings] == [("type", "warning", 8), ("future-date", "warning", 9)]
