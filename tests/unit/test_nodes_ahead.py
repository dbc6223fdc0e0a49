"""Nodes that are loaded before they are asked for are those that would be, each once, and errors come where they would."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.tile_features import BUILDING, buildings, to_geocentric
from tiles import nodes_ahead
from tiles.build import BuildOptions, TilesetTarget, build_tileset, read_tree
from tiles.memory_store import MemoryStore
from tiles.node import Node
from tiles.node_store import NodeStore
from tiles.nodes_ahead import NodesAhead
from tiles.tiling import Budget
from twin.errors import NotFoundError


@pytest.fixture(scope="module")
def tree() -> tuple[NodeStore, Node]:
    objects = MemoryStore()
    options = BuildOptions(budget=Budget(200, 2_000))
    summary = build_tileset([buildings(150)], BUILDING, to_geocentric, TilesetTarget("b", 1, "open", "1."), objects, options=options)
    store = NodeStore(objects, "b", "open")
    root = read_tree(store, summary.tree).root
    assert root is not None
    return store, store.node(root)


def walked(ahead: NodesAhead, node: Node) -> Iterator[str]:
    for _, name in node.children:
        child = ahead.load(name)
        yield child.name
        if child.tile is not None:
            yield from walked(ahead, child)


@pytest.mark.parametrize("most", [1, 3, 512])
def test_a_walk_gets_every_node_once_and_several_at_once(tree: tuple[NodeStore, Node], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes_ahead, "_MOST", most)
    store, root = tree
    loaded, lock, under_way, at_once = list[str](), threading.Lock(), 0, 0

    def load(name: str) -> Node:
        nonlocal under_way, at_once
        with lock:
            loaded.append(name)
            under_way += 1
            at_once = max(at_once, under_way)
        time.sleep(random.random() / 500)
        with lock:
            under_way -= 1
        return store.node(name)

    with NodesAhead(load, root) as ahead:
        seen = list(walked(ahead, root))
    assert len(seen) > 30
    assert sorted(loaded) == sorted(seen)
    assert len(set(seen)) == len(seen)
    assert (at_once > 8) == (most == 512)


def test_a_node_that_is_not_there_is_missed_where_it_is_asked_for(tree: tuple[NodeStore, Node]) -> None:
    store, root = tree
    gone = store.node(root.children[-1][1]).children[0][1]

    def load(name: str) -> Node:
        if name == gone:
            raise NotFoundError("no such object")
        return store.node(name)

    with NodesAhead(load, root) as ahead, pytest.raises(NotFoundError):
        list(walked(ahead, root))
