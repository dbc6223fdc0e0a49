"""Nodes that are loaded before they are asked for are those that would be, each once, and errors come where they would."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.tile_features import BUILDING, buildings, to_geocentric
from tiles import node_store, nodes_ahead
from tiles.build import BuildOptions, TilesetTarget, build_tileset, read_tree
from tiles.columns import FeatureColumns
from tiles.filtered import Fids, Form
from tiles.filtered_content import FilteredContents
from tiles.glb import Encoding
from tiles.making import Making, Means
from tiles.memory_store import MemoryStore
from tiles.node import Node
from tiles.node_store import NodeStore
from tiles.nodes_ahead import NodesAhead
from tiles.selection import taken
from tiles.tiling import Budget
from twin.errors import NotFoundError


@pytest.fixture(scope="module")
def objects() -> MemoryStore:
    objects = MemoryStore()
    options = BuildOptions(budget=Budget(200, 2_000))
    summary = build_tileset([buildings(150)], BUILDING, to_geocentric, TilesetTarget("b", 1, "open", "1."), objects, options=options)
    objects["tree"] = summary.tree.encode()
    return objects


@pytest.fixture(scope="module")
def tree(objects: MemoryStore) -> tuple[NodeStore, Node]:
    store = NodeStore(objects, "b", "open")
    root = read_tree(store, objects["tree"].decode()).root
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
    are_many = threading.Event()

    def load(name: str) -> Node:
        nonlocal under_way, at_once
        with lock:
            loaded.append(name)
            under_way += 1
            at_once = max(at_once, under_way)
            if under_way > 8:
                are_many.set()
        if most == 512:
            are_many.wait(0.5)  # a busy machine begins the others late
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


def test_of_the_nodes_read_last_none_is_read_again(
    objects: MemoryStore, tree: tuple[NodeStore, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that had kept its fill forgot all of it, and with it the path of the edit that was under way."""
    monkeypatch.setattr(node_store, "_NODES", 4)
    with NodesAhead(tree[0].node, tree[1]) as ahead:
        names = list(walked(ahead, tree[1]))[:6]
    counting = CountingStore(objects)
    store = NodeStore(counting, "b", "open")
    for name in [*names, *names[2:]]:
        assert store.node(name).name == name
    assert counting.read == [f"tiles/b/open/n/{name}" for name in names]


def test_a_node_that_is_asked_for_again_and_again_is_kept(
    objects: MemoryStore, tree: tuple[NodeStore, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root of an edit went first, since it had been read first."""
    monkeypatch.setattr(node_store, "_NODES", 4)
    with NodesAhead(tree[0].node, tree[1]) as ahead:
        root, *others = list(walked(ahead, tree[1]))[:6]
    counting = CountingStore(objects)
    store = NodeStore(counting, "b", "open")
    for name in others:
        assert store.node(root).name == root
        assert store.node(name).name == name
    assert counting.read.count(f"tiles/b/open/n/{root}") == 1


class CountingStore(MemoryStore):
    """A store that lists what was read."""

    def __init__(self, objects: MemoryStore) -> None:
        super().__init__(objects)
        self.read: list[str] = []

    def get(self, key: str) -> bytes:  # type: ignore[override]
        """Return the bytes under ``key``."""
        self.read.append(key)
        return super().get(key)


class FarStore(MemoryStore):
    """A store that counts how many ask it for nodes at once."""

    is_far = True
    at_once = under_way = 0
    lock = threading.Lock()
    are_many = threading.Event()

    def get(self, key: str) -> bytes:  # type: ignore[override]
        """Return the bytes under ``key``, after a while."""
        with self.lock:
            self.under_way += "/n/" in key
            self.at_once = max(self.at_once, self.under_way)
            if self.under_way > 8:
                self.are_many.set()
        self.are_many.wait(0.2 if "/n/" in key else 0)  # a busy machine begins the others late
        with self.lock:
            self.under_way -= "/n/" in key
        return super().get(key)


def test_a_content_of_a_filter_walks_its_nodes_ahead_in_a_store_that_is_far(objects: MemoryStore, tree: tuple[NodeStore, Node]) -> None:
    """A content near the top took a round trip for each node below it, one after the other."""
    run, far = buildings(150), FarStore(objects)
    wanted = run.fid[::3].copy()

    def fetch(fids: Fids) -> FeatureColumns:
        return taken(run, np.searchsorted(run.fid, fids))

    def drawn(objects: MemoryStore) -> bytes:
        making = Making(Means(BUILDING, to_geocentric, objects, "b", "open", Encoding(), Budget(200, 2_000), ""))
        contents = FilteredContents(
            making.maker, BUILDING, making.metadata, lambda fids: taken(run, np.searchsorted(run.fid, fids)), wanted
        )
        return contents.content(tree[1].name, Form.COARSER)

    assert drawn(far) == drawn(objects)
    assert far.at_once > 8
