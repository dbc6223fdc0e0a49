"""Connected components of a graph whose vertices are numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]


def components(vertices: int, start: Codes, end: Codes) -> Codes:
    """Return for each vertex the smallest vertex it is connected with; edge k joins ``start[k]`` and ``end[k]``, shape (k,).

    Labels fall to the least of their neighbours' and jump to the label of their label until nothing changes: a logarithmic number of
    rounds, each linear (Shiloach and Vishkin, 1982).
    """
    labels = np.arange(vertices, dtype=np.int32)
    while True:
        least = np.minimum(labels[start], labels[end])
        before = labels.copy()
        for side in (start, end):
            np.minimum.at(labels, labels[side], least)
            np.minimum.at(labels, side, least)
        while True:
            jumped = labels[labels]
            if np.array_equal(jumped, labels):
                break
            labels = jumped
        if np.array_equal(before, labels):
            return labels
