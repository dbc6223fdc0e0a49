"""Points of a survey by their names: the names as one column and their hashes in order; a dictionary would take 200 bytes a point."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.freed_memory import give_back_freed_memory
from ingest.names import loosely_spelled

Name = str | None
_BLOCK = 10_000
_FEW = 16
"""Names of one spelling are looked at once; answers about fewer are not kept, which would be one for each name."""

Places = npt.NDArray[np.int64]


class NamedPoints:
    """Points by the order in which they are listed; of two of one name the first that has a place counts."""

    def __init__(self, names: pa.Array, there: npt.NDArray[np.bool_]) -> None:
        """Take the name of each point, null for none, and whether it has a place."""
        self._names = names
        self._there = there
        self._answers: dict[str, Name] = {}

    def places(self, called: Sequence[Name]) -> Places:
        """Return for each name the place in the list of the point that is called so, -1 where there is none."""
        hashes = _hashes_of(called)
        found, is_there = self._by_name.first(hashes)
        texts = self._names.take(pa.array(found)).to_pylist() if len(self._names) else [None] * len(called)
        for k, (name, text) in enumerate(zip(called, texts, strict=True)):
            if not (name and is_there[k] and self._there[found[k]]):
                found[k] = -1
            elif name != text:
                found[k] = next(self._called(name, takewhile(self._there.item, self._by_name.all(hash(name)))), -1)
        return found

    def lists(self, name: str) -> bool:
        """Return whether a point is called so, with or without a place."""
        return next(self._called(name, self._by_name.all(hash(name))), None) is not None

    def meant(self, name: str) -> Name:
        """Return the one name of a point with a place that is spelled nearly so; None where there are none or several.

        Of a name that is nothing but separators (``/`` for none) there is none.
        """
        loose = loosely_spelled(name)
        if not loose:
            return None
        if loose in self._answers:
            return self._answers[loose]
        near = [*self._by_spelling.all(hash(loose))]
        texts = {text for text in map(self._name, near) if text and loosely_spelled(text) == loose}
        answer = texts.pop() if len(texts) == 1 else None
        if len(near) > _FEW:
            self._answers[loose] = answer
        return answer

    def _called(self, name: str, places: Iterable[int]) -> Iterator[int]:
        return (place for place in places if self._name(place) == name)

    def _name(self, place: int) -> Name:
        text: Name = self._names[place].as_py()
        return text

    @cached_property
    def _by_name(self) -> _Hashed:
        """Of each name the points that have a place, and then the others: what is looked for is found at the first look."""
        named = self._named
        found = _Hashed(self._hashes(hash), np.concatenate([np.flatnonzero(named & self._there), np.flatnonzero(named & ~self._there)]))
        give_back_freed_memory()
        return found

    @cached_property
    def _by_spelling(self) -> _Hashed:
        return _Hashed(self._hashes(lambda name: hash(loosely_spelled(name))), np.flatnonzero(self._named & self._there))

    @property
    def _named(self) -> npt.NDArray[np.bool_]:
        lengths = pc.fill_null(pc.binary_length(self._names), 0).to_numpy(zero_copy_only=False)
        named: npt.NDArray[np.bool_] = lengths > 0
        return named

    def _hashes(self, hashed: Callable[[str], int]) -> npt.NDArray[np.int64]:
        blocks = (self._names.slice(first, _BLOCK).to_pylist() for first in range(0, len(self._names), _BLOCK))
        return np.fromiter((hashed(name or "") for block in blocks for name in block), np.int64, len(self._names))


class _Hashed:
    """Where each hash stands."""

    def __init__(self, hashes: npt.NDArray[np.int64], places: Places) -> None:
        """Take the hashes of a list, and which places of it are looked at, in which order."""
        order = np.argsort(hashes[places], kind="stable")
        self._order = places[order].astype(np.int32)
        self._hashes = hashes[self._order]

    def first(self, hashes: npt.NDArray[np.int64]) -> tuple[Places, npt.NDArray[np.bool_]]:
        """Return the first place of each hash, and whether it is there at all; some other place where it is not."""
        if not len(self._order):
            return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), np.bool_)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._order) - 1)
        return self._order[at].astype(np.int64), self._hashes[at] == hashes

    def all(self, value: int) -> Iterator[int]:
        """Yield the places of one hash in the order in which they were given."""
        first, last = np.searchsorted(self._hashes, value), np.searchsorted(self._hashes, value, "right")
        return map(int, self._order[first:last])


def _hashes_of(names: Sequence[Name]) -> npt.NDArray[np.int64]:
    return np.fromiter((hash(name or "") for name in names), np.int64, len(names))
