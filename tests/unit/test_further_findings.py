"""Findings beyond those kept row by row come back as they were, whatever is in them and however many are packed together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import further_findings
from ingest.further_findings import FurtherFindings
from twin.errors import Text
from twin.model import Finding, Severity

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
maybe = st.none() | texts
places = st.none() | st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
findings = st.builds(
    Finding,
    rule=st.sampled_from(["J03", "L01", "range"]),
    severity=st.sampled_from(Severity),
    row=st.none() | st.integers(1, 2**40),
    message=st.builds(Text, zh=texts, en=texts),
    layer=texts,
    key=maybe,
    place=places,
    value=maybe,
    proposal=maybe,
    file=texts,
    waived=maybe,
    waived_by=maybe,
)


@given(st.lists(findings, max_size=30), st.sampled_from([1, 300, 1 << 18]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_come_back_as_they_were_rule_by_rule_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[Finding], size: int
) -> None:
    monkeypatch.setattr(further_findings, "_PACKED_AT_BYTES", size)
    further = FurtherFindings(tmp_path)
    for finding in made:
        further.add(finding)
    for _ in range(2):
        back = defaultdict(list)
        for finding in further:
            back[finding.rule].append(finding)
        assert back == {rule: [f for f in made if f.rule == rule] for rule in {f.rule for f in made}}
    assert list(tmp_path.iterdir()) == [], "their file has no name"


def far_point(row: int, severity: Severity = Severity.ERROR, rule: str = "J03") -> Finding:
    said = Text(f"管点 {row} 与最近的管线端点相距 0.35 m", f"point {row} is 0.35 m from the nearest end of a pipe")
    return Finding(rule, severity, row, said, "管点", f"YS{row}", file="普查.xlsx")


def test_thirty_thousand_alike_take_little_room() -> None:
    further = FurtherFindings(None)
    for row in range(1, 300_001, 10):
        further.add(far_point(row))
    packs = list(further.packed())
    assert sum(len(pack.content) for pack in packs) < 30_000 * 30
    assert {pack.rule for pack in packs} == {"J03"}


def test_beyond_the_room_of_a_submission_they_are_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_findings, "_PACKED_AT_BYTES", 2_000)
    room = further_findings.Room(3_000)
    first, second = FurtherFindings(None, room), FurtherFindings(None, room)
    for row in range(1, 1_001):
        first.add(far_point(row))
        second.add(far_point(row, rule="L01"))
    for further, rule in ((first, "J03"), (second, "L01"), (first, "J03")):
        *kept, told = list(further)
        assert 0 < len(kept) < 1_000
        assert kept == [far_point(row, rule=rule) for row in range(1, len(kept) + 1)]
        assert (told.rule, told.severity, told.row) == (rule, Severity.INFO, None)
        assert f" {1_000 - len(kept)} 条未列出" in told.message.zh
        assert told.message.en.startswith(f"{1_000 - len(kept)} more ")
    assert sum(len(pack.content) for further in (first, second) for pack in further.packed()) < 3_000 + 2 * 300, "one room for both"
    last = FurtherFindings(None, further_findings.Room(10))
    last.add(far_point(1))
    assert [f.message.en[:7] for f in last] == ["1 more "], "what is open at the end is counted, too"


@given(st.lists(findings, min_size=1, max_size=8))
def test_of_a_pack_its_errors_alone_can_be_kept(made: list[Finding]) -> None:
    further = FurtherFindings(None)
    for finding in made:
        further.add(replace(finding, rule="L01"))
    [pack] = further.packed()
    left = further_findings.only_errors(pack.content)
    errors = [replace(f, rule="L01") for f in made if f.severity is Severity.ERROR]
    assert (list(further_findings.unpacked(left)) if left is not None else []) == errors
    assert (left is None) == (errors == [])
