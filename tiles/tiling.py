"""The partition of features into tiles: a pure function of the feature set on an absolute 2^k m grid of the storage CRS (DESIGN 12).

One quadtree: a feature belongs to the cells that hold the centre of its bounding square, at every level. A cell whose features fit one
content is a leaf, any other splits in four. Below 16 m a cell splits by two bits of the fid a level ("virtual" cells), so a leaf over
budget is one feature. Nothing depends on the extent of the data, on the order of input or on features outside the cell, so an edit changes
only the path to its cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel

ROOT_LEVEL = 25
"""The one root cell spans ±2^24 m: all of any projected CRS."""
FINEST_LEVEL = 4
"""Cells of 16 m are the finest that a place can tell apart."""
LAST_LEVEL = FINEST_LEVEL - 16
"""Below the finest level there are as many virtual ones as a fid has pairs of bits."""
_ORIGIN_M = -float(1 << (ROOT_LEVEL - 1))


@dataclass(frozen=True, slots=True)
class Weight:
    """What features weigh: in their finest form, and in the coarser one of those that have it (else as in the finest)."""

    count: int = 0
    vertices: int = 0
    bytes: int = 0
    coarse_vertices: int = 0
    coarse_bytes: int = 0

    def __add__(self, other: Weight) -> Weight:
        return Weight(*(a + b for a, b in zip(self.as_tuple, other.as_tuple, strict=True)))

    def __sub__(self, other: Weight) -> Weight:
        return Weight(*(a - b for a, b in zip(self.as_tuple, other.as_tuple, strict=True)))

    @property
    def as_tuple(self) -> tuple[int, int, int, int, int]:
        """Return the five numbers."""
        return self.count, self.vertices, self.bytes, self.coarse_vertices, self.coarse_bytes


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of the absolute grid: side 2^level m, column and row counted from (-2^24, -2^24); virtual where the level is below 4."""

    level: int
    column: int
    row: int

    def quarter(self, number: int) -> Cell:
        """Return quarter 0 to 3: south-west, south-east, north-west, north-east."""
        return Cell(self.level - 1, 2 * self.column + (number & 1), 2 * self.row + (number >> 1))

    def holds(self, other: Cell) -> bool:
        """Return whether ``other`` is this cell or lies in it."""
        up = self.level - other.level
        return up >= 0 and (other.column >> up, other.row >> up) == (self.column, self.row)


ROOT = Cell(ROOT_LEVEL, 0, 0)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may go into one content; its cell is at most 2^``widest_level`` m wide, so that positions keep their accuracy."""

    vertices: int = 60_000
    bytes: int = 280_000
    widest_level: int = 14

    def fits(self, cell: Cell, weight: Weight) -> bool:
        """Return whether features of ``weight`` in ``cell`` fit one content in their finest form."""
        return self._holds(cell, weight.count, weight.vertices, weight.bytes)

    def fits_coarse(self, cell: Cell, weight: Weight) -> bool:
        """Return whether they fit one content in the coarser form of those that have one."""
        return self._holds(cell, weight.count, weight.coarse_vertices, weight.coarse_bytes)

    def _holds(self, cell: Cell, count: int, vertices: int, size: int) -> bool:
        return count <= 1 or (cell.level <= self.widest_level and vertices <= self.vertices and size <= self.bytes)

    def top_cell(self, deepest: Cell, weight: Weight) -> Cell:
        """Return the cell of a root whose features all lie in ``deepest``: the widest that holds a content when they fit one, else that."""
        widest = raised(deepest, max(self.widest_level, deepest.level))
        return widest if self.fits(widest, weight) else deepest


@dataclass(frozen=True, slots=True)
class Places:
    """Where features stand in the tree, in its order, and what they weigh; all (n,).

    ``code``: Z-order of the finest cells; ``fid``; ``weights`` (n, 4) int64: vertices, bytes, coarse vertices, coarse bytes.
    """

    code: NDArray[np.int64]
    fid: NDArray[np.uint32]
    weights: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.fid)

    def part(self, first: int, last: int) -> Places:
        """Return the places ``first`` to ``last`` (exclusive)."""
        return Places(self.code[first:last], self.fid[first:last], self.weights[first:last])

    @property
    def weight(self) -> Weight:
        """Return what all of them weigh."""
        return Weight(len(self), *self.weights.sum(axis=0).tolist())

    def quarters(self, cell: Cell) -> list[tuple[int, int, int]]:
        """Return (quarter, first, last) of the quarters of ``cell``, which holds all of them, that hold any."""
        bounds = np.searchsorted(_quarter(self.code, self.fid, cell.level), np.arange(5)).tolist()
        return [(q, bounds[q], bounds[q + 1]) for q in range(4) if bounds[q] < bounds[q + 1]]

    @staticmethod
    def none() -> Places:
        """Return no places."""
        return Places(np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros((0, 4), np.int64))


def tree_order(code: NDArray[np.int64], fid: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the order in which every cell, virtual ones too, is a run of consecutive features."""
    return np.lexsort((_virtual(fid), code))


def is_on_grid(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points lie on the absolute grid (finite and within ±2^24 m)."""
    return (np.abs(x) < -_ORIGIN_M) & (np.abs(y) < -_ORIGIN_M)


def span(cell: Cell) -> tuple[int, int]:
    """Return the codes of the first finest cell in ``cell``, which is not virtual, and of the first beyond it."""
    up = cell.level - FINEST_LEVEL
    first = _interleaved(cell.column, cell.row) << (2 * up)
    return first, first + (1 << (2 * up))


def cell_of(code: int, level: int) -> Cell:
    """Return the cell of ``level`` (not virtual) that holds the finest cell ``code``."""
    column = row = 0
    for bit in range(ROOT_LEVEL - FINEST_LEVEL):
        column |= ((code >> (2 * bit)) & 1) << bit
        row |= ((code >> (2 * bit + 1)) & 1) << bit
    up = level - FINEST_LEVEL
    return Cell(level, column >> up, row >> up)


def last_cell(places: Places, index: int) -> Cell:
    """Return the cell of the last level that holds one feature alone."""
    cell, fid = cell_of(int(places.code[index]), FINEST_LEVEL), int(places.fid[index])
    for pair in range(FINEST_LEVEL - LAST_LEVEL):
        cell = cell.quarter((fid >> (2 * pair)) & 3)
    return cell


def common_cell(first: Cell, second: Cell) -> Cell:
    """Return the deepest cell that holds both."""
    level = max(first.level, second.level)
    a, b = raised(first, level), raised(second, level)
    while a != b:
        a, b = raised(a, a.level + 1), raised(b, b.level + 1)
    return a


def deepest_cell(places: Places) -> Cell:
    """Return the deepest cell that holds all of ``places`` (in tree order, at least one)."""
    return common_cell(last_cell(places, 0), last_cell(places, -1))


def raised(cell: Cell, level: int) -> Cell:
    """Return the cell of ``level``, not below its own, that holds ``cell``."""
    up = level - cell.level
    return Cell(level, cell.column >> up, cell.row >> up)


def _interleaved(column: int, row: int) -> int:
    return sum((((column >> bit) & 1) << (2 * bit)) | (((row >> bit) & 1) << (2 * bit + 1)) for bit in range(ROOT_LEVEL - FINEST_LEVEL))


def _quarter(code: NDArray[np.int64], fid: NDArray[np.uint32], level: int) -> NDArray[np.int64]:
    if level > FINEST_LEVEL:
        return (code >> (2 * (level - 1 - FINEST_LEVEL))) & 3
    return (fid.astype(np.int64) >> (2 * (FINEST_LEVEL - level))) & 3


def _virtual(fid: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the fids with their pairs of bits in the opposite order: the lowest pair splits first."""
    out = fid.copy()
    for shift, mask in ((2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        m = np.uint32(mask)
        out = ((out >> np.uint32(shift)) & m) | ((out & m) << np.uint32(shift))
    return out


@kernel
def morton(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the Z-order codes of the finest cells of points on the grid, 21 bits an axis."""
    out = np.empty(len(x), np.int64)
    for i in range(len(x)):
        column, row = int((x[i] - _ORIGIN_M) // (1 << FINEST_LEVEL)), int((y[i] - _ORIGIN_M) // (1 << FINEST_LEVEL))
        code = 0
        for bit in range(ROOT_LEVEL - FINEST_LEVEL):
            code |= ((column >> bit) & 1) << (2 * bit)
            code |= ((row >> bit) & 1) << (2 * bit + 1)
        out[i] = code
    return out
