"""The acceptance sheet as it is printed: what stands in its columns can be read and searched for."""

from __future__ import annotations

import datetime as dt
import subprocess

import pytest

from ingest.reports.acceptance import acceptance_sheet
from ingest.reports.fonts import find_font
from ingest.reports.report import CheckReport, ReportedRule, ReportedWaiver
from ingest.waivers import Waiver
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
        rules=tuple(ReportedRule(RULES[name], RULES[name].severity, 1234, 1, 0) for name in rules),
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
