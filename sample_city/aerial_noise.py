"""Smooth random patterns for images: values on a coarse lattice, stretched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def stretch(coarse: Floats, factor: int) -> Floats:
    """Return an array of (rows, columns) stretched to ((rows - 1) · factor, (columns - 1) · factor), straight between its values.

    A stretched pixel takes the value of its middle; the given values lie on the corners of pixels.
    """
    share = (np.arange(factor, dtype=np.float32) + np.float32(0.5)) / np.float32(factor)
    down = coarse[:-1, None, :] + (coarse[1:, None, :] - coarse[:-1, None, :]) * share[None, :, None]
    down = down.reshape(-1, coarse.shape[1])
    across: Floats = (down[:, :-1, None] + (down[:, 1:, None] - down[:, :-1, None]) * share).reshape(down.shape[0], -1)
    return across


def value_noise(rng: np.random.Generator, size: int, factors: tuple[int, ...]) -> Floats:
    """Return (size, size) noise in [-1, 1] of several grain sizes in pixels, the coarsest first and each finer one half as strong."""
    total = np.zeros((size, size), dtype=np.float32)
    for octave, factor in enumerate(factors):
        count = -(-size // factor) + 1
        coarse = rng.random((count, count), dtype=np.float32) * 2 - 1
        total += stretch(coarse, factor)[:size, :size] * np.float32(0.5**octave)
    return total / np.float32(2.0 - 0.5 ** (len(factors) - 1))
