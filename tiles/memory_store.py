"""A store in memory: for warming up and for tests, which look at every object."""

from __future__ import annotations

from collections.abc import Collection

from twin.errors import NotFoundError


class MemoryStore(dict[str, bytes]):
    """Bytes under keys; as `twin.store.Store`."""

    def get(self, key: str) -> bytes:  # type: ignore[override]
        """Return the bytes under ``key``; NotFoundError when there are none."""
        if key not in self:
            raise NotFoundError("no such object")
        return self[key]

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key``."""
        self[key] = content

    def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
        """Store ``content`` under a name that stands for it for ever, unless it is there already: of another size, it was cut off."""
        if anew or self.size(key) != len(content):
            self.put(key, content)

    @property
    def is_far(self) -> bool:
        """Return whether each call is a round trip to another machine, so that many at once take the time of one."""
        return False

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return key in self

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        return len(self[key]) if key in self else None

    def delete_all(self, keys: Collection[str]) -> None:
        """Forget ``keys``."""
        for key in keys:
            self.pop(key, None)

    def drain(self) -> None:
        """Return at once: what is put is here."""
