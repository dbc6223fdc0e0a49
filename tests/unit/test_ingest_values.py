"""Values, sizes, names and columns as surveys write them."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.convert import convert
from ingest.extra import extra_column
from ingest.mapping import match_columns
from ingest.names import normalised
from ingest.sections import parse_section
from twin.errors import RejectedError, Text
from twin.featuretypes.loader import load_feature_types
from twin.model import Code, CodeList, Field, FieldType

TITLE = Text("标题", "title")


def field(kind: FieldType, unit: str | None = None, codelist: CodeList | None = None) -> Field:
    return Field("value", kind, TITLE, unit=unit, codelist=codelist)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3.5", "m", 3.5), (" 3.5 ", "m", 3.5), ("３．５", "m", 3.5), ("1,234.5", None, 1234.5), ("3.5m", "m", 3.5), ("3.5 米", "m", 3.5),
        ("300mm", "mm", 300.0), ("10kV", "kV", 10.0), ("-0.5", "m", -0.5), ("1e3", None, 1000.0), ("6层", None, 6.0), (".5", None, 0.5),
    ],
)  # fmt: skip
def test_numbers_are_read_out_of_text(text: str, unit: str | None, value: float) -> None:
    result = convert(pa.array([text]), field("number", unit))
    assert result.values.to_pylist() == [value]
    assert not result.bad.any()


@pytest.mark.parametrize("text", ["abc", "3..5", "3.5km", "--", "+", "1e999", "nan", "inf", "3 5", "0x10", "DN300"])
def test_what_is_no_number_is_marked_and_null(text: str) -> None:
    result = convert(pa.array([text, "1"]), field("number", "m"))
    assert result.values.to_pylist() == [None, 1.0]
    assert result.bad.tolist() == [True, False]


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2019-05-02", (2019, 5, 2)), ("2019/5/2", (2019, 5, 2)), ("2019.05", (2019, 5, 1)), ("2019年5月", (2019, 5, 1)),
        ("2019", (2019, 1, 1)),
        ("2019年5月2日", (2019, 5, 2)), ("20190502", (2019, 5, 2)), ("2019-05-02T08:00:00", (2019, 5, 2)),
        (43587, (2019, 5, 2)), ("２０１９年", (2019, 1, 1)),
        (dt.datetime(2019, 5, 2, 8, tzinfo=dt.UTC), (2019, 5, 2)), (20190502, (2019, 5, 2)), (2019.0, (2019, 1, 1)),
    ],
)  # fmt: skip
def test_dates_of_every_spelling(value: object, day: tuple[int, int, int]) -> None:
    result = convert(pa.array([value]), field("date"))
    assert result.values.to_pylist() == [dt.date(*day)]


@pytest.mark.parametrize("text", ["2019-13-01", "2019-02-30", "gestern", "19", "02/05/2019"])
def test_a_date_that_is_none_or_could_be_two_is_marked(text: str) -> None:
    assert convert(pa.array([text]), field("date")).bad.tolist() == [True]


def test_a_year_column_takes_years_and_dates() -> None:
    result = convert(pa.array(["2019年5月", "1998", "1998-01-01", "old"]), field("integer"))
    assert result.values.to_pylist() == [2019, 1998, 1998, None]
    assert result.bad.tolist() == [False, False, False, True]


def test_a_fraction_is_no_integer() -> None:
    result = convert(pa.array([3.0, 3.5, None]), field("integer"))
    assert result.values.to_pylist() == [3, None, None]
    assert result.bad.tolist() == [False, True, False]


def test_codes_take_every_spelling() -> None:
    codes = CodeList("kind", TITLE, "s", verified=True, codes=(Code("YS", Text("雨水", "Storm water"), aliases=("51",)),))
    result = convert(pa.array(["ys", "雨水", " ＹＳ ", "51", "storm WATER", "", None, "WS"]), field("code", codelist=codes))
    assert result.values.to_pylist() == ["YS"] * 5 + [None] * 3
    assert result.bad.tolist() == [False] * 7 + [True]
    assert convert(pa.array([51.0]), field("code", codelist=codes)).values.to_pylist() == ["YS"]


@given(st.lists(st.one_of(st.none(), st.text())))
def test_text_stays_as_it_is_except_what_postgres_cannot_store(texts: list[str | None]) -> None:
    result = convert(pa.array(texts, pa.string()), field("string"))
    storable = [None if t is not None and "\0" in t else t for t in texts]
    assert result.values.to_pylist() == storable
    assert result.bad.tolist() == [t is not None and "\0" in t for t in texts]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_as_text_and_back(values: list[float]) -> None:
    result = convert(pa.array([repr(v) for v in values], pa.string()), field("number"))
    assert result.values.to_pylist() == values


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("300", (300.0, None, None)), ("DN300", (300.0, None, None)), ("Φ300", (300.0, None, None)), ("dn 300mm", (300.0, None, None)),
        ("800X600", (None, 800.0, 600.0)), ("800×600", (None, 800.0, 600.0)), ("800*600mm", (None, 800.0, 600.0)),
        ("１２００Ｘ８００", (None, 1200.0, 800.0)),
        ("", (None, None, None)), ("?", None), ("800X", None), ("2孔", None),
    ],
)  # fmt: skip
def test_sizes_of_pipes(text: str, section: object) -> None:
    assert parse_section(text) == section


@pytest.mark.parametrize(
    ("one", "other"), [("地面高程（m）", "地面高程"), ("S_Exp", "s exp"), ("building:levels", "BuildingLevels"), ("ＧＪ", "gj")]
)
def test_names_equal_without_width_case_and_unit(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_columns_go_to_fields_by_alias_and_by_override() -> None:
    segment = load_feature_types()["pipe_segment"]
    mapping = match_columns(("起点点号", "E_Exp", "管径(mm)", "备注", "厂家"), segment, {"厂家": "owner"})
    assert dict(mapping.columns) == {"起点点号": "start_node", "E_Exp": "end_node", "管径(mm)": "outer_diameter_mm", "厂家": "owner"}
    assert mapping.unmapped == ("备注",)


def test_the_geometry_column_of_arcgis_is_no_shape_of_a_section() -> None:
    """Its table exports say "Polyline" there in every row."""
    assert match_columns(("Shape", "断面形状"), load_feature_types()["pipe_segment"], {}).columns == {"断面形状": "section_shape"}


def test_a_name_that_a_dbf_cut_still_finds_its_field() -> None:
    mapping = match_columns(("outer_diam", "start_elev"), load_feature_types()["pipe_segment"], {})
    assert dict(mapping.columns) == {"outer_diam": "outer_diameter_mm", "start_elev": "start_elevation_m"}


def test_an_override_to_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(RejectedError) as caught:
        match_columns(("a",), load_feature_types()["building"], {"a": "nonsense"})
    assert caught.value.code == "mapping"


@given(
    st.lists(
        st.fixed_dictionaries(
            {"备注": st.none() | st.text(), "n": st.none() | st.integers(-(2**40), 2**40), "x": st.none() | st.floats(allow_nan=True)}
        ),
        max_size=8,
    )
)
def test_unmapped_columns_become_json_of_their_values(rows: list[dict[str, object]]) -> None:
    columns = {
        "备注": pa.array([r["备注"] for r in rows], pa.string()),
        "n": pa.array([r["n"] for r in rows], pa.int64()),
        "x": pa.array([r["x"] for r in rows], pa.float64()),
    }
    texts = extra_column(columns, len(rows)).to_pylist()
    for row, text in zip(rows, texts, strict=True):
        expected = {k: v.replace("\0", "") if isinstance(v, str) else v for k, v in row.items() if v is not None}
        expected = {k: v for k, v in expected.items() if not (isinstance(v, float) and not np.isfinite(v))}
        assert (json.loads(text) if text is not None else {}) == expected


def test_one_sparse_column_keeps_its_rows() -> None:
    """Arrow's join with null_handling="skip" dropped the null rows of a single column, and every value after them moved up."""
    assert extra_column({"a": pa.array([None, "x", None])}, 3).to_pylist() == [None, '{"a":"x"}', None]
