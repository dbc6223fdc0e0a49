"""Rows that are alike in several columns of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NO_NUMBER = np.iinfo(np.int64).min
_ODD = np.uint64(0x9E3779B97F4A7C15)


def millimetres(metres: Floats) -> Numbers:
    """Return lengths rounded to whole millimetres, all NaN alike."""
    return np.where(np.isnan(metres), _NO_NUMBER, np.rint(np.nan_to_num(metres) * 1000)).astype(np.int64)


def repeats(columns: Sequence[npt.NDArray[np.integer]]) -> tuple[Numbers, Numbers]:
    """Return the rows that are like an earlier one in every column, in order, and for each the first that is.

    Rows are sorted by one number mixed of their columns; only where two of those are the same the columns themselves are.
    """
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * _ODD
        mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed, kind="stable")
    same = mixed[order][1:] == mixed[order][:-1]
    suspects = np.union1d(order[1:][same], order[:-1][same])
    keys = [column[suspects] for column in columns]
    by_columns = np.lexsort(keys)  # stable: within a group in order of rows
    begins = np.ones(len(suspects), dtype=bool)
    begins[1:] = np.any([key[by_columns][1:] != key[by_columns][:-1] for key in keys], axis=0)
    first = suspects[by_columns[np.maximum.accumulate(np.where(begins, np.arange(len(suspects)), 0))]]
    later = suspects[by_columns]
    kept = np.flatnonzero(~begins)
    kept = kept[np.argsort(later[kept])]
    return later[kept], first[kept]
