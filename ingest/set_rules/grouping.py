"""Rows that are alike in several columns of numbers: one number mixed of them is kept for each row, and no column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.integer]

_NO_NUMBER = np.iinfo(np.int64).min
_EMPTY: Numbers = np.empty(0, np.int64)
_ODD = np.uint64(0x9E3779B97F4A7C15)


def millimetres(metres: Floats) -> Numbers:
    """Return lengths rounded to whole millimetres, all NaN alike."""
    return np.where(np.isnan(metres), _NO_NUMBER, np.rint(np.nan_to_num(metres) * 1000)).astype(np.int64)


def repeats(blocks: Iterable[Numbers], columns: Callable[[Numbers], Sequence[Columns]]) -> tuple[Numbers, Numbers]:
    """Return the rows that are like an earlier one in every column, in order, and for each the first that is.

    ``blocks`` are rows in order, ``columns`` returns what some of them have. Only of rows for which the same number is mixed the columns
    themselves are compared.
    """
    rows, mixed = [_EMPTY], [np.empty(0, np.uint64)]
    for block in blocks:
        rows.append(block)
        mixed.append(_mixed(columns(block)))
    suspects = np.concatenate(rows)[_not_alone(np.concatenate(mixed))]
    keys = columns(suspects)
    by_columns = np.lexsort(keys)  # stable: within a group in order of rows
    begins = np.ones(len(suspects), dtype=bool)
    begins[1:] = np.any([key[by_columns][1:] != key[by_columns][:-1] for key in keys], axis=0)
    first = suspects[by_columns[np.maximum.accumulate(np.where(begins, np.arange(len(suspects)), 0))]]
    later = suspects[by_columns]
    kept = np.flatnonzero(~begins)
    kept = kept[np.argsort(later[kept])]
    return later[kept], first[kept]


def _mixed(columns: Sequence[Columns]) -> npt.NDArray[np.uint64]:
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * _ODD
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _not_alone(numbers: npt.NDArray[np.uint64]) -> Numbers:
    """Return the places of numbers that occur more than once, in order."""
    ordered = np.sort(numbers)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    place = np.minimum(np.searchsorted(several, numbers), max(len(several) - 1, 0))
    return np.flatnonzero(several[place] == numbers) if len(several) else _EMPTY
