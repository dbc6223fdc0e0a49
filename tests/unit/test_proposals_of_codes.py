"""What is proposed for a value that is no code, and what a finding says of the cell."""

from __future__ import annotations

import pytest
from rules.rows import Rows, area, row_findings

from ingest.checks.proposals import proposer
from twin.featuretypes.loader import load_code_lists

LISTS = load_code_lists()


@pytest.mark.parametrize(
    ("code_list", "value", "code"),
    [
        ("pipe_kind", "雨水管道(新建)", "YS"),
        ("pipe_kind", "ＹＳ管线雨水", "YS"),
        ("pipe_kind", "telecomm", "TX"),
        ("pipe_material", "混泥土", "T"),
        ("land_use", "070199", "0701"),
        ("land_use", "0799", "07"),
        ("land_use", "9999", None),
        ("land_use", "耕", "01"),
        ("pipe_kind", "QZ", None),
        ("roof_type", "1130", None),
        ("building_usage", "飞碟停机坪", None),
    ],
)
def test_the_nearest_code_is_proposed(code_list: str, value: str, code: str | None) -> None:
    found = proposer(LISTS[code_list])(value)
    assert (found and found.code) == code


def test_a_finding_says_the_cell_and_the_proposal() -> None:
    house = area((0, 0), (20, 0), (20, 10), (0, 10))
    columns = {"building_id": ["b"], "height_m": ["12{value}"], "structure": ["框架结构楼"]}
    wrong, code = sorted(row_findings(Rows("building", [house], columns)), key=lambda f: f.rule, reverse=True)
    assert (wrong.rule, wrong.value, wrong.proposal) == ("type", "12{value}", None)
    assert wrong.message.en == "height_m: '12{value}' is not a number"
    assert (code.rule, code.value, code.proposal) == ("code", "框架结构楼", "concrete")
    assert code.message.zh.endswith("“框架结构楼”不在代码表 structure 中；是否为 concrete（钢筋混凝土结构）？")


def test_a_long_cell_is_shortened_where_it_is_told_but_not_where_it_is_kept() -> None:
    house = area((0, 0), (20, 0), (20, 10), (0, 10))
    (told,) = row_findings(Rows("building", [house], {"building_id": ["b" * 500], "height_m": [9.0]}))
    assert (told.rule, told.value) == ("max-length", "b" * 500)
    assert "b" * 60 + "…" in told.message.en
    assert "b" * 61 not in told.message.en


@pytest.mark.parametrize(
    ("column", "value", "zh", "en"),
    [
        ("height_m", -5.0, "height_m（建筑高度）：-5.0 超出范围 0.1…1000 m", "height_m: -5.0 is outside 0.1…1000 m"),
        ("建筑高度", -5.0, "建筑高度：-5.0 超出范围 0.1…1000 m", "建筑高度 (height_m): -5.0 is outside 0.1…1000 m"),
        ("楼高", -5.0, "楼高（建筑高度）：-5.0 超出范围 0.1…1000 m", "楼高 (height_m): -5.0 is outside 0.1…1000 m"),
        ("楼\n高", "x", "楼 高（建筑高度）：“x”不是数值", "楼 高 (height_m): 'x' is not a number"),
    ],
)
def test_a_finding_names_the_column_of_the_file_and_the_unit_of_a_range(column: str, value: object, zh: str, en: str) -> None:
    house = area((0, 0), (20, 0), (20, 10), (0, 10))
    (told,) = row_findings(Rows("building", [house], {"building_id": ["b"], column: [value]}))
    assert (told.message.zh, told.message.en) == (zh, en)


def test_a_value_that_no_column_gives_is_missed_by_the_name_of_its_field() -> None:
    house = area((0, 0), (20, 0), (20, 10), (0, 10))
    (none,) = row_findings(Rows("parcel", [house], {"right_type": ["state_granted"]}))
    (blank,) = row_findings(Rows("parcel", [house], {"right_type": ["state_granted"], "宗地编号": [" "]}))
    assert (none.message.en, blank.message.en) == ("parcel_id: a value is required", "宗地编号 (parcel_id): a value is required")
