"""The compiled loops that put columns together to rows of COPY BINARY.

Columns come as pieces, in their order: each with its kind, a width, where its bytes begin in ``content``, where its ends begin in ``ends``
(one more than rows) and where its marks of NULL begin in ``nulls`` (one a row; -1: it has none).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import copy_bytes, inlined_kernel, kernel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

SAME, FIXED, VARIABLE = 0, 1, 2
"""``width`` bytes that are the same in every row, as they are; a value of ``width`` bytes; a value as long as ``ends`` say (width 0)."""
_LENGTH = 4
_ALL_ONES = 0xFF


@kernel
def measure_rows(kinds: Bytes, widths: Ints, ends_at: Ints, ends: Ints, nulls_at: Ints, nulls: Bytes, starts: Ints) -> None:
    """Write where each row begins, and where the last ends."""
    rows = len(starts) - 1
    starts[:] = 0
    for k in range(len(kinds)):
        for row in range(rows):
            size = widths[k] + (0 if kinds[k] == SAME else _LENGTH)
            if nulls_at[k] >= 0 and nulls[nulls_at[k] + row]:
                size = _LENGTH
            elif kinds[k] == VARIABLE:
                size += ends[ends_at[k] + row + 1] - ends[ends_at[k] + row]
            starts[row + 1] += size
    for row in range(rows):
        starts[row + 1] += starts[row]


@kernel
def join_rows(
    kinds: Bytes, widths: Ints, content_at: Ints, content: Bytes, ends_at: Ints, ends: Ints, nulls_at: Ints, nulls: Bytes,
    starts: Ints, body: Bytes,
) -> None:  # fmt: skip
    """Write each row from ``starts`` on."""
    for row in range(len(starts) - 1):
        at = starts[row]
        for k in range(len(kinds)):
            width = widths[k]
            if kinds[k] == SAME:
                copy_bytes(body, at, content, content_at[k], width)
                at += width
            elif nulls_at[k] >= 0 and nulls[nulls_at[k] + row]:
                for byte in range(_LENGTH):
                    body[at + byte] = _ALL_ONES
                at += _LENGTH
            elif kinds[k] == FIXED:
                at = _put_length(body, at, width)
                copy_bytes(body, at, content, content_at[k] + row * width, width)
                at += width
            else:
                first = ends[ends_at[k] + row]
                size = ends[ends_at[k] + row + 1] - first
                at = _put_length(body, at, size)
                copy_bytes(body, at, content, content_at[k] + first, size)
                at += size


@inlined_kernel
def _put_length(body: Bytes, at: int, length: int) -> int:
    for byte in range(_LENGTH):
        body[at + byte] = (length >> (8 * (_LENGTH - 1 - byte))) & 0xFF
    return at + _LENGTH
