"""The keys of rejected rows, any number of them: sorted runs on disk, so that memory holds one run while rows are read.

Then they are in memory: all at once for the rules of a later load (`ingest.set_rules.asking`), and from matching on until the submission
is published (`ingest.publish.Part`).
"""

from __future__ import annotations

import heapq
import io
import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

import orjson

from ingest.work_files import append, unnamed_file

RUN = 1 << 17
"""Keys that are kept in memory, at most: some 15 MB."""
_BLOCK_BYTES = 1 << 16
"""Of each run that are in memory while all are gone through."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class RejectedKeys:
    """Takes keys in any order, and gives each once, in their order; how often it may be asked."""

    work: Path | None = None
    """The folder for what does not stay in memory, made where it is not there; None: where the machine has temporary files."""
    taken: int = 0
    """Grows whenever a key comes that is new, and now and then for one that is not."""
    _latest: set[str] = field(default_factory=set)
    _borders: list[int] = field(default_factory=lambda: [0])
    """Where runs begin and end in the file, in bytes."""
    _file: io.FileIO | None = None
    """Has no name: it goes with the process at the latest."""

    def add(self, key: str) -> None:
        """Take a key; a full run goes to disk, StorageFullError where that is full."""
        if key in self._latest:
            return
        self._latest.add(key)
        self.taken += 1
        if len(self._latest) >= RUN:
            self._spill()

    def __iter__(self) -> Iterator[str]:
        """Yield each key once, in order."""
        runs = [self._read(start, end) for start, end in pairwise(self._borders)]
        return (key for key, _ in groupby(heapq.merge(*runs, sorted(self._latest))))

    def _spill(self) -> None:
        if self._file is None:
            self._file = unnamed_file(self.work)
            weakref.finalize(self, self._file.close)
        run = b"".join(orjson.dumps(key) + b"\n" for key in sorted(self._latest))
        self._borders.append(append(self._file, run) + len(run))
        self._latest.clear()

    def _read(self, start: int, end: int) -> Iterator[str]:
        if self._file is None:
            raise RuntimeError("a run without a file")
        rest = b""
        while start < end:
            block = os.pread(self._file.fileno(), min(_BLOCK_BYTES, end - start), start)
            start += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from map(orjson.loads, lines)
