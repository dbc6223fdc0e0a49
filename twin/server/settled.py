"""What a build stores is on the disk before the build is registered: the database outlasts a loss of power, and so must what it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twin.store import FolderStore


class NotedObjects:
    """A store that notes what is put through it; used by several threads."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self.noted: list[str] = []

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""
        return self._store.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there."""
        self._store.put(key, content)
        self.noted.append(key)

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return self._store.exists(key)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        return self._store.size(key)

    def delete(self, key: str) -> None:
        """Forget ``key``; nothing happens when it is not there."""
        self._store.delete(key)


@contextmanager
def settled(store: FolderStore) -> Iterator[NotedObjects]:
    """Give a way into ``store`` for the block; what was put through it is on the disk when the block has ended."""
    objects = NotedObjects(store)
    yield objects
    store.settle(objects.noted)
