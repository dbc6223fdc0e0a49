"""Features of a whole city in sorted runs on disk, so that a build holds a bounded part of them in memory.

The features come in any order. Some tens of megabytes of them at a time are sorted by their place in the tree and written as one run; any
stretch of the tree is then read as one stretch of every run (an external merge sort whose merge is left to the reader).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Column, FeatureColumns, NumberColumn, Representations, TextColumn, concatenate
from tiles.selection import sliced, taken
from tiles.tiling import Places, tree_order

type Arrays = Mapping[str, NDArray[np.generic]]
_ALIGNMENT = 64


class Run(Protocol):
    """Features sorted by code."""

    code: NDArray[np.int64]

    def part(self, first: int, last: int) -> tuple[FeatureColumns, Places]:
        """Return the features ``first`` to ``last`` (exclusive)."""


class RunInMemory:
    """A run that is kept where it is."""

    def __init__(self, features: FeatureColumns, places: Places) -> None:
        self._features, self._places = features, places
        self.code = places.code

    def part(self, first: int, last: int) -> tuple[FeatureColumns, Places]:
        """Return the features ``first`` to ``last`` (exclusive)."""
        return sliced(self._features, first, last), self._places.part(first, last)


class RunOnDisk:
    """A run in a file; only its codes stay in memory until :meth:`forget_codes`."""

    def __init__(self, path: Path, features: FeatureColumns, places: Places) -> None:
        self.code = places.code
        self._columns = {name: isinstance(column, TextColumn) for name, column in features.columns.items()}
        self._has_representations = features.representations is not None
        arrays = _flat(features, places)
        self._layout = _write(path, arrays)
        self._file = os.open(path, os.O_RDONLY)
        path.unlink()  # the descriptor keeps it: nothing is left behind, however the build ends

    def close(self) -> None:
        """Give the file up."""
        os.close(self._file)

    def part(self, first: int, last: int) -> tuple[FeatureColumns, Places]:
        """Return the features ``first`` to ``last`` (exclusive)."""
        features = FeatureColumns(
            self._read("fid", first, last).astype(np.uint32),
            *self._ragged("wkb", first, last),
            {name: self._column(name, is_text, first, last) for name, is_text in self._columns.items()},
            Representations(*self._ragged("faces", first, last), self._read("lod", first, last).astype(np.uint8))
            if self._has_representations
            else None,
        )
        weights = self._read("weights", 4 * first, 4 * last).astype(np.int64).reshape(-1, 4)
        return features, Places(self._read("code", first, last).astype(np.int64), features.fid, weights)

    def _column(self, name: str, is_text: bool, first: int, last: int) -> Column:
        valid = self._read(f"{name}/valid", first, last).astype(np.bool_)
        if is_text:
            return TextColumn(*self._ragged(f"{name}/text", first, last), valid)
        return NumberColumn(self._read(f"{name}/values", first, last), valid)

    def _ragged(self, name: str, first: int, last: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        offsets = self._read(f"{name}/offsets", first, last + 1).astype(np.int64)
        return self._read(name, int(offsets[0]), int(offsets[-1])).astype(np.uint8), offsets - offsets[0]

    def _read(self, name: str, first: int, last: int) -> NDArray[np.generic]:
        dtype, start = self._layout[name]
        out = np.empty(last - first, dtype)
        view, at = memoryview(out.view(np.uint8)), start + first * dtype.itemsize
        while view:
            count = os.preadv(self._file, [view], at)
            if count == 0:
                raise OSError("a run on disk is shorter than it was written")
            view, at = view[count:], at + count
        return out


def sorted_run(features: FeatureColumns, rows: NDArray[np.int64], places: Places) -> tuple[FeatureColumns, Places]:
    """Return the features ``rows``, which stand at ``places``, in the order of their codes."""
    order = np.argsort(places.code, kind="stable")
    return taken(features, rows[order]), Places(places.code[order], places.fid[order], places.weights[order])


def stretch(runs: list[Run], bounds: list[tuple[int, int]]) -> tuple[FeatureColumns, Places, NDArray[np.int64]]:
    """Return the features of the stretches ``bounds`` of ``runs``, their places in the order of the tree, and their index in that order."""
    parts = [run.part(first, last) for run, (first, last) in zip(runs, bounds, strict=True) if first < last]
    features = concatenate([f for f, _ in parts])
    code, fid = np.concatenate([p.code for _, p in parts]), features.fid
    weights = np.concatenate([p.weights for _, p in parts])
    order = tree_order(code, fid)
    return features, Places(code[order], fid[order], weights[order]), order


def _flat(features: FeatureColumns, places: Places) -> Arrays:
    arrays: dict[str, NDArray[np.generic]] = {"fid": features.fid, "code": places.code, "weights": places.weights.ravel()}
    arrays |= {"wkb": features.wkb, "wkb/offsets": features.wkb_offsets}
    for name, column in features.columns.items():
        arrays[f"{name}/valid"] = column.valid
        if isinstance(column, TextColumn):
            arrays |= {f"{name}/text": column.data, f"{name}/text/offsets": column.offsets}
        else:
            arrays[f"{name}/values"] = column.values
    if (r := features.representations) is not None:
        arrays |= {"faces": r.data, "faces/offsets": r.offsets, "lod": r.lod}
    return arrays


def _write(path: Path, arrays: Arrays) -> dict[str, tuple[np.dtype[np.generic], int]]:
    """Write ``arrays`` one after the other; return their types and where they begin."""
    ends = list(itertools.accumulate((a.nbytes + -a.nbytes % _ALIGNMENT for a in arrays.values()), initial=0))
    with path.open("wb") as file:
        for array, end in zip(arrays.values(), ends[1:], strict=True):
            file.write(np.ascontiguousarray(array).view(np.uint8).data)
            file.write(bytes(end - file.tell()))
    return {name: (array.dtype, start) for (name, array), start in zip(arrays.items(), ends, strict=False)}
