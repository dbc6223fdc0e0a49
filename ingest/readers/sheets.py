"""Tables as surveys hand them over: a header somewhere near the top, in one row or in several below merged titles, then rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.names import normalised, parted_unit
from ingest.protocol import Limits
from ingest.readers.lines_aside import aside_note, lines_aside, plain_line
from ingest.readers.packed_rows import PackedRows
from ingest.refusals import rejected
from twin.errors import Text

_HEADER_SEARCHED_ROWS = 12
_HEADER_ROWS = 3
_ROWS_AT_ONCE = 10_000
_KNOWN_NAMES_NEEDED = 2
_UNIT = re.compile(r"[(\[（【]?(?:mm|cm|m|km|kv|v|pa|kpa|mpa|℃|°|%|米|毫米|厘米|千伏|伏|度|条|孔|年)[)\]）】]?", re.IGNORECASE)

Row = Sequence[object]
Cell = tuple[int, int]
"""Row and column, from 0."""
Merged = Sequence[tuple[Cell, Cell]]
"""First and last cell of each merged range."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: column names, and rows with their numbers in the sheet (the first row is 1)."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    numbers: npt.NDArray[np.int64]
    encoding: str | None = None
    notes: tuple[Text, ...] = ()

    def column(self, name: str, first: int = 0, last: int | None = None) -> pa.Array:
        """Return one column of the rows ``first``…``last``."""
        index = self.columns.index(name)
        if last is not None or not isinstance(self.rows, PackedRows):
            return _cells(self.rows[first:last], index)
        # to the end, a block at a time is unpacked, not all rows at once; what is text in each of them is text in all
        blocks = [_cells(rows, index) for rows in batched(self.rows.after(first), _ROWS_AT_ONCE)]
        if all(b.type in (pa.string(), pa.null()) for b in blocks) and any(b.type == pa.string() for b in blocks):
            return pa.concat_arrays([block.cast(pa.string()) for block in blocks])
        return _cells(self.rows.after(first), index)

    def with_column(self, name: str, value: str) -> Sheet:
        """Return the same with a column that has one value in every row."""
        width = len(self.columns)
        if isinstance(self.rows, PackedRows):
            return replace(self, columns=(*self.columns, name), rows=self.rows.with_cell(width, value))
        padded = [(*row[:width], *(None,) * (width - len(row)), value) for row in self.rows]
        return replace(self, columns=(*self.columns, name), rows=padded)


def numbered[R: Row](rows: Iterable[R], limits: Limits, first: int = 1) -> Iterator[tuple[int, R]]:
    """Yield the rows that hold anything with their numbers, from ``first`` on; RejectedError ``too-many-rows`` or ``too-many-columns``."""
    for number, row in enumerate(rows, start=first):
        if number > limits.rows:
            raise rejected("too-many-rows", f"More than {limits.rows} rows.", f"行数超过 {limits.rows}。")
        if len(row) > limits.columns:
            raise too_many_columns(limits.columns)
        if any(c is not None and c != "" for c in row):
            yield number, row


def too_many_columns(most: int) -> Exception:
    """Return the refusal of a table wider than anything a person made."""
    return rejected("too-many-columns", f"More than {most} columns.", f"列数超过 {most}。")


def find_table(
    name: str, rows: list[Row] | PackedRows, numbers: Sequence[int], known: frozenset[str], merged: Merged = (), width: int = 0
) -> Sheet | None:
    """Return the table below the row (or rows, when group titles stand above) that most looks like its header.

    ``known`` are the normalised names a header may hold; None when fewer than two of them stand in any of the first rows. Where rows are as
    long as they are filled ``width`` says how many columns there are.
    """
    searched = _HEADER_SEARCHED_ROWS + _HEADER_ROWS
    first_rows = [(*row, *(None,) * (width - len(row))) for row in rows[:searched]]
    top = [_filled(row, number - 1, merged) for row, number in zip(first_rows, numbers, strict=False)]
    best: tuple[int, int, int, tuple[str, ...]] = (0, 0, 0, ())
    for index in range(min(len(top), _HEADER_SEARCHED_ROWS)):
        header: tuple[str, ...] = ()
        for used in range(1, min(_HEADER_ROWS, len(top) - index) + 1):
            header = _joined(header, top[index + used - 1], known) if used > 1 else top[index]
            score = len(known.intersection(map(normalised, header)))
            if (score, -used) > best[:2]:
                best = (score, -used, index + used, header)
    score, _, first, header = best
    if score < _KNOWN_NAMES_NEEDED:
        return None
    header, first = _with_units(header, top, first)
    above = frozenset(line for row in rows[:first] if (line := plain_line(row)))
    aside = lines_aside(rows, first, above, len(header))
    notes = (aside_note([numbers[index] for index in aside]),) if aside else ()
    kept = np.delete(np.asarray(numbers, np.int64), [*range(first), *aside])
    return Sheet(name, _distinct(header), _without(rows, first, frozenset(aside)), kept, notes=notes)


def _without(rows: list[Row] | PackedRows, first: int, aside: frozenset[int]) -> Sequence[Row]:
    """Return the rows from ``first`` on but those at ``aside``."""
    if not isinstance(rows, PackedRows):
        return [row for index, row in enumerate(rows) if index >= first and index not in aside]
    if not aside:
        return rows.without_first(first)
    return PackedRows.of(row for index, row in enumerate(rows.after(first), start=first) if index not in aside)


def _filled(row: Row, index: int, merged: Merged) -> tuple[str, ...]:
    """Return the texts of a row; every cell of a range merged within the row has the text of its first.

    Ranges merged over rows keep their text in the first row: the rows below are empty there, and add nothing to the name.
    """
    texts = ["" if c is None else str(c).strip() for c in row]
    for (top, left), (_, right) in merged:
        if top == index and left < len(texts):
            last = min(right + 1, len(texts))
            texts[left:last] = [texts[left]] * (last - left)
    return tuple(texts)


def _joined(upper: tuple[str, ...], lower: tuple[str, ...], known: frozenset[str]) -> tuple[str, ...]:
    """Return the names of a header whose upper row holds titles of groups: 起点 over 点号 is 起点点号.

    A title that was typed into the first cell of its group without merging reaches to the next title.
    """
    pairs: list[tuple[str, str]] = []
    group = ""
    for column in range(max(len(upper), len(lower))):
        above = upper[column] if column < len(upper) else ""
        below = lower[column] if column < len(lower) else ""
        group = above or (group if below else "")
        pairs.append((group, below))
        if above and not below:
            group = ""  # a name of its own, merged over both rows
    once = {name for name, count in Counter(normalised(below) for _, below in pairs).items() if count == 1}
    return tuple(_of_group(group, below, known, once) for group, below in pairs)


def _of_group(group: str, below: str, known: frozenset[str], once: set[str]) -> str:
    """Return the name of a column below the title of its group: one of the ``known`` where there is one, else title and name.

    点号 below 起点 is 起点点号, 起点 below 埋深(m) is 起点埋深(m); X below 平面坐标(m), where no other column is called so, is X(m).
    """
    if not group or not below:
        return group + below
    title, unit = parted_unit(group)
    name, own_unit = parted_unit(below)
    unit = own_unit or unit
    spellings = (title + name, name + title, *((name,) if normalised(below) in once else ()))
    return next((s + unit for s in spellings if normalised(s) in known), group + below)


def _with_units(header: tuple[str, ...], top: Sequence[tuple[str, ...]], first: int) -> tuple[tuple[str, ...], int]:
    """Return the header without a row of units (joined to the names) or of column numbers below it, and where the rows begin."""
    while first < len(top):
        texts = [(column, text) for column, text in enumerate(top[first]) if text]
        if [text for _, text in texts] == [str(i) for i in range(1, len(texts) + 1)] and len(texts) > _HEADER_ROWS:
            first += 1
        elif texts and all(_UNIT.fullmatch(text) for _, text in texts):
            units = dict(texts)
            header = tuple(f"{name}({units[i].strip('()[]（）【】')})" if i in units else name for i, name in enumerate(header))
            first += 1
        else:
            break
    return header, first


def _distinct(header: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for index, name in enumerate(header):
        plain = name or f"column_{index + 1}"
        names.append(plain if plain not in names else f"{plain}_{index + 1}")
    return tuple(names)


def _cells(rows: Iterable[Row], column: int) -> pa.Array:
    return cells_array([row[column] if column < len(row) else None for row in rows])


def cells_array(values: list[object]) -> pa.Array:
    """Return cells as an Arrow column: of one type where they agree, whole numbers as such, as text where they do not agree.

    Space around a text was never meant: it is left out.
    """
    plain = [(v.strip() or None) if isinstance(v, str) else v for v in values]
    try:
        array = pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else _cell_text(v) for v in plain], pa.string())
    if pa.types.is_floating(array.type):
        return _whole(array)
    return array


def _whole(array: pa.Array) -> pa.Array:
    """Workbooks keep every number as a float: those that are all whole numbers are integers."""
    try:
        return array.cast(pa.int64(), safe=True)
    except pa.ArrowInvalid:
        return array


def _cell_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
