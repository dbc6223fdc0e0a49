"""Making the nodes of a tile tree: a full build and an edit make them by the same functions, so both give the same bytes.

A node is a leaf when the finest form of all below it fits one content. An inner node shows the most detailed coarser form that fits: the
blocks of all features below it, where they have finer forms and that fits; else the far form, made from what its children say of
themselves; else nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns
from tiles.content import Drawing, Drawn, summary_of
from tiles.far_form import FarForm
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.heights import height_ranges
from tiles.metadata import MetadataClass
from tiles.node import Node, merged
from tiles.node_store import NodeStore
from tiles.source import Source, make_source, placed
from tiles.tileset import ContentRef, tile
from tiles.tiling import Budget, Cell, Places, deepest_cell, tree_order
from twin.model import FeatureType

_SMALLEST_ERROR_M = 0.1
"""Of a coarser form that is the same to a hand's breadth: an inner tile without any error would never be refined."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Features below one cell, in the order of the tree: ``index`` of them in ``source``, and their ``places``."""

    source: Source
    index: NDArray[np.int64]
    places: Places

    def part(self, first: int, last: int) -> Rows:
        """Return the rows ``first`` to ``last`` (exclusive)."""
        return Rows(self.source, self.index[first:last], self.places.part(first, last))


def rows_in_order(features: FeatureColumns, feature_type: FeatureType, metadata: MetadataClass) -> Rows:
    """Return ``features`` ready to be drawn, those that have a place."""
    where = placed(features, feature_type, metadata)
    order = tree_order(where.places.code, where.places.fid)
    places = Places(where.places.code[order], where.places.fid[order], where.places.weights[order])
    return Rows(make_source(features, feature_type, metadata), where.rows[order], places)


@dataclass(frozen=True, slots=True)
class _Grown:
    """A node with what was drawn below it."""

    node: Node
    leaves: tuple[Drawn, ...]


@dataclass(frozen=True, slots=True)
class TreeMaker:
    """Makes nodes and stores them with all they refer to; used by several threads."""

    store: NodeStore
    drawing: Drawing
    budget: Budget
    far_form: FarForm | None

    def top_cell(self, places: Places) -> Cell:
        """Return the cell of a root over ``places``."""
        return self.budget.top_cell(deepest_cell(places), places.weight)

    def grown(self, cell: Cell, rows: Rows) -> Node:
        """Return the node of ``cell`` over ``rows`` (at least one), with all nodes below it made from them."""
        return self._grown(cell, rows).node

    def joined(self, cell: Cell, children: Sequence[tuple[int, Node]]) -> Node:
        """Return the inner node of ``cell`` over its quarters, which shows their far form, or over one what that shows."""
        content, error_m, far = None, None, b""
        nodes = [child for _, child in children]
        if self.far_form is not None and any(n.tile is not None for n in nodes):
            if len(nodes) == 1 and nodes[0].tile is not None and nodes[0].content is not None:
                same = max(nodes[0].tile.geometric_error_m, _SMALLEST_ERROR_M)
                return self._inner(cell, children, nodes[0].content, same, self.far_form.merged(cell, [nodes[0].far]), is_new=False)
            seen = self.far_form.tile(cell, [n.far for n in nodes], self.drawing.to_geocentric)
            far = seen.summary
            if seen.glb is not None and seen.region is not None:
                content = ContentRef(self.store.put_content(seen.glb), seen.region, len(seen.glb))
                error_m = max(seen.error_m, _SMALLEST_ERROR_M)
        return self._inner(cell, children, content, error_m, far)

    def _grown(self, cell: Cell, rows: Rows) -> _Grown:
        weight = rows.places.weight
        if self.budget.fits(cell, weight):
            return self._leaf(cell, rows)
        grown = [(q, self._grown(cell.quarter(q), rows.part(first, last))) for q, first, last in rows.places.quarters(cell)]
        children = [(q, g.node) for q, g in grown]
        leaves = tuple(leaf for _, g in grown for leaf in g.leaves)
        node = self._blocks(cell, rows.source, children, leaves) if self.budget.fits_coarse(cell, weight) else None
        return _Grown(node or self.joined(cell, children), leaves)

    def _leaf(self, cell: Cell, rows: Rows) -> _Grown:
        drawn = self.drawing.finest(rows.source, rows.index)
        content = _content(self.store, drawn)
        fids = rows.places.fid
        node = Node(
            name="",
            cell=cell,
            weight=rows.places.weight,
            summary=summary_of(rows.source, drawn),
            content=content,
            tile=None if content is None else tile(content, [], 0.0, self.store.put_tree),
            far=b"" if self.far_form is None else self.far_form.summary_of(rows.source, rows.index, drawn.mesh, cell),
            fids=fids,
            left_out=tuple((int(fids[i]), LeftOut(int(drawn.left_out[i]))) for i in np.flatnonzero(drawn.left_out)),
        )
        return _Grown(self.store.put_node(node), (drawn,))

    def _blocks(self, cell: Cell, source: Source, children: list[tuple[int, Node]], leaves: tuple[Drawn, ...]) -> Node | None:
        """Return the inner node that shows every feature below it in its coarser form; None where that draws fewer than the leaves do."""
        rows = np.concatenate([leaf.drawn_rows for leaf in leaves])
        if len(rows) == 0:
            return None
        drawn = self.drawing.coarser(source, rows)
        content = _content(self.store, drawn)
        if content is None or drawn.left_out.any():
            return None
        far = b"" if self.far_form is None else self.far_form.merged(cell, [n.far for _, n in children])
        return self._inner(cell, children, content, _height_error_m(drawn.mesh, leaves), far)

    def _inner(
        self,
        cell: Cell,
        children: Sequence[tuple[int, Node]],
        content: ContentRef | None,
        error_m: float | None,
        far: bytes,
        *,
        is_new: bool = True,
    ) -> Node:
        nodes = [child for _, child in children]
        tiles = [n.tile for n in nodes if n.tile is not None]
        summary = merged([n.summary for n in nodes])
        if content is not None and is_new:
            summary = replace(summary, far_contents=summary.far_contents + 1, far_bytes=summary.far_bytes + content.size)
        weight = nodes[0].weight
        for other in nodes[1:]:
            weight += other.weight
        return self.store.put_node(
            Node(
                name="",
                cell=cell,
                weight=weight,
                summary=summary,
                content=content,
                tile=tile(content, tiles, error_m, self.store.put_tree) if tiles else None,
                far=far,
                fids=np.zeros(0, np.uint32),
                left_out=(),
                levels=1 + max(n.levels for n in nodes),
                children=tuple((q, child.name) for q, child in children),
            )
        )


def _content(store: NodeStore, drawn: Drawn) -> ContentRef | None:
    if drawn.glb is None or drawn.region is None:
        return None
    return ContentRef(store.put_content(drawn.glb), drawn.region, len(drawn.glb))


def _height_error_m(coarse: MeshBatch, leaves: tuple[Drawn, ...]) -> float:
    """Return the greatest difference in height between a feature's block and its finest form: at the top, the foot, or the lowest roof."""
    block = height_ranges(coarse, len(coarse.left_out))
    finest = np.concatenate([height_ranges(leaf.mesh, len(leaf.rows))[leaf.left_out == LeftOut.DRAWN] for leaf in leaves])
    top, foot = np.abs(block[:, 1] - finest[:, 1]), np.abs(block[:, 0] - finest[:, 0])
    eaves = np.abs(block[:, 1] - np.where(np.isfinite(finest[:, 2]), finest[:, 2], block[:, 1]))
    return max(float(max(top.max(), foot.max(), eaves.max())), _SMALLEST_ERROR_M)
