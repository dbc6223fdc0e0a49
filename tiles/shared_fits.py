"""Projections of contents by fits that neighbours share: the exact function is asked once a block of the absolute grid.

Asking it costs more in calls than in points: one fit serves up to some dozen contents. Which block serves a content follows from its
positions alone, so a full build and an edit give the same bytes.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from tiles.extent import extent
from tiles.local_frame import Points, Projection, ToGeocentric, fit_projection

_SIDES_M = np.array([2048.0, 2048.0, 1024.0])
"""Of a block, E, N and H; counted from 0. The cubic is off by less than a micrometre there, but where a line of the geoid grid runs."""
_OVERHANG_M = np.array([256.0, 256.0, 256.0])
"""How far a content may reach beyond the block that its middle lies in."""
_RESIDUAL_M = 0.0001
_KEPT = 64


class SharedFits:
    """Projections from ``to_geocentric``; used by several threads."""

    def __init__(self, to_geocentric: ToGeocentric) -> None:
        self._exact = to_geocentric
        self._fit = functools.lru_cache(_KEPT)(self._fitted)

    def over(self, positions: Points) -> Projection:
        """Return the projection for the box around ``positions`` (n, 3) E, N, H.

        By a fit of its own where it reaches beyond its block or the block's is off by more than a tenth of a millimetre.
        """
        low, high = extent(positions)
        middle = (low + high) / 2
        block = np.floor(middle / _SIDES_M)
        least, most = _box(block)
        if (low >= least).all() and (high <= most).all():
            fit = self._fit(*block.tolist())
            if fit.coefficients is not None and fit.residual_m <= _RESIDUAL_M:
                return fit.around(middle)
        return fit_projection(self._exact, positions)

    def _fitted(self, column: float, row: float, layer: float) -> Projection:
        return fit_projection(self._exact, np.stack(_box(np.array([column, row, layer]))))


def _box(block: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of what a block's fit serves."""
    return block * _SIDES_M - _OVERHANG_M, (block + 1) * _SIDES_M + _OVERHANG_M
