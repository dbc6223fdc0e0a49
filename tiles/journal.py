"""What a full build has finished so far, kept in the store: a build that was killed goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import orjson

from tiles.node import Node
from tiles.node_store import NodeStore
from tiles.plan import Chunk


class Journal:
    """One note a chunk of units, under ``b/{name}``; ``name`` stands for the features and for how they are drawn."""

    def __init__(self, store: NodeStore, name: str) -> None:
        self._store, self._name = store, name
        self._noted: list[str] = []

    def built(self, chunk: Chunk) -> list[Node] | None:
        """Return the nodes of ``chunk`` if they were finished before."""
        place = self._place(chunk)
        if not self._store.exists(place):
            return None
        self._noted.append(place)
        names = orjson.loads(self._store.get(place))
        wanted = [[*astuple(unit.cell), *astuple(unit.weight)] for unit in chunk.units]
        if [entry[:-1] for entry in names] != wanted:
            return None
        return [self._store.node(entry[-1]) for entry in names]

    def note(self, chunk: Chunk, nodes: Sequence[Node]) -> None:
        """Remember that ``nodes`` are those of ``chunk``; all they refer to is stored."""
        entries = [[*astuple(unit.cell), *astuple(unit.weight), node.name] for unit, node in zip(chunk.units, nodes, strict=True)]
        self._store.put(self._place(chunk), orjson.dumps(entries))
        self._noted.append(self._place(chunk))

    def forget(self) -> None:
        """Remove the notes of a build that is finished."""
        for place in self._noted:
            self._store.delete(place)

    def _place(self, chunk: Chunk) -> str:
        return f"b/{self._name}/{chunk.codes[0]}.json"
