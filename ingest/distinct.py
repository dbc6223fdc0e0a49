"""Whether the values of a column are surely all different: told from 64-bit hashes while the rows come in, without asking the database.

Nearly every file repeats neither a key nor an outline; only where hashes meet are the staged rows grouped to see what is really the same.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.compiled_hashes import hashed
from ingest.sorted_runs import Hashes, SortedRuns


@dataclass(slots=True)
class DistinctGauge:
    """Takes a column batch by batch; nulls are like nothing."""

    work: Path | None = None
    """As in `SortedRuns`."""
    _hashes: SortedRuns = field(init=False)
    _seed: np.uint64 = field(default_factory=lambda: np.uint64(secrets.randbits(64)))
    _factor: np.uint64 = field(default_factory=lambda: np.uint64(secrets.randbits(64) | 1))
    """Secret, so that nobody makes a file whose values are compared in the database for nothing."""
    _told: bool | None = None

    def __post_init__(self) -> None:
        """Begin with no hash."""
        self._hashes = SortedRuns(self.work)

    def add(self, values: pa.Array) -> None:
        """Look at further values, text or bytes; StorageFullError where the disk is full."""
        present = values.drop_null() if values.null_count else values
        if len(present):
            self._hashes.add(self._hashed(present))
            self._told = None

    @property
    def all_differ(self) -> bool:
        """Return True when no two values are the same; False when two may be."""
        if self._told is None:
            self._told = self._hashes.all_differ()
        return self._told

    def _hashed(self, present: pa.Array) -> Hashes:
        return hashed(present, self._seed, self._factor).view(np.int64)


def ready() -> None:
    """Have the loop compiled, or read from where it was kept."""
    DistinctGauge().add(pa.array(["A"]))
