"""Numbers put in order within a kernel that allocates nothing."""

from __future__ import annotations

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
