"""What a rule file may say, how a FeatureType changes a rule, and that docs/rules.md is current."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tests.event_loop import run_alone
from twin.featuretypes.document import FeatureTypeError
from twin.featuretypes.loader import load_feature_types
from twin.featuretypes.rule_use import check_faults
from twin.model import Check, Severity
from twin.rules.loader import RuleFileError, load_rules, rules_of
from twin.rules.page import rules_page
from twin.server.cli import main
from twin.server.routes.vocabulary import vocabulary_router

if TYPE_CHECKING:
    from twin.server.city import City

PAGE = Path(__file__).parents[2] / "docs/rules.md"
TYPES = load_feature_types()
RULE = {
    "id": "t",
    "title": {"zh": "一", "en": "one"},
    "advice": {"zh": "二", "en": "two"},
    "severity": "error",
    "clause": "own: it is a test",
}


def rule(**members: object):
    return next(rules_of("family", [RULE | members]))


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == rules_page(load_rules(), TYPES), "write it anew: make pages"


def test_every_rule_is_documented_in_both_languages() -> None:
    page = PAGE.read_text("utf-8")
    for found in load_rules().values():
        assert f"\n### {found.id}\n\n**{found.title.zh} · {found.title.en}**\n\n{found.advice.zh}\n{found.advice.en}\n" in page
        assert re.search("[一-鿿]", found.title.zh + found.advice.zh)
        assert not re.search("[一-鿿]", found.title.en)


def test_where_a_rule_comes_from_is_said_in_both_languages() -> None:
    """What is only the number of a clause is the same in both."""
    page = PAGE.read_text("utf-8")
    for found in load_rules().values():
        assert found.source.en.startswith(found.clause), found.id
        assert not re.search("[一-鿿]", found.source.en), found.id
        if found.is_own:
            assert re.match("本系统自定：[一-鿿]", found.source.zh), found.id
            assert (found.source.en, found.edition) == (found.clause, ""), found.id
        elif not re.fullmatch(r"(ISO|OGC) [-0-9A-Za-z §.;]+", found.clause):
            assert re.search("[一-鿿]", found.source.zh), found.id
        assert f"- 出处 · Source: {found.source.zh}" in page
    assert load_rules()["val3dity-101"].source.zh == "ISO 19107; val3dity 101（2.6.0）"
    assert load_rules()["sliver"].source.en == "own: an area thinner than a survey resolves is none; the width is ours"


def test_links_of_the_page_lead_to_headings() -> None:
    page = PAGE.read_text("utf-8")
    headings = {h.lower() for h in re.findall(r"^### (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) == headings


@pytest.mark.parametrize(
    "members",
    [
        {"colour": "red"},
        {"severity": "fatal"},
        {"confidence": "some"},
        {"run": "sometimes"},
        {"title": {"zh": "一"}},
        {"parameters": {"a": {}}},
        {"parameters": {"a": {"default": 1, "kind": "m"}}},
        {"parameters": {"a": {"type": "number", "default": "far"}}},
        {"parameters": {"a": {"default": -1, "minimum": 0}}},
        {"confidence": "low"},
        {"clause": ""},
        {"clause": "5.4.4"},
        {"edition": "2021"},
    ],
    ids=lambda members: "-".join(members) + str(sorted(map(str, members.values())))[:30],
)
def test_a_rule_that_is_not_whole_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(RuleFileError):
        rule(**members)


def test_a_rule_without_a_source_is_refused() -> None:
    sourceless = {key: value for key, value in RULE.items() if key != "clause"}
    with pytest.raises(RuleFileError, match="clause"):
        next(rules_of("family", [sourceless]))
    with pytest.raises(RuleFileError, match="clause and edition"):
        rule(clause="5.4.4")
    assert rule(clause="5.4.4", edition="GB 50014-2021").source.zh == "5.4.4（GB 50014-2021）"


def test_a_rule_of_low_confidence_is_never_an_error() -> None:
    doubtful = rule(confidence="low", severity="warning")
    assert doubtful.grade(Severity.ERROR, "Point") is Severity.REVIEW
    assert doubtful.grade(Severity.INFO, "Point") is Severity.INFO
    assert doubtful.grade(None, "Point") is Severity.WARNING


def test_what_cannot_be_softened_keeps_its_severity() -> None:
    assert rule(waivable=False).grade(Severity.INFO, "Point") is Severity.ERROR
    assert rule(waivable=False, soft=True).grade(Severity.INFO, "Point") is Severity.INFO
    assert not rule(waivable=False, soft=True).can_be_waived("Point")
    areas = rule(hard_for=["MultiPolygon"])
    assert (areas.can_be_waived("MultiPolygon"), areas.can_be_waived("Point")) == (False, True)
    assert (areas.grade(Severity.INFO, "MultiPolygon"), areas.grade(Severity.INFO, "Point")) == (Severity.ERROR, Severity.INFO)


def test_the_type_of_a_parameter_is_that_of_its_default() -> None:
    given = {
        "a": {"default": 1.5},
        "b": {"default": ["x"]},
        "c": {"default": [[300, 75], [700, 100]]},
        "d": {"default": True},
        "e": {"type": "fields"},
    }
    assert {n: p.type for n, p in rule(parameters=given).parameters.items()} == {
        "a": "number", "b": "texts", "c": "table", "d": "boolean", "e": "fields",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (Check("magic"), "there is no rule 'magic'"),
        (Check("unique"), "lacks 'fields'"),
        (Check("unique", {"fields": ("roof_type",), "tolerance_m": 1}), "rule 'unique' takes severity, fields"),
        (Check("unique", {"fields": "roof_type"}), "'roof_type' is not a value of type fields"),
        (Check("unique", {"fields": ("nothing",)}), "there is no field 'nothing'"),
        (Check("geometry-valid", {"severity": "warning"}), "'geometry-valid' is always of severity 'error'"),
        (Check("code", {"fields": ("usage",)}), "rule 'code' holds for every type"),
        (Check("sliver", {"width_m": -1}), "-1 is below 0"),
        (Check("sliver", {"width_m": "thin"}), "'thin' is not a value of type number"),
        (Check("cover", {"under": "roadway"}), "'roadway' is none of footway, carriageway"),
        (Check("cover", {"least": (("PS", None, 0.6),)}), "[['PS', None, 0.6]] is not a value of type table"),
        (Check("cover", {"least": (("PS", None, "deep", 0.7),)}), "[['PS', None, 'deep', 0.7]] is not a value of type table"),
    ],
    ids=str,
)
def test_a_check_that_no_rule_takes_is_refused(check: Check, reason: str) -> None:
    building = TYPES["building"]
    changed = type(building)(**{f: getattr(building, f) for f in building.__slots__} | {"checks": (check,)})
    assert [found.startswith(reason) for _, found in check_faults(changed)] == [True]


def test_a_file_that_names_no_rule_does_not_load(tmp_path: Path) -> None:
    source = Path(load_feature_types.__code__.co_filename).parent / "water.yaml"
    (tmp_path / "water.yaml").write_text(source.read_text("utf-8").replace("rule: unique", "rule: unheard-of"), "utf-8")
    with pytest.raises(FeatureTypeError, match=r"water.yaml: checks\[0\].rule: there is no rule 'unheard-of'"):
        load_feature_types(tmp_path)


def test_a_rule_is_said_whole_on_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["rules", "geometry-valid", "--data-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("### geometry-valid\n")
    assert "- 出处 · Source: OGC 06-103r4 §6.1（1.2.1）" in said
    assert main(["rules", "--json", "--data-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rules"] == {i: r.severity.value for i, r in load_rules().items()}
    assert main(["rules", "unheard-of", "--data-dir", str(tmp_path)]) == 2


def test_rules_are_answered_over_http() -> None:
    app = FastAPI()
    app.include_router(vocabulary_router(cast("City", None)))

    async def ask() -> list[dict[str, object]]:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://city") as client:
            return (await client.get("/api/rules")).json()

    answered = {rule["id"]: rule for rule in run_alone(ask())}
    assert list(answered) == list(load_rules())
    spike = load_rules()["spike"]
    assert answered["spike"] == {
        "id": "spike", "family": "geometry", "severity": "warning", "confidence": "high", "waivable": True, "needs": ["geometry"],
        "clause": spike.clause, "edition": "1.2.1", "source": {"zh": spike.source.zh, "en": f"{spike.clause} (1.2.1)"},
        "title": {"zh": spike.title.zh, "en": spike.title.en},
        "advice": {"zh": spike.advice.zh, "en": spike.advice.en},
        "parameters": {
            "angle_deg": {"type": "number", "unit": "deg", "default": 1.0},
            "length_m": {"type": "number", "unit": "m", "default": 0.05},
        },
    }  # fmt: skip
