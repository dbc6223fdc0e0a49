"""Where numbers stand in a long list that is not in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class Numbered:
    """Places by numbers of 64 bits, in 16 bytes a place."""

    def __init__(self, numbers: Sequence[int]) -> None:
        given = np.asarray(numbers, np.int64)
        self._order = np.argsort(given, kind="stable")
        self._numbers = given[self._order]

    def last(self, number: int) -> int | None:
        """Return the last place of a number; None where it stands nowhere."""
        (place,) = self.last_of(np.array([number], np.int64))
        return None if place < 0 else int(place)

    def last_of(self, numbers: Numbers) -> Numbers:
        """Return the last place of each number, -1 where it stands nowhere."""
        if not len(self._order):
            return np.full(len(numbers), -1, np.int64)
        at = np.searchsorted(self._numbers, numbers, "right") - 1
        return np.where((at >= 0) & (self._numbers[at] == numbers), self._order[at], -1)

    def all(self, number: int) -> Iterator[int]:
        """Yield the places of a number from the first to the last."""
        first, last = np.searchsorted(self._numbers, number), np.searchsorted(self._numbers, number, "right")
        return map(int, self._order[first:last])
