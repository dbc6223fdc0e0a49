"""Columns in mapped files: as they were given, and no more of them in memory than is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.mapped_columns import BatchSpool, MappedColumns

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
    taken = spool.taken()
    assert mapped_kib(tmp_path) < size_kib // 4
    assert [batch.column("c1")[7].as_py() for batch in taken] == [7.0 + k + 1 for k in range(_BATCHES)]
    assert mapped_kib(tmp_path) > 0, "what was looked at is there"
    files.let_go()
    assert mapped_kib(tmp_path) == 0
    assert spool.taken() == []
