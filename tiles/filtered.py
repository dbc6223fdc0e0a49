"""The tree of a tileset that shows some features of another: its tiles, of which only those that show part of what they did are new.

Where all features below a tile are wanted, it is the tile that there was, with everything below it. Elsewhere a content is drawn when it is
asked for (`tiles.filtered_content`), but its tile is known at once: what shows some features of a content lies in the region of that
content, and is no farther from the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import Region, union
from tiles.node import Node
from tiles.node_store import NodeStore
from tiles.nodes_ahead import nodes_below
from tiles.tileset import ContentRef, Tile, tile
from tiles.tiling import Budget, Cell, Weight

type Fids = NDArray[np.uint32]

MOST_FROM_AFAR = 25_000
"""Features below an inner tile that are looked at to draw it; above more there is nothing to see until one comes nearer."""
_MARGIN = 2
"""What is wanted may weigh more than the average below its tile."""


class Form(StrEnum):
    """How a content shows the features below its node."""

    FINEST = "finest"
    COARSER = "coarser"


@dataclass(frozen=True, slots=True)
class FilteredTree:
    """The tree of what is wanted: ``root`` is None when nothing of it can be drawn, ``features`` are drawn.

    ``contents``: those to be drawn when asked for, by the name of their node.
    """

    root: Tile | None
    features: int
    contents: dict[str, Form]


def filtered_tree(store: NodeStore, root: str | None, wanted: Fids, folder: str, budget: Budget) -> FilteredTree:
    """Return the tree of the features ``wanted`` (sorted) of the tree below the node ``root``.

    All that is its own lies in ``folder`` below the variant: contents to be drawn are ``{node}.glb``, tree files ``{hash}.json``.
    """
    seen = None
    if root is not None:
        top = store.node(root)
        with nodes_below(store, top) as load:
            seen = _Planner(store, load, wanted, folder, budget).seen(top)
    if seen is None:
        return FilteredTree(None, 0, {})
    return FilteredTree(seen.tile, seen.features, seen.contents)


def wanted_of(node: Node, wanted: Fids) -> tuple[Fids, bool]:
    """Return which features that the leaf ``node`` draws are ``wanted`` (sorted), in its order, and whether that is all it draws."""
    unseen = np.array([fid for fid, _ in node.left_out], np.uint32)
    drawn = node.fids[~np.isin(node.fids, unseen)] if len(unseen) else node.fids
    place = np.searchsorted(wanted, drawn)
    held = wanted[np.minimum(place, max(len(wanted) - 1, 0))] == drawn if len(wanted) else np.zeros(len(drawn), np.bool_)
    return drawn[held], bool(held.all())


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is wanted below a node; ``is_whole``: all that is drawn there."""

    tile: Tile
    features: int
    is_whole: bool
    contents: dict[str, Form]


@dataclass(frozen=True, slots=True)
class _Planner:
    store: NodeStore
    load: Callable[[str], Node]
    wanted: Fids
    folder: str
    budget: Budget

    def seen(self, node: Node) -> _Seen | None:
        """Return what is wanted below ``node``; None for nothing."""
        if node.tile is None:
            return None
        if node.is_leaf:
            return self._leaf(node, node.tile)
        drawn = [child for _, name in node.children if (child := self.load(name)).tile is not None]
        seen = [found for child in drawn if (found := self.seen(child)) is not None]
        if not seen:
            return None
        features = sum(s.features for s in seen)
        if len(seen) == len(drawn) and all(s.is_whole for s in seen):
            return _Seen(node.tile, features, is_whole=True, contents={})
        if self._fits(node.cell, node.weight, features):
            return self._drawn_here(node, seen, features)
        return self._inner(node, node.tile, seen, features)

    def _leaf(self, node: Node, whole: Tile) -> _Seen | None:
        held, is_whole = wanted_of(node, self.wanted)
        if len(held) == 0:
            return None
        if is_whole:
            return _Seen(whole, len(held), is_whole=True, contents={})
        made = self._tile(node, whole.region, [], 0.0)
        return _Seen(made, len(held), is_whole=False, contents={node.name: Form.FINEST})

    def _drawn_here(self, node: Node, seen: list[_Seen], features: int) -> _Seen:
        """Return the leaf in place of an inner node of which little is wanted."""
        region = union([s.tile.region for s in seen])
        made = self._tile(node, region, [], 0.0)
        return _Seen(made, features, is_whole=False, contents={node.name: Form.FINEST})

    def _inner(self, node: Node, whole: Tile, seen: list[_Seen], features: int) -> _Seen:
        contents = {name: form for s in seen for name, form in s.contents.items()}
        tiles = [s.tile for s in seen]
        if node.content is None or features > MOST_FROM_AFAR:
            return _Seen(tile(None, tiles, None, self._put, self.folder), features, is_whole=False, contents=contents)
        made = self._tile(node, whole.region, tiles, whole.geometric_error_m)
        return _Seen(made, features, is_whole=False, contents={**contents, node.name: Form.COARSER})

    def _fits(self, cell: Cell, weight: Weight, features: int) -> bool:
        """Return whether so many of the features of ``weight`` fit one content, by what they weigh on average."""
        share = _MARGIN * features / weight.count
        return self.budget.fits(cell, Weight(features, int(weight.vertices * share), int(weight.bytes * share)))

    def _tile(self, node: Node, region: Region, children: list[Tile], error_m: float) -> Tile:
        """Return the tile of a content that is drawn when it is asked for."""
        return tile(ContentRef(node.name, region, folder=self.folder), children, error_m, self._put, self.folder)

    def _put(self, body: bytes) -> str:
        return self.store.put_new(f"{self.folder}/{{}}.json", body)
