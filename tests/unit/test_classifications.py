"""Codes that mean one thing in 三调 and another in 用地用海: told by what stands beside them, else asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from rules.rows import ReaderOfRows, Rows, area

from ingest.checks.proposals import proposer
from ingest.classifications import classified
from ingest.convert import convert
from ingest.mapping import ColumnMapping
from ingest.part_reading import PartReading
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.source import SourceBatch
from ingest.reading import read_parts
from ingest.told_codes import ToldCodes, told_codes
from ingest.understanding.columns import column_evidence
from ingest.understanding.layer import Surroundings, understand
from ingest.understanding.review import Answered, doubts
from ingest.understanding.sample import ColumnSample, LayerSample
from ingest.units import factors_of
from twin.errors import RejectedError
from twin.featuretypes.loader import load_code_lists, load_feature_types
from twin.model import Severity
from twin.server.orders import PartOrder

PARCEL = load_feature_types()["parcel"]
LAND_USE = load_code_lists()["land_use"]
SURVEY = next(c for c in LAND_USE.crosswalks if c.id == "land_use_survey")
TWICE = ["1101", "0601", "1003"]
"""河流水面, 工业用地, 公路用地 of 三调; 物流仓储用地, 农村道路, 盐田 of 用地用海."""
RIVERS = {"地类编码": TWICE, "地类名称": ["河流水面", "工业用地", "公路用地"]}
STORES = {"地类编码": TWICE, "地类名称": ["物流仓储用地", "农村道路", "盐田"]}


def of(rows: Mapping[str, Sequence[object]], column: str = "地类编码") -> tuple[str, str] | None:
    told = classified(column, rows, LAND_USE)
    return None if told is None else (told.taken, told.likely)


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        (RIVERS, "land_use_survey"),
        (STORES, "land_use"),
        ({"地类编码": [*TWICE, "1104A", "05H1"]}, "land_use_survey"),
        ({"地类编码": [*TWICE, "070102", "1401"]}, "land_use"),
        ({"地类编码": TWICE, "座落单位代码": ["320412", "", ""], "权属单位代码": ["", "", ""]}, "land_use_survey"),
    ],
    ids=["by names: survey", "by names: plan", "by codes: survey", "by codes: plan", "by columns"],
)
def test_what_stands_beside_codes_says_what_they_are_of(rows: dict[str, list[str]], taken: str) -> None:
    assert of(rows) == (taken, taken)


@pytest.mark.parametrize(
    "rows",
    [{"地类编码": TWICE}, {"地类编码": TWICE, "TBBH": ["1", "2", "3"]}, {"地类编码": [*TWICE, "1104A", "070102"]}],
    ids=["nothing", "one column says nothing", "codes of both"],
)
def test_what_nothing_decides_is_asked(rows: dict[str, list[str]]) -> None:
    assert of(rows) == ("land_use", "land_use_survey")


@pytest.mark.parametrize("typo", ["00", "0404", "070102"])
def test_one_cell_decides_no_column(typo: str) -> None:
    """A code that only one classification has may be a typing error; all rows would be taken for those of another."""
    assert of({"地类编码": ["0601"] * 999 + [typo]}) == ("land_use", "land_use_survey")


def test_one_name_decides_no_column() -> None:
    assert of({"地类编码": ["0601"] * 999, "地类名称": ["工业用地"] + [""] * 998}) == ("land_use", "land_use_survey")


def test_one_code_of_a_plan_is_no_doubt_about_a_survey() -> None:
    assert of({"DLBM": ["0601"] * 999 + ["070102"]}, "DLBM") is None


@pytest.mark.parametrize("number", [10, 10.0, "10"])
def test_numbers_are_held_against_the_lists_as_they_are_read(number: object) -> None:
    assert of({"地类编码": [number] * 10}) == ("land_use", "land_use_survey")


def test_a_question_about_codes_of_both_names_one_of_each() -> None:
    asked_of = classified("地类编码", {"地类编码": ["00", "070102"] * 50}, LAND_USE)
    assert asked_of is not None
    assert (asked_of.taken, asked_of.likely) == ("land_use", "land_use_survey")
    assert "00 is of" in asked_of.text.en
    assert "070102 of" in asked_of.text.en
    assert "00 属" in asked_of.text.zh


def test_codes_of_one_meaning_ask_nothing() -> None:
    assert of({"地类编码": ["0101", "0701", ""]}) is None
    assert of({"YDYHFLDM": TWICE}, "YDYHFLDM") is None, "its name says it"
    assert of({"DLBM": TWICE}, "DLBM") is None


def test_a_column_of_the_survey_that_holds_codes_of_a_plan_is_asked_about() -> None:
    assert of({"DLBM": [*TWICE, "070102", "1401"]}, "DLBM") == ("land_use_survey", "land_use")


@pytest.mark.parametrize("column", SURVEY.columns)
def test_every_column_of_the_survey_is_read_as_such(column: str) -> None:
    assert convert(pa.array(["0601", "1104A"]), PARCEL.field("land_use_code"), column).values.to_pylist() == ["1001", "1704"]


def told(columns: dict[str, list[str]], **reading: tuple) -> ToldCodes:
    batch = SourceBatch(np.arange(3), np.full(3, None), {name: pa.array(values) for name, values in columns.items()})
    part = PartRequest("DLTB", PARCEL, "d", reading=PartReading(**reading))
    found, batches = told_codes(part, "DLTB", ColumnMapping({"地类编码": "land_use_code"}, ()), [batch])
    assert [len(b.rows) for b in batches] == [3], "what was looked at comes again"
    return found


def test_rows_are_read_as_they_tell_and_it_is_said_why() -> None:
    found = told(RIVERS)
    assert (found.classifications, found.doubts) == ({"地类编码": "land_use_survey"}, ())
    assert found.notes[0].en.endswith(
        "taken over as Land and sea use: names beside the codes ('河流水面') are those of Working classes of the third national land survey"
    )


def test_rows_that_do_not_tell_are_read_as_the_field_says_with_a_finding_unless_it_was_asked_or_declared() -> None:
    found = told({"地类编码": TWICE})
    assert (found.classifications, found.notes) == ({"地类编码": "land_use"}, ())
    assert [(f.rule, f.severity, f.proposal) for f in found.doubts] == [("codes-doubtful", Severity.REVIEW, "land_use_survey")]
    assert told({"地类编码": TWICE}, doubts=found.doubts).doubts == ()
    declared = told({"地类编码": TWICE}, units=(("地类编码", "land_use_survey"),))
    assert (declared.classifications, declared.doubts, len(declared.notes)) == ({"地类编码": "land_use_survey"}, (), 1)


def test_a_row_gets_the_code_its_names_speak_for() -> None:
    squares = [area((i, 0), (i + 1, 0), (i + 1, 1), (i, 1)) for i in (0, 2, 4)]
    common = {"parcel_id": ["a", "b", "c"], "right_type": ["state_granted"] * 3}
    request = ReadRequest(Path("none"), (PartRequest("layer", PARCEL, "d"),), 4549)
    for beside, codes in ((RIVERS, ["1701", "1001", "1202"]), (STORES, TWICE)):
        messages = read_parts(ReaderOfRows(Rows("parcel", squares, common | beside)), request)
        assert [m.table["land_use_code"].to_pylist() for m in messages if isinstance(m, PartBatch)] == [codes]


def test_a_classification_is_no_unit_of_a_column_of_another_list() -> None:
    mapping = ColumnMapping({"地类编码": "land_use_code", "权利类型": "right_type"}, ())
    assert factors_of(mapping, PARCEL, {"地类编码": "land_use_survey"}) == {}
    with pytest.raises(RejectedError, match="cannot be in 'land_use_survey'"):
        factors_of(mapping, PARCEL, {"权利类型": "land_use_survey"})


def sample(columns: dict[str, list[str]]) -> LayerSample:
    return LayerSample(len(TWICE), tuple(ColumnSample(name, tuple(values)) for name, values in columns.items()))


def asked(columns: dict[str, list[str]], answered: Answered) -> list[tuple[str, str | None, str | None]]:
    known = understand("ESRI Shapefile", None, sample(columns), Surroundings(), feature_type=PARCEL, mapping={"地类编码": "land_use_code"})
    return [(f.rule, f.value, f.proposal) for f in doubts(known, "DLTB", answered) if f.rule == "codes-doubtful"]


def test_a_doubt_is_a_finding_until_somebody_answers() -> None:
    question = [("codes-doubtful", "land_use", "land_use_survey")]
    assert asked({"地类编码": TWICE}, Answered()) == question
    assert asked({"地类编码": TWICE}, Answered(units=frozenset({"地类编码"}))) == []
    assert asked(RIVERS, Answered()) == []


def test_codes_of_either_classification_speak_for_the_column() -> None:
    (evidence,), _ = column_evidence(["地类编码"], PARCEL, sample({"地类编码": ["1104A", "05H1", "1107A"]}))
    assert (evidence.value, evidence.confidence) == ("land_use_code", 0.93)


@pytest.mark.parametrize(
    ("value", "in_survey", "elsewhere"),
    [("203A", None, None), ("1104B", "1704", None), ("1104K", "1704", "1704"), ("110499", "1704", "11"), ("1399", None, "13")],
)
def test_a_number_with_a_letter_is_like_no_other_number(value: str, in_survey: str | None, elsewhere: str | None) -> None:
    found = proposer(LAND_USE, (SURVEY,))(value), proposer(LAND_USE)(value)
    assert tuple(code and code.code for code in found) == (in_survey, elsewhere)


def test_a_code_of_ours_is_none_among_those_of_the_survey() -> None:
    values = convert(pa.array(["1301", "1104", "坑塘水面", "公园绿地"]), PARCEL.field("land_use_code"), "DLBM").values.to_pylist()
    assert values == [None, "1704", "1704", "1401"], "1301 is a waterworks in a plan and temporary use in a survey"


@pytest.mark.parametrize(("unit", "is_taken"), [("land_use_survey", True), ("cm", True), ("furlong", False), ("Land_Use", False)])
def test_an_order_declares_a_unit_or_a_classification(unit: str, is_taken: bool) -> None:
    order = {"feature_type": "parcel", "dataset": "parcels", "units": {"地类编码": unit}}
    if is_taken:
        assert PartOrder.model_validate(order).units == {"地类编码": unit}
    else:
        with pytest.raises(ValidationError):
            PartOrder.model_validate(order)
