"""The members of many objects as columns, as `json_columns.columns_of` makes them of parsed ones: no value becomes an object of Python.

A column is made when somebody asks for it; those that nobody does are written again as JSON from how they are spelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from ingest.json_texts import in_jsonb_order, json_texts
from ingest.readers.json_bytes import PADDING
from ingest.readers.json_columns import column_of
from ingest.readers.json_members import BEGIN, END, FALSE, FRACTION, INTEGER, KIND, NAME, NULL, TEXT, TRUE, Members
from ingest.readers.member_objects import Cells, gathered, written_objects
from twin.kernel import copy_bytes, kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_MOST_BYTES = 2**31 - 1
_T = ord("t")


@dataclass(frozen=True, slots=True)
class MemberColumns(Mapping[str, pa.Array]):
    """Columns of R rows by name; those of members are made of their spelling when they are asked for."""

    rows: int
    numbers: Mapping[str, int]
    """Name → number of the column among the members, or -1 of one of ``others``; in the order of the columns."""
    content: Bytes
    """How the values are spelled, texts with their quotes, NUL behind each, and at the end bytes of no meaning."""
    cells: Cells
    """(R, N, 2) where in ``content`` the value of each row and number begins and ends; at one place where there is none."""
    kinds: Ints
    """(N,) a bit for each kind of value that a column has."""
    others: Mapping[str, pa.Array] = field(default_factory=dict)

    made: dict[str, pa.Array] = field(default_factory=dict)
    """Those that somebody asked for."""

    def __getitem__(self, name: str) -> pa.Array:
        """Return a column."""
        number = self.numbers[name]
        if number < 0:
            return self.others[name]
        if name not in self.made:
            self.made[name] = self._made(number)
        return self.made[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a column, without making it."""
        return name in self.numbers

    def __iter__(self) -> Iterator[str]:
        """Yield the names in the order in which the rows bring them."""
        return iter(self.numbers)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.numbers)

    def objects(self, names: Sequence[str], more: Mapping[str, pa.Array]) -> pa.StringArray:
        """Return for each row its values of some columns and of ``more`` as a JSON object `in_jsonb_order`, null where it has none."""
        ordered = in_jsonb_order((*names, *more))
        simple = {n: k for n in names if (k := self.numbers[n]) >= 0 and self._is_simple(k)}
        others = [json_texts(more[n] if n in more else self[n]) for n in ordered if n not in simple]
        order, of_numbers, seen = [], [], 0
        for name in ordered:
            number = simple.get(name, -1)
            order.append(number if number >= 0 else -1 - seen)
            seen += number < 0
            of_numbers.append(number >= 0 and bool(self.kinds[number] & 1 << FRACTION))
        keys = [b"," + orjson.dumps(name.replace("\0", "")) + b":" for name in ordered]
        return written_objects(self.content, self.cells, np.array(order, np.int64), np.array(of_numbers, np.bool_), keys, others)

    def _is_simple(self, number: int) -> bool:
        """Tell whether the values of a column are all of one type."""
        kinds = int(self.kinds[number])
        return any(kinds | of_type == of_type for of_type in (_BOOLEANS, _TEXTS, _NUMBERS))

    def _made(self, number: int) -> pa.Array:
        cells, kinds = self.cells[:, number], int(self.kinds[number])
        there = cells[:, 1] > cells[:, 0]
        if not kinds:
            return pa.nulls(self.rows)
        if not self._is_simple(number):
            return column_of([orjson.loads(self.content[a:b].tobytes()) if a < b else None for a, b in cells.tolist()])
        if kinds & _BOOLEANS:
            first = self.content[np.where(there, cells[:, 0], 0)]
            return pa.array(first == _T, mask=~there)
        if kinds == _TEXTS:
            return _texts(self.content, cells, there, quotes=1)
        return _texts(self.content, cells, there, quotes=0).cast(pa.int64() if kinds == 1 << INTEGER else pa.float64())


_BOOLEANS, _TEXTS, _NUMBERS = 1 << FALSE | 1 << TRUE, 1 << TEXT, 1 << INTEGER | 1 << FRACTION


def member_columns(found: Members, text: Bytes, start: Ints, objects: Ints) -> tuple[MemberColumns, dict[str, int]]:
    """Return a column of each name, and by name the first row that has it, both in the order in which the rows bring them.

    ``start`` (A + 1,) is where the members of each object begin, ``objects`` (R,) the object of each row, -1 for none. The text of all
    objects must be UTF-8. Nothing of ``found`` is looked at later.
    """
    names = int(found.members[: int(start[-1]), NAME].max(initial=-1)) + 1
    content = np.empty(_size(found.members, start, objects) + len(PADDING), dtype=np.uint8)
    if len(content) > _MOST_BYTES:
        raise ValueError("more than 2 GB in the columns of a batch")
    cells, kinds = np.zeros((len(objects), names, 2), dtype=np.int32), np.zeros(names, dtype=np.int64)
    first = np.full((names, 2), len(objects))
    _gather(found.members, start, objects, text, content, cells, kinds, first)
    order = sorted(np.flatnonzero(first[:, 0] < len(objects)).tolist(), key=lambda n: tuple(first[n]))
    numbers = {text[slice(*found.names[n, :2].tolist())].tobytes().decode(): n for n in order}
    return MemberColumns(len(objects), numbers, content, cells, kinds), {name: int(first[n, 0]) for name, n in numbers.items()}


@kernel
def _size(members: Ints, start: Ints, objects: Ints) -> int:
    """Return how many bytes the values of ``objects`` have at most, with quotes and what stands between them."""
    size = 0
    for this in objects:
        if this >= 0:
            for m in range(start[this], start[this + 1]):
                size += members[m, END] - members[m, BEGIN] + 3
    return size


@kernel
def _gather(members: Ints, start: Ints, objects: Ints, text: Bytes, content: Bytes, cells: Cells, kinds: Ints, first: Ints) -> None:
    """Fill ``content``, ``cells`` and ``kinds``, and ``first`` (N, 2) with the first of each name: its row, its number in it."""
    out = 0
    for row in range(len(objects)):
        if objects[row] < 0:
            continue
        begin = start[objects[row]]
        for m in range(begin, start[objects[row] + 1]):
            name, kind = members[m, NAME], members[m, KIND]
            if row < first[name, 0]:
                first[name, 0], first[name, 1] = row, m - begin
            if kind == NULL:
                continue
            quote = kind == TEXT
            size = members[m, END] - members[m, BEGIN] + 2 * quote
            copy_bytes(content, out, text, members[m, BEGIN] - quote, size)
            cells[row, name, 0], cells[row, name, 1] = out, out + size
            kinds[name] |= 1 << kind
            content[out + size] = 0
            out += size + 1


def _texts(content: Bytes, cells: npt.NDArray[np.int32], there: Mask, *, quotes: int) -> pa.StringArray:
    """Return values as they are spelled, without so many bytes at either end, null where there is none."""
    begin = (cells[:, 0] + quotes).astype(np.int64)
    sizes = np.where(there, cells[:, 1] - cells[:, 0] - 2 * quotes, 0)
    return gathered(content, begin, sizes, None if there.all() else there)
