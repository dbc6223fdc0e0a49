"""Places by numbers, and packed rows by places, are those of a dictionary and of a list."""

from __future__ import annotations

from array import array

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.numbered import Numbered
from ingest.readers.packed_rows import PackedRows
from ingest.readers.vct_lines import HeldLines, Line

_NUMBERS = st.lists(st.one_of(st.integers(-5, 5), st.sampled_from([2**63 - 1, -(2**63) + 1])), max_size=30)


@given(numbers=_NUMBERS, wanted=_NUMBERS)
def test_the_last_place_counts(numbers: list[int], wanted: list[int]) -> None:
    numbered = Numbered(array("q", numbers))
    last = {number: place for place, number in enumerate(numbers)}
    assert numbered.last_of(np.array(wanted, np.int64)).tolist() == [last.get(number, -1) for number in wanted]
    for number in wanted:
        assert numbered.last(number) == last.get(number)
        assert [*numbered.all(number)] == [place for place, other in enumerate(numbers) if other == number]


@given(indices=st.lists(st.integers(0, 7_990), max_size=40), skipped=st.sampled_from([0, 1, 2_507]))
def test_packed_rows_by_their_places(indices: list[int], skipped: int) -> None:
    rows = [(str(k), "水田") for k in range(8_000)]
    indices = [min(index, len(rows) - skipped - 1) for index in indices]
    assert [*PackedRows.of(rows).without_first(skipped).at(indices)] == [rows[skipped:][index] for index in indices]


_VERTICES = st.lists(st.one_of(st.tuples(*[st.floats(allow_nan=False)] * 2), st.tuples(*[st.floats(allow_nan=False)] * 3)), max_size=4)
_LINES = st.builds(Line, st.lists(_VERTICES, max_size=3), st.lists(st.integers(-9, 9), max_size=3))


def plain(line: Line | None) -> tuple[object, ...] | None:
    return None if line is None else ([*line.pieces], [*line.parts])


@given(lines=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["11", "12"]), _LINES, st.booleans()), max_size=12))
def test_lines_come_back_as_they_were(lines: list[tuple[int, str, Line, bool]]) -> None:
    held = HeldLines()
    for number, code, line, has_curves in lines:
        held.add(number, code, line, has_curves=has_curves)
    assert [held.described(at) for at in range(len(held))] == [(number, code, has_curves) for number, code, _, has_curves in lines]
    by_number = {number: line for number, _, line, _ in lines}
    for number in range(6):
        assert plain(held.called(number)) == plain(by_number.get(number))
        assert held.has_curves(number) == any(curves for other, _, _, curves in lines if other == number)
