"""Features of a whole city in sorted runs on disk, so that a build holds a bounded part of them in memory.

The features come in any order. Some tens of megabytes of them at a time are sorted by their place in the tree and written as one run; any
stretch of the tree is then read as one stretch of every run (an external merge sort whose merge is left to the reader).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Column, FeatureColumns, NumberColumn, Representations, TextColumn, concatenate
from tiles.selection import taken
from tiles.tiling import Places, tree_order

type Arrays = Mapping[str, NDArray[np.generic]]
_ALIGNMENT = 64
_LOOKED_AT = 4096
"""Codes that are read at once when one is looked for."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run: features sorted by code in one file, column after column; it may be read by any process that reaches ``path``.

    ``layout``: type and place in the file of each array; ``texts``: which of the fields are texts.
    """

    path: Path
    count: int
    layout: Mapping[str, tuple[str, int]]
    texts: Mapping[str, bool]

    def between(self, first: int, last: int) -> tuple[FeatureColumns, Places]:
        """Return the features from the code ``first`` to ``last`` (exclusive)."""
        with self.path.open("rb", buffering=0) as file:
            reader = _Reader(file.fileno(), self.layout)
            return reader.part(*reader.bounds(self.count, first, last), self.texts)


@dataclass(frozen=True, slots=True)
class _Reader:
    file: int
    layout: Mapping[str, tuple[str, int]]

    def bounds(self, count: int, first: int, last: int) -> tuple[int, int]:
        """Return which of ``count`` features are the first whose code is not below ``first``, and the first beyond ``last``."""
        return self._lowest(count, first), self._lowest(count, last)

    def _lowest(self, count: int, code: int) -> int:
        low, high = 0, count
        while high - low > _LOOKED_AT:
            middle = (low + high) // 2
            low, high = (middle, high) if self._read("code", middle, middle + 1)[0] < code else (low, middle)
        return low + int(np.searchsorted(self._read("code", low, high), code))

    def part(self, first: int, last: int, texts: Mapping[str, bool]) -> tuple[FeatureColumns, Places]:
        """Return the features ``first`` to ``last`` (exclusive)."""
        features = FeatureColumns(
            self._read("fid", first, last).astype(np.uint32, copy=False),
            *self._ragged("wkb", first, last),
            {name: self._column(name, is_text, first, last) for name, is_text in texts.items()},
            Representations(*self._ragged("faces", first, last), self._read("lod", first, last).astype(np.uint8, copy=False))
            if "faces" in self.layout
            else None,
        )
        weights = self._read("weights", 4 * first, 4 * last).astype(np.int64, copy=False).reshape(-1, 4)
        return features, Places(self._read("code", first, last).astype(np.int64, copy=False), features.fid, weights)

    def _column(self, name: str, is_text: bool, first: int, last: int) -> Column:
        valid = self._read(f"{name}/valid", first, last).astype(np.bool_, copy=False)
        if is_text:
            return TextColumn(*self._ragged(f"{name}/text", first, last), valid)
        return NumberColumn(self._read(f"{name}/values", first, last), valid)

    def _ragged(self, name: str, first: int, last: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        offsets = self._read(f"{name}/offsets", first, last + 1).astype(np.int64, copy=False)
        return self._read(name, int(offsets[0]), int(offsets[-1])).astype(np.uint8, copy=False), offsets - offsets[0]

    def _read(self, name: str, first: int, last: int) -> NDArray[np.generic]:
        dtype, start = self.layout[name]
        out = np.empty(last - first, dtype)
        view, at = memoryview(out.view(np.uint8)), start + first * out.itemsize
        while view:
            count = os.preadv(self.file, [view], at)
            if count == 0:
                raise OSError("a run on disk is shorter than it was written")
            view, at = view[count:], at + count
        return out


def write_run(path: Path, features: FeatureColumns, places: Places) -> RunFile:
    """Write ``features``, which stand at ``places`` in the order of their codes, to ``path``."""
    layout = _write(path, _flat(features, places))
    return RunFile(path, len(places), layout, {name: isinstance(column, TextColumn) for name, column in features.columns.items()})


def sorted_run(features: FeatureColumns, rows: NDArray[np.int64], places: Places) -> tuple[FeatureColumns, Places]:
    """Return the features ``rows``, which stand at ``places``, in the order of their codes."""
    order = np.argsort(places.code, kind="stable")
    return taken(features, rows[order]), Places(places.code[order], places.fid[order], places.weights[order])


def stretch(runs: Sequence[RunFile], first: int, last: int) -> tuple[FeatureColumns, Places, NDArray[np.int64]]:
    """Return the features of ``runs`` between two codes, their places in the order of the tree, and their index in that order."""
    parts = [run.between(first, last) for run in runs]
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


def _write(path: Path, arrays: Arrays) -> dict[str, tuple[str, int]]:
    """Write ``arrays`` one after the other; return their types and where they begin."""
    ends = list(itertools.accumulate((a.nbytes + -a.nbytes % _ALIGNMENT for a in arrays.values()), initial=0))
    with path.open("wb") as file:
        for array, end in zip(arrays.values(), ends[1:], strict=True):
            file.write(np.ascontiguousarray(array).view(np.uint8).data)
            file.write(bytes(end - file.tell()))
    return {name: (array.dtype.str, start) for (name, array), start in zip(arrays.items(), ends, strict=False)}
