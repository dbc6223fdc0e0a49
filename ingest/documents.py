"""The documents that rows came from, on their way out of the sandbox: as they are kept (`twin.packed_documents`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.protocol import DOCUMENTS

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor
else:
    from backports.zstd import ZstdCompressor

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


_MOST_BYTES = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Lines of which all is packed but the rest of their texts, which is left to be compressed."""

    rest: Bytes
    rest_end: Ints
    """(L,) where the rest of each line ends."""
    arrays: Bytes
    arrays_end: Ints
    """(L,) where what stands before it ends, the magic, sizes and arrays; where that of the line before does: it is not packed."""
    line_of_row: Ints | None = None
    """Which line each row is of, -1 for none; None: the lines are the rows."""

    def are_packed(self) -> Mask:
        """Return (R,) whether the document of each row is packed."""
        packed = np.append(np.diff(self.arrays_end, prepend=0) > 0, False)  # none of no line
        return packed[:-1] if self.line_of_row is None else packed[self.line_of_row]

    def pieces(self) -> list[tuple[memoryview, memoryview] | None]:
        """Return of each row what stands before the block, and what the block is made of; None where it is not packed."""
        rest, arrays, at, begin = self.rest.data, self.arrays.data, 0, 0
        pieces: list[tuple[memoryview, memoryview] | None] = []
        for rest_end, end in zip(self.rest_end.tolist(), self.arrays_end.tolist(), strict=True):
            pieces.append((arrays[begin:end], rest[at:rest_end]) if end > begin else None)
            at, begin = rest_end, end
        return pieces if self.line_of_row is None else [pieces[line] if line >= 0 else None for line in self.line_of_row.tolist()]


def compressed(documents: Sequence[bytes | None], packing: Packing | None = None) -> pa.BinaryArray:
    """Return documents as they are kept, packed or each a zstd frame, null where there is none; other threads go on meanwhile."""
    compressor = ZstdCompressor(level=1)  # one for all: its tables take a quarter of the time that a document takes
    pieces = packing.pieces() if packing else [None] * len(documents)
    block = pa.Codec("lz4_raw").compress
    parts, ends, end = list[bytes | memoryview](), [0], 0
    for document, piece in zip(documents, pieces, strict=True):
        kept: tuple[bytes | memoryview, ...] = ()
        if piece is not None:
            kept = (piece[0], block(piece[1], asbytes=True))
        elif document is not None:
            kept = (compressor.compress(document, ZstdCompressor.FLUSH_FRAME),)
        parts += kept
        end += sum(map(len, kept))
        ends.append(end)
    if end > _MOST_BYTES:
        raise ValueError("more than 2 GB of documents in a batch")
    offsets = np.array(ends, dtype=np.int32)
    there = np.diff(offsets) > 0
    mask = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.BinaryArray.from_buffers(pa.binary(), len(there), [mask, pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))])


def documents_table(documents: pa.BinaryArray, rows: Ints, keep: Mask) -> pa.RecordBatch | None:
    """Return the `compressed` documents of the rows that are kept, in the layout of `DOCUMENTS`."""
    kept = keep & documents.is_valid().to_numpy(zero_copy_only=False)
    if not kept.any():
        return None
    some = documents if kept.all() else documents.filter(pa.array(kept))
    return pa.RecordBatch.from_arrays([pa.array(rows[kept], pa.int64()), some], schema=DOCUMENTS)
