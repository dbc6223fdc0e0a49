"""Which terrain tiles there are: every sheet down to the level of its own resolution, and around all of them down to where H fades.

A fine survey of one quarter over a coarse model of the prefecture so gets deep tiles where it is, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tiles.terrain_pyramid import TileRange, covering
from twin.crs import Extent

type Codes = npt.NDArray[np.int64]
"""Tiles of one level as y · 2²² + x, ascending."""

_COLUMN_BITS = 22


@dataclass(frozen=True, slots=True)
class SheetArea:
    """Where a sheet is, and the level whose grid is not wider than its pixels."""

    sheet: int
    """Its number."""
    extent_deg: Extent
    level: int

    def deeper(self, levels: int) -> SheetArea:
        """Return the same area with so many levels more."""
        return replace(self, level=self.level + levels)


def columns_and_rows(codes: Codes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return x and y of tiles."""
    return codes & ((1 << _COLUMN_BITS) - 1), codes >> _COLUMN_BITS


def tiles_of_levels(areas: Sequence[SheetArea], reach_deg: Extent, fading_level: int, most: int) -> list[Codes]:
    """Return the tiles of level 0, 1, …: as many levels as ``areas`` ask for and ``most`` tiles in all allow.

    Down to ``fading_level`` they cover ``reach_deg``. Each comes with its siblings, and with its parent one level up.
    """
    levels: list[Codes] = []
    left = most
    for level in range(max(area.level for area in areas) + 1):
        extents = [reach_deg] if level <= fading_level else [area.extent_deg for area in areas if area.level >= level]
        ranges = {covering(level, extent) for extent in extents}
        if level > 0 and max(r.count for r in ranges) > left:
            break
        codes = np.unique(np.concatenate([_codes(r) for r in ranges]))
        if level > 0 and codes.size > left:
            break
        levels.append(codes)
        left -= codes.size
    return levels


def rectangles(level: int, codes: Codes) -> Iterator[TileRange]:
    """Yield ranges that together hold each of the tiles once: runs of a row, grown over the rows that repeat them."""
    x, y = columns_and_rows(codes)
    starts = np.flatnonzero(np.r_[True, (np.diff(x) != 1) | (np.diff(y) != 0)])
    ends = np.r_[starts[1:], codes.size] - 1
    open_runs: dict[tuple[int, int], tuple[int, int]] = {}
    for first, last, row in zip(x[starts].tolist(), x[ends].tolist(), y[starts].tolist(), strict=True):
        begun, until = open_runs.get((first, last), (row, row - 1))
        if until != row - 1:
            yield TileRange(level, first, begun, last, until)
            begun = row
        open_runs[first, last] = begun, row
    for (first, last), (begun, until) in open_runs.items():
        yield TileRange(level, first, begun, last, until)


def _codes(tiles: TileRange) -> Codes:
    x = np.arange(tiles.start_x, tiles.end_x + 1, dtype=np.int64)
    y = np.arange(tiles.start_y, tiles.end_y + 1, dtype=np.int64)
    return ((y[:, np.newaxis] << _COLUMN_BITS) | x).ravel()
