"""A large OpenDocument is read piece by piece as it is read whole; whatever is spelled otherwise is read whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.protocol import Limits
from ingest.readers import element_pieces, open_document_pieces, workbook_pieces
from tests.large_workbooks import read_in_small_pieces, tables_of
from tests.textured_city import zipped
from twin.errors import RejectedError

_XMLNS = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {"office": "office", "table": "table", "text": "text", "style": "style"}.items()
)
_STYLE = '<style:style style:name="ta{}" style:family="table"><style:table-properties table:display="{}"/></style:style>'
_STYLES = f"<office:automatic-styles>{_STYLE.format(1, 'true')}{_STYLE.format(2, 'false')}</office:automatic-styles>"
_NAMES = ["管点编号", "特征", "X", "Y", "地面高程", "日期", "备注"]


def cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, str) and value[:2] == "20":
        return f'<table:table-cell office:value-type="date" office:date-value="{value}"><text:p>{value}</text:p></table:table-cell>'
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value:.1f}</text:p></table:table-cell>'


def row(*values: object, repeated: int = 1) -> str:
    said = f' table:number-rows-repeated="{repeated}"' if repeated > 1 else ""
    return f'<table:table-row table:style-name="ro1"{said}>{"".join(map(cell, values))}</table:table-row>'


def rows(count: int) -> Iterator[str]:
    """Yield a title, empty rows, a header within a group, and rows with gaps, some of them written once for several."""
    yield row("某市 &lt;管线普查&gt;")
    yield row(None, repeated=3)
    yield f"<table:table-header-rows>{row(*_NAMES)}</table:table-header-rows><table:table-row-group>"
    for k in range(count):
        yield row(
            f"WS{k}", "检修井" if k % 3 else None, 3_510_000 + k * 0.37, 490_000 + k, None if k % 4 else 5.5, "2020-01-02", f"第 {k} 号"
        )
        if k % 50 == 7:
            yield row(None, repeated=40)
        if k % 50 == 9:
            yield row("", None, repeated=2) + row("WSx", "检修井", 3_510_000, 490_000, 5, "不详", "同上", "没有列名", repeated=2)
        if k % 50 == 11:
            yield '<table:table-row table:style-name="ro1"/>'
    yield f"</table:table-row-group>{row(None, repeated=1_000_000)}"


def table(name: str, content: str, style: str = "ta1") -> str:
    columns = '<table:table-column table:number-columns-repeated="9"/>'
    return f'<table:table table:name="{name}" table:style-name="{style}">{columns}{content}</table:table>'


def document(path: Path, tables: str, beside: str = "") -> Path:
    """Write an OpenDocument; ``beside`` stands behind its tables."""
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content {_XMLNS}>{_STYLES}'
        f"<office:body><office:spreadsheet>{tables}{beside}</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    parts = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "META-INF/manifest.xml": manifest, "content.xml": content}
    return zipped(path, {name: part.encode() for name, part in parts.items()})


def survey(count: int = 400) -> str:
    lines = row("起点点号", "终点点号", "管径") + row("WS1", "WS2", 300)
    hidden = table("旧管点", row(*_NAMES) + row("WS1", "检修井", 1, 2) * 60, "ta2")
    return table("管点", "".join(rows(count))) + table("空", "") + hidden + table("管线", lines) + table("说明", row("一", "二", "三"))


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have every document count as large, and pieces be of a few rows; the list grows by one where one is read whole."""
    return read_in_small_pieces(monkeypatch, (element_pieces, open_document_pieces))


@pytest.mark.parametrize("is_indented", [False, True])
def test_pieces_say_what_the_whole_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: list[int], is_indented: bool) -> None:
    tables = survey()
    if is_indented:
        tables = tables.replace("><table:", ">\n  <table:").replace("></table:", ">\n  </table:")
    path = document(tmp_path / "a.ods", tables)
    in_pieces = tables_of(path)
    assert not wholes
    monkeypatch.setattr(workbook_pieces, "_LARGE_BYTES", 1 << 30)
    assert in_pieces == tables_of(path)
    assert wholes
    (name, numbers, notes, columns), (_, _, _, lines) = in_pieces
    assert (name, len(numbers), numbers[0]) == ("管点", 400 + 16, 6)  # type: ignore[arg-type, index]
    assert numbers[-1] == 5 + 400 + 8 * (40 + 2 + 2 + 1)  # type: ignore[index]
    assert "column_8" in str(columns)
    assert len(notes) == 2  # type: ignore[arg-type]
    assert lines["管径"] == ("int64", [300])  # type: ignore[index]


SPELLINGS = {
    "a comment": survey(40).replace("</table:table-row>", "</table:table-row><!-- </table:table> -->", 1),
    "other quotes": survey(40).replace('table:name="管点"', "table:name='管点'"),
    "a table in a cell": survey(40).replace("<text:p>WS3</text:p>", f"<text:p>WS3</text:p>{table('内', row('一'))}", 1),
    "a table of no name": survey(40) + table("末", row("一")).replace(' table:name="末"', ""),
    "a longer head than goes along with each piece": f"<table:content-validations>{' ' * 13_000}</table:content-validations>{survey(40)}",
    "a repetition spelled otherwise": survey(40).replace('repeated="40"', 'repeated="&#52;0"'),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_is_spelled_otherwise_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: list[int], spelling: str) -> None:
    path = document(tmp_path / "a.ods", SPELLINGS[spelling])
    found = outcome(path)
    assert wholes
    monkeypatch.setattr(workbook_pieces, "_LARGE_BYTES", 1 << 30)
    assert outcome(path) == found


def outcome(path: Path) -> object:
    try:
        return tables_of(path)
    except RejectedError as error:
        return error.code


def test_what_stands_behind_the_tables_is_none_of_them(tmp_path: Path, wholes: list[int]) -> None:
    behind = (
        '<table:database-ranges><table:database-range table:name="a" table:target-range-address="管点.A1:管点.C3"/></table:database-ranges>'
    )
    assert tables_of(document(tmp_path / "a.ods", survey(40), behind)) == tables_of(document(tmp_path / "b.ods", survey(40)))
    assert not wholes


def test_too_many_rows_and_columns_are_refused(tmp_path: Path, wholes: list[int]) -> None:
    path = document(tmp_path / "a.ods", survey())
    assert refusal(path, Limits(rows=300)) == "too-many-rows"
    assert refusal(path, Limits(columns=7)) == "too-many-columns"
    assert not wholes


def refusal(path: Path, limits: Limits) -> str:
    with pytest.raises(RejectedError) as refused:
        tables_of(path, limits)
    return refused.value.code


@pytest.mark.usefixtures("wholes")
def test_one_cut_off_is_broken(tmp_path: Path) -> None:
    path = document(tmp_path / "a.ods", survey())
    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    files["content.xml"] = files["content.xml"][: len(files["content.xml"]) // 2]
    assert refusal(zipped(path, files), Limits()) == "workbook-broken"
