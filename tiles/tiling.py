"""The partition of features into tiles: a pure function of the feature set on an absolute 2^k m grid of the storage CRS (DESIGN 12).

A feature belongs to the smallest cell that holds its centre and is at least as wide as the feature (so the cell doubled holds all of it:
a loose quadtree). A cell that fits the budget becomes one content; else it keeps what is too wide for its quarters and splits. Nothing
depends on the extent of the data, on the order of input or on features outside the cell, so an edit changes only the path to its cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel

ROOT_LEVEL = 25
"""The one root cell spans ±2^24 m: all of any projected CRS."""
FINEST_LEVEL = 4
"""Cells are not split below 16 m."""
_ORIGIN_M = -float(1 << (ROOT_LEVEL - 1))


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may go into one content."""

    vertices: int = 60_000
    bytes: int = 280_000


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the partition needs of each feature, all (n,): centre and width of its bounding square (metres), cost, and fid."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    width_m: NDArray[np.float64]
    vertices: NDArray[np.int64]
    bytes: NDArray[np.int64]
    fid: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of the absolute grid: side 2^level m, column and row counted from (-2^24, -2^24)."""

    level: int
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class TileNode:
    """A tile of the tree: ``contents``, each an array of feature indices in building order, and its ``children``."""

    cell: Cell
    contents: tuple[NDArray[np.int64], ...]
    children: tuple[TileNode, ...]


def partition(footprint: Footprint, budget: Budget) -> TileNode | None:
    """Return the tile tree of the features, without chains of single children; None when there are none.

    Every feature is in exactly one content; a content exceeds the budget only when it is one feature.
    """
    if len(footprint.fid) == 0:
        return None
    code = _morton(footprint.x, footprint.y)
    order = np.lexsort((footprint.fid, code))
    level = np.maximum(np.ceil(np.log2(np.maximum(footprint.width_m, 1.0))), FINEST_LEVEL).astype(np.int64)
    builder = _Builder(footprint, budget, code, np.minimum(level, ROOT_LEVEL))
    return builder.node(Cell(ROOT_LEVEL, 0, 0), order)


def is_on_grid(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points lie on the absolute grid (finite and within ±2^24 m)."""
    return (np.abs(x) < -_ORIGIN_M) & (np.abs(y) < -_ORIGIN_M)


@dataclass(frozen=True, slots=True)
class _Builder:
    footprint: Footprint
    budget: Budget
    code: NDArray[np.int64]
    level: NDArray[np.int64]

    def node(self, cell: Cell, members: NDArray[np.int64]) -> TileNode:
        if self._fits(members):
            return TileNode(cell, (members,), ())
        if cell.level == FINEST_LEVEL:
            return TileNode(cell, tuple(self._shards(members)), ())
        wide = self.level[members] >= cell.level
        own, rest = members[wide], members[~wide]
        children = tuple(self.node(quarter, part) for quarter, part in self._quarters(cell, rest))
        if len(own) == 0 and len(children) == 1:
            return children[0]
        return TileNode(cell, tuple(self._shards(own)), children)

    def _fits(self, members: NDArray[np.int64]) -> bool:
        vertices, size = self.footprint.vertices[members].sum(), self.footprint.bytes[members].sum()
        return bool(vertices <= self.budget.vertices and size <= self.budget.bytes)

    def _quarters(self, cell: Cell, members: NDArray[np.int64]) -> list[tuple[Cell, NDArray[np.int64]]]:
        quarter = (self.code[members] >> (2 * (cell.level - 1 - FINEST_LEVEL))) & 3
        bounds = np.searchsorted(quarter, np.arange(5))
        return [
            (Cell(cell.level - 1, 2 * cell.column + (q & 1), 2 * cell.row + (q >> 1)), members[bounds[q] : bounds[q + 1]])
            for q in range(4)
            if bounds[q] < bounds[q + 1]
        ]

    def _shards(self, members: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return ``members`` cut by halves of their fid's bits until each fits: an edit touches only its own shard."""
        if len(members) == 0:
            return []
        return self._split(members, 0)

    def _split(self, members: NDArray[np.int64], bit: int) -> list[NDArray[np.int64]]:
        if len(members) == 1 or bit == 32 or self._fits(members):
            return [members] if len(members) else []
        side = (self.footprint.fid[members] >> np.uint32(bit)) & np.uint32(1)
        return [*self._split(members[side == 0], bit + 1), *self._split(members[side == 1], bit + 1)]


@kernel
def _morton(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the Z-order code of the finest cells, 21 bits an axis."""
    out = np.empty(len(x), np.int64)
    for i in range(len(x)):
        column, row = int((x[i] - _ORIGIN_M) // (1 << FINEST_LEVEL)), int((y[i] - _ORIGIN_M) // (1 << FINEST_LEVEL))
        code = 0
        for bit in range(ROOT_LEVEL - FINEST_LEVEL):
            code |= ((column >> bit) & 1) << (2 * bit)
            code |= ((row >> bit) & 1) << (2 * bit + 1)
        out[i] = code
    return out
