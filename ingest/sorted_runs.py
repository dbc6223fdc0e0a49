"""Hashes of any number of values, told which are the same: sorted runs on disk, so that memory holds one run.

Besides, only where hashes repeat: 8 bytes for each that does, and of the many that may be the same two a run.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.work_files import append, unnamed_file

Hashes = npt.NDArray[np.int64]
RUN = 1 << 19
"""Hashes that are kept in memory, at most: 4 MB."""
_PARTS = 256
_BOUNDS = tuple(range(-(2**63), 2**63, 2**64 // _PARTS))
"""Where the parts of the range of 64-bit numbers begin, over which hashes are spread evenly."""


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    """Its place in the file, in hashes."""
    cuts: tuple[int, ...]
    """Where the hashes of each part begin in it, and their number."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class SortedRuns:
    """Takes hashes in any order."""

    work: Path | None = None
    """The folder for what does not stay in memory, made where it is not there; None: where the machine has temporary files."""
    _pending: list[Hashes] = field(default_factory=list)
    _runs: list[_Run] = field(default_factory=list)
    _file: io.FileIO | None = None
    """Has no name: it goes with the process at the latest."""

    def add(self, hashes: Hashes) -> None:
        """Take further hashes; a full run goes to disk, StorageFullError where that is full."""
        self._pending.append(hashes)
        if sum(map(len, self._pending)) >= RUN:
            self._spill()

    def all_differ(self) -> bool:
        """Return whether no two hashes are the same."""
        return not any(bool((part[1:] == part[:-1]).any()) for part in self._in_order())

    def repeated(self) -> Hashes:
        """Return the hashes that came more than once, in order, each once: memory for these, too."""
        return np.concatenate([np.unique(part[1:][part[1:] == part[:-1]]) for part in self._in_order()])

    def _spill(self) -> None:
        run = self._sorted_pending()
        self._pending = []
        if self._file is None:
            self._file = unnamed_file(self.work)
            weakref.finalize(self, self._file.close)
        self._runs.append(_Run(append(self._file, run) // run.itemsize, _cuts(run)))

    def _sorted_pending(self) -> Hashes:
        return _twice_at_most(np.sort(np.concatenate(self._pending))) if self._pending else np.empty(0, np.int64)

    def _in_order(self) -> Iterator[Hashes]:
        """Yield all hashes in order, in parts between which none is repeated."""
        last = self._sorted_pending()
        cuts = _cuts(last)
        for part in range(_PARTS):
            pieces = [last[cuts[part] : cuts[part + 1]], *(self._read(run, part) for run in self._runs)]
            yield np.sort(np.concatenate(pieces))

    def _read(self, run: _Run, part: int) -> Hashes:
        if self._file is None:
            raise RuntimeError("a run without a file")
        self._file.seek((run.start + run.cuts[part]) * np.dtype(np.int64).itemsize)
        return np.fromfile(self._file, np.int64, run.cuts[part + 1] - run.cuts[part])


def _twice_at_most(run: Hashes) -> Hashes:
    """Return a sorted run without what comes a third time: two tell as much."""
    further = run[2:] == run[:-2]
    return run[np.concatenate([[True, True], ~further])] if further.any() else run


def _cuts(run: Hashes) -> tuple[int, ...]:
    return (*np.searchsorted(run, np.array(_BOUNDS)).tolist(), len(run))
