"""Rows that are alike, however many they are: hashes go through sorted runs on the disk, and only where these meet rows are compared."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.set_rules.codes import NONE, Mask
from ingest.sorted_runs import SortedRuns

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.integer]
Hashes = npt.NDArray[np.int64]
Blocks = Callable[[], Iterable[Numbers]]
"""Rows in order, block by block, as often as they are asked for."""

_NO_NUMBER = np.iinfo(np.int64).min
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SEED = np.uint64(secrets.randbits(64))
"""Secret, so that nobody makes a file of rows whose hashes meet."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes rows alike."""

    hashes: Callable[[Numbers], Hashes]
    """Returns the same of rows that are alike."""
    same: Callable[[Numbers, Numbers], Mask]
    """Returns of pairs of rows whether they are."""


def like_in(columns: Callable[[Numbers], Sequence[Columns]]) -> Likeness:
    """Return the likeness of rows that have the same numbers in all columns."""

    def same(rows: Numbers, others: Numbers) -> Mask:
        pairs = zip(columns(rows), columns(others), strict=True)
        told: Mask = np.logical_and.reduce([one == other for one, other in pairs])
        return told

    return Likeness(lambda rows: mixed(columns(rows)), same)


def millimetres(metres: Floats) -> Numbers:
    """Return lengths rounded to whole millimetres, all NaN alike."""
    return np.where(np.isnan(metres), _NO_NUMBER, np.rint(np.nan_to_num(metres) * 1000)).astype(np.int64)


def mixed(columns: Sequence[Columns]) -> Hashes:
    """Return one number mixed of those in all columns for each row."""
    found = np.full(len(columns[0]), _SEED, np.uint64)
    for column in columns:
        found = (found ^ column.astype(np.int64).view(np.uint64)) * _ODD
        found ^= found >> np.uint64(29)
    return found.view(np.int64)


def suspects(blocks: Blocks, hashes: Callable[[Numbers], Hashes], work: Path | None = None) -> Blocks:
    """Return the rows whose hash another has; ``work`` is as in `SortedRuns`."""
    several = _several(blocks, hashes, work)
    return lambda: (block for block, _ in _with_places(blocks, hashes, several))


def repeats(blocks: Blocks, likeness: Likeness, work: Path | None = None) -> Iterator[tuple[int, int]]:
    """Yield each row that is like an earlier one, in order, and the first that is."""
    several = _several(blocks, likeness.hashes, work)
    firsts = _Firsts(likeness, np.full(len(several), NONE, np.int64))
    for block, place in _with_places(blocks, likeness.hashes, several):
        first = firsts.of(block, place)
        again = np.flatnonzero(first != block)
        yield from zip(block[again].tolist(), first[again].tolist(), strict=True)


def _several(blocks: Blocks, hashes: Callable[[Numbers], Hashes], work: Path | None) -> Hashes:
    """Return the hashes that several rows have, in order."""
    runs = SortedRuns(work)
    for block in blocks():
        runs.add(hashes(block))
    return runs.repeated()


def _with_places(blocks: Blocks, hashes: Callable[[Numbers], Hashes], several: Hashes) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the rows whose hash is one of ``several``, block by block, and where it is there."""
    for block in blocks() if len(several) else ():
        of_block = hashes(block)
        place = np.minimum(np.searchsorted(several, of_block), len(several) - 1)
        among = several[place] == of_block
        yield block[among], place[among]


@dataclass(frozen=True, slots=True)
class _Firsts:
    """The first rows that came with each hash, and those that came with the same though they are not like the first."""

    likeness: Likeness
    row: Numbers
    others: dict[int, list[int]] = field(default_factory=dict)

    def of(self, block: Numbers, place: Numbers) -> Numbers:
        """Return the first row that each of ``block`` is like, itself where none came; ``place`` is that of its hash."""
        new = np.flatnonzero(self.row[place] == NONE)
        of_new, at = np.unique(place[new], return_index=True)
        self.row[of_new] = block[new[at]]
        first = self.row[place]
        for k in np.flatnonzero(~self.likeness.same(block, first)).tolist():
            first[k] = self._among_others(int(place[k]), int(block[k]))
        return first

    def _among_others(self, place: int, row: int) -> int:
        known = self.others.setdefault(place, [])
        for other in known:
            if self.likeness.same(np.array([row]), np.array([other]))[0]:
                return other
        known.append(row)
        return row
