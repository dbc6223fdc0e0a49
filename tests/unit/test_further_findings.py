"""Findings beyond those kept row by row come back as they were, whatever is in them and however many are packed together."""

from __future__ import annotations

from collections import defaultdict
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


def test_three_hundred_thousand_alike_take_little_room() -> None:
    further = FurtherFindings(None)
    for row in range(1, 300_001, 10):
        said = Text(f"管点 {row} 与最近的管线端点相距 0.35 m", f"point {row} is 0.35 m from the nearest end of a pipe")
        further.add(Finding("J03", Severity.ERROR, row, said, "管点", f"YS{row}", file="普查.xlsx"))
    packs = list(further.packed())
    assert sum(len(pack.content) for pack in packs) < 30_000 * 30
    assert {pack.rule for pack in packs} == {"J03"}
