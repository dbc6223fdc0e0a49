"""The gauge never calls values different that are not, and says so of those that are."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingest.distinct import DistinctGauge


@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=8), max_size=4))
def test_values_of_all_batches_are_compared_and_nulls_are_not(batches: list[list[str | None]]) -> None:
    gauge = DistinctGauge()
    for batch in batches:
        gauge.add(pa.array(batch, pa.string()))
    present = [v for batch in batches for v in batch if v is not None]
    assert gauge.all_differ == (len(set(present)) == len(present))


def test_bytes_are_compared_too() -> None:
    gauge = DistinctGauge()
    gauge.add(pa.array([b"a", b"b"], pa.binary()))
    assert gauge.all_differ
    gauge.add(pa.array([b"b"], pa.binary()))
    assert not gauge.all_differ
