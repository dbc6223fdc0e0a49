"""Columns of any number of rows: what is more than a little lies in files that are mapped, so that memory holds what is looked at."""

from __future__ import annotations

import io
import mmap
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched, chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.work_files import append, unnamed_file

_IN_MEMORY_BYTES = 1 << 20
"""An array up to this size stays in memory."""
_PIECES_AT_A_TIME = 8
"""Pieces of a column, such as a reader's batches, that are looked at before memory is given back."""
_PENDING_BYTES = 1 << 22
"""Batches are written so many at a time."""

Array = npt.NDArray[Any]


@dataclass(slots=True, eq=False)
class MappedColumns:
    """Makes arrays and batches, those in files read from there, or from what the system keeps of them, whenever they are looked at."""

    work: Path | None = None
    """Folder for the files; None: where the machine has temporary files."""
    _maps: weakref.WeakSet[mmap.mmap] = field(default_factory=weakref.WeakSet)

    def array(self, pieces: Iterable[Array], dtype: type[np.generic]) -> Array:
        """Return the pieces as one array of its own, which may be written to; StorageFullError where the disk is full."""
        rest, held, size = iter(pieces), list[Array](), 0
        for piece in rest:
            held.append(piece)
            size += piece.nbytes
            if size > _IN_MEMORY_BYTES:
                break
        if size <= _IN_MEMORY_BYTES:
            return np.concatenate([np.empty(0, dtype), *held]).astype(dtype, copy=False)
        with unnamed_file(self.work) as file:
            for piece in chain(held, rest):
                append(file, np.ascontiguousarray(piece, dtype))
            return np.frombuffer(self.mapped(file), dtype)

    def batches(self, batches: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
        """Return batches as they are; StorageFullError where the disk is full."""
        spool = BatchSpool(self)
        for batch in batches:
            spool.add(batch)
        return spool.taken()

    def texts(self, pieces: Iterable[pa.Array]) -> pa.ChunkedArray:
        """Return a column of text."""
        spool = BatchSpool(self, _IN_MEMORY_BYTES)
        for piece in pieces:
            spool.add(pa.RecordBatch.from_arrays([piece], ["text"]))
        return pa.chunked_array([batch.column(0) for batch in spool.taken()], pa.string())

    def mapped(self, file: io.FileIO) -> mmap.mmap:
        """Return the content of a file that is not empty; it may be closed."""
        found = mmap.mmap(file.fileno(), 0)
        self._maps.add(found)
        return found

    def take_over(self, others: MappedColumns) -> None:
        """Have `let_go` here give back the memory of what others mapped, too."""
        self._maps |= others._maps

    def let_go_between[T](self, pieces: Iterable[T]) -> Iterator[T]:
        """Yield pieces of a column, giving back memory after some: where pages are large a look at one column maps its neighbours, too."""
        for some in batched(pieces, _PIECES_AT_A_TIME):
            yield from some
            self.let_go()

    def let_go(self) -> None:
        """Give back the memory in which files were looked at."""
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)


class BatchSpool:
    """Takes batches one by one and gives them back in their order; a few stay in memory, more go into a file."""

    def __init__(self, columns: MappedColumns, pending_bytes: int | None = None) -> None:
        """What is less than ``pending_bytes`` waits in memory for more, or stays there."""
        self._columns = columns
        self._most_pending = _PENDING_BYTES if pending_bytes is None else pending_bytes
        self._pending: list[pa.RecordBatch] = []
        self._streams: list[tuple[int, int]] = []
        """Where streams of Arrow begin in the file, and where they end."""
        self._file: io.FileIO | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch; StorageFullError where the disk is full."""
        self._pending.append(batch)
        if sum(b.nbytes for b in self._pending) > self._most_pending:
            self._write()

    def taken(self) -> list[pa.RecordBatch]:
        """Return all batches; the spool is empty then."""
        last, self._pending = self._pending, []
        streams, self._streams = self._streams, []
        file, self._file = self._file, None
        if file is None:
            return last
        with file:
            content = pa.py_buffer(self._columns.mapped(file))
        found: list[pa.RecordBatch] = []
        for start, end in streams:
            found += pa.ipc.open_stream(content[start:end])
            self._columns.let_go()  # a look at the head of a batch may map all of it
        return found + last

    def _write(self) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._pending[0].schema) as stream:
            for batch in self._pending:
                stream.write_batch(batch)
        self._pending = []
        if self._file is None:
            self._file = unnamed_file(self._columns.work)
            weakref.finalize(self, self._file.close)
        written = sink.getvalue()
        start = append(self._file, written)
        self._streams.append((start, start + written.size))


def taken(column: pa.ChunkedArray, rows: npt.NDArray[np.int64]) -> pa.Array:
    """Return some values of a column, piece by piece: Arrow joins all pieces of a column of text to take any of it."""
    starts = np.cumsum([0, *map(len, column.chunks)])
    piece = np.searchsorted(starts, rows, side="right") - 1
    by_piece = np.argsort(piece, kind="stable")
    pieces, first = np.unique(piece[by_piece], return_index=True)
    of_piece = zip(pieces.tolist(), np.split(rows[by_piece], first[1:]), strict=True) if len(rows) else ()
    found = [column.chunk(k).take(pa.array(some - starts[k])) for k, some in of_piece]
    back = np.empty(len(rows), np.int64)
    back[by_piece] = np.arange(len(rows))
    return pa.concat_arrays([pa.array([], column.type), *found]).take(pa.array(back))
