"""Walking the nodes of a tile tree, for tests that look at leaves alone."""

from __future__ import annotations

from collections.abc import Iterator

from tiles.build import read_tree
from tiles.node import Node
from tiles.node_store import NodeStore, Objects


def nodes(objects: Objects, dataset: str, tree: str) -> Iterator[Node]:
    """Yield all nodes of a tree of the variant ``open``, parents first."""
    store = NodeStore(objects, dataset, "open")
    root = read_tree(store, tree).root
    waiting = [] if root is None else [root]
    while waiting:
        node = store.node(waiting.pop())
        waiting += [name for _, name in node.children]
        yield node


def leaf_contents(objects: Objects, dataset: str, tree: str) -> set[str]:
    """Return the hashes of the contents of leaves."""
    return {node.content.hash for node in nodes(objects, dataset, tree) if node.is_leaf and node.content is not None}
