"""Whether the values of a column are surely all different: told from 64-bit hashes while the rows come in, without asking the database.

Nearly every file repeats neither a key nor an outline; only where hashes meet are the staged rows grouped to see what is really the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.sorted_runs import SortedRuns


@dataclass(slots=True)
class DistinctGauge:
    """Takes a column batch by batch; nulls are like nothing."""

    work: Path | None = None
    """As in `SortedRuns`."""
    _hashes: SortedRuns = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no hash."""
        self._hashes = SortedRuns(self.work)

    def add(self, values: pa.Array) -> None:
        """Look at further values, text or bytes. Python's hashes are seeded anew in every process: no file can be made to collide.

        StorageFullError where the disk is full.
        """
        present = values.drop_null() if values.null_count else values
        self._hashes.add(np.fromiter(map(hash, present.to_pylist()), np.int64, len(present)))

    @property
    def all_differ(self) -> bool:
        """Return True when no two values are the same; False when two may be."""
        return self._hashes.all_differ()
