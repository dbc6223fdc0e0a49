"""Rows of a survey's one table that tell a line from one end and once more from the other: which belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.readers.one_table_rows import NONE, Connected, Mask, Rows, are_same, columns_of
from ingest.readers.sheets import Sheet

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def told_once(sheet: Sheet, rows: Connected, compared: Sequence[str]) -> tuple[Mask, Rows, dict[str, pa.Array]]:
    """Return which rows are lines that no row before tells from the other end, and for each the row that does, `NONE` for none.

    With them come the columns ``compared``, where any had to be.
    """
    kept, mate = rows.has_end.copy(), np.full(len(rows.start), NONE, np.int64)
    open_ = np.flatnonzero(kept & (rows.start != NONE) & (rows.start != rows.end))
    key = np.minimum(rows.start, rows.end).astype(np.int64) * rows.count + np.maximum(rows.start, rows.end)
    backwards = rows.start > rows.end
    open_ = open_[np.isin(key[open_], np.intersect1d(key[open_[backwards[open_]]], key[open_[~backwards[open_]]]))]
    columns = columns_of(sheet, compared if len(open_) else ())
    looks = _looks(columns.values(), open_)
    for told_apart in (looks, np.zeros(len(open_), np.uint64)):
        left = mate[open_] == NONE
        left &= kept[open_]
        some = open_[left]
        one, other = _pairs(key[some], told_apart[left], backwards[some], some)
        alike = np.ones(len(one), np.bool_)
        for column in columns.values():
            alike &= are_same(column.take(pa.array(one)), column.take(pa.array(other)))
        first, second = np.minimum(one, other)[alike], np.maximum(one, other)[alike]
        mate[first], kept[second] = second, False
    return kept, mate, columns


def _looks(columns: Iterable[pa.Array], at: Rows) -> npt.NDArray[np.uint64]:
    """Return a number for each row that is the same where all cells of the ``columns`` are."""
    found = np.zeros(len(at), np.uint64)
    for column in columns:
        cells = pc.fill_null(column.take(pa.array(at)).cast(pa.string()).dictionary_encode().indices, NONE)
        found = (found ^ cells.to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)) * _FACTOR
        found ^= found >> np.uint64(29)
    return found


def _pairs(key: Rows, looks: npt.NDArray[np.uint64], backwards: Mask, at: Rows) -> tuple[Rows, Rows]:
    """Return pairs of rows, one each way between two points: of those that look alike the first with the first, and so on."""
    order = np.lexsort((at, backwards, looks, key))
    new = np.ones(len(order), np.bool_)
    new[1:] = ~_equal_neighbours(order, key, looks, backwards)
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    ranks = np.empty_like(rank)
    ranks[order] = rank
    order = np.lexsort((backwards, ranks, looks, key))
    first = np.flatnonzero(_equal_neighbours(order, key, looks, ranks))
    return at[order[first]], at[order[first + 1]]


def _equal_neighbours(order: Rows, *columns: npt.NDArray[np.generic]) -> Mask:
    """Return whether each row but the first is, in ``order``, in all columns as the one before."""
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in columns:
        same &= column[order[1:]] == column[order[:-1]]
    return same
