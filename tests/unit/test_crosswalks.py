"""Codes of other classifications, old or local: told by prefix or column, taken over, said, and refused where they would be two things."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from rules.rows import Rows, area, row_findings

from ingest.convert import convert
from twin.featuretypes.document import FeatureTypeError
from twin.featuretypes.loader import load_code_lists, load_feature_types

PARCEL = load_feature_types()["parcel"]
LAND_USE = PARCEL.field("land_use_code")
LOCAL = {
    "id": "our_codes",
    "codes_of": "pipe_kind",
    "title": {"zh": "本市旧代码", "en": "Our old codes"},
    "source": "ours",
    "verified": True,
    "codes": [{"code": "MS", "zh": "民用自来水", "to": "JS"}],
}


def converted(values: list[str], column: str) -> list[str | None]:
    return convert(pa.array(values), LAND_USE, column).values.to_pylist()


def local(folder: Path, **changed: object) -> dict:
    (folder / "crosswalks").mkdir()
    (folder / "crosswalks/our_codes.yaml").write_text(json.dumps(LOCAL | changed), "utf-8")
    return load_code_lists(folder)


def test_the_same_code_is_industry_in_a_survey_and_a_rural_road_in_a_plan() -> None:
    assert converted(["0601", "0702", "05H1"], "DLBM") == ["1001", "0703", "09"]
    assert converted(["0201K", "1104A", "1107A", "08H2A", "0810A"], "DLBM") == ["0201", "1704", "1705", "080401", "1403"]
    assert converted(["0601", "0702", "05H1"], "YDYHFLDM") == ["0601", "0702", None]
    assert converted(["S0601", "s1004"], "用地性质") == ["1001", "1207"]


def test_titles_of_both_classifications_are_known() -> None:
    assert converted(["交通服务场站用地", "工业用地"], "用地性质") == ["1208", "1001"]


def test_every_survey_code_is_taken_over() -> None:
    crosswalks = {c.id: c for c in LAND_USE.codelist.crosswalks}
    assert len(crosswalks["land_use_survey"].codes) == 81
    assert not {c.to for crosswalk in crosswalks.values() for c in crosswalk.codes} - set(LAND_USE.codelist.by_code())


def test_a_surveyor_is_told_that_codes_were_taken_over() -> None:
    house = area((0, 0), (20, 0), (20, 10), (0, 10))
    told = row_findings(Rows("parcel", [house], {"parcel_id": ["p"], "right_type": ["state_granted"], "DLBM": ["0601"]}))
    assert [(f.rule, f.message.en) for f in told] == [
        ("reading", "column 'DLBM' holds codes of the Working classes of the third national land survey, taken over as Land and sea use")
    ]


def test_a_deployment_takes_its_own_codes_in_by_one_file(tmp_path: Path) -> None:
    spellings = local(tmp_path)["pipe_kind"].resolve()
    assert (spellings["MS"], spellings["民用自来水"], spellings["DX"], spellings["YS"]) == ("JS", "JS", "TX", "YS")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"codes_of": "nothing"}, "our_codes.yaml: codes_of: there is no code list 'nothing'"),
        ({"codes": [{"code": "MS", "to": "ZZ"}]}, "our_codes.yaml: codes[0].to: 'ZZ' is no code of pipe_kind"),
        ({"codes": [{"code": "A", "to": "JS"}, {"code": "a", "to": "YS"}]}, "our_codes.yaml: codes[1]: code 'a' is given twice"),
        ({"codes": [{"code": "ys", "to": "JS"}]}, "our_codes.yaml: codes[0]: 'ys' already means 'YS'; give columns or a prefix"),
        ({"id": "others"}, "our_codes.yaml: id: 'others' is not the name of the file"),
        ({"codes": []}, "our_codes.yaml: codes: [] should be non-empty"),
    ],
)
def test_a_crosswalk_that_leads_nowhere_or_two_ways_is_refused(tmp_path: Path, changed: dict, line: str) -> None:
    with pytest.raises(FeatureTypeError) as told:
        local(tmp_path, **changed)
    assert str(told.value).startswith(line)


def test_a_code_may_mean_another_thing_in_columns_of_its_own(tmp_path: Path) -> None:
    lists = local(tmp_path, codes=[{"code": "YS", "to": "JS"}], columns=["旧代码"])
    assert lists["pipe_kind"].resolve()["YS"] == "YS"
