"""Nodes, contents and tree files of one tileset in the object store: what is named by a hash is written once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Protocol

from tiles.node import Node, from_bytes, to_bytes

_NODES = 64
"""Nodes kept of those read last: an edit asks for those beside its path twice."""

type StorePut = Callable[[str, bytes], object]
"""Store bytes under a key; called from several threads, an existing key may be skipped."""


class Objects(Protocol):
    """The part of a store that tiles need; called from several threads."""

    @property
    def is_far(self) -> bool:
        """Return whether each call is a round trip to another machine, so that many at once take the time of one."""

    def get(self, key: str, /) -> bytes:
        """Return the bytes under ``key``."""

    def put(self, key: str, content: bytes, /) -> object:
        """Store ``content`` under ``key``, whole or not at all."""

    def put_once(self, key: str, content: bytes, /, *, anew: bool = False) -> object:
        """Store ``content`` under a name that stands for it for ever, unless it is there already; it may be stored a while later.

        What is there in another size was cut off, as by a loss of power, and is replaced; ``anew``: whatever is there is.
        """

    def exists(self, key: str, /) -> bool:
        """Tell whether ``key`` holds something."""

    def size(self, key: str, /) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""

    def delete_all(self, keys: Collection[str], /) -> object:
        """Forget ``keys``; nothing happens with those that are not there."""

    def drain(self) -> object:
        """Wait until all that was put is stored; raise what kept any of it from being so."""


class NodeStore:
    """The objects of one dataset and variant, below ``tiles/{dataset}/{variant}/``; ``anew``: what is stored is written once more."""

    def __init__(self, objects: Objects, dataset: str, variant: str, *, anew: bool = False) -> None:
        self.prefix = f"tiles/{dataset}/{variant}"
        self._objects, self._anew = objects, anew
        self._read: dict[str, Node] = {}
        self._reading = threading.Lock()

    @property
    def is_far(self) -> bool:
        """Return whether the objects are a round trip away."""
        return self._objects.is_far

    def node(self, name: str) -> Node:
        """Return the node ``name``; NodeError when that is none. Of those read last none is read again, even if it is stored anew.

        This rests on names being hashes of what they stand for.
        """
        with self._reading:
            node = self._read.pop(name, None)
            if node is not None:
                self._read[name] = node  # behind all others: who was asked for longest ago is forgotten first
        if node is None:
            node = from_bytes(name, self._objects.get(f"{self.prefix}/n/{name}"))
            with self._reading:
                self._read.pop(name, None)
                if len(self._read) >= _NODES:
                    del self._read[next(iter(self._read))]
                self._read[name] = node
        return node

    def put_node(self, node: Node) -> Node:
        """Store ``node`` and return it with its name."""
        record = to_bytes(node)
        return replace(node, name=self.put_new("n/{}", record))

    def put_content(self, glb: bytes) -> str:
        """Store a GLB and return its hash."""
        return self.put_new("c/{}.glb", glb)

    def put_tree(self, body: bytes) -> str:
        """Store a tileset file and return its hash."""
        return self.put_new("t/{}.json", body)

    def put_subtree(self, file: bytes) -> str:
        """Store a subtree file and return its hash."""
        return self.put_new("s/{}.subtree", file)

    def subtree(self, name: str) -> bytes:
        """Return the subtree file ``name``."""
        return self.get(f"s/{name}.subtree")

    def put_new(self, place: str, content: bytes) -> str:
        """Store ``content`` at ``place`` with its hash filled in, unless it is there already, and return the hash."""
        name = content_hash(content)
        self.put_once(place.format(name), content)
        return name

    def put_once(self, place: str, content: bytes) -> None:
        """Store ``content`` at ``place`` unless it is there already: such a name stands for one content for ever."""
        self._objects.put_once(f"{self.prefix}/{place}", content, anew=self._anew)

    def put(self, place: str, content: bytes) -> str:
        """Store ``content`` at ``place``, whatever was there, and return its key."""
        self._objects.put(f"{self.prefix}/{place}", content)
        return f"{self.prefix}/{place}"

    def get(self, place: str) -> bytes:
        """Return what lies at ``place``."""
        return self._objects.get(f"{self.prefix}/{place}")

    def delete_all(self, places: Iterable[str]) -> None:
        """Forget what lies at ``places``."""
        self._objects.delete_all([f"{self.prefix}/{place}" for place in places])

    def exists(self, place: str) -> bool:
        """Tell whether something lies at ``place``."""
        return self._objects.exists(f"{self.prefix}/{place}")

    def size(self, place: str) -> int | None:
        """Return how many bytes lie at ``place``, None for nothing."""
        return self._objects.size(f"{self.prefix}/{place}")


def content_hash(content: bytes) -> str:
    """Return the name of ``content``: BLAKE2b of 128 bits in hexadecimal (RFC 7693)."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
