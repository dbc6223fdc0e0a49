"""The tree of a revision from that of an earlier one: only what lies on the path to a changed feature is made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns
from tiles.metadata import MetadataClass
from tiles.node import Node, NodeError
from tiles.tiling import Cell, Places, Weight, common_cell, last_cell, raised, tree_order
from tiles.tree import TreeMaker, rows_in_order
from twin.model import FeatureType

type Fetch = Callable[[NDArray[np.uint32]], FeatureColumns]
"""Return the features of these fids, in any order, as they are in the revision that is built."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One step from a tree to the next."""

    maker: TreeMaker
    feature_type: FeatureType
    metadata: MetadataClass
    fetch: Fetch

    def root(self, root: Node | None, gone: Places, new: Places) -> Node | None:
        """Return the root without the features ``gone`` (as they stood in ``root``) and with ``new``, both in the order of the tree.

        What `tiles.full_build` would return of the same features. NodeError when the tree and the features do not agree.
        """
        if len(gone) == 0 and len(new) == 0:
            return root
        weight = _weight(root) - gone.weight + new.weight
        if weight.count == 0:
            return None
        if root is None or root.is_leaf:
            return self._regrown(None, root, gone, new)
        cell, budget = root.cell, self.maker.budget
        if len(new):
            cell = common_cell(cell, common_cell(last_cell(new, 0), last_cell(new, -1)))
        if budget.fits_coarse(raised(cell, max(cell.level, budget.widest_level)), weight):
            return self._regrown(None, root, gone, new)
        node = self._node(cell, root, gone, new)
        while node is not None and len(node.children) == 1:  # what stood beside it is gone: the root is the deepest cell that holds all
            node = self.maker.store.node(node.children[0][1])
        return node

    def _node(self, cell: Cell, node: Node | None, gone: Places, new: Places) -> Node | None:
        if len(gone) == 0 and len(new) == 0 and (node is None or node.cell == cell):
            return node
        weight = _weight(node) - gone.weight + new.weight
        if weight.count == 0:
            return None
        if self.maker.budget.fits_coarse(cell, weight) or (node is not None and node.is_leaf):
            return self._regrown(cell, node, gone, new)
        parts = [(q, *self._quarter(cell, q, node), _part(gone, cell, q), _part(new, cell, q)) for q in range(4)]
        made = [(q, self._node(quarter, child, less, more)) for q, quarter, child, less, more in parts]
        return self.maker.joined(cell, [(q, child) for q, child in made if child is not None])

    def _quarter(self, cell: Cell, number: int, node: Node | None) -> tuple[Cell, Node | None]:
        """Return quarter ``number`` of ``cell`` and the node in it; ``node`` may lie deeper than ``cell``."""
        quarter = cell.quarter(number)
        if node is None:
            return quarter, None
        if node.cell != cell:
            return quarter, node if quarter.holds(node.cell) else None
        name = dict(node.children).get(number)
        return quarter, None if name is None else self.maker.store.node(name)

    def _regrown(self, cell: Cell | None, node: Node | None, gone: Places, new: Places) -> Node:
        """Return the node of ``cell`` (of a root: None) made from its features."""
        held = np.zeros(0, np.uint32) if node is None else self._members(node)
        wanted = np.union1d(np.setdiff1d(held, gone.fid), new.fid).astype(np.uint32)
        rows = rows_in_order(self.fetch(wanted), self.feature_type, self.metadata)
        if rows.places.weight != _weight(node) - gone.weight + new.weight:
            raise NodeError("the features are not those that the tree was made from")
        return self.maker.grown(self.maker.top_cell(rows.places) if cell is None else cell, rows)

    def _members(self, node: Node) -> NDArray[np.uint32]:
        if node.is_leaf:
            return node.fids
        return np.concatenate([self._members(self.maker.store.node(name)) for _, name in node.children])


def in_tree_order(places: Places) -> Places:
    """Return ``places`` in the order of the tree."""
    order = tree_order(places.code, places.fid)
    return Places(places.code[order], places.fid[order], places.weights[order])


def _weight(node: Node | None) -> Weight:
    return Weight() if node is None else node.weight


def _part(places: Places, cell: Cell, number: int) -> Places:
    found = [(first, last) for q, first, last in places.quarters(cell) if q == number]
    return places.part(*found[0]) if found else Places.none()
