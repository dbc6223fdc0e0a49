"""Attributes that are never parsed: what is cut of them, and the columns, are those of the parser."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extra import extra_column
from ingest.readers.json_arrays import cut_lines
from ingest.readers.json_columns import columns_of
from ingest.readers.json_members import MOST_NAMES
from ingest.readers.member_columns import MemberColumns, member_columns

_FRACTIONS = st.floats(1 - 1e15, 1e15 - 1).map(lambda x: round(x, 6))
_PLAIN = st.none() | st.booleans() | st.integers(1 - 10**15, 10**15 - 1) | _FRACTIONS | st.text()
_ANY = _PLAIN | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.lists(st.integers(), max_size=2)
_NAMES = st.sampled_from(["a", "b", "height", "屋顶", "a b", ""]) | st.text(max_size=3)


def line_of(attributes: str) -> bytes:
    return ('{"CityObjects":{"x":{"attributes":' + attributes + "}}}").encode()


def cut_columns(texts: Sequence[str]) -> MemberColumns | None:
    """Return the columns of objects, None where one of them is left to the parser; what is left of lines must say the same then."""
    lines = [line_of(text) for text in texts]
    cut = cut_lines(lines, cuts_attributes=True)
    left = [None if s is None else orjson.loads(s)["CityObjects"]["x"]["attributes"] for s in cut.skeletons]
    parsed = [orjson.loads(text) for text in texts]
    for number, (own, whole) in enumerate(zip(left, parsed, strict=True)):
        assert own in (None, whole) if own != 0 else orjson.loads(cut.text_of(cut.array_start[number])) == whole
    if any(own != 0 or own is False for own in left):
        return None
    return member_columns(cut.members, cut.text, cut.member_start, np.arange(len(lines)))[0]


def assert_same(texts: Sequence[str]) -> None:
    found, parsed = cut_columns(texts), columns_of([orjson.loads(text) for text in texts])
    assert found is not None
    more = {"more": pa.array([None if k == 1 else f'"{k}"' for k in range(len(texts))]), "none": pa.nulls(len(texts))}
    assert found.objects(tuple(found), more).to_pylist() == extra_column(parsed | more, len(texts)).to_pylist()
    assert list(found) == list(parsed)
    assert [c.type for c in found.values()] == [c.type for c in parsed.values()]
    assert all(c.equals(parsed[name]) for name, c in found.items())


@settings(max_examples=200)
@given(
    st.lists(st.dictionaries(_NAMES, _PLAIN, max_size=6), min_size=1, max_size=6),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\n")]),
)
def test_columns_are_those_of_the_parser(objects: list[dict[str, object]], separators: tuple[str, str]) -> None:
    texts = [json.dumps(o, ensure_ascii=False, separators=separators) for o in objects]
    is_plain = not any("\\" in text or "e-" in text or "e+" in text or "-0," in text for text in texts)
    if is_plain:
        assert_same(texts)
    else:
        cut_columns(texts)


@settings(max_examples=200)
@given(st.lists(st.dictionaries(_NAMES, _ANY, max_size=4), min_size=1, max_size=4), st.booleans())
def test_whatever_is_left_to_the_parser_is_left_as_it_was(objects: list[dict[str, object]], ascii_only: bool) -> None:
    found = cut_columns([json.dumps(o, ensure_ascii=ascii_only) for o in objects])
    if found is not None:
        assert {n: c.to_pylist() for n, c in found.items()} == {n: c.to_pylist() for n, c in columns_of(objects).items()}


@pytest.mark.parametrize(
    "value",
    [
        "1e3",
        "1.5E2",
        "-0",
        "1234567890123456",
        f"{10**15}.0",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "nul",
        "truee",
        '"\\n"',
        '"\n"',
        "[]",
        "{}",
        '"a',
        "1 2",
        "",
    ],
)
def test_a_value_that_is_not_plain_is_left(value: str) -> None:
    (skeleton,) = cut_lines([line_of('{"a":1,"b":' + value + "}")], cuts_attributes=True).skeletons
    assert skeleton is None or skeleton == line_of('{"a":1,"b":' + value + "}")


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":1,}', '{"a"}', '{"a":1 "b":2}', '{,"a":1}', '{"a":1', '{"\\u0061":1}', '{"a",1}'])
def test_an_object_that_is_not_plain_is_left(text: str) -> None:
    (skeleton,) = cut_lines([line_of(text)], cuts_attributes=True).skeletons
    assert skeleton is None or skeleton == line_of(text)


@pytest.mark.parametrize("value", ["5", "null", '"a"', "[1]"])
def test_attributes_that_are_no_object_leave_their_line_whole(value: str) -> None:
    """A number in their place would be taken for what was cut."""
    assert cut_lines([line_of(value)], cuts_attributes=True).skeletons == [None]


@settings(max_examples=200)
@given(st.lists(st.from_regex(r"-?(0|[1-9][0-9]{0,14})(\.(0{0,6}[0-9]{1,18}|[0-9]{1,15}))?", fullmatch=True), min_size=1, max_size=8))
def test_numbers_are_written_as_those_of_the_parser(numbers: list[str]) -> None:
    if "-0" not in numbers:
        assert_same(
            ["{" + ",".join(f'"{k % 3}":{number}' for k, number in enumerate(numbers[at : at + 3])) + "}" for at in range(len(numbers))]
        )


@pytest.mark.parametrize(
    "number", ["0.0", "-0.0", "5.0", "50.0", "12.50", "0.0001", "0.00001", "0.000099", "9.182000160217283", "0.1000000000000000055"]
)
def test_a_number_with_a_point_is_written_as_that_of_the_parser(number: str) -> None:
    assert_same([f'{{"a":{number}}}', '{"a":7}', '{"a":999999999999999}', '{"a":-3}', '{"b":1}'])


def test_mixed_values_are_text_as_of_the_parser() -> None:
    assert_same(['{"a":1,"b":true,"c":"x"}', '{"a":"1","b":2,"c":1.50}', '{"c":null,"b":null,"a":-0.0}'])


def test_names_come_in_the_order_of_the_rows_however_they_were_found_before() -> None:
    assert_same(['{"b":null,"a":1}', '{"c":1,"a":2.5,"b":""}', "{}", '{"d":"屋顶","a":3}'])


def test_more_names_than_are_told_apart_are_left_to_the_parser() -> None:
    many = "{" + ",".join(f'"number {k}":{10**9 + k}' for k in range(MOST_NAMES)) + "}"
    assert cut_columns([many]) is not None
    assert cut_columns([many, '{"one more":1}']) is None


def test_a_line_that_is_not_cut_leaves_no_members_behind() -> None:
    lines = [line_of('{"a":1}'), b'{"CityObjects":{"x":{"attributes":{"b":2}}},"vertices":[[1.5]]}', line_of('{"c":3}')]
    cut = cut_lines(lines, cuts_attributes=True)
    assert [s is None for s in cut.skeletons] == [False, True, False]
    found = member_columns(cut.members, cut.text, cut.member_start, np.array([0, -1, 1]))
    assert {name: c.to_pylist() for name, c in found[0].items()} == {"a": [1, None, None], "c": [None, None, 3]}
