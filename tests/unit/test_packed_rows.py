"""Packed rows are the rows that were packed, however they are asked for."""

from __future__ import annotations

import datetime as dt
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.packed_rows import PackedRows, Row

_BLOCK = 2_500
_COUNTS = st.sampled_from([0, 1, _BLOCK - 1, _BLOCK, _BLOCK + 1, 2 * _BLOCK, 12_000])
_PLACES = st.one_of(st.none(), st.integers(-12_100, 12_100), st.sampled_from([0, _BLOCK - 1, _BLOCK, _BLOCK + 1]))


def rows_of(count: int) -> list[Row]:
    return [(f"YS{k}", "雨水井", "", f"{k * 0.37:.3f}")[: 1 + k % 4] for k in range(count)]


@given(
    count=_COUNTS, skipped=st.sampled_from([0, 1, 3, _BLOCK, _BLOCK + 7]), first=_PLACES, last=_PLACES, step=st.sampled_from([None, 1, 900])
)
def test_slices_are_those_of_a_list(count: int, skipped: int, first: int | None, last: int | None, step: int | None) -> None:
    skipped = min(skipped, count)
    rows, packed = rows_of(count)[skipped:], PackedRows.of(rows_of(count)).without_first(skipped)
    assert len(packed) == len(rows)
    for _ in range(2):
        assert packed[first:last:step] == rows[first:last:step]
    start = min(len(rows), first or 0) if first is None or first >= 0 else 0
    assert [*packed.after(start)] == rows[start:]


def test_rows_by_number_and_in_order() -> None:
    rows = rows_of(6_000)
    packed = PackedRows.of(iter(rows)).without_first(2).without_first(1)
    assert [*packed] == rows[3:]
    assert [packed[0], packed[-1], packed[_BLOCK]] == [rows[3], rows[-1], rows[_BLOCK + 3]]
    for beyond in (5_997, -5_998):
        with pytest.raises(IndexError):
            packed[beyond]


def test_a_cell_more_stands_in_the_same_column_of_every_row() -> None:
    packed = PackedRows.of(rows_of(5_000)).with_cell(3, "PS")
    cells = [("YS0", "", ""), ("YS1", "雨水井", ""), ("YS2", "雨水井", ""), ("YS3", "雨水井", "")]
    assert packed[0:4] == [*islice(packed, 4)] == [(*row, "PS") for row in cells]


def test_cells_added_one_after_the_other_are_all_there() -> None:
    packed = PackedRows.of(rows_of(5_000)).with_cell(3, "PS").with_cell(4, "2024").without_first(1)
    cells = [("YS1", "雨水井", ""), ("YS2", "雨水井", ""), ("YS3", "雨水井", "")]
    assert packed[0:3] == [*islice(packed, 3)] == [(*row, "PS", "2024") for row in cells]


def test_cells_of_all_kinds_come_back_as_they_were() -> None:
    day = dt.date(2020, 2, 29)
    cells: list[Row] = [
        ["a", 1.5, 2, True, None, ""],
        [day, dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC), dt.time(8, 30), dt.timedelta(hours=30), float("inf"), -0.0],
    ]
    rows: list[Row] = [cells[k // _BLOCK % 2] for k in range(3 * _BLOCK)]
    packed = PackedRows.of(rows).with_cell(6, "JS")
    assert [repr(row) for row in packed] == [repr((*row, "JS")) for row in rows]
