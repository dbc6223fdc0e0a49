"""Points of a file sorted into squares of the ground that fit into memory, whatever the size of the file: counted, then put in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.placed_points import POINT, Points

LARGEST_BUCKET = 1_000_000
"""Points that are in memory at once; only a square of 1/512 of the cloud's width may hold more."""
_FINEST = 9
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the quadtree over a cloud, ``2^(width - level)`` mm wide; the root's south-west corner is the origin."""

    level: int
    column: int
    row: int

    def quarters(self) -> tuple[Square, Square, Square, Square]:
        """Return the four squares it consists of."""
        c, r = 2 * self.column, 2 * self.row
        south = Square(self.level + 1, c, r), Square(self.level + 1, c + 1, r)
        return (*south, Square(self.level + 1, c, r + 1), Square(self.level + 1, c + 1, r + 1))


@dataclass(frozen=True)
class Buckets:
    """The points of a cloud by squares: ``slices`` says which of ``points`` are those of each bucket; heights are above the origin."""

    width: int
    """The root is 2^width mm wide."""
    points: Points
    slices: dict[Square, slice]
    lowest_mm: int
    highest_mm: int


def sort_points(points: Points, scratch: Path, largest: int = LARGEST_BUCKET) -> Buckets:
    """Return ``points``, n ≥ 1, in buckets of at most ``largest`` in the file ``scratch``."""
    high, low_mm, high_mm = 0, 2**32, 0
    for chunk in _chunks(points):
        places = chunk["place"]
        high = max(high, int(places[:, :2].max()))
        low_mm, high_mm = min(low_mm, int(places[:, 2].min())), max(high_mm, int(places[:, 2].max()))
    width = max(high.bit_length(), _FINEST)
    counts = np.zeros((1 << _FINEST, 1 << _FINEST), np.int64)
    for chunk in _chunks(points):
        row, column = _cells(chunk, width)
        counts += np.bincount(row << _FINEST | column, minlength=counts.size).reshape(counts.shape)
    squares = list(_buckets(_pyramid(counts), Square(0, 0, 0), largest))
    sorted_points = np.memmap(scratch, POINT, "w+", 0, len(points))
    number_of = np.zeros(counts.shape, np.int32)
    sizes = np.zeros(len(squares), np.int64)
    for number, square in enumerate(squares):
        number_of[_span(square)] = number
        sizes[number] = counts[_span(square)].sum()
    starts = np.concatenate([[0], np.cumsum(sizes)])
    _place(points, width, number_of, starts[:-1].copy(), sorted_points)
    slices = {square: slice(int(starts[n]), int(starts[n + 1])) for n, square in enumerate(squares)}
    return Buckets(width, sorted_points, slices, low_mm, high_mm)


def _place(points: Points, width: int, number_of: NDArray[np.int32], free: NDArray[np.int64], out: Points) -> None:
    """Write each point behind those of its bucket; ``free`` is where each bucket goes on."""
    for chunk in _chunks(points):
        bucket = number_of[_cells(chunk, width)]
        order = np.argsort(bucket, kind="stable")
        numbers, firsts, counts = np.unique(bucket[order], return_index=True, return_counts=True)
        for number, first, count in zip(numbers.tolist(), firsts.tolist(), counts.tolist(), strict=True):
            out[free[number] : free[number] + count] = chunk[order[first : first + count]]
            free[number] += count


def _chunks(points: Points) -> Iterator[Points]:
    for first in range(0, len(points), _CHUNK):
        yield np.array(points[first : first + _CHUNK])


def _cells(points: Points, width: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return row and column of each point on the finest level that is counted."""
    shift = np.uint32(width - _FINEST)
    return points["place"][:, 1] >> shift, points["place"][:, 0] >> shift


def _pyramid(counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the counts of each level, the root first."""
    levels = [counts]
    while len(levels[0]) > 1:
        side = len(levels[0]) // 2
        levels.insert(0, levels[0].reshape(side, 2, side, 2).sum(axis=(1, 3)))
    return levels


def _buckets(levels: list[NDArray[np.int64]], square: Square, largest: int) -> Iterator[Square]:
    count = levels[square.level][square.row, square.column]
    if count == 0:
        return
    if count <= largest or square.level == _FINEST:
        yield square
        return
    for quarter in square.quarters():
        yield from _buckets(levels, quarter, largest)


def _span(square: Square) -> tuple[slice, slice]:
    side = 1 << (_FINEST - square.level)
    return slice(square.row * side, (square.row + 1) * side), slice(square.column * side, (square.column + 1) * side)
