"""The lines of a table that holds a whole survey: each once, though both of its ends may tell of it, with what is said at either end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.readers.one_table_mates import told_once
from ingest.readers.one_table_rows import NONE, Connected, Mask, Rows, columns_of, filled
from ingest.readers.packed_rows import PackedRows
from ingest.readers.sheets import Row, Sheet
from ingest.readers.survey_points import long_numbers
from twin.errors import Text

_BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class PerEnd:
    """A column that says of the end where a row's point is what a line has at both ends."""

    column: str
    start: str
    """What it is called at the start of a line, and at its end."""
    end: str
    is_of_line: bool
    """Of the line alone (起点埋深): other rows of a point tell nothing of it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The columns that lines have of their rows."""

    names: Sequence[str]
    compared: frozenset[str]
    """Those that say the same from both ends of a line; what is empty in one row is taken from the other."""
    shared: frozenset[str]
    """Those of a point and its lines: what a further line of a point leaves empty is as in the row that it continues."""


def lines_of(sheet: Sheet, rows: Connected, ends: tuple[str, str], carried: Carried, at_ends: Sequence[PerEnd]) -> Sheet:
    """Return the lines of a table: their ``ends``, the columns ``carried`` of their rows, and what is said ``at_ends``.

    Of two rows that tell one line from its ends the first is kept. At an end stands what the row there says of the line, else what all
    rows of that point agree on.
    """
    kept, mate, columns = told_once(sheet, rows, [name for name in carried.names if name in carried.compared])
    at = np.flatnonzero(kept)
    filling = {name for name in carried.names if name in carried.shared and name not in columns} if rows.continues.any() else set()
    columns |= columns_of(sheet, {*filling, *(end.column for end in at_ends)})
    made = dict[str, pa.Array]()
    for name in (name for name in carried.names if name in columns):
        source = _sources(columns[name], rows, name, carried, mate)[at]
        if (source != at).any():
            made[name] = columns[name].take(pa.array(source))
    for end in at_ends:
        made |= _of_ends(columns[end.column], rows, end, mate, at)
    made |= {name: array.take(pa.array(at)) for name, array in zip(ends, (rows.names, rows.ends), strict=True)}
    names = (*ends, *carried.names, *(name for end in at_ends for name in (end.start, end.end)))
    plain = [name for name in carried.names if name not in made]
    packed = PackedRows.of(_rows(sheet, kept, names, plain, made))
    folded = int(rows.has_end.sum()) - len(at)
    note = Text(f"{folded} 行从另一端重复说明同一管线，已合并", f"{folded} rows tell a line once more from its other end")
    return Sheet(sheet.name, names, packed, sheet.numbers[at], notes=(note,) if folded else ())


def _sources(column: pa.Array, rows: Connected, name: str, carried: Carried, mate: Rows) -> Rows:
    """Return of which row the cell of each row is: of itself, else of one that tells the same line, else of that which it continues."""
    source, there = np.arange(len(column)), filled(column)
    others = ((mate, name in carried.compared), (rows.continued, name in carried.shared))
    for other in (rows_of for rows_of, is_meant in others if is_meant):
        source = np.where(~there[source] & (other != NONE) & there[other], other, source)
    return source


def _of_ends(column: pa.Array, rows: Connected, end: PerEnd, mate: Rows, at: Rows) -> dict[str, pa.Array]:
    """Return what a column says at the starts and at the ends of the lines."""
    own, opposite = np.where(filled(column), np.arange(len(column)), NONE), mate[at]
    start, to = own[at], np.where(opposite == NONE, NONE, own[opposite])
    if not end.is_of_line:
        agreed = _agreed(long_numbers(column), rows)
        start = np.where(start == NONE, agreed[rows.start[at]], start)
        to = np.where(to == NONE, agreed[rows.end[at]], to)
    return {name: column.take(pa.array(source, mask=source == NONE)) for name, source in ((end.start, start), (end.end, to))}


def _agreed(values: npt.NDArray[np.float64], rows: Connected) -> Rows:
    """Return for each number a row with the value on which all its rows agree that have any; `NONE` where they do not, or none has."""
    there = np.flatnonzero(np.isfinite(values) & (rows.start != NONE))[::-1]
    low, high, row = np.full(rows.count + 1, np.inf), np.full(rows.count + 1, -np.inf), np.full(rows.count + 1, NONE, np.int64)
    np.minimum.at(low, rows.start[there], values[there])
    np.maximum.at(high, rows.start[there], values[there])
    row[rows.start[there]] = there
    row[low != high] = NONE
    return row


def _rows(sheet: Sheet, kept: Mask, names: Sequence[str], plain: Sequence[str], made: Mapping[str, pa.Array]) -> Iterator[Row]:
    """Yield the rows that are kept: cells of ``plain`` columns as they stand, others as they are ``made``."""
    places = [sheet.columns.index(name) for name in plain]
    made_names = [name for name in names if name in made]
    own = [*made_names, *plain]
    order = [own.index(name) for name in names]
    found = (row for row, is_kept in zip(sheet.rows, kept.tolist(), strict=True) if is_kept)
    for number, block in enumerate(batched(found, _BLOCK)):
        columns = [made[name].slice(number * _BLOCK, _BLOCK).to_pylist() for name in made_names]
        for row, *cells in zip(block, *columns, strict=True):
            cells += [row[place] if place < len(row) else None for place in places]
            yield tuple(cells[place] for place in order)
