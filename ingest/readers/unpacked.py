"""What is unpacked of an archive lies in a file without a name, opened before the doors close: it is no memory of who reads it.

Pages of the file that were looked at count as the reader's while they are mapped; they are given back as those of any mapped file
(`ingest.readers.mapped_text`). The process may write there as much as an archive may hold and nowhere else (`ingest.confinement`).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.confinement.closing import unavailable
from ingest.readers.mapped_text import mapped_part
from ingest.work_files import append, full_disk_told, unnamed_file

Unpacked = bytes | memoryview
"""The bytes of one file out of an archive; a view is of a mapped file."""


class Scratch:
    """A file for what is unpacked, one after the other; what was mapped stays when it is closed."""

    def __init__(self, work: Path | None) -> None:
        """Open it in ``work``, as `ReadRequest` has it; StorageFullError, or UnavailableError where it cannot be for another reason."""
        with _faults_told():
            self._file, self._beside = unnamed_file(work), unnamed_file(work)
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._beside.close()

    @property
    def path(self) -> Path:
        """Where this process, and no other, can open it for reading."""
        return Path(f"/proc/self/fd/{self._file.fileno()}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing was unpacked into it: what is then unpacked first can be read as the whole file."""
        return self._end == 0

    def beside(self) -> int:
        """Return the number of a second file, which is empty: what is unpacked must not grow while it is read."""
        return self._beside.fileno()

    def append(self, chunks: Iterable[bytes]) -> int:
        """Write a file behind those that are there and return its length; errors as when it is opened."""
        begin = self._end
        for chunk in chunks:
            with _faults_told():
                self._end = append(self._file, chunk) + len(chunk)
        return self._end - begin

    def mapped(self, lengths: Sequence[int]) -> list[memoryview]:
        """Return the last files that were written, of these lengths, in one mapping."""
        begin = self._end - sum(lengths)
        aligned = begin - begin % mmap.ALLOCATIONGRANULARITY
        if begin == self._end:
            return [memoryview(b"") for _ in lengths]
        whole = memoryview(mapped_part(self._file.fileno(), self._end - aligned, aligned))
        ends = accumulate(lengths, initial=begin - aligned)
        return [whole[first:last] for first, last in pairwise(ends)]


@contextmanager
def _faults_told() -> Iterator[None]:
    """Have a fault of our own disk told as ours, not as the file's."""
    try:
        with full_disk_told():
            yield
    except OSError as error:
        raise unavailable(f"archives cannot be unpacked: {error}") from error
