"""The acceptance sheet as it is printed: what stands in its columns can be read and searched for."""

from __future__ import annotations

import datetime as dt
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.acceptance import acceptance_sheet, conclusion
from ingest.reports.fonts import find_font
from ingest.reports.line_breaks import broken
from ingest.reports.report import CheckReport, ReportedRule, ReportedWaiver
from ingest.waivers import Waiver
from twin.model import Severity
from twin.rules.loader import load_rules

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
RULES = load_rules()
WAIVED = "in-ecological-red-line"


def report(rules: tuple[str, ...]) -> CheckReport:
    waiver = Waiver(WAIVED, "公园管理房，经批准", "李复核", "blocks", "B1", None, None, None)
    return CheckReport(
        city="常州",
        storage_crs="EPSG:4549",
        vertical="egm96",
        submission=None,
        state="accepted",
        actor="张测量",
        received_at=NOW,
        checked_at=NOW,
        commit=None,
        refusal=None,
        files=(),
        sources=(),
        parts=(),
        rules=tuple(ReportedRule(RULES[name], {RULES[name].severity: 1234}, 1234, 1, 0) for name in rules),
        findings=(),
        places_deg=(),
        waivers=(ReportedWaiver(waiver, NOW),),
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("rules", [tuple(RULES), (WAIVED,)], ids=["all", "one"])
def test_ids_of_rules_are_on_one_line(rules: tuple[str, ...], language: str) -> None:
    sheet = acceptance_sheet(report(rules), language, find_font())
    said = subprocess.run(["pdftotext", "-layout", "-", "-"], input=sheet, capture_output=True, check=True).stdout.decode().split()
    assert [name for name in rules if name not in said] == []
    assert said.count(WAIVED) == 2, "among the findings and among the waivers"


def said_of(sheet: bytes) -> str:
    return subprocess.run(["pdftotext", "-layout", "-", "-"], input=sheet, capture_output=True, check=True).stdout.decode()


def test_a_rule_that_rejects_some_rows_and_warns_of_others_says_of_how_many() -> None:
    code = ReportedRule(RULES["code"], {Severity.ERROR: 2, Severity.WARNING: 5}, 7, 0, 7)
    both = replace(report(()), rules=(code,))
    for language, wanted in (("zh", ("错误 2、", "警告 5")), ("en", ("error 2,", "warning 5"))):
        said = said_of(acceptance_sheet(both, language, find_font()))
        assert [text for text in wanted if text not in said] == []


def test_what_is_to_be_reviewed_is_counted_beside_what_was_let_pass() -> None:
    passed = ReportedRule(RULES["code"], {Severity.ERROR: 2, Severity.REVIEW: 5}, 7, 2, 7)
    assert conclusion(replace(report(()), rules=(passed,))).zh == "合格，另有 5 项待核查"


def test_times_say_which_zone_they_are_of() -> None:
    here = NOW.astimezone()
    assert f"{here:%Y-%m-%d %H:%M} UTC{here:%:z}" in said_of(acceptance_sheet(report(()), "zh", find_font()))


def test_the_number_of_a_standard_stays_whole_and_no_line_begins_with_what_closes() -> None:
    sheet = said_of(acceptance_sheet(report(("J03", "manhole-spacing")), "zh", find_font()))
    assert "CJJ 61-2017" in sheet
    assert "GB 50014-2021" in sheet
    assert [line for line in sheet.splitlines() if line.strip()[:1] in tuple("，。；）")] == []


def wide(text: str) -> float:
    return sum(1.0 if ord(c) < 256 else 2.0 for c in text)


@given(st.text(alphabet="管线点，。；（）“”《》CJ6 1-a.:/", max_size=60), st.integers(6, 30))
def test_broken_lines_hold_all_that_was_said_and_fit(text: str, width: int) -> None:
    lines = broken(text, width, wide).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert wide(line) <= width or broken(line, width, wide) == line, "but for one unit that is wider than the line"
    assert [line for line in lines[1:] if line[:1] in tuple("，。；）”》")] == []
