"""What is read of JSON a word at a time: digits, the same bytes, and fractions that need not be written to know how."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.json_bytes import PADDING, after_digits, are_same, digits_at
from ingest.readers.json_fractions import is_shortest
from twin.kernel import high_product, kernel

Bytes = npt.NDArray[np.uint8]
_TEXTS = st.text("0123456789", max_size=24).map(str.encode)


@kernel
def _digits(text: Bytes, at: int) -> tuple[int, int]:
    return digits_at(text, at)


@kernel
def _after(text: Bytes, at: int, end: int) -> int:
    return after_digits(text, at, end)


@kernel
def _same(text: Bytes, one: int, given: Bytes, other: int, count: int) -> bool:
    return are_same(text, one, given, other, count)


@kernel
def _shortest(whole: int, decimals: int, fraction: int) -> bool:
    return is_shortest(whole, decimals, fraction)


@kernel
def _upper(a: np.uint64, b: np.uint64) -> np.uint64:
    return high_product(a, b)


def padded(text: bytes) -> Bytes:
    return np.frombuffer(text + PADDING, dtype=np.uint8)


@given(st.binary(max_size=9), _TEXTS, st.sampled_from([b"", b",", b".", b"/", b":", b"\xff", b"\x80", b"\xb5"]), st.binary(max_size=9))
def test_digits_are_counted_and_read(before: bytes, digits: bytes, stop: bytes, after: bytes) -> None:
    text = before + digits + stop + after
    expected = re.compile(rb"[0-9]*").match(text, len(before))
    assert expected is not None
    count, number = _digits(padded(text), len(before))
    assert count == len(expected[0])
    assert count == 0 or count > 18 or number == int(expected[0])
    assert _after(padded(text), len(before), len(text)) == expected.end()
    assert _after(padded(text), len(before), len(before) + 3) == min(expected.end(), len(before) + 3)


@given(st.binary(min_size=1, max_size=20), st.integers(0, 19), st.binary(max_size=9), st.binary(max_size=9))
def test_bytes_are_the_same_or_not(word: bytes, at: int, before: bytes, after: bytes) -> None:
    other = bytearray(word)
    other[at % len(word)] ^= 1
    texts = [padded(before + w + after) for w in (word, bytes(other))]
    assert _same(texts[0], len(before), padded(word), 0, len(word))
    assert not _same(texts[1], len(before), padded(word), 0, len(word))
    assert _same(texts[1], len(before), padded(word), 0, at % len(word)) or at % len(word) == 0


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_upper_half_of_a_product(a: int, b: int) -> None:
    assert int(_upper(np.uint64(a), np.uint64(b))) == a * b >> 64


def told(text: str) -> bool:
    whole, fraction = text.split(".")
    return _shortest(int(whole), len(fraction), min(int(fraction), 10**18))


@given(st.integers(0, 10**15 - 1) | st.integers(0, 10**6) | st.just(0), st.text("0123456789", min_size=1, max_size=20), st.integers(0, 17))
def test_a_number_that_is_told_to_be_written_so_is(whole: int, fraction: str, nines: int) -> None:
    fraction = fraction[: len(fraction) - nines] + "9" * min(nines, len(fraction))
    if len(fraction) > 1 and fraction.endswith("0"):
        fraction = fraction[:-1] + "5"
    text = f"{whole}.{fraction}"
    assert not told(text) or orjson.dumps(orjson.loads(text)).decode() == text


@given(st.floats(1e-4, 1e15, exclude_max=True) | st.floats(2**-12, 2**20, width=32) | st.integers(1, 2**53).map(lambda n: n / 2**20))
def test_numbers_that_were_written_by_it_are_told(value: float) -> None:
    text = orjson.dumps(value).decode()
    if not 1e-4 <= value < 1e15 or len(text.split(".")[1]) > 18:
        return
    assert told(text) or text.endswith(".0")
    digits = Decimal(text).as_tuple().digits
    if 15 < len(digits) <= 17 and digits[-1] not in (0, 9):
        beside = text[:-1] + str(digits[-1] + 1)
        assert told(beside) == (orjson.dumps(orjson.loads(beside)).decode() == beside)


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("0.0", True),
        ("12.0", True),
        ("0.1", True),
        ("0.30000000000000004", True),
        ("0.3000000000000000", False),
        ("0.30000000000000003", False),
        ("6.024123668670654", True),
        ("9007199254740.993", False),
        ("9007199254740.992", True),
        ("0.0001", True),
        ("0.00001", False),
        ("2.2250738585072011", False),
        ("99999999999999.98", True),
        ("999999999999999.95", False),
        ("0.12345678901234566", True),
        ("0.12345678901234567", False),
        ("0.1234567890123456789", False),
        ("0.00012345678901234567", False),
    ],
)
def test_numbers_at_the_edges(text: str, is_told: bool) -> None:
    assert told(text) == is_told
    assert not is_told or orjson.dumps(orjson.loads(text)).decode() == text
