"""Points of a survey by their names: the names as one column and their hashes in order; a dictionary would take 200 bytes a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.freed_memory import give_back_freed_memory
from ingest.names import loosely_spelled

Name = str | None
_BLOCK = 10_000

Places = npt.NDArray[np.int64]


class NamedPoints:
    """Points by the order in which they are listed; of two of one name the first that has a place counts."""

    def __init__(self, names: pa.Array, there: npt.NDArray[np.bool_]) -> None:
        """Take the name of each point, null for none, and whether it has a place."""
        self._names = names
        self._there = there

    def places(self, called: Sequence[Name]) -> Places:
        """Return for each name the place in the list of the point that is called so, -1 where there is none."""
        hashes = _hashes_of(called)
        found, is_sure = self._by_name.first(hashes)
        texts = self._names.take(pa.array(found)).to_pylist() if len(self._names) else [None] * len(called)
        for k, (name, text) in enumerate(zip(called, texts, strict=True)):
            if not name:
                found[k] = -1
            elif not (is_sure[k] and name == text and self._there[found[k]]):
                found[k] = next((p for p in self._called(name) if self._there[p]), -1)
        return found

    def lists(self, name: str) -> bool:
        """Return whether a point is called so, with or without a place."""
        return next(self._called(name), None) is not None

    def meant(self, name: str) -> Name:
        """Return the one name of a point with a place that is spelled nearly so; None where there are none or several."""
        loose = loosely_spelled(name)
        near = self._by_spelling.all(hash(loose))
        texts = {text for text in (self._name(p) for p in near if self._there[p]) if text and loosely_spelled(text) == loose}
        return texts.pop() if len(texts) == 1 else None

    def _called(self, name: str) -> Iterator[int]:
        return (p for p in self._by_name.all(hash(name)) if self._name(p) == name)

    def _name(self, place: int) -> Name:
        text: Name = self._names[place].as_py()
        return text

    @cached_property
    def _by_name(self) -> _Hashed:
        found = _Hashed(self._hashes(hash))
        give_back_freed_memory()
        return found

    @cached_property
    def _by_spelling(self) -> _Hashed:
        return _Hashed(self._hashes(lambda name: hash(loosely_spelled(name))))

    def _hashes(self, hashed: Callable[[str], int]) -> npt.NDArray[np.int64]:
        blocks = (self._names.slice(first, _BLOCK).to_pylist() for first in range(0, len(self._names), _BLOCK))
        return np.fromiter((hashed(name or "") for block in blocks for name in block), np.int64, len(self._names))


class _Hashed:
    """Where each hash stands."""

    def __init__(self, hashes: npt.NDArray[np.int64]) -> None:
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def first(self, hashes: npt.NDArray[np.int64]) -> tuple[Places, npt.NDArray[np.bool_]]:
        """Return the first place of each hash, and whether it is there at all; some other place where it is not."""
        if not len(self._order):
            return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), np.bool_)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._order) - 1)
        return self._order[at].astype(np.int64), self._hashes[at] == hashes

    def all(self, value: int) -> Iterator[int]:
        """Yield the places of one hash in the order of the list."""
        first, last = np.searchsorted(self._hashes, value), np.searchsorted(self._hashes, value, "right")
        return map(int, self._order[first:last])


def _hashes_of(names: Sequence[Name]) -> npt.NDArray[np.int64]:
    return np.fromiter((hash(name or "") for name in names), np.int64, len(names))
