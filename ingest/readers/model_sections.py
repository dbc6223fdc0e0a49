"""The lines of a network model section by section, and what is said under a name: of names their hashes are held, not the names."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from ingest.freed_memory import give_back_freed_memory
from ingest.readers.section_lines import Line, SectionLines, Words

Row = tuple[str, int, Words]
"""Section, number of the line, its words."""
Name = str | None
Hashes = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]
Place = tuple[float, float]


class SectionRows(Sequence[Row]):
    """The lines of some sections, one section after the other."""

    def __init__(self, sections: Sequence[tuple[str, SectionLines]]) -> None:
        """Take sections by name."""
        self._sections = sections

    def __len__(self) -> int:
        return sum(len(lines) for _, lines in self._sections)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, int):
            at = range(len(self))[index]
            return self._slice(at, at + 1)[0]
        first, last, step = index.indices(len(self))
        return self._slice(first, last)[::step] if step > 0 else [self[at] for at in range(first, last, step)]

    def __iter__(self) -> Iterator[Row]:
        return (_row(name, line) for name, lines in self._sections for line in lines)

    def at(self, places: Sequence[int]) -> list[Row]:
        """Return the lines at some places of one section, one without words for -1 and where there is no section."""
        if not self._sections:
            return [("", 0, []) for _ in places]
        name, lines = self._sections[0]
        found = lines.at([place for place in places if place >= 0])
        return [_row(name, next(found)) if place >= 0 else (name, 0, []) for place in places]

    def _slice(self, first: int, last: int) -> list[Row]:
        found: list[Row] = []
        for name, lines in self._sections:
            found += [_row(name, line) for line in lines[max(first, 0) : max(last, 0)]]
            first, last = first - len(lines), last - len(lines)
        return found


class Listed:
    """Names of a list by their 64-bit hashes, of which 12 bytes a name are held.

    Hashes are Python's own of texts, other ones in every process: nobody can make a file two of whose names share one, and of five
    million names two do by chance in one of a million files.
    """

    def __init__(self, hashes: Hashes) -> None:
        """Take the hash of each name, in the order of the list."""
        order = np.argsort(hashes, kind="stable")
        self._order = order.astype(np.int32)
        self._hashes = hashes[order]
        del order
        give_back_freed_memory()

    def __len__(self) -> int:
        return len(self._order)

    def is_of(self, hashes: Hashes) -> bool:
        """Return whether a list has the same names in the same order."""
        return len(hashes) == len(self) and bool((hashes[self._order] == self._hashes).all())

    def last(self, hashes: Hashes) -> Places:
        """Return the last place of each hash, -1 where it is not there."""
        if not len(self):
            return np.full(len(hashes), -1, np.int64)
        at = np.searchsorted(self._hashes, hashes, "right") - 1
        return np.where((at >= 0) & (self._hashes[at] == hashes), self._order[at].astype(np.int64), -1)

    def all(self, hashes: Hashes) -> list[npt.NDArray[np.int32]]:
        """Return all places of each hash, in the order of the list."""
        first, last = (np.searchsorted(self._hashes, hashes, side).tolist() for side in ("left", "right"))
        return [self._order[a:b] for a, b in zip(first, last, strict=True)]


class NamedRows:
    """Rows by their names; of several of one name the last counts."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take the name of each row."""
        self._listed = Listed(_hashes_of(names))

    def places(self, names: Iterable[Name]) -> Places:
        """Return for each name the place of its row, -1 where there is none."""
        return self._listed.last(_hashes_of(names))


class NamedNumbers:
    """Numbers by name; of several of one name the last counts."""

    def __init__(self, pairs: Iterable[tuple[str, Sequence[float | None]]], width: int, beside: NamedNumbers | None = None) -> None:
        """Take names, each with ``width`` numbers or none; who lists the same names as ``beside`` does holds them once."""
        hashes, numbers = array("q"), array("d")
        for name, given in pairs:
            hashes.append(hash(name))
            numbers.extend(np.nan if number is None else number for number in given)
        self.numbers: npt.NDArray[np.float64] = np.array(numbers, np.float64).reshape(-1, width)
        del numbers
        listed: Hashes = np.frombuffer(hashes, np.int64) if hashes else np.zeros(0, np.int64)
        self.listed: Listed = _listed(listed, beside)

    def __len__(self) -> int:
        return len(self.numbers)

    def of(self, names: Sequence[Name]) -> npt.NDArray[np.float64]:
        """Return (n, width) numbers, NaN for names that have none."""
        found = np.full((len(names), self.numbers.shape[1]), np.nan)
        at = self.listed.last(_hashes_of(names))
        found[at >= 0] = self.numbers[at[at >= 0]]
        return found

    def all_of(self, names: Sequence[Name]) -> list[npt.NDArray[np.float64]]:
        """Return (k, width) numbers of each name: all that are listed under it, in their order."""
        return [self.numbers[places] for places in self.listed.all(_hashes_of(names))]


def _listed(hashes: Hashes, beside: NamedNumbers | None) -> Listed:
    return beside.listed if beside is not None and beside.listed.is_of(hashes) else Listed(hashes)


def _hashes_of(names: Iterable[Name]) -> Hashes:
    """Return the hashes of names; none, and a text that is no name, have that of the empty one, which no line begins with."""
    return np.fromiter((hash(name or "") for name in names), np.int64)


def _row(section: str, line: Line) -> Row:
    return section, *line
