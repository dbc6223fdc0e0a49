"""What a build stores outlasts a loss of power before the build is registered: the database does, and so must what it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from tiles.node_store import Objects
from twin.store import FolderStore, Store
from twin.write_behind import WriteBehind


class NotedObjects:
    """A folder that notes what is put through it; used by several threads. Other processes are handed the bare folder."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self.noted: list[str] | None = []
        """The keys to settle; None: any, since other processes put some."""

    def __reduce__(self) -> tuple[type[FolderStore], tuple[object, ...]]:
        self.noted = None
        return FolderStore, (self._store.folder,)

    @property
    def is_far(self) -> bool:
        """Return False: it is on this machine."""
        return False

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""
        return self._store.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there."""
        self._store.put(key, content)
        self._note(key)

    def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
        """Store ``content`` under a name that stands for it for ever, unless it is there already and not made ``anew``."""
        if anew or self._store.size(key) != len(content):
            self.put(key, content)

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return self._store.exists(key)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        return self._store.size(key)

    def delete_all(self, keys: Collection[str]) -> None:
        """Forget ``keys``."""
        self._store.delete_all(keys)

    def drain(self) -> None:
        """Return at once: what is put is in the folder."""

    def _note(self, key: str) -> None:
        if (noted := self.noted) is not None:
            noted.append(key)


@contextmanager
def settled(store: Store) -> Iterator[Objects]:
    """Give a way into ``store`` for the block; what was put through it, here or by processes it was handed to, is durable after it."""
    if isinstance(store, FolderStore):
        objects = NotedObjects(store)
        yield objects
        store.settle(objects.noted)
        return
    behind = WriteBehind(store)
    try:
        yield behind
        behind.drain()
    finally:
        behind.close()
