"""Every rule finds what it is for, and nothing in the nearest thing that is right."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import shapely
from integration.surveys import ORIGIN, Row, square
from rules.case import Case
from rules.staged import City

from ingest.load import check
from twin.model import Severity
from twin.rules.loader import load_rules

FAMILIES = [importlib.import_module(f"rules.{file.stem}") for file in sorted(Path(__file__).parent.glob("cases_*.py"))]
CASES = [pytest.param(family, case, id=str(case)) for family in FAMILIES for case in family.CASES]


def test_every_rule_has_cases() -> None:
    assert {case.rule for family in FAMILIES for case in family.CASES} == set(load_rules())


@pytest.mark.parametrize(("family", "case"), CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(family: ModuleType, case: Case, city: Callable[[], City]) -> None:
    assert case.rule in {f.rule for f in family.findings(case.rule, case.found, city)}
    assert case.rule not in {f.rule for f in family.findings(case.rule, case.clean, city)}


def test_a_row_of_a_second_file_is_told_by_its_number_there(city: Callable[[], City]) -> None:
    parts = {"cases_files": ("building", [Row(square(0, 0), {"building_id": "b1", "height_m": 9.0})])}
    surveys = city().surveys
    first, second = (surveys.folder / name for name in ("a", "b"))
    for path in (first, second):
        path.write_bytes(b"the same survey twice")
    found = check(surveys.place(parts), replace(surveys.request(parts), files=(first, second))).findings
    assert [(f.rule, f.file, f.row, f.message.en) for f in found if f.severity is Severity.ERROR] == [
        ("unique", "b", 1, "Building id b1 repeats row 1")
    ]


def test_repeated_points_are_asked_for_some_numbers_at_a_time(city: Callable[[], City], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.set_rules.points._NUMBERS_AT_A_TIME", 1)
    rows = [Row(shapely.Point(*ORIGIN, 4.0), {"node_id": name, "kind": "WS"}) for name in ("A", "B", "C", "B", "A", "A")]
    found = city().ask("P02", {"case_points": ("pipe_node", rows)})
    assert sorted((f.row, f.value) for f in found) == [(4, "B"), (5, "A"), (6, "A")]


def test_every_repeated_row_is_left_out_however_many_there_are(city: Callable[[], City]) -> None:
    shape = square(0, 0)
    rows = [Row(shape, {"building_id": "b0", "height_m": 9.0}) for _ in range(10_100)]
    parts = {"cases_many": ("building", [*rows, Row(square(50, 0), {"building_id": "b1", "height_m": 9.0})])}
    surveys = city().surveys
    result = surveys.load(parts, max_rejected=1.0)
    assert (result.read, result.rejected, result.published, result.findings["unique"]) == (10_101, 10_099, 2, 10_099)
    assert "duplicate-geometry" not in result.findings, "what one rule left out is not found again by the next"
