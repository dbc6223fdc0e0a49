"""Cells that no spreadsheet runs, fonts that are looked for, and counts that go on where lists end."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports import CheckReport, fonts
from ingest.reports.acceptance import acceptance_sheet
from ingest.reports.cells import defused
from ingest.reports.fonts import find_font
from ingest.reports.report import ReportedFile
from ingest.reports.words import operation_text
from ingest.waivers import Waiver, Waivers, can_be_waived
from twin.errors import Text, UnavailableError
from twin.featuretypes.loader import load_feature_types
from twin.model import Finding, Severity
from twin.server.commands.check import write_what_can_be
from twin.server.terminal import Terminal


@given(st.text())
def test_no_text_of_a_file_begins_a_formula_or_breaks_a_workbook(text: str) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell = str(defused(text))
    assert not ILLEGAL_CHARACTERS_RE.search(cell)
    assert cell[:1] not in ("=", "@", "\t", "\r")
    assert cell[:1] not in ("+", "-") or cell.strip(" ") in ("+", "-") or float(cell) is not None, "only plain numbers keep their sign"


@pytest.mark.parametrize("text", [" =1+1", "\u3000=1+1", "\xa0\n@SUM(A1)", "  -cmd|calc", "\t5", "\u200b=1+1", " \ufeff@SUM(A1)", "\n5"])
def test_blanks_before_a_formula_do_not_hide_it(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["＝1+1", "＋cmd|calc", "－2+3", "＠SUM(A1)", "\u3000＝1+1", "\u200b＝1+1"])
def test_signs_of_full_width_begin_no_formula(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-12.5", "+3", "+", "-", "＋", "－", "a＝b", "\u200b普查", "1e5", "普查", "", -4, 2.5, True])
def test_what_is_no_formula_stays_as_it_is(value: str | float) -> None:
    assert defused(value) == value


def test_a_machine_without_chinese_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="fonts-noto-cjk") as refused:
        find_font([tmp_path, tmp_path / "none"])
    assert refused.value.code == "font-missing"
    (tmp_path / "deep").mkdir()
    for name in ("wqy-microhei.ttc", "NotoSansCJK-Regular.ttc", "DejaVuSans.ttf"):
        (tmp_path / "deep" / name).touch()
    found = find_font([tmp_path])
    assert (found.path.name, found.face) == ("NotoSansCJK-Regular.ttc", 2), "the best to read, with the Chinese forms"


def test_without_a_font_the_other_reports_are_written_and_the_check_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fonts, "_KNOWN", ())  # a machine that has none
    nothing = CheckReport(
        "城", "EPSG:4549", "none", None, "accepted", "a", None, dt.datetime.now(dt.UTC), None, None, (), (), (), (), (), ()
    )
    write_what_can_be(tmp_path / "report", nothing, Terminal(json_output=False, environment={}))
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert written == {"findings.json", "findings.geojson", "findings.csv", "findings.zh.xlsx", "findings.en.xlsx"}
    assert "fonts-noto-cjk" in capsys.readouterr().err


def finding(
    rule: str = "range", key: str | None = "A", row: int | None = 3, file: str = "", severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(rule, severity, row, Text("错", "wrong"), "管线表", key, file=file)


def test_a_waiver_fits_its_feature_its_row_in_its_file_or_every_feature() -> None:
    kind = load_feature_types()["building"]
    by_key = Waivers.of_part([Waiver("range", "a", "r", "d", key="A")], kind, "d")
    by_row = Waivers.of_part([Waiver("range", "a", "r", "d", file="x.csv", layer="管线表", row=3)], kind, "d")
    whole = Waivers.of_part([Waiver("range", "a", "r", "d")], kind, "d")
    for waivers, fits in (
        (by_key, {"A3": True, "A4": True, "B3": False}),
        (by_row, {"A3": True, "A4": False, "B3": True}),
        (whole, {"A3": True, "A4": True, "B3": True}),
    ):
        assert {name: waivers.waiver_of(finding(key=name[0], row=int(name[1]))) is not None for name in fits} == fits
    assert by_row.waiver_of(finding(file="y.csv")) is None
    assert whole.waiver_of(finding(rule="code")) is None
    assert whole.waiver_of(finding(severity=Severity.BLOCKING)) is None, "what rejects the file as a whole nothing lets pass"
    [said] = whole.applied([finding()])
    assert (said.waived, said.waived_by, said.rejects) == ("a", "r", False)


def test_what_cannot_be_stored_is_not_let_pass_whatever_a_waiver_says() -> None:
    types = load_feature_types()
    given = [Waiver(rule, "a", "r") for rule in ("geometry-valid", "geometry-empty", "unique", "area-of-use", "structure", "range")]
    assert set(Waivers.of_part(given, types["building"], "d").by_rule) == {"range"}
    assert set(Waivers.of_part(given, types["pipe_segment"], "d").by_rule) == {"range", "geometry-valid"}
    assert not can_be_waived("no-such-rule", types["building"])


def test_of_another_dataset_or_file_nothing_is_let_pass() -> None:
    kind = load_feature_types()["building"]
    given = [Waiver("range", "a", "r", "other"), Waiver("code", "a", "r", "d", file="x.csv", row=1)]
    assert Waivers.of_part(given, kind, "d", "y.csv").by_rule == {}
    assert set(Waivers.of_part(given, kind, "d", "x.csv").by_rule) == {"code"}


def test_a_row_without_the_key_its_type_requires_is_never_let_pass() -> None:
    types = load_feature_types()
    given = [Waiver(rule, "a", "r", "d") for rule in ("required", "type", "code", "range")]
    nodes, buildings = (Waivers.of_part(given, types[name], "d") for name in ("pipe_node", "building"))
    for rule, is_let_pass in (("required", False), ("type", False), ("code", False), ("range", True)):
        assert (nodes.waiver_of(finding(rule, key=None)) is not None) is is_let_pass
        assert nodes.waiver_of(finding(rule, key="J1")) is not None, "it has a key, so another field is wrong"
        assert buildings.waiver_of(finding(rule, key=None)) is not None, "its key may be missing"


def test_what_was_done_to_coordinates_is_said_in_the_readers_language() -> None:
    assert operation_text("unchanged").in_language("zh") == "无需转换"
    assert operation_text("unchanged").in_language("en") == "none needed"
    assert operation_text("Inverse of RD New").in_language("zh") == "Inverse of RD New"


@pytest.mark.parametrize("files", range(18, 23))
def test_signatures_stand_on_the_page_of_their_heading(tmp_path: Path, files: int) -> None:
    handed_in = tuple(ReportedFile(f"{n}.gpkg", 1, None) for n in range(files))
    sheet = CheckReport(
        "城", "EPSG:4549", "none", None, "accepted", "a", None, dt.datetime.now(dt.UTC), None, None, handed_in, (), (), (), (), ()
    )
    (path := tmp_path / "sheet.pdf").write_bytes(acceptance_sheet(sheet, "zh", find_font()))
    said = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True).stdout.decode()
    [page] = [page for page in said.split("\f") if "、签署" in page]
    assert "日" in page.split("、签署")[1]
