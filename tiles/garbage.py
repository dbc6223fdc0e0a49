"""Which objects of a dataset's tiles are in use: those that the trees of kept revisions lead to, or else their files."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import orjson

from tiles.build import read_tree
from tiles.implicit import root_subtree
from tiles.node import Node, NodeError, files_of
from tiles.node_store import NodeStore
from tiles.subtree import read_subtree
from tiles.tileset import content_uris
from twin.errors import NotFoundError

_AT_ONCE, _TOGETHER = 32, 256
"""Nodes that are loaded at once from a store that is far, and together before those below them are looked for."""


class InUse:
    """The places below ``tiles/{dataset}/{variant}/`` that are in use; what two trees share is walked once."""

    def __init__(self, store: NodeStore) -> None:
        self._store = store
        self._nodes: set[str] = set()
        self.places: set[str] = set()

    def keep(self, revision: int, tree: str) -> None:
        """Mark all that the tileset of ``revision``, whose tree is ``tree``, leads to. NodeError when that is none of this engine."""
        read = read_tree(self._store, tree)
        self.places |= {f"n/{tree}", f"r/{revision}/tileset.json", f"r/{revision}/implicit.json"}
        if read.root is not None:
            self._keep_nodes(read.root)
        if read.subtrees is not None:
            self._keep_subtrees(read.subtrees)

    def keep_files(self, revision: int) -> None:
        """Mark what a client of the tileset of ``revision`` comes to: that of an engine whose nodes are not read any more."""
        entries = [place for form in ("tileset", "implicit") if self._store.exists(place := f"r/{revision}/{form}.json")]
        self.places.update(entries)
        waiting = list(entries)
        while waiting:
            place = waiting.pop()
            body = self._store.get(place)
            if place.endswith("implicit.json") and (name := root_subtree(body)) is not None:
                self._keep_subtrees(name)
                continue
            referred = {_place(uri) for uri in content_uris(orjson.loads(body)["root"])}
            waiting += [new for new in referred - self.places if new.endswith(".json")]
            self.places |= referred

    def keep_notes(self, notes: Iterable[str]) -> None:
        """Mark the notes of builds that have not ended, and what they have made so far; not those that were cut off or lead to what is."""
        for place in notes:
            try:
                for entry in orjson.loads(self._store.get(place)):
                    self._keep_nodes(entry[-1])
            except (NotFoundError, NodeError, LookupError, TypeError, ValueError):
                continue
            self.places.add(place)

    def _keep_nodes(self, name: str) -> None:
        waiting, walked = {name} - self._nodes, set[str]()
        with ThreadPoolExecutor(_AT_ONCE if self._store.is_far else 1) as pool:
            while waiting:
                some = list(itertools.islice(waiting, _TOGETHER))
                waiting.difference_update(some)
                walked.update(some)
                for node in pool.map(self._store.node, some):
                    self._keep_node(node)
                    waiting |= {child for _, child in node.children} - self._nodes - walked
        self._nodes |= walked  # not where some was not readable: what lies below the others may not have been reached

    def _keep_node(self, node: Node) -> None:
        self.places.add(f"n/{node.name}")
        self.places.update(files_of(node))
        if node.content is not None:
            self.places.add(f"c/{node.content.hash}.glb")

    def _keep_subtrees(self, name: str) -> None:
        waiting, walked = [name], set[str]()
        while waiting:
            place = f"s/{(one := waiting.pop())}.subtree"
            if place not in self.places and place not in walked:
                waiting += [bytes(child).hex() for child in read_subtree(self._store.subtree(one)).child_name]
                walked.add(place)
        self.places |= walked


def _place(uri: str) -> str:
    """Return where below the variant lies what a file in ``t/``, or the tileset of a revision, calls ``uri``."""
    return "/".join(posixpath.normpath(posixpath.join("t", uri)).split("/")[-2:])
