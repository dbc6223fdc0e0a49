"""A large workbook is read piece by piece as it is read whole; whatever is spelled otherwise is read whole."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from ingest.protocol import Limits
from ingest.readers import element_pieces, open_document_pieces, shared_strings, workbook_cells, workbook_pieces
from ingest.readers.element_pieces import IrregularError, cut_behind
from ingest.readers.shared_strings import SharedStrings
from tests.large_workbooks import read_in_small_pieces, tables_of
from tests.textured_city import zipped
from twin.errors import RejectedError

Change = Callable[[bytes], bytes]
_SHEET, _EMPTY, _STRINGS, _STYLES = "xl/worksheets/sheet1.xml", "xl/worksheets/sheet5.xml", "xl/sharedStrings.xml", "xl/styles.xml"
_PREFIXED = b'<worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
FIRST_DAY = dt.datetime(2020, 1, 1)  # noqa: DTZ001  # as workbooks have it
_HEADER = ["管点编号", "特征", "X", "Y", "地面高程", "日期", "备注"]


def written(path: Path, rows: int = 900, left: int = 0) -> Path:
    """Write a survey with a title, cells of all kinds, gaps, and columns that only rows far down fill."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "管点"
    aside = [None] * left
    sheet.append([*aside, "某市管线普查 <成果> & 表"])
    sheet.append([*aside, *_HEADER])
    for k in range(rows):
        day = FIRST_DAY + dt.timedelta(days=k % 28, hours=12 if k % 5 == 0 else 0) if k % 7 else None
        row = [f"WS{k}", "检修井" if k % 3 else None, 3_510_000 + k * 0.37, 490_000 + k, k % 4 == 0, day, f" 第 {k // 3} 号\n<&>"]
        sheet.append([*aside, *row] if k % 11 else [])
    sheet.append([*aside, *["管点编号", "特征", "X", "Y", "地面高程", "日期", "备注"]])
    sheet.append([*aside, *["WSlast", None, 3_510_000.5, 490_000.5, dt.time(8, 30), "不详", None, None, "没有列名"]])
    sheet.merge_cells(start_row=1, start_column=left + 1, end_row=1, end_column=left + 7)
    sheet.row_dimensions[40].hidden = True
    second = book.create_sheet("管线")
    second.append(["起点点号", "终点点号", "管径"])
    second.append(["WS1", "WS2", 300])
    book.create_sheet("隐藏").sheet_state = "hidden"
    book.create_sheet("说明").append(["一", "二", "三"])
    book.create_sheet("空")
    book.save(path)
    return with_shared_texts(path)


def with_shared_texts(path: Path) -> Path:
    """Have cells name their texts by number, as Excel writes them; openpyxl writes them into the cells."""
    texts: dict[bytes, int] = {}

    def named(cell: re.Match[bytes]) -> bytes:
        return b'%s t="s"><v>%d</v></c>' % (cell[1], texts.setdefault(cell[2], len(texts)))

    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    for name in [name for name in files if name.startswith("xl/worksheets/")]:
        files[name] = re.sub(rb'(<c r="[A-Z0-9]+"(?: s="[0-9]+")?) t="inlineStr"><is>(.*?)</is></c>', named, files[name], flags=re.DOTALL)
    items = b"".join(b"<si>%s</si>" % text for text in texts)
    files[_STRINGS] = b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>' % items
    return zipped(path, files)


def changed(path: Path, **changes: Change) -> Path:
    """Write the file anew, parts changed: ``sheet``, ``empty`` (a sheet), ``strings`` and ``styles``."""
    parts = {_SHEET: changes.get("sheet"), _EMPTY: changes.get("empty"), _STRINGS: changes.get("strings"), _STYLES: changes.get("styles")}
    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    return zipped(path, {name: content if (change := parts.get(name)) is None else change(content) for name, content in files.items()})


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have every workbook count as large, and pieces be of a few rows; the list grows by one where one is read whole."""
    return read_in_small_pieces(monkeypatch, (element_pieces, open_document_pieces, shared_strings, workbook_cells, workbook_pieces))


@pytest.mark.parametrize("left", [0, 2])
def test_pieces_say_what_the_whole_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: list[int], left: int) -> None:
    path = written(tmp_path / "a.xlsx", left=left)
    in_pieces = tables_of(path)
    assert not wholes
    monkeypatch.setattr(workbook_pieces, "_LARGE_BYTES", 1 << 30)
    assert in_pieces == tables_of(path)
    assert wholes
    (_, numbers, notes, columns), (_, _, _, lines) = in_pieces
    assert len(numbers) == 819  # type: ignore[arg-type]
    assert f"column_{9 + left}" in str(columns)
    assert len(notes) == 4  # type: ignore[arg-type]
    assert lines["管径"] == ("int64", [300])  # type: ignore[index]


def _prefixed(part: bytes) -> bytes:
    """Have all elements of a part bear a prefix, and no namespace be that of those without one."""
    return re.sub(rb"<(/?)(?=[a-zA-Z])", rb"<\1x:", part).replace(b" xmlns=", b" xmlns:x=", 1)


def _unplaced(sheet: bytes) -> bytes:
    """Take numbers of rows and places of cells away."""
    return re.sub(rb'<(row|c) r="[A-Z0-9]+"', rb"<\1", sheet)


SPELLINGS: dict[str, dict[str, Change]] = {
    "rows without numbers": {"sheet": lambda x: re.sub(rb'<row r="[0-9]+"', b"<row", x)},
    "numbers in other quotes": {"sheet": lambda x: re.sub(rb'<row r="([0-9]+)"', rb"<row r='\1'", x)},
    "a prefix of rows alone": {"sheet": lambda x: re.sub(rb"<(/?)(row|sheetData)\b", rb"<\1x:\2", x).replace(b"<worksheet ", _PREFIXED, 1)},
    "a comment": {"sheet": lambda x: x.replace(b"</row>", b"</row><!-- </row><row> -->", 3)},
    "texts named with space": {"sheet": lambda x: x.replace(b't="s"><v>', b't="s"><v> ', 1)},
    "texts in other quotes": {"sheet": lambda x: re.sub(rb't="s"', b"t='s'", x)},
    "a comment between texts": {"strings": lambda x: x.replace(b"</si>", b"</si><!-- <si> -->", 2)},
    "elements between texts": {"strings": lambda x: x.replace(b"</si>", b"</si><extLst></extLst>", 1)},
    "more styles than go along with each piece": {"styles": lambda x: x.replace(b"<fonts", b" " * 13_000 + b"<fonts", 1)},
    "a longer head than goes along with each piece": {"sheet": lambda x: x.replace(b"<sheetData>", b" " * 13_000 + b"<sheetData>", 1)},
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_is_spelled_otherwise_is_read_whole(tmp_path: Path, wholes: list[int], spelling: str) -> None:
    expected = tables_of(written(tmp_path / "a.xlsx"))
    assert not wholes
    ((name, numbers, _, columns), lines) = tables_of(changed(written(tmp_path / "b.xlsx"), **SPELLINGS[spelling]))
    assert wholes
    if spelling in (
        "rows without numbers",
        "places of some cells",
    ):
        # the sheet has no rows where nothing stands: they count one after the other
        numbers = expected[0][1]
    assert [name, numbers, columns, lines] == [*expected[0][:2], expected[0][3], expected[1]]


def test_places_of_some_cells_alone_are_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: list[int]) -> None:
    path = changed(written(tmp_path / "a.xlsx"), sheet=lambda x: _unplaced(x).replace(b"</row><row><c ", b'</row><row><c r="A901" ', 500))
    found = tables_of(path)
    assert wholes
    monkeypatch.setattr(workbook_pieces, "_LARGE_BYTES", 1 << 30)
    assert tables_of(path) == found


def _no_rows(sheet: bytes, spelling: bytes) -> bytes:
    assert sheet.count(b"<sheetData></sheetData>") == 1
    return sheet.replace(b"<sheetData></sheetData>", spelling)


REGULAR: dict[str, dict[str, Change]] = {
    "a prefix": {"sheet": _prefixed, "strings": _prefixed},
    "no places": {"sheet": _unplaced},
    "no places and a prefix": {"sheet": lambda x: _prefixed(_unplaced(x)), "strings": _prefixed},
    "empty cells that name a text": {"sheet": lambda x: x.replace(b"</row>", b'<c r="Z9" t="s"/></row>', 1)},
    "empty rows": {"sheet": lambda x: x.replace(b"</sheetData>", b'<row r="905"/><row r="906" spans="1:2"></row></sheetData>')},
    "no rows as Excel writes it": {"empty": lambda x: _no_rows(x, b"<sheetData/>")},
    "no rows with space": {"empty": lambda x: _no_rows(x, b"<sheetData />")},
    "texts with attributes": {"strings": lambda x: x.replace(b"<si>", b'<si a="b">', 5)},
    "a text that is nothing": {"strings": lambda x: x.replace(b"</sst>", b"<si/></sst>")},
}


@pytest.mark.parametrize("spelling", REGULAR)
def test_what_programs_write_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: list[int], spelling: str) -> None:
    path = changed(written(tmp_path / "b.xlsx"), **REGULAR[spelling])
    in_pieces = tables_of(path)
    assert not wholes
    monkeypatch.setattr(workbook_pieces, "_LARGE_BYTES", 1 << 30)
    assert in_pieces == tables_of(path)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sheet": lambda x: x[: len(x) // 2]}, "workbook-broken"),
        ({"sheet": lambda x: re.sub(rb't="s"><v>[0-9]+', b't="s"><v>999999', x)}, "workbook-broken"),
        ({"sheet": lambda x: x.replace(b"</sheetData>", b"</sheetData><!DOCTYPE a>")}, "xml-dtd-forbidden"),
        ({"strings": lambda x: x.replace(b"<sst", b'<!DOCTYPE a [<!ENTITY b "c">]><sst')}, "xml-dtd-forbidden"),
        ({"sheet": lambda x: x.replace(b"</sheetData>", b'<row r="910"><c r="ALN910"><v>1</v></c></row></sheetData>')}, "too-many-columns"),
    ],
)
def test_broken_ones_are_refused(tmp_path: Path, wholes: list[int], change: dict[str, Change], code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        tables_of(changed(written(tmp_path / "a.xlsx"), **change))
    assert refused.value.code == code, wholes


def test_parts_may_be_called_in_other_letters(tmp_path: Path, wholes: list[int]) -> None:
    path = written(tmp_path / "a.xlsx")
    expected = tables_of(path)
    with zipfile.ZipFile(path) as source:
        files = {name.replace("xl/shared", "xl/Shared").replace("xl/styles", "xl/Styles"): source.read(name) for name in source.namelist()}
    assert tables_of(zipped(tmp_path / "b.xlsx", files)) == expected
    without = {name: content for name, content in files.items() if "Strings" not in name}
    with pytest.raises(RejectedError):
        tables_of(zipped(tmp_path / "c.xlsx", without))
    assert wholes == [1]


def test_too_many_rows_are_refused(tmp_path: Path, wholes: list[int]) -> None:
    with pytest.raises(RejectedError) as refused:
        tables_of(written(tmp_path / "a.xlsx"), Limits(rows=500))
    assert refused.value.code == "too-many-rows"
    assert not wholes


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("least", [1, 4, 20])
def test_pieces_end_behind_an_element(size: int, least: int) -> None:
    content = b"<a>1</a><a>22</a><b/><a>333</a> end"
    pieces = [*cut_behind(b"</a>", (content[k : k + size] for k in range(0, len(content), size)), least)]
    assert b"".join(pieces) == content
    assert all(piece.endswith(b"</a>") for piece in pieces[:-1])
    assert b"</a>" not in pieces[-1].removesuffix(b" end") or len(pieces) == 1 or least > 1


def test_texts_that_are_not_there_are_not_guessed() -> None:
    texts = SharedStrings([b"<sst><si><t>a</t></si><si/><si><t>b</t></si></sst>"])
    strings, rows = texts.of(b'<row r="1"><c r="A1" t="s"><v>2</v></c><c r="B1" t="s"><v>02</v></c></row>')
    assert strings.count(b"<t>b</t>") == 2
    assert re.findall(rb"<v>(.)", rows) == [b"0", b"1"]
    with pytest.raises(IrregularError):
        texts.of(b'<c r="A1" t="s"><v>3</v></c>')


@pytest.mark.parametrize(("ratio", "code"), [(1000, "workbook-too-large"), (0, "zip-bomb")])
def test_more_than_may_be_unpacked_is_refused_with_what_to_do(tmp_path: Path, ratio: int, code: str) -> None:
    """What unpacks to more than its length lets expect is none of a table's: it is refused as such."""
    path = written(tmp_path / "a.xlsx")
    most = sum(info.file_size for info in zipfile.ZipFile(path).infolist()) - 1
    with pytest.raises(RejectedError) as refused:
        tables_of(path, Limits(unpacked_bytes=most, compression_ratio=ratio))
    assert refused.value.code == code
