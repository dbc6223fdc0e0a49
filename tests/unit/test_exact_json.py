"""JSON is read without loss of a digit of an integer, and written with those digits."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import exact_json
from twin.exact_json import SpelledInteger, as_spelled, json_value, lenient_json

NUMBERS = (
    st.integers()
    | st.integers(2**62, 2**66)
    | st.integers(-(2**65), -(2**62))
    | st.integers(10**18, 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(max_size=4) | st.from_regex(r"[\[, ]?-?[0-9]{17,25}[.,\]e ]?", fullmatch=True)
VALUES = st.recursive(
    NUMBERS | TEXTS | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def spelled(value: object) -> object:
    """Return what a value of Python is read as."""
    if isinstance(value, dict):
        return {name: spelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spelled(inner) for inner in value]
    return str(value) if type(value) is int and not -(2**63) <= value < 2**64 else value


@given(VALUES, st.sampled_from([1, 7, 40, 1 << 20]), st.booleans())
def test_integers_keep_their_digits_through_reading_and_writing(value: object, looked_at_bytes: int, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_json, "_LOOKED_AT_BYTES", looked_at_bytes)
        read = json_value(memoryview(text) if ascii_only else text)
    assert read == spelled(value)
    assert json.loads(as_spelled(read)) == value
    assert orjson.loads(orjson.dumps(read)) == spelled(value)
    assert lenient_json(text) == spelled(value)


@given(
    st.text(alphabet='0123456789[]{}":,-.eE \\ud8', max_size=60),
    st.sampled_from(["", "[12345678901234567890,", '{"a":12345678901234567890,"b":']),
)
def test_what_is_no_json_is_none_however_long_its_numbers_are(text: str, before: str) -> None:
    """What is read is what orjson reads, but for those integers."""
    content = (before + text).encode()
    try:
        expected = orjson.loads(content)
    except orjson.JSONDecodeError:
        with pytest.raises(orjson.JSONDecodeError):
            json_value(content)
        return
    assert repr(_as_doubles(json_value(content))) == repr(expected)


def _as_doubles(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_doubles(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_doubles(inner) for inner in value]
    return float(value) if isinstance(value, SpelledInteger) else value


def test_lenient_reading_takes_what_can_be_written_again() -> None:
    read = lenient_json(rb'[1e400, NaN, -Infinity, "\\ud800", "\ud83d\ude00", 123456789012345678901]')
    assert read[3:] == [r"\ud800", "\U0001f600", "123456789012345678901"]
    assert str(read[:3]) == "[inf, nan, -inf]"


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'["\ude00\ud83d"]', b'"\xed\xa0\x80"', b"\x00[", b"[1"])
def test_lenient_reading_refuses_what_is_no_text(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"pair|decode|Expecting"):
        lenient_json(text)


def test_an_identifier_of_many_digits_is_no_long_integer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch of such was parsed once more, by Python (R25)."""
    monkeypatch.setattr("twin.exact_json.json.loads", None)
    assert json_value(b'{"id":"1234567890123456789012345678","n":1}') == {"id": "1234567890123456789012345678", "n": 1}
