"""Every rule finds what it is for, and nothing in the nearest thing that is right."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from rules.case import Case
from rules.staged import City

from twin.rules.loader import load_rules

FAMILIES = [importlib.import_module(f"rules.{file.stem}") for file in sorted(Path(__file__).parent.glob("cases_*.py"))]
CASES = [pytest.param(family, case, id=str(case)) for family in FAMILIES for case in family.CASES]


def test_every_rule_has_cases() -> None:
    assert {case.rule for family in FAMILIES for case in family.CASES} == set(load_rules())


@pytest.mark.parametrize(("family", "case"), CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(family: ModuleType, case: Case, city: Callable[[], City]) -> None:
    assert case.rule in {f.rule for f in family.findings(case.rule, case.found, city)}
    assert case.rule not in {f.rule for f in family.findings(case.rule, case.clean, city)}
