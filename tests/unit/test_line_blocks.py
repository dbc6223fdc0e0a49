"""Lines of a text, many at a time: the same lines, however many are taken at once and whatever stands between them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.json_bytes import PADDING
from ingest.readers.line_blocks import Lines, TextLines, TextRoom, blocks, joined
from ingest.readers.mapped_text import mapped
from tests.unit.test_mapped_text import resident_mib
from twin.errors import TwinError

white = st.sampled_from(
    [b"", b" ", b"\t \r", b"\v\f", b"\n\n", b" \n \r\n", b" " * 63, b"\t" * 64, b" \r" * 300 + b"\n" + b" " * 65, b"\n" * 700]
)
texts = st.lists(st.tuples(white, st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), white), max_size=40)
FAR = b" " * 70_000 + b"\n"
"""More than may stand between two lines of a block."""


def lines_of(text: bytes) -> list[bytes]:
    return [line.strip() for line in text.split(b"\n") if line.strip()]


def lines_in(block: Lines) -> list[bytes]:
    assert block.text[len(block.text) - len(PADDING) :].tobytes() == PADDING
    return list(block)


@given(texts, st.integers(1, 5), st.integers(1, 9), st.integers(1, 60), st.integers(0, 50))
def test_blocks_have_every_line_once_and_no_more_than_asked(
    pieces: list[tuple[bytes, bytes, bytes]], first: int, most: int, enough_bytes: int, kept_bytes: int
) -> None:
    text = b"\n".join(before + line + behind for before, line, behind in pieces)
    expected, room = lines_of(text), TextRoom(kept_bytes)
    of_text = [lines_in(b) for b in blocks(TextLines(text, 0), first, most, enough_bytes, room)]
    of_lines = [lines_in(b) for b in blocks(expected, first, most, enough_bytes, room)]
    for found in (of_text, of_lines):
        assert list(itertools.chain(*found)) == expected
        assert all(len(some) <= min(most, first << k) for k, some in enumerate(found))
    assert all(sum(map(len, some[:-1])) < enough_bytes for some in of_text + of_lines)


def test_lines_far_apart_are_in_blocks_of_their_own() -> None:
    text = b"a\nb\n" + FAR + b"c\nd"
    room = TextRoom(0)
    assert [lines_in(b) for b in blocks(TextLines(text, 0), 9, 9, 1 << 20, room)] == [[b"a", b"b"], [b"c", b"d"]]
    assert max(len(b.text) for b in blocks(TextLines(text, 0), 9, 9, 1 << 20, room)) < 50


class Watched(bytes):
    """A text that counts how often it is asked for a part, and for how much."""

    asked = 0
    given_bytes = 0

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        self.asked += 1
        self.given_bytes += len(part) if isinstance(part, bytes) else 1
        return part


@pytest.mark.parametrize(
    "padding", [b" " * 10_000, b" " * 9_999 + b"\r", b"\n" * 10_000, FAR], ids=["fixed-length", "crlf", "blank", "far"]
)
def test_padding_is_gone_through_once_and_not_byte_by_byte(padding: bytes) -> None:
    text = Watched(b"\n".join(b"%d" % k + padding for k in range(100)))
    found = [line for block in blocks(TextLines(text, 0), 8, 8, 1 << 20, TextRoom(0)) for line in lines_in(block)]
    assert found == [b"%d" % k for k in range(100)]
    assert text.given_bytes < 2.1 * len(text)
    assert text.asked < len(text) / 100


@pytest.mark.parametrize("gap", [b" " * (8 << 20), b"\n" * (8 << 20), (b" " * 99_999 + b"\n") * 84], ids=["spaces", "blank", "far"])
def test_of_a_mapped_file_of_padding_little_is_held(tmp_path: Path, gap: bytes) -> None:
    path = tmp_path / "padded"
    path.write_bytes(gap.join(b"\n%d\n" % k for k in range(12)))
    text, held = mapped(path), list[float]()
    for block in blocks(TextLines(text, 0), 4, 4, 1 << 20, TextRoom(0)):
        held.append(resident_mib(path))
        assert len(block) == 1
    assert len(held) == 12
    assert max(held) < 33  # of 96: what has been passed is given back 8 MB at a time, and the system maps some pages around


def test_what_is_left_of_blocks_is_had_line_by_line() -> None:
    lines = TextLines(b"head\na\nb\nc\n", 5)
    assert lines_in(lines.block(2, 100, TextRoom(0))) == [b"a", b"b"]
    assert list(lines) == [b"c"]
    assert not len(lines.block(2, 100, TextRoom(0)))


def test_who_asks_first_is_waited_for_once() -> None:
    asked: list[int] = []
    lines = TextLines(b"a\nb", 0, lambda: asked.append(1))
    assert not asked
    assert (next(lines), next(lines), asked) == (b"a", b"b", [1])


def test_a_block_stands_where_the_one_before_stood() -> None:
    room = TextRoom(100)
    first, second = joined([b"abcdef"], room), joined([b"xyz"], room)
    assert np.shares_memory(first.text, second.text)
    assert (second[0], second[:], first[0][:3]) == (b"xyz", [b"xyz"], b"xyz")


def test_a_line_of_more_than_64_mb_is_refused() -> None:
    with pytest.raises(TwinError, match="64 MB"):
        next(TextLines(b"\n" + b"x" * ((64 << 20) + 1), 1))
