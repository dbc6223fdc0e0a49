"""Rectangles side by side in a picture whose sides are powers of two: on shelves, the highest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Packed:
    """Where rectangles (n) lie: ``corner`` (n, 2) their left upper ones, ``size`` width and height of the whole."""

    corner: NDArray[np.int64]
    size: tuple[int, int]


def packed(size: NDArray[np.int64], largest: int) -> Packed | None:
    """Return rectangles of ``size`` (n, 2) without overlap in the smallest picture that takes them so; None where ``largest`` is too small.

    The same sizes in the same order give the same places.
    """
    order = np.lexsort((np.arange(len(size)), -size[:, 0], -size[:, 1]))
    area = int(size.prod(axis=1).sum())
    sides = [1 << n for n in range(largest.bit_length()) if 1 << n <= largest]
    pictures = sorted(((w, h) for w in sides for h in sides if h in (w, w // 2) and w * h >= area), key=lambda s: s[0] * s[1])
    for width, height in pictures:
        corner = _on_shelves(size, order, width, height)
        if corner is not None:
            return Packed(corner, (width, height))
    return None


def _on_shelves(size: NDArray[np.int64], order: NDArray[np.int64], width: int, height: int) -> NDArray[np.int64] | None:
    corner = np.zeros_like(size)
    x = y = shelf = 0
    for i, (w, h) in zip(order.tolist(), size[order].tolist(), strict=True):
        if x + w > width:
            x, y, shelf = 0, y + shelf, 0
        if w > width or y + h > height:
            return None
        corner[i] = x, y
        x, shelf = x + w, max(shelf, h)
    return corner
