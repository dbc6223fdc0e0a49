"""Keeps on disk what is too much for memory and is read again and again: the blocks of a large town, once for every delivery."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

_ITEMS_A_SPAN = 64


@dataclass(slots=True)
class Spool[Item]:
    """Items in the order of appending, in a file without a name until it is closed; any number of readers at a time."""

    _waiting: list[Item] = field(default_factory=list)
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _file: IO[bytes] | None = None

    def append(self, item: Item) -> None:
        """Add an item."""
        self._waiting.append(item)
        if len(self._waiting) == _ITEMS_A_SPAN:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives until close
            packed = pickle.dumps(self._waiting, protocol=pickle.HIGHEST_PROTOCOL)
            self._spans.append((self._file.tell(), len(packed)))
            self._file.write(packed)
            self._file.flush()
            self._waiting = []

    def __iter__(self) -> Iterator[Item]:
        """Yield the items, one span of them in memory."""
        if self._file is not None:
            for offset, length in self._spans:
                # Our own bytes: the file has no name by which anybody else could have written into it.
                yield from pickle.loads(os.pread(self._file.fileno(), length, offset))  # noqa: S301
        yield from self._waiting

    def close(self) -> None:
        """Give the disk back; nothing can be read afterwards."""
        if self._file is not None:
            self._file.close()
