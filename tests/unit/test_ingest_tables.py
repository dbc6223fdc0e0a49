"""Tables as departments hand them over: header rows, units, sheets, encodings; read in this process, as the confined child does."""

from __future__ import annotations

import codecs
import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
import shapely

from ingest.part_reading import PartReading
from ingest.protocol import Limits, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.delimited import read_delimited
from ingest.readers.sheets import Sheet, cells_array, find_table
from ingest.readers.source import SourceBatch
from ingest.readers.survey import Survey, SurveyLayer, known_names, open_survey
from tests.ogr2ogr import ogr2ogr
from tests.workbooks import workbook
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
KNOWN = frozenset({"点号", "埋深", "起点点号", "起点埋深", "终点点号", "终点埋深", "管径", "x", "y", "材质"})
NODES = [("物探点号", "X", "Y", "地面高程"), ("W1", 3520000.0, 497000.0, 6.0), ("W2", 3520040.0, 497000.0, 6.2)]
LINES = [("起点点号", "终点点号", "管径"), ("W1", "W2", 300)]


def survey(path: Path, *companions: Path, limits: Limits | None = None) -> Survey:
    request = ReadRequest(path, (), storage_srid=4549, crs="EPSG:4549", companions=companions, limits=limits or Limits())
    reader = choose_reader(request)
    assert isinstance(reader, Survey)
    return reader


def layer(path: Path, name: str | None, feature_type: str, *companions: Path) -> tuple[SurveyLayer, SourceBatch]:
    opened = survey(path, *companions).open(PartRequest(name, TYPES[feature_type], "d"))
    (batch,) = opened.batches()
    return opened, batch


def header(rows: Sequence[Sequence[object]], merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()) -> Sheet:
    found = find_table("t", list(rows), list(range(1, len(rows) + 1)), KNOWN, merged)
    assert found is not None
    return found


# --------------------------------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize("merged", [(), (((0, 0), (0, 1)), ((0, 2), (0, 3)), ((0, 4), (1, 4)), ((0, 5), (1, 5)))])
def test_groups_above_two_columns_give_both_their_title(merged: tuple[tuple[tuple[int, int], tuple[int, int]], ...]) -> None:
    rows = [("起点", None, "终点", None, "管径", "备注"), ("点号", "埋深", "点号", "埋深", None, None), ("A", 1, "B", 2, 300, None)]
    sheet = header(rows, merged)
    assert sheet.columns == ("起点点号", "起点埋深", "终点点号", "终点埋深", "管径", "备注")
    assert sheet.numbers.tolist() == [3]


def test_a_column_of_its_own_beside_a_group_does_not_name_its_neighbour() -> None:
    """A name merged over both rows, then a column whose upper cell is empty."""
    rows = [("管径", None, "起点", None), (None, "材质", "点号", "埋深"), (300, "PVC", "A", 1)]
    assert header(rows).columns == ("管径", "材质", "起点点号", "起点埋深")


def test_a_header_of_three_rows_below_a_title_over_all_columns() -> None:
    rows = [("管线成果表", *([None] * 3)), ("起点", None, "终点", None), ("点号", "埋深", "点号", "埋深"), ("A", 1, "B", 2)]
    assert header(rows, (((0, 0), (0, 3)),)).columns == ("起点点号", "起点埋深", "终点点号", "终点埋深")


def test_a_row_of_units_is_joined_to_the_names_and_one_of_numbers_is_passed_over() -> None:
    rows = [("点号", "X", "Y", "埋深"), (None, "m", "m", "(mm)"), ("1", "2", "3", "4"), ("A", 1, 2, 3)]
    sheet = header(rows)
    assert sheet.columns == ("点号", "X(m)", "Y(m)", "埋深(mm)")
    assert sheet.numbers.tolist() == [4]


def test_what_has_no_header_is_no_table() -> None:
    assert find_table("t", [("编制:", "张三"), ("日期", "2020")], [1, 2], KNOWN) is None


# --------------------------------------------------------------------------------------------------------------------- workbooks


def test_values_come_as_the_workbook_shows_them(tmp_path: Path) -> None:
    """Numbers as text, days, whole numbers, what a formula last gave; empty rows count in the numbers of the rest."""
    rows = [
        ("说明",), (), ("物探点号", "X", "Y", "井深", "埋设日期", "备注"),
        ("W1", "3520000.5", 497000, 2, dt.date(2020, 5, 1), True), (), ("W2", 3520001.0, 497000, 3, dt.date(2021, 1, 2), None),
    ]  # fmt: skip
    opened, batch = layer(workbook(tmp_path / "a.xlsx", {"管点": rows}), None, "pipe_node")
    assert batch.rows.tolist() == [4, 6]
    assert batch.columns["井深"].to_pylist() == [2, 3]
    assert batch.columns["埋设日期"].to_pylist() == [dt.date(2020, 5, 1), dt.date(2021, 1, 2)]
    assert batch.columns["备注"].to_pylist() == [True, None]
    assert [shapely.get_coordinates(g)[0].tolist() for g in batch.geometry] == [[497000, 3520000.5], [497000, 3520001]]
    assert any("北坐标" in note.zh for note in opened.source.notes)


def test_formulas_give_their_results(tmp_path: Path) -> None:
    plain, path = workbook(tmp_path / "a.xlsx", {"管点": NODES}), tmp_path / "b.xlsx"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("sheet1.xml"):
                content = content.replace(b"<v>6.2</v>", b"<f>D2+0.2</f><v>6.25</v>")
            target.writestr(info, content)
    _, batch = layer(path, None, "pipe_node")
    assert batch.columns["地面高程"].to_pylist() == [6.0, 6.25]


def test_hidden_sheets_are_left_out_and_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"管点": NODES, "旧管点": NODES})
    book = openpyxl.load_workbook(path)
    book["旧管点"].sheet_state = "hidden"
    book.save(path)
    assert [s.name for s in survey(path).inspect().layers] == ["管点"]
    opened, _ = layer(path, None, "pipe_node")
    assert any("旧管点" in note.zh for note in opened.source.notes)


def test_an_open_document_by_ogr2ogr(tmp_path: Path) -> None:
    source = tmp_path / "管点.csv"
    source.write_text("\n".join(",".join(map(str, r)) for r in NODES), encoding="utf-8")
    ogr2ogr(tmp_path / "a.ods", source, "-f", "ODS", "-oo", "AUTODETECT_TYPE=YES")
    reader = survey(tmp_path / "a.ods")
    assert reader.format == "ODS"
    _, batch = layer(tmp_path / "a.ods", None, "pipe_node")
    assert batch.columns["物探点号"].to_pylist() == ["W1", "W2"]
    assert [shapely.get_coordinates(g)[0].tolist() for g in batch.geometry] == [[497000, 3520000], [497000, 3520040]]


def test_a_cell_far_to_the_right_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(("物探点号", "X", "Y"))
    book.active.cell(2, 16384, 1)
    book.save(tmp_path / "a.xlsx")
    assert refusal(tmp_path / "a.xlsx") == "too-many-columns"


def test_shared_strings_that_unpack_without_end_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(workbook(tmp_path / "a.xlsx", {"管点": NODES}), "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/more.xml", b"<sst>" + b"<si><t>x</t></si>" * 2_000_000)
    assert refusal(tmp_path / "a.xlsx") == "zip-bomb"


def test_rows_beyond_the_limit_and_broken_workbooks_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"管点": [NODES[0], *[NODES[1]] * 20]})
    assert refusal(path, Limits(rows=10)) == "too-many-rows"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert refusal(path) == "workbook-broken"


def refusal(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(TwinError) as caught:
        survey(path, limits=limits)
    return caught.value.code


# ----------------------------------------------------------------------------------------------------- tables of a kind of pipeline


@pytest.mark.parametrize(
    ("points", "lines", "code"), [("JS_POINT", "JS_LINE", "JS"), ("给水管点", "给水管线", "JS"), ("PSPOINT", "PSLINE", "PS")]
)
def test_tables_of_one_kind_say_it_by_their_name(tmp_path: Path, points: str, lines: str, code: str) -> None:
    other = [NODES[0], ("W1", 3529000.0, 497900.0, 9.0), ("W2", 3529040.0, 497900.0, 9.0)]
    path = workbook(tmp_path / "a.xlsx", {"RQ_POINT": other, points: NODES, "RQ_LINE": LINES, lines: LINES})
    opened, batch = layer(path, lines, "pipe_segment")
    assert batch.columns["管线种类"].to_pylist() == [code]
    assert any(lines in note.zh for note in opened.source.notes)
    # points of its own kind go before those of another that are called the same
    assert shapely.get_coordinates(batch.geometry[0]).tolist() == [[497000, 3520000], [497000, 3520040]]


def test_a_kind_in_the_rows_goes_before_the_tables_name(tmp_path: Path) -> None:
    rows = [(*NODES[0], "管类"), (*NODES[1], "雨水")]
    _, batch = layer(workbook(tmp_path / "a.xlsx", {"JS_POINT": rows}), None, "pipe_node")
    assert "管线种类" not in batch.columns


def test_lines_with_coordinates_of_their_own_need_no_points(tmp_path: Path) -> None:
    """The 普查 schema: S_X, S_Y, E_X, E_Y and depths beside the ends."""
    rows = [("S_Exp", "S_X", "S_Y", "E_Exp", "E_X", "E_Y"), ("W1", 3520000.0, 497000.0, "W2", 3520040.0, 497003.0)]
    opened, batch = layer(workbook(tmp_path / "a.xlsx", {"LINE": rows}), None, "pipe_segment")
    assert shapely.get_coordinates(batch.geometry[0]).tolist() == [[497000, 3520000], [497003, 3520040]]
    assert any("没有管线点表" in note.zh for note in opened.source.notes)


def test_one_table_may_hold_points_and_where_each_is_connected(tmp_path: Path) -> None:
    rows = [("管线点号", "连接点号", "X", "Y", "管径"), ("W1", "W2", 3520000.0, 497000.0, 300), ("W2", "W1", 3520040.0, 497000.0, 300)]
    _, batch = layer(workbook(tmp_path / "a.xlsx", {"成果表": rows}), None, "pipe_segment")
    assert [shapely.get_coordinates(g)[:, 1].tolist() for g in batch.geometry] == [[3520000, 3520040]], "one line, told from both ends"


# --------------------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_text_in_any_encoding(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "管點.csv"
    rows = [("管線點號", "X", "Y", "所在位置"), *((n, x, y, "中山公園路口的人孔") for n, x, y, _ in NODES[1:])]
    path.write_text("\n".join(delimiter.join(map(str, r)) for r in rows), encoding=encoding)
    reader = survey(path)
    assert reader.format == "CSV"
    (info,) = reader.inspect().layers
    assert info.columns == rows[0]
    assert info.rows == 2


@pytest.mark.parametrize("declared", ["UTF-16", "utf16", "UTF-32"])
def test_a_companion_without_a_mark_is_read_in_the_declared_encoding(tmp_path: Path, declared: str) -> None:
    lines, nodes = tmp_path / "管线.csv", tmp_path / "管点.csv"
    codec = codecs.lookup(declared.replace("utf16", "utf-16")).name
    lines.write_text("\n".join(",".join(map(str, r)) for r in LINES), encoding=codec)
    nodes.write_text("\n".join(",".join(map(str, r)) for r in NODES), encoding=f"{codec}-le")
    part = PartRequest(None, TYPES["pipe_segment"], "d", PartReading(encoding=declared))
    request = ReadRequest(lines, (part,), storage_srid=4549, crs="EPSG:4549", companions=(nodes,))
    (batch,) = open_survey("CSV", request).open(part).batches()
    assert [shapely.get_coordinates(g)[:, 1].tolist() for g in batch.geometry] == [[3520000, 3520040]]


@pytest.mark.parametrize("declared", ["utf-16", "utf-32"])
def test_a_wrongly_declared_encoding_leaves_no_table(declared: str) -> None:
    text = "\n".join(",".join(map(str, r)) for r in NODES)
    assert read_delimited(text.encode(), Limits(), known_names(), "t", declared) == []
    (sheet,) = read_delimited(text.encode(f"{declared}-be"), Limits(), known_names(), "t", f"{declared}-be")
    assert sheet.column("X").to_pylist() == ["3520000.0", "3520040.0"]


@pytest.mark.parametrize("first", [0, 1, 2_499, 2_500, 6_000])
def test_a_column_to_the_end_is_that_of_all_its_rows(first: int) -> None:
    rows = [("点号", "X", "材质"), *((f"W{k}", str(k), "PE")[: 1 + k % 3] for k in range(6_000))]
    text = "\n".join(",".join(row) for row in rows)
    (sheet,) = read_delimited(text.encode(), Limits(), known_names(), "t")
    for index, name in enumerate(sheet.columns):
        cells: list[object] = [row[index] if index < len(row) else None for row in rows[1 + first :]]
        assert sheet.column(name, first).equals(cells_array(cells))


def test_a_workbook_of_excel_97_with_groups_names_over_two_rows_and_units() -> None:
    _, batch = layer(Path(__file__).parents[1] / "data" / "merged.xls", None, "pipe_node")
    assert list(batch.columns) == ["点号", "坐标X", "坐标Y", "地面高程(m)", "井深", "埋设日期", "备注"]
    assert batch.rows.tolist() == [4, 5, 6]
    assert batch.columns["埋设日期"].to_pylist()[0] == dt.date(2020, 5, 1)
    assert [shapely.get_coordinates(g)[0].tolist() for g in batch.geometry] == [[497000, 3520000 + 40 * i] for i in range(3)]
