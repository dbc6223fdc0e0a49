"""The lines of a network model by section, packed, and which of them a name is first on: no dictionary of all names is made."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.readers.mapped_text import MappedText, ReadThrough
from ingest.readers.named_points import Name, NamedPoints, Places
from ingest.readers.packed_rows import PackedRows

Words = list[str]
Row = tuple[str, int, Words]
"""Section, number of the line, its words."""
_PIECE_BYTES = 1 << 20
_ROWS_AT_ONCE = 10_000


class SectionRows(Sequence[Row]):
    """The lines of some sections, one section after the other."""

    def __init__(self, sections: Sequence[tuple[str, PackedRows]]) -> None:
        """Take sections by name; their rows are the number of a line and its words."""
        self._sections = sections

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self._sections)

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
        return (_row(name, row) for name, rows in self._sections for row in rows)

    def at(self, places: Sequence[int]) -> list[Row]:
        """Return the lines at some places of one section, one without words for -1 and where there is no section."""
        name, rows = self._sections[0] if self._sections else ("", PackedRows.of(()))
        found = rows.at([place for place in places if place >= 0])
        return [_row(name, next(found)) if place >= 0 else (name, 0, []) for place in places]

    def _slice(self, first: int, last: int) -> list[Row]:
        found: list[Row] = []
        for name, rows in self._sections:
            found += [_row(name, row) for row in rows[max(first, 0) : max(last, 0)]]
            first, last = first - len(rows), last - len(rows)
        return found


class NamedRows:
    """Rows by their names; of several of one name the last counts."""

    def __init__(self, names: Iterator[str]) -> None:
        """Take the name of each row."""
        listed = pa.concat_arrays([pa.array([], pa.string()), *(pa.array(block, pa.string()) for block in batched(names, _ROWS_AT_ONCE))])
        self._count = len(listed)
        backwards = listed.take(pa.array(np.arange(self._count)[::-1]))
        self._named = NamedPoints(backwards, np.ones(self._count, np.bool_))

    def places(self, names: Sequence[Name]) -> Places:
        """Return for each name the place of its row, -1 where there is none."""
        found = self._named.places(names)
        return np.where(found < 0, -1, self._count - 1 - found)


class NamedNumbers:
    """Numbers by name; the last counts."""

    def __init__(self, pairs: Iterator[tuple[str, Sequence[float | None]]], width: int) -> None:
        """Take names, each with ``width`` numbers or none."""
        self._numbers = np.empty((0, width))
        self._rows = NamedRows(self._kept(pairs, width))

    def _kept(self, pairs: Iterator[tuple[str, Sequence[float | None]]], width: int) -> Iterator[str]:
        kept = array("d")
        for name, numbers in pairs:
            kept.extend(np.nan if number is None else number for number in numbers)
            yield name
        self._numbers = np.frombuffer(kept, np.float64).reshape(-1, width) if kept else self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, names: Sequence[Name]) -> npt.NDArray[np.float64]:
        """Return (n, width) numbers, NaN for names that have none."""
        found = np.full((len(names), self._numbers.shape[1]), np.nan)
        at = self._rows.places(names)
        found[at >= 0] = self._numbers[at[at >= 0]]
        return found


def text_lines(content: MappedText, encoding: str) -> Iterator[str]:
    """Yield the lines of a text as `str.splitlines` cuts the whole; what was passed of a mapped file is given back."""
    through, at = ReadThrough(content), 0
    while at < len(content):
        end = content.rfind(b"\n", at, at + _PIECE_BYTES) + 1
        if not end:
            end = content.find(b"\n", at) + 1 or len(content)
        yield from content[at:end].decode(encoding, "replace").splitlines()
        at = end
        through.passed(at)


def _row(section: str, row: Sequence[object]) -> Row:
    number, *words = row
    return section, number, words  # type: ignore[return-value]  # so it was packed
