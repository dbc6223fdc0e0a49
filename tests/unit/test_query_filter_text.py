"""Our CQL2 text reader beside the `cql2` wheel, which is built from the official grammar."""

from __future__ import annotations

import cql2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import BadRequestError
from twin.query.filter_text import parse_text

_NAMES = st.sampled_from(["floors_above", "name", "用途", "a.b", "x_1"])
_STRINGS = st.text(st.characters(exclude_characters="\x00'\\", exclude_categories=["Cs"]), max_size=8)
_NUMBERS = st.integers(0, 2**31) | st.floats(0, 1e6, allow_nan=False).map(lambda x: round(x, 3))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SCALARS = st.one_of(_NAMES, _STRINGS.map(_quoted), _NUMBERS.map(str))
_SUMS = st.recursive(
    _NAMES | _NUMBERS.map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=4,
)
_LEAVES = st.one_of(
    st.tuples(_SCALARS, st.sampled_from(["=", "<>", "<", ">", "<=", ">="]), _SCALARS).map(" ".join),
    st.tuples(_NAMES, st.sampled_from(["LIKE", "NOT LIKE", "like"]), _STRINGS.map(_quoted)).map(" ".join),
    st.tuples(_NAMES, _NUMBERS, _NUMBERS).map(lambda t: f"{t[0]} BETWEEN {t[1]} AND {t[2]}"),
    st.tuples(_NAMES, st.lists(_NUMBERS, min_size=1, max_size=3)).map(lambda t: f"{t[0]} IN ({', '.join(map(str, t[1]))})"),
    _NAMES.map(lambda n: f"{n} IS NOT NULL"),
    st.tuples(_SUMS, _SUMS).map(lambda t: f"{t[0]} > {t[1]}"),
    st.just("S_INTERSECTS(geom, POLYGON((0 0, 1 0, 1 1, 0 0)))"),
    st.just("T_AFTER(valid_from, DATE('2020-01-01'))"),
    st.just("T_DURING(INTERVAL(valid_from, valid_to), INTERVAL('2020-01-01', '..'))"),
    st.just("CASEI(name) = casei('A')"),
)
_FILTERS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), inner.map(lambda t: f"NOT ({t})")
    ),
    max_leaves=5,
)


def _plain(tree: object) -> object:
    """Numbers as floats, sequences as lists, same-operator chains flat: where both readers are free to differ."""
    match tree:
        case bool() | str():
            return tree
        case int() | float():
            return float(tree)
        case list() | tuple():
            return [_plain(part) for part in tree]
        case {"op": str(operator), "args": arguments}:
            parts = [_plain(part) for part in arguments]
            if operator in {"and", "or"}:
                flat = []
                for part in parts:
                    flat += part["args"] if isinstance(part, dict) and part.get("op") == operator else [part]
                parts = flat
            return {"op": operator, "args": parts}
        case dict():
            return {key: _plain(value) for key, value in tree.items()}
    raise TypeError(tree)


@settings(max_examples=300, deadline=None)
@given(_FILTERS)
def test_reads_what_the_official_grammar_reads(text: str) -> None:
    assert _plain(parse_text(text)) == _plain(cql2.parse_text(text).to_json())


def test_whole_numbers_beyond_a_double_stay_exact() -> None:
    assert parse_text("a = 9007199254740993") == {"op": "=", "args": [{"property": "a"}, 9007199254740993]}
    assert parse_text("a = -5") == {"op": "=", "args": [{"property": "a"}, -5]}


_CHARACTERS = st.sampled_from(list("()'\",.=<>+-*/ aA1é甲")) | st.characters(exclude_categories=["Cs"])
_WORDS = st.sampled_from(
    ["(", ")", "NOT", "AND", "a", "=", "1", "'x'", "IN", ",", "POINT", "BBOX", "IS", "NULL", "BETWEEN", "INTERVAL", "DATE"]
)
_TEXTS = st.text(_CHARACTERS, max_size=60) | st.lists(_WORDS, max_size=40).map(" ".join)


@settings(max_examples=500, deadline=None)
@given(_TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_text(text)
    except BadRequestError as error:
        assert error.code in {"bad-filter", "filter-too-complex"}  # noqa: PT017 - either outcome is right, a crash is not


@pytest.mark.parametrize("text", ["(" * 20, "(" * 19 + "a=" + ")" * 19, "a IN (" + "(" * 18 + "," + ")" * 18 + ")"])
def test_unclosed_parentheses_cost_nothing(text: str) -> None:
    """The wheel takes seconds for these: its time doubles with every parenthesis."""
    with pytest.raises(BadRequestError):
        parse_text(text)
