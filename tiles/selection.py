"""Picking features out of a run: any of them in any order, or a stretch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Bytes, Column, FeatureColumns, NumberColumn, Offsets, Representations, TextColumn, offsets_of
from tiles.kernel import kernel
from twin.kernel import copy_bytes

type Index = NDArray[np.int64]


def taken(features: FeatureColumns, rows: Index) -> FeatureColumns:
    """Return the features ``rows``, in that order."""
    wkb, offsets = _gathered(features.wkb, features.wkb_offsets, rows)
    representations = features.representations
    if representations is not None:
        data, ends = _gathered(representations.data, representations.offsets, rows)
        representations = Representations(data, ends, representations.lod[rows])
    columns = {name: _taken(column, rows) for name, column in features.columns.items()}
    return FeatureColumns(features.fid[rows], wkb, offsets, columns, representations)


def sliced(features: FeatureColumns, first: int, last: int) -> FeatureColumns:
    """Return the features ``first`` to ``last`` (exclusive), as views."""
    columns = {name: _sliced(column, first, last) for name, column in features.columns.items()}
    wkb, offsets = _stretch(features.wkb, features.wkb_offsets, first, last)
    representations = features.representations
    if representations is not None:
        faces = _stretch(representations.data, representations.offsets, first, last)
        representations = Representations(*faces, representations.lod[first:last])
    return FeatureColumns(features.fid[first:last], wkb, offsets, columns, representations)


def _sliced(column: Column, first: int, last: int) -> Column:
    if isinstance(column, NumberColumn):
        return NumberColumn(column.values[first:last], column.valid[first:last])
    return TextColumn(*_stretch(column.data, column.offsets, first, last), column.valid[first:last])


def _stretch(data: Bytes, offsets: Offsets, first: int, last: int) -> tuple[Bytes, Offsets]:
    return data[offsets[first] : offsets[last]], offsets[first : last + 1] - offsets[first]


def _taken(column: Column, rows: Index) -> Column:
    if isinstance(column, NumberColumn):
        return NumberColumn(column.values[rows], column.valid[rows])
    data, offsets = _gathered(column.data, column.offsets, rows)
    return TextColumn(data, offsets, column.valid[rows])


def _gathered(data: Bytes, offsets: Offsets, rows: Index) -> tuple[Bytes, Offsets]:
    starts = offsets[rows]
    ends = offsets_of(offsets[rows + 1] - starts)
    out = np.empty(int(ends[-1]), np.uint8)
    _copy(data, starts, ends, out)
    return out, ends


@kernel
def _copy(data: Bytes, starts: Offsets, ends: Offsets, out: Bytes) -> None:
    for i in range(len(starts)):
        copy_bytes(out, ends[i], data, starts[i], ends[i + 1] - ends[i])
