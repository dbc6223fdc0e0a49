"""Files that are read where they lie: what a reader has passed counts as its memory no longer, however large the file is."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

MappedText = bytes | mmap.mmap
_AT_A_TIME_BYTES = 8 << 20


def mapped(path: Path) -> MappedText:
    """Return the content of a file without reading it yet; MemoryError where it does not fit among the addresses of the process."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return mapped_part(file.fileno(), size) if size else b""


def mapped_part(descriptor: int, length: int, begin: int = 0) -> mmap.mmap:
    """Return ``length`` bytes of a file from ``begin`` on, which a page begins with; as `mapped`."""
    try:
        return mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=begin)
    except OSError as error:
        if error.errno == errno.ENOMEM:  # it is the file that is too large, not unreadable
            raise MemoryError(str(error)) from error
        raise


class ReadThrough:
    """Follows a reader through a text and gives the pages behind it back; whoever goes there again finds the same bytes."""

    def __init__(self, text: object) -> None:
        """Follow through ``text``; nothing is done for one that is not a mapped file, or a view of one."""
        inner = text.obj if isinstance(text, memoryview) else text
        self._file = inner if isinstance(inner, mmap.mmap) else None
        self._given_back = 0

    def passed(self, at: int) -> None:
        """Note that what lies before byte ``at`` has been read; a lower number than before begins anew from there."""
        if self._file is None:
            return
        end = at - at % mmap.PAGESIZE
        if end < self._given_back:
            self._given_back = end
        elif end - self._given_back >= _AT_A_TIME_BYTES:
            self._file.madvise(mmap.MADV_DONTNEED, self._given_back, end - self._given_back)
            self._given_back = end
