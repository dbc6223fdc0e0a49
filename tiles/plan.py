"""Which parts of a city are built on their own: known from one pass over the places of all features, before any of them is drawn.

A unit is made from its features. A branch is a unit or a node joined from units, with all below it: what one worker makes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tiles.tiling import FINEST_LEVEL, ROOT, Budget, Cell, Places, Weight, cell_of, common_cell, raised, span

COARSE_LEVEL = 9
"""Weights are summed by cells of 512 m; denser ones are built on their own, and split further there."""
_SHIFT = 2 * (COARSE_LEVEL - FINEST_LEVEL)


@dataclass(frozen=True, slots=True)
class Planned:
    """A node to be: a unit is built from its features, any other joined from ``children`` (quarter, node)."""

    cell: Cell
    weight: Weight
    children: tuple[tuple[int, Planned], ...] = field(default=())


class Histogram:
    """What the features weigh, by coarse cell; memory grows with the area that is built on, not with the number of features."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._sums = np.zeros((0, 5), np.int64)

    def add(self, places: Places) -> None:
        """Count ``places``, sorted by code."""
        keys, starts, counts = np.unique(places.code >> _SHIFT, return_index=True, return_counts=True)
        if len(keys):
            sums = np.column_stack([counts, np.add.reduceat(places.weights, starts, axis=0)])
            merged = np.concatenate([self._keys, keys])
            self._keys, place = np.unique(merged, return_inverse=True)
            old, self._sums = self._sums, np.zeros((len(self._keys), 5), np.int64)
            np.add.at(self._sums, place, np.concatenate([old, sums]))

    def plan(self, budget: Budget) -> Planned | None:
        """Return the tree down to its units; None of nothing. A single unit has the root cell."""
        if len(self._keys) == 0:
            return None
        planner = _Planner(budget, self._keys, np.concatenate([np.zeros((1, 5), np.int64), np.cumsum(self._sums, axis=0)]))
        weight = planner.weight(0, len(self._keys))
        first, last = (cell_of(int(key) << _SHIFT, COARSE_LEVEL) for key in (self._keys[0], self._keys[-1]))
        cell = common_cell(first, last)
        if len(self._keys) == 1 or budget.fits_coarse(raised(cell, max(cell.level, budget.widest_level)), weight):
            return Planned(ROOT, weight)
        return planner.node(cell, 0, len(self._keys))


@dataclass(frozen=True, slots=True)
class _Planner:
    budget: Budget
    keys: NDArray[np.int64]
    totals: NDArray[np.int64]

    def weight(self, first: int, last: int) -> Weight:
        return Weight(*(self.totals[last] - self.totals[first]).tolist())

    def node(self, cell: Cell, first: int, last: int) -> Planned:
        weight = self.weight(first, last)
        if cell.level == COARSE_LEVEL or self.budget.fits_coarse(cell, weight):
            return Planned(cell, weight)
        quarter = (self.keys[first:last] >> (2 * (cell.level - 1 - COARSE_LEVEL))) & 3
        bounds = (first + np.searchsorted(quarter, np.arange(5))).tolist()
        held = [q for q in range(4) if bounds[q] < bounds[q + 1]]
        return Planned(cell, weight, tuple((q, self.node(cell.quarter(q), bounds[q], bounds[q + 1])) for q in held))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read and built together, unless one unit has more."""

    rows: int
    bytes: int

    def hold(self, weight: Weight) -> bool:
        """Return whether ``weight`` is within them."""
        return weight.count <= self.rows and weight.bytes <= self.bytes


def is_branch(planned: Planned, limits: Limits) -> bool:
    """Return whether ``planned``, below no other branch, is one: within ``limits``, or a unit."""
    return not planned.children or limits.hold(planned.weight)


def branches(planned: Planned, limits: Limits) -> Iterator[Planned]:
    """Yield the branches in the order of the tree."""
    if is_branch(planned, limits):
        yield planned
        return
    for _, child in planned.children:
        yield from branches(child, limits)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring branches that are read and built together."""

    branches: tuple[Planned, ...]

    @property
    def codes(self) -> tuple[int, int]:
        """Return the codes of its first finest cell and of the first beyond it."""
        return span(self.branches[0].cell)[0], span(self.branches[-1].cell)[1]

    @property
    def count(self) -> int:
        """Return the number of features."""
        return sum(branch.weight.count for branch in self.branches)


def chunks(planned: Iterable[Planned], limits: Limits) -> list[Chunk]:
    """Return ``planned``, in the order of the tree, as chunks within ``limits``."""
    made: list[Chunk] = []
    held: list[Planned] = []
    weight = Weight()
    for branch in planned:
        if held and not limits.hold(weight + branch.weight):
            made.append(Chunk(tuple(held)))
            held, weight = [], Weight()
        held.append(branch)
        weight += branch.weight
    return [*made, Chunk(tuple(held))] if held else made
