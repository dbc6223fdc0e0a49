"""The contents of a filtered tileset, each drawn when it is first asked for, from the features that are wanted below its node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tiles.edit import Fetch
from tiles.filtered import Fids, Form, wanted_of
from tiles.metadata import MetadataClass
from tiles.node import Node, NodeError
from tiles.nodes_ahead import nodes_below
from tiles.tree import Rows, TreeMaker, rows_in_order
from twin.model import FeatureType


@dataclass(frozen=True, slots=True)
class _Below:
    """What is wanted below a node; ``is_whole``: all that is drawn there."""

    node: Node
    fids: Fids
    is_whole: bool


@dataclass(frozen=True, slots=True)
class FilteredContents:
    """Draws contents of the features ``wanted`` (sorted) of a tree; ``fetch`` gives them as they are in its revision."""

    maker: TreeMaker
    feature_type: FeatureType
    metadata: MetadataClass
    fetch: Fetch
    wanted: Fids

    def content(self, name: str, form: Form) -> bytes:
        """Return the GLB of the node ``name``; NodeError when nothing that is wanted lies below it."""
        node = self.maker.store.node(name)
        with nodes_below(self.maker.store, node) as load:
            below = [self._below(load(child), load) for _, child in node.children] or [self._below(node, load)]
        rows = self._rows(np.concatenate([b.fids for b in below]))
        glb = self._finest(rows) if form is Form.FINEST else self._blocks(node, rows) or self._far(node, below, rows)
        if glb is None:
            raise NodeError(f"nothing that is wanted is drawn below {name}")
        return glb

    def _below(self, node: Node, load: Callable[[str], Node]) -> _Below:
        if node.is_leaf:
            return _Below(node, *wanted_of(node, self.wanted))
        parts = [self._below(load(name), load) for _, name in node.children]
        return _Below(node, np.concatenate([p.fids for p in parts]), all(p.is_whole for p in parts))

    def _rows(self, fids: Fids) -> Rows:
        return rows_in_order(self.fetch(np.sort(fids)), self.feature_type, self.metadata)

    def _finest(self, rows: Rows) -> bytes | None:
        return self.maker.drawing.finest(rows.source, rows.index).glb

    def _blocks(self, node: Node, rows: Rows) -> bytes | None:
        """Return the coarser form of every feature; None where the node shows what is seen from afar."""
        if not self.maker.budget.fits_coarse(node.cell, node.weight):
            return None
        drawn = self.maker.drawing.coarser(rows.source, rows.index)
        return None if drawn.left_out.any() else drawn.glb

    def _far(self, node: Node, below: list[_Below], rows: Rows) -> bytes | None:
        far = self.maker.far_form
        if far is None:
            return None
        summaries = [b.node.far if b.is_whole else self._summary(b, rows) for b in below if len(b.fids)]
        return far.tile(node.cell, summaries, self.maker.drawing.to_geocentric).glb

    def _summary(self, below: _Below, rows: Rows) -> bytes:
        if self.maker.far_form is None:
            return b""
        mine = rows.index[np.isin(rows.places.fid, below.fids)]
        return self.maker.far_form.summary_of(rows.source, mine, rows.source.mesh(mine), below.node.cell)
