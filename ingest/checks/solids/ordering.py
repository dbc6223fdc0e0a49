"""Numbers put in order, and boxes put together, within a kernel that allocates nothing."""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import Floats, Ints
from twin.kernel import bare_kernel

_FEW = 64
"""So many are put in order by steps of one at once."""


@bare_kernel
def fill_order(keys: Floats, count: int, order: Ints) -> None:
    """Fill ``order`` with the places of the first ``count`` keys from the least on (D. Shell 1959; gaps of 2^k − 1, T. Hibbard 1963)."""
    gap = 1
    while count > _FEW and 2 * gap + 1 < count // 2:
        gap = 2 * gap + 1
    for place in range(count):
        order[place] = place
    while gap > 0:
        for place in range(gap, count):
            moved, k = order[place], place
            key = keys[moved]
            while k >= gap and keys[order[k - gap]] > key:
                order[k] = order[k - gap]
                k -= gap
            order[k] = moved
        gap //= 2


@bare_kernel
def fill_around(box: Floats, count: int, around: Floats) -> None:
    """Fill in (2d, n / 8) the boxes around each eight of ``count`` boxes (2d, n), the least of each of d axes before its greatest.

    Both have room for eight more: after the last there stand some that nothing meets.
    """
    for row in range(0, len(box), 2):
        for k in range(count, (count + 7) // 8 * 8):
            box[row, k], box[row + 1, k] = np.inf, -np.inf
        for block in range((count + 7) // 8):
            low, high = np.inf, -np.inf
            for k in range(8 * block, 8 * block + 8):
                low, high = min(low, box[row, k]), max(high, box[row + 1, k])
            around[row, block], around[row + 1, block] = low, high
        for block in range((count + 7) // 8, (count + 7) // 8 + 8):
            around[row, block], around[row + 1, block] = np.inf, -np.inf
