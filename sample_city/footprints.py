"""Footprints of buildings in a block's own frame: rings of (x, y) metres, exterior first and counter-clockwise, holes clockwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
Rings = tuple[Ring, ...]


def rectangle(x: float, y: float, width: float, depth: float) -> Rings:
    """Return a rectangle with its south-west corner at (x, y)."""
    return (_ring([(x, y), (x + width, y), (x + width, y + depth), (x, y + depth)]),)


def l_shape(x: float, y: float, width: float, depth: float, wing: float) -> Rings:
    """Return an L: a bar along the south of ``width`` and a wing along the west of ``depth``, both ``wing`` thick."""
    return (_ring([(x, y), (x + width, y), (x + width, y + wing), (x + wing, y + wing), (x + wing, y + depth), (x, y + depth)]),)


def u_shape(x: float, y: float, width: float, depth: float, wing: float) -> Rings:
    """Return a U that opens to the south: a bar along the north and two wings, all ``wing`` thick."""
    right, top = x + width, y + depth
    return (
        _ring([
            (x, y), (x + wing, y), (x + wing, top - wing), (right - wing, top - wing),
            (right - wing, y), (right, y), (right, top), (x, top),
        ]),
    )  # fmt: skip


def h_shape(x: float, y: float, width: float, depth: float, wing: float) -> Rings:
    """Return an H: two wings ``wing`` thick along west and east, joined by a bar in the middle."""
    right, top, low, high = x + width, y + depth, y + (depth - wing) / 2, y + (depth + wing) / 2
    return (
        _ring([
            (x, y), (x + wing, y), (x + wing, low), (right - wing, low), (right - wing, y), (right, y),
            (right, top), (right - wing, top), (right - wing, high), (x + wing, high), (x + wing, top), (x, top),
        ]),
    )  # fmt: skip


def courtyard(x: float, y: float, width: float, depth: float, wing: float) -> Rings:
    """Return a house ``wing`` thick around a courtyard."""
    inner = rectangle(x + wing, y + wing, width - 2 * wing, depth - 2 * wing)[0]
    return (*rectangle(x, y, width, depth), inner[::-1])


def _ring(corners: list[tuple[float, float]]) -> Ring:
    return np.asarray([*corners, corners[0]], dtype=np.float64)
