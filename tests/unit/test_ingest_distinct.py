"""The gauge never calls values different that are not, and says so of those that are."""

import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.distinct import DistinctGauge
from ingest.sorted_runs import SortedRuns
from twin.errors import StorageFullError


@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=3), st.text("ab", min_size=7, max_size=17)), max_size=8), max_size=4))
def test_values_of_all_batches_are_compared_and_nulls_are_not(batches: list[list[str | None]]) -> None:
    gauge = DistinctGauge()
    for batch in batches:
        gauge.add(pa.array(batch, pa.string()))
    present = [v for batch in batches for v in batch if v is not None]
    assert gauge.all_differ == (len(set(present)) == len(present))


def test_hashes_are_spread_and_whatever_differs_in_one_bit_has_another() -> None:
    texts = [
        bytes(1 << bit if byte == at else 0 for byte in range(size)) for size in (1, 8, 9, 24) for at in range(size) for bit in range(8)
    ]
    gauge = DistinctGauge()
    found = gauge._hashed(pa.array(texts, pa.binary()))
    assert len(set(found.tolist())) == len(texts)
    assert len(set((found >> 56).tolist())) > 100, "over the parts that runs are read in"


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
        assert runs.repeated().tolist() == sorted({number for number in everything if everything.count(number) > 1})


def test_memory_for_one_hash_does_not_grow_with_the_rows_that_have_it() -> None:
    rows, a_run = 1 << 20, 1 << 14
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.sorted_runs.RUN", a_run)
        runs = SortedRuns()
        for _ in range(rows // a_run):
            runs.add(np.full(a_run, 7, np.int64))
        tracemalloc.start()
        try:
            assert runs.repeated().tolist() == [7]
            assert not runs.all_differ()
            assert tracemalloc.get_traced_memory()[1] < rows, "bytes: less than one a row"
        finally:
            tracemalloc.stop()


def test_runs_lie_in_the_folder_for_them(tmp_path: Path) -> None:
    work, made = tmp_path / "work", tempfile.TemporaryFile
    asked: list[object] = []

    def noted(**options: Any) -> object:
        asked.append(options["dir"])
        return made(**options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.sorted_runs.RUN", 1)
        patch.setattr(tempfile, "TemporaryFile", noted)
        runs = SortedRuns(work)
        runs.add(np.array([1, 2], np.int64))
    assert asked == [work]
    assert runs.all_differ()
    assert list(work.iterdir()) == [], "it has no name there"


def test_a_full_disk_is_said_to_be_full() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.sorted_runs.RUN", 1)
        patch.setattr(tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("r+b", buffering=0))  # noqa: SIM115
        with pytest.raises(StorageFullError):
            SortedRuns().add(np.array([1, 2], np.int64))
