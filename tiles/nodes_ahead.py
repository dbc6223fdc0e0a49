"""Nodes of a tree, loaded before they are asked for: a store that is a round trip away gives many in the time of one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tiles.node import Node
from tiles.node_store import NodeStore

_AT_ONCE = 32
_MOST = 512
"""Nodes that are loaded and wait to be asked for: some ten megabytes."""


@contextmanager
def nodes_below(store: NodeStore, root: Node) -> Iterator[Callable[[str], Node]]:
    """Give a way to load the nodes below ``root``, for one who walks them all: ahead of time where ``store`` is far."""
    if not store.is_far:
        yield store.node
        return
    with NodesAhead(store.node, root) as ahead:
        yield ahead.load


class NodesAhead:
    """Gives the nodes below ``root``, each once, to one who walks the tree depth first; use it as a context.

    Nodes below one that shows nothing are not expected to be asked for. Errors of ``load`` are raised where the node is asked for.
    """

    def __init__(self, load: Callable[[str], Node], root: Node) -> None:
        self._load_one = load
        self._pool = ThreadPoolExecutor(_AT_ONCE, "nodes")
        self._lock = threading.Lock()
        self._next: list[str] = []
        """Names that are still to be loaded, the nearest in the walk last."""
        self._held: dict[str, Future[Node]] = {}
        self._under_way = 0
        self._expect(root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def load(self, name: str) -> Node:
        """Return the node ``name``."""
        with self._lock:
            if name not in self._held:
                if name in self._next:
                    self._next.remove(name)
                self._begin(name)
            held = self._held[name]
        node = held.result()
        with self._lock:
            del self._held[name]
            self._fill()
        return node

    def _expect(self, node: Node) -> None:
        with self._lock:
            if node.tile is not None:
                self._next += [name for _, name in reversed(node.children)]
            self._fill()

    def _fill(self) -> None:
        while self._next and self._under_way < _AT_ONCE and len(self._held) < _MOST:
            self._begin(self._next.pop())

    def _begin(self, name: str) -> None:
        self._under_way += 1
        self._held[name] = self._pool.submit(self._fetched, name)

    def _fetched(self, name: str) -> Node:
        try:
            node = self._load_one(name)
        finally:
            with self._lock:
                self._under_way -= 1
        self._expect(node)
        return node
