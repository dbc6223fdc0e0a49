"""Rows of a table, packed: a table of millions of rows is held in a twentieth of what Python's lists of them would take."""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched, groupby
from typing import NamedTuple, overload

import pyarrow as pa

_ROWS = 2_500
"""In a block: few enough to be nothing to hold, many enough for repeated texts to be found."""
_KEPT_ROWS = 10_000
"""Longer slices are not kept for who asks for the same again."""

_CODEC = pa.Codec("zstd", compression_level=1)

Row = Sequence[object]


class _Block(NamedTuple):
    packed: bytes
    unpacked_bytes: int
    is_plain: bool
    """Of texts and numbers: days and times are none of what `marshal` knows."""


class _Slice(NamedTuple):
    first: int
    last: int
    rows: list[Row]


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows(Sequence[Row]):
    """A sequence of rows; the slice that was asked for last is kept, for one column is asked for after the other."""

    _blocks: Sequence[_Block]
    _count: int
    _skipped: int = 0
    """Rows of the first blocks that are none of ours."""
    _added: tuple[tuple[int, str], ...] = ()
    """How wide each row is made, and what stands behind it; one after the other."""
    _latest: list[_Slice] = field(default_factory=list, init=False)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> PackedRows:
        """Take rows one by one, of texts, numbers, days and times."""
        blocks, count = list[_Block](), 0
        for block in batched(rows, _ROWS):
            blocks.append(_packed(block))
            count += len(block)
        return cls(blocks, count)

    def without_first(self, count: int) -> PackedRows:
        """Return the rows behind the first ``count``, which are not packed again."""
        return replace(self, _count=self._count - count, _skipped=self._skipped + count)

    def with_cell(self, width: int, text: str) -> PackedRows:
        """Return every row as ``width`` cells and one more; cells that a row does not have are empty."""
        return replace(self, _added=(*self._added, (width, text)))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, int):
            at = range(self._count)[index]
            return self._rows(at, at + 1)[0]
        first, last, step = index.indices(self._count)
        if step != 1:
            return [self[at] for at in range(first, last, step)]
        if last - first > _KEPT_ROWS:
            return self._rows(first, last)
        if not self._latest or (first, last) != self._latest[0][:2]:
            self._latest[:] = [_Slice(first, last, self._rows(first, last))]
        return self._latest[0].rows

    def __iter__(self) -> Iterator[Row]:
        return self.after(0)

    def after(self, first: int) -> Iterator[Row]:
        """Yield the rows from ``first`` on, a block at a time being unpacked."""
        number, passed = divmod(self._skipped + first, _ROWS)
        for block in self._blocks[number:]:
            yield from self._unpacked(block)[passed:]
            passed = 0

    def at(self, indices: Sequence[int]) -> Iterator[Row]:
        """Return the rows of some indices, in their order; each block is unpacked once."""
        wanted = [divmod(self._skipped + index, _ROWS) for index in indices]
        found: dict[tuple[int, int], Row] = {}
        for number, pairs in groupby(sorted(set(wanted)), lambda pair: pair[0]):
            rows = self._unpacked(self._blocks[number])
            found.update((pair, rows[pair[1]]) for pair in pairs)
        return (found[pair] for pair in wanted)

    def _rows(self, first: int, last: int) -> list[Row]:
        found: list[Row] = []
        first, last = first + self._skipped, last + self._skipped
        for number in range(first // _ROWS, -(-last // _ROWS)):
            begin = number * _ROWS
            found.extend(self._unpacked(self._blocks[number])[max(first - begin, 0) : last - begin])
        return found

    def _unpacked(self, block: _Block) -> Sequence[Row]:
        content = _CODEC.decompress(block.packed, block.unpacked_bytes, asbytes=True)
        rows: Sequence[Row] = (marshal if block.is_plain else pickle).loads(content)  # what we have packed ourselves
        for width, text in self._added:
            rows = [(*row[:width], *("",) * (width - len(row)), text) for row in rows]
        return rows


class Packing:
    """Rows that come one by one, packed block by block."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._waiting: list[Row] = []

    def add(self, row: Row) -> None:
        """Put a row behind the others."""
        self._waiting.append(row)
        if len(self._waiting) == _ROWS:
            self._blocks.append(_packed(tuple(self._waiting)))
            self._waiting = []

    def rows(self) -> PackedRows:
        """Return the rows; none is added afterwards."""
        count = _ROWS * len(self._blocks) + len(self._waiting)
        return PackedRows([*self._blocks, *([_packed(tuple(self._waiting))] if self._waiting else [])], count)


def _packed(rows: Sequence[Row]) -> _Block:
    is_plain = True
    try:
        content = marshal.dumps(rows)  # type: ignore[arg-type]  # what it does not know it says
    except ValueError:
        is_plain, content = False, pickle.dumps(rows)
    # copied out: a block that was shrunk where it lies would keep the room behind it from all others
    return _Block(_CODEC.compress(content).to_pybytes(), len(content), is_plain)
