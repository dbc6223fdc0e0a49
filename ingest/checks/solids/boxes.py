"""Which boxes meet another one, eight at a time, within kernels that allocate nothing.

Boxes of d axes are columns of an array (2d, n): of each axis the least before the greatest, to which a distance of contact is added.
"""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import Floats
from twin.kernel import bare_kernel, eight_at_least, eight_at_most


@bare_kernel
def fill_around(box: Floats, count: int, around: Floats) -> None:
    """Fill in (2d, n / 8) the boxes around each eight of ``count`` boxes (2d, n).

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


@bare_kernel
def meet_eight(some: Floats, first: int, box: Floats, j: int) -> np.uint64:
    """Return bits of which of eight boxes in the plane, from the ``first`` on, meet another one, ``j`` of ``box``."""
    x = eight_at_most(some, 0, first, box[1, j]) & eight_at_least(some, 1, first, box[0, j])
    return x & eight_at_most(some, 2, first, box[3, j]) & eight_at_least(some, 3, first, box[2, j])
