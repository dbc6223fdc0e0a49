"""Objects that are stored while their maker goes on: a round trip to a store far away is not waited for one by one."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait

from twin.store import Store

_THREADS = 16
_MOST_BYTES = 32 << 20
"""May wait to be stored; who would put more waits."""


class WriteBehind:
    """A way into ``store``: what is put once is put by threads of its own, all else after what the same caller put before.

    What waits can be read here. :meth:`drain` raises what kept an object from being stored. It pickles as a new way into the same store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="put")
        self._changed = threading.Condition()
        self._waiting: dict[str, tuple[bytes, Future[None]]] = {}
        self._bytes = 0
        self._callers = threading.local()
        """Each caller's thread answers for what it put itself: the tasks of a build succeed and fail one by one."""

    def __reduce__(self) -> tuple[type[WriteBehind], tuple[Store]]:
        return WriteBehind, (self._store,)

    @property
    def is_far(self) -> bool:
        """Return whether each call is a round trip to another machine."""
        return self._store.is_far

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""
        waiting = self._waiting.get(key)
        return self._store.get(key) if waiting is None else waiting[0]

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return key in self._waiting or self._store.exists(key)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        waiting = self._waiting.get(key)
        return self._store.size(key) if waiting is None else len(waiting[0])

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key`` once all that the caller put before is stored: what points to something comes after it."""
        self.drain()
        self._store.put(key, content)

    def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
        """Have ``content`` stored under a name that stands for it for ever, unless it is there already; it may be stored a while later."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < _MOST_BYTES)
            waiting = self._waiting.get(key)
            if waiting is None:
                waiting = content, self._threads.submit(self._stored, key, content, anew=anew)
                self._waiting[key] = waiting
                self._bytes += len(content)
        self._mine().append(waiting[1])

    def delete_all(self, keys: Collection[str]) -> None:
        """Forget ``keys``, once they are stored if they wait to be."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting.keys().isdisjoint(keys))
        self._store.delete_all(keys)

    def drain(self) -> None:
        """Wait until all that the caller's thread put is stored; raise what kept any of it from being so."""
        mine = self._mine()
        put, mine[:] = wait(mine).done, []
        for future in put:
            future.result()

    def close(self) -> None:
        """End the threads, once they have stored what waits."""
        self._threads.shutdown()

    def _mine(self) -> list[Future[None]]:
        if not hasattr(self._callers, "put"):
            self._callers.put = []
        mine: list[Future[None]] = self._callers.put
        return mine

    def _stored(self, key: str, content: bytes, *, anew: bool) -> None:
        try:
            self._store.put_once(key, content, anew=anew)
        finally:
            with self._changed:
                del self._waiting[key]
                self._bytes -= len(content)
                self._changed.notify_all()
