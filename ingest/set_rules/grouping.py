"""Rows that are alike in several columns of numbers: one number mixed of them is kept for each row, and no column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.integer]
Mixed = npt.NDArray[np.uint64]

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
    rows, mixed = list[npt.NDArray[np.int32]](), list[Mixed]()
    for block in blocks:
        rows.append(block.astype(np.int32))
        mixed.append(_mixed(columns(block)))
    several = _several(mixed)
    found = [some[_among(of_some, several)].astype(np.int64) for some, of_some in zip(rows, mixed, strict=True)]
    suspects = np.concatenate([_EMPTY, *found])
    keys = columns(suspects)
    by_columns = np.lexsort(keys)  # stable: within a group in order of rows
    begins = np.ones(len(suspects), dtype=bool)
    begins[1:] = np.any([key[by_columns][1:] != key[by_columns][:-1] for key in keys], axis=0)
    first = suspects[by_columns[np.maximum.accumulate(np.where(begins, np.arange(len(suspects)), 0))]]
    later = suspects[by_columns]
    kept = np.flatnonzero(~begins)
    kept = kept[np.argsort(later[kept])]
    return later[kept], first[kept]


def _mixed(columns: Sequence[Columns]) -> Mixed:
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * _ODD
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _several(mixed: Sequence[Mixed]) -> Mixed:
    """Return the numbers that occur more than once, in order."""
    numbers = np.concatenate([np.empty(0, np.uint64), *mixed])
    numbers.sort()
    return np.unique(numbers[1:][numbers[1:] == numbers[:-1]])


def _among(numbers: Mixed, several: Mixed) -> npt.NDArray[np.bool_]:
    """Return which numbers are ``several``, which are in order."""
    if not len(several):
        return np.zeros(len(numbers), bool)
    return several[np.minimum(np.searchsorted(several, numbers), len(several) - 1)] == numbers
