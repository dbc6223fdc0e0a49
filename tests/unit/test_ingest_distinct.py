"""The gauge never calls values different that are not, and says so of those that are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.distinct import DistinctGauge
from ingest.sorted_runs import SortedRuns


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


@given(
    st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 0, 2**63 - 1]), max_size=6), max_size=6),
    st.integers(1, 8),
)
def test_runs_on_disk_tell_what_memory_would(batches: list[list[int]], run: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.sorted_runs.RUN", run)
        runs = SortedRuns()
        for batch in batches:
            runs.add(np.array(batch, np.int64))
        everything = [number for batch in batches for number in batch]
        assert runs.all_differ() == (len(set(everything)) == len(everything))
