"""Extremes of coordinate arrays: NumPy reduces narrow arrays along their long axis an order slower than a loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel

_BLOCK = 64


def extent[T: np.generic](rows: NDArray[T]) -> tuple[NDArray[T], NDArray[T]]:
    """Return the least and the greatest value of each column of ``rows`` (n, k), n ≥ 1; NaN is not looked for."""
    low, high = rows[0].copy(), rows[0].copy()
    _extremes(rows, low, high)
    return low, high


@kernel
def _extremes(rows: NDArray[np.generic], low: NDArray[np.generic], high: NDArray[np.generic]) -> None:
    """Widen ``low`` and ``high``: place by place of blocks of rows first, which needs no order and is done in vector registers."""
    columns, flat = rows.shape[1], rows.ravel()
    width = _BLOCK * columns
    lows, highs = np.empty(width, rows.dtype), np.empty(width, rows.dtype)
    for i in range(width):
        lows[i], highs[i] = low[i % columns], high[i % columns]
    for start in range(0, len(flat), width):
        widen(flat[start : start + width], lows, highs)
    for i in range(width):
        k = i % columns
        low[k], high[k] = min(low[k], lows[i]), max(high[k], highs[i])


@kernel
def widen(values: NDArray[np.generic], lows: NDArray[np.generic], highs: NDArray[np.generic]) -> None:
    """Keep the extremes of ``values``, at most as many as there are of them, place by place."""
    for i in range(len(values)):
        lows[i] = min(lows[i], values[i])
        highs[i] = max(highs[i], values[i])
