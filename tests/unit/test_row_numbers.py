"""Numbers of rows in bits count as a set would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.row_numbers import MOST_ROWS, RowNumbers


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20_000) | st.just(MOST_ROWS - 1))))
def test_numbers_count_once(rows: list[tuple[int, int]]) -> None:
    kept, numbers = RowNumbers(2**33), [source * 2**33 + row for source, row in rows]
    for number in numbers:
        kept.add(number)
    assert len(kept) == len(set(numbers))
    near = {number + off for number in numbers for off in (-1, 0, 1, 5000)} | {0, 3 * 2**33}
    assert {number for number in near if number >= 0 and number in kept} == set(numbers)


def test_no_room_is_made_for_numbers_that_no_file_has() -> None:
    kept = RowNumbers(2**33)
    with pytest.raises(ValueError, match="row"):
        kept.add(2**33 + MOST_ROWS)
    assert len(kept) == 0
