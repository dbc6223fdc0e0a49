"""Whether the values of a column are surely all different: told from 64-bit hashes while the rows come in, without asking the database.

Nearly every file repeats neither a key nor an outline; only where hashes meet are the staged rows grouped to see what is really the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_MOST_VALUES = 4_000_000
"""Above that many nothing is promised: the hashes would be a good part of the memory a load may take."""


@dataclass(slots=True)
class DistinctGauge:
    """Takes a column batch by batch; nulls are like nothing."""

    _hashes: list[npt.NDArray[np.int64]] = field(default_factory=list)
    _count: int = 0

    def add(self, values: pa.Array) -> None:
        """Look at further values, text or bytes. Python's hashes are seeded anew in every process: no file can be made to collide."""
        self._count += len(values) - values.null_count
        if self._count > _MOST_VALUES:
            self._hashes.clear()
            return
        present = values.drop_null() if values.null_count else values
        self._hashes.append(np.fromiter(map(hash, present.to_pylist()), np.int64, len(present)))

    @property
    def all_differ(self) -> bool:
        """Return True when no two values are the same; False when two may be."""
        if self._count > _MOST_VALUES:
            return False
        hashes = np.sort(np.concatenate(self._hashes)) if self._hashes else np.empty(0, np.int64)
        return not bool((hashes[1:] == hashes[:-1]).any())
