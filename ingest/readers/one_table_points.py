"""The points of a table that holds a whole survey: each once, however many rows tell of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ingest.readers.one_table_rows import NONE, Connected, Mask, Rows, are_same, columns_of, filled
from ingest.readers.packed_rows import PackedRows
from ingest.readers.sheets import Row, Sheet


def points_of(sheet: Sheet, rows: Connected, columns: Sequence[str], own: Sequence[str]) -> Sheet:
    """Return the points of a table with ``columns``: of the rows of one point the first that has coordinates.

    What that leaves empty of ``own``, the columns that tell of a point alone, is as another of its rows has it. A row that says another
    thing of its point is a point of its own: rules tell of numbers that are there twice.
    """
    first = _first_rows(rows)
    of = np.where(rows.start >= 0, first[rows.start], NONE)
    again = np.flatnonzero(~rows.continues & (of >= 0) & (of != np.arange(len(of))))
    others, filling = _differing(sheet, own, again, of)
    kept = ~rows.continues
    kept[again] = others
    at = np.flatnonzero(kept)
    return Sheet(sheet.name, tuple(columns), PackedRows.of(_chosen(sheet, columns, kept, filling)), sheet.numbers[at])


def _first_rows(rows: Connected) -> Rows:
    """Return for each number the first row of it with coordinates, else its first row."""
    first = np.full(rows.count + 1, NONE, np.int64)
    for wanted in (~rows.continues & (rows.start >= 0), ~rows.continues & (rows.start >= 0) & rows.is_placed):
        backwards = np.flatnonzero(wanted)[::-1]
        first[rows.start[backwards]] = backwards
    return first


def _differing(sheet: Sheet, own: Sequence[str], again: Rows, of: Rows) -> tuple[Mask, dict[int, dict[str, object]]]:
    """Return which of the rows of points that stand above say another thing, and what the latter have from them."""
    differs = np.zeros(len(again), np.bool_)
    filling: dict[int, dict[str, object]] = {}
    if not len(again):
        return differs, filling
    main = of[again]
    for name, column in columns_of(sheet, own).items():
        there = filled(column)
        source = np.arange(len(column))
        lacking = np.flatnonzero(~there[main] & there[again])[::-1]
        source[main[lacking]] = again[lacking]
        differs |= ~are_same(column.take(pa.array(again)), column.take(pa.array(source[main])))
        for row in np.unique(main[lacking]).tolist():
            filling.setdefault(row, {})[name] = column[int(source[row])].as_py()
    return differs, filling


def _chosen(sheet: Sheet, columns: Sequence[str], kept: Mask, filling: Mapping[int, Mapping[str, object]]) -> Iterator[Row]:
    """Yield some columns of the rows that are kept."""
    places = [sheet.columns.index(name) for name in columns]
    for index, (row, is_kept) in enumerate(zip(sheet.rows, kept.tolist(), strict=True)):
        if is_kept:
            cells = [row[place] if place < len(row) else None for place in places]
            for name, value in filling.get(index, {}).items():
                cells[columns.index(name)] = value
            yield tuple(cells)
