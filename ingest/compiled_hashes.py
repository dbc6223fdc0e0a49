"""A compiled loop that hashes texts and bytes of a column: 64 bits each, spread evenly, of another kind in every process."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from twin.kernel import kernel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_WORD = 8
_SHIFT = np.uint64(32)
_ODD_1, _ODD_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
"""Multipliers of the last step of MurmurHash3 (Appleby, public domain), after which each bit depends on all."""


def hashed(values: pa.Array, seed: np.uint64, factor: np.uint64) -> Hashes:
    """Return the hash of each value of a column of text or bytes, that of null any; ``seed`` is secret, ``factor`` secret and odd."""
    offsets = np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, values.offset * 4).astype(np.int64)
    content = np.frombuffer(values.buffers()[2] or b"\0", np.uint8)
    content.setflags(write=False)  # whoever made the column: the loop is compiled ahead for one kind of array
    found = np.empty(len(values), np.uint64)
    hash_rows(content, offsets, seed, factor, found)
    return found


@kernel
def hash_rows(content: Bytes, offsets: Ints, seed: np.uint64, factor: np.uint64, found: Hashes) -> None:
    """Write the hash of each row, word by word of eight bytes; ``seed`` is secret, ``factor`` secret and odd."""
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        mixed = seed ^ np.uint64(end - at)
        while end - at >= _WORD:
            word = np.uint64(0)
            for place in range(_WORD):
                word |= np.uint64(content[at + place]) << np.uint64(8 * place)
            mixed = (mixed ^ word) * factor
            mixed ^= mixed >> _SHIFT
            at += _WORD
        word = np.uint64(0)
        for place in range(end - at):
            word |= np.uint64(content[at + place]) << np.uint64(8 * place)
        mixed = (mixed ^ word) * _ODD_1
        mixed = (mixed ^ (mixed >> _SHIFT)) * _ODD_2
        found[row] = mixed ^ (mixed >> _SHIFT)
