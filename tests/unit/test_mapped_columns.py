"""Columns in mapped files: as they were given, and no more of them in memory than is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingest.mapped_columns import BatchSpool, MappedColumns, taken

_BATCHES, _ROWS, _COLUMNS = 40, 10_000, 12


def mapped_kib(folder: Path) -> int:
    """Return how much of the files in a folder is in this process's memory."""
    found, is_ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split(" ", 1)[0].endswith(":"):
            is_ours = str(folder) in line
        elif is_ours and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


def test_batches_come_back_as_they_were_and_are_not_held(tmp_path: Path) -> None:
    files = MappedColumns(tmp_path)
    spool, numbers = BatchSpool(files), np.arange(_ROWS, dtype=np.float64)
    for k in range(_BATCHES):
        spool.add(pa.RecordBatch.from_pydict({f"c{i}": pa.array(numbers + k + i) for i in range(_COLUMNS)}))
    size_kib = _BATCHES * _ROWS * _COLUMNS * 8 // 1024
    found = spool.taken()
    assert mapped_kib(tmp_path) < size_kib // 4
    assert [batch.column("c1")[7].as_py() for batch in found] == [7.0 + k + 1 for k in range(_BATCHES)]
    assert mapped_kib(tmp_path) > 0, "what was looked at is there"
    files.let_go()
    assert mapped_kib(tmp_path) == 0
    assert spool.taken() == []


@given(st.lists(st.lists(st.sampled_from(["", "A", "甲", None]), max_size=4), max_size=5), st.data())
def test_values_are_taken_in_any_order_wherever_they_lie(pieces: list[list[str | None]], data: st.DataObject) -> None:
    values = [value for piece in pieces for value in piece]
    rows = data.draw(st.lists(st.integers(0, len(values) - 1))) if values else []
    column = pa.chunked_array(pieces, pa.string())
    assert taken(column, np.array(rows, np.int64)).to_pylist() == [values[row] for row in rows]


def test_of_a_column_of_text_what_is_not_taken_is_not_copied() -> None:
    column = pa.chunked_array([pa.array([f"{k}-{j}" * 10 for j in range(1000)]) for k in range(100)])
    whole, watched = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(watched)
    try:
        assert taken(column, np.array([99_999, 5], np.int64)).to_pylist() == ["99-999" * 10, "0-5" * 10]
    finally:
        pa.set_memory_pool(whole)
    assert 0 < watched.max_memory() < column.nbytes / 100
