"""Numbers of rows in bits count as a set would."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.row_numbers import RowNumbers


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20_000) | st.just(2**25 - 1) | st.integers(2**25, 2**33 - 1))))
def test_numbers_count_once(rows: list[tuple[int, int]]) -> None:
    kept, numbers = RowNumbers(2**33), [source * 2**33 + row for source, row in rows]
    for number in numbers:
        kept.add(number)
    assert len(kept) == len(set(numbers))
