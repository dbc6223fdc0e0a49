"""Extremes of coordinate arrays: NumPy reduces narrow arrays along their long axis an order slower than a loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel


def extent[T: np.generic](rows: NDArray[T]) -> tuple[NDArray[T], NDArray[T]]:
    """Return the least and the greatest value of each column of ``rows`` (n, k), n ≥ 1; NaN is not looked for."""
    low, high = rows[0].copy(), rows[0].copy()
    _extremes(rows, low, high)
    return low, high


@kernel
def _extremes(rows: NDArray[np.generic], low: NDArray[np.generic], high: NDArray[np.generic]) -> None:
    for k in range(rows.shape[1]):
        least, most = low[k], high[k]
        for i in range(len(rows)):
            value = rows[i, k]
            least = min(least, value)
            most = max(most, value)
        low[k], high[k] = least, most
