"""What a full build has finished so far, kept in the store: a build that was killed goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple

import orjson

from tiles.node import Node, NodeError, files_of
from tiles.node_store import NodeStore, content_hash
from tiles.plan import Chunk
from twin.errors import NotFoundError


class Journal:
    """One note a chunk of branches, under ``b/{name}``; ``name`` stands for the features and for how they are drawn."""

    def __init__(self, store: NodeStore, name: str) -> None:
        self._store, self._name = store, name

    def built(self, chunk: Chunk) -> list[Node] | None:
        """Return the nodes of ``chunk`` if they were finished before and all they show is there: a loss of power may have cut it off."""
        place = self._place(chunk)
        if not self._store.exists(place):
            return None
        wanted = [[*astuple(branch.cell), *astuple(branch.weight)] for branch in chunk.branches]
        try:
            names = orjson.loads(self._store.get(place))
            if [entry[:-1] for entry in names] != wanted:
                return None
            nodes = [self._store.node(entry[-1]) for entry in names]
            return nodes if all(self._is_whole(node) for node in nodes) else None
        except (orjson.JSONDecodeError, NodeError, NotFoundError):
            return None

    def _is_whole(self, node: Node) -> bool:
        """Return whether all that ``node`` leads to is stored."""
        if node.content is not None and self._store.size(f"c/{node.content.hash}.glb") != node.content.size:
            return False
        if any(uri != f"t/{content_hash(self._store.get(uri))}.json" for uri in files_of(node)):
            return False
        return all(self._is_whole(self._store.node(name)) for _, name in node.children)

    def note(self, chunk: Chunk, nodes: Sequence[Node]) -> None:
        """Remember that ``nodes`` are those of ``chunk``; all they refer to is stored."""
        entries = [[*astuple(branch.cell), *astuple(branch.weight), node.name] for branch, node in zip(chunk.branches, nodes, strict=True)]
        self._store.put(self._place(chunk), orjson.dumps(entries))

    def forget(self, chunks: Iterable[Chunk]) -> None:
        """Remove the notes of a build of ``chunks`` that is finished."""
        self._store.delete_all(self._place(chunk) for chunk in chunks)

    def _place(self, chunk: Chunk) -> str:
        return f"b/{self._name}/{chunk.codes[0]}.json"
