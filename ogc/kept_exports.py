"""Files of whole datasets in the store: so many bytes of them at most, what was not asked for longest goes first."""

from __future__ import annotations

import time
from collections.abc import Mapping

from twin.store import Held, Store

FOLDER = "exports"
UNUSED_S = 7 * 86_400.0
"""Files of earlier revisions that nobody asked for so long are forgotten: whoever asks again has them made anew."""
_MARKS = "asked-exports"
"""Beside each file an empty object says when it was asked for: to touch the file itself would change its entity tag."""
_MARKED_APART_S = 3600.0


class KeptExports:
    """What is kept in ``exports/{dataset}/{commit}/…`` of a store: at most ``most_bytes``; every method blocks."""

    def __init__(self, store: Store, most_bytes: int) -> None:
        self._store, self._most_bytes = store, most_bytes

    def asked_for(self, key: str) -> None:
        """Note that a file is asked for, once an hour."""
        mark = _mark(key)
        held = self._store.held(mark)
        if held is None:
            self._store.put(mark, b"")
        elif held.modified_ns < time.time_ns() - int(_MARKED_APART_S * 1e9):
            self._store.touch(mark)

    def forget(self, current: Mapping[str, int], spared: str | None = None) -> None:
        """Forget what nobody asks for, and what is too much; ``current`` is the newest commit of each dataset, ``spared`` stays."""
        asked_ns = {held.key: held.modified_ns for held in self._store.entries(_MARKS)}
        held_now = sorted((max(held.modified_ns, asked_ns.get(_mark(held.key), 0)), held.key, held) for held in self._store.entries(FOLDER))
        before_ns = time.time_ns() - int(UNUSED_S * 1e9)
        total = sum(held.size for _, _, held in held_now)
        for used_ns, key, held in held_now:
            is_unused = used_ns < before_ns and not _is_current(held, current)
            if key != spared and (is_unused or total > self._most_bytes):
                self._store.delete(key)
                total -= held.size
        left = {_mark(held.key) for held in self._store.entries(FOLDER)}
        self._store.delete_all([mark for mark in asked_ns if mark not in left])


def _mark(key: str) -> str:
    return f"{_MARKS}{key.removeprefix(FOLDER)}"


def _is_current(held: Held, current: Mapping[str, int]) -> bool:
    _, dataset, commit, _ = held.key.split("/")
    return current.get(dataset) == int(commit)
