"""The massing of a city: what is left of its buildings far away, summed in integers up the tree, never by looking at the buildings again.

A node's massing is its weightiest buildings, each by itself (landmarks: they make the skyline), and the sums of all others over a grid of
its cell. The landmarks of a node are the weightiest of its children's, and the ones that no longer are fall into the grid: so the massing
is a function of the feature set alone, and merging is exact.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.prisms import QUARTER_TURN, Integers, Prisms, together
from tiles.tiling import FINEST_LEVEL, Cell

STORED_COLUMNS = 16
"""Columns and rows of the grid that a node keeps for its parent, which so draws twice as many."""
LANDMARKS = 256
"""How many buildings of a node stay themselves."""

COUNT, AREA, VOLUME, EASTWARD, NORTHWARD, BASE, ALONG, ACROSS = range(8)
"""Rows of ``Massing.sums``."""
LOWEST_BASE, LOWEST_TOP, HIGHEST_BASE, HIGHEST_TOP = range(4)
"""Rows of ``Massing.extremes``; the highest are negated, so that all four merge by the least."""

_EMPTY = 1 << 40
_CODES = 1 << 16
_MAGIC = b"TWM1"
_HEADER = struct.Struct("<4sb3xiiiiii")


@dataclass(frozen=True, slots=True)
class Massing:
    """The massing of ``cell`` (of 16 m where a node's is virtual) on a grid of ``columns`` × ``columns``.

    Grid cells are numbered row by row from the south-west.

    ``sums`` (8, cells) int64 of the buildings that are no landmarks: their number, Σ ground area (dm²), Σ volume (dm² · cm), Σ area ×
    way of the centroid east and north of the grid cell's corner (dm² · cm), Σ area × base (dm² · cm), Σ area × 127 cos and sin of four
    times the direction. ``extremes`` (4, cells) int64 centimetres. ``shares`` (k, 2) int64, rising: grid cell × 65,536 + code, and the
    ground area (dm²) there of that code. ``landmarks``: weightiest first.
    """

    cell: Cell
    columns: int
    sums: Integers
    extremes: Integers
    shares: Integers
    landmarks: Prisms

    @property
    def count(self) -> int:
        """Return the number of buildings."""
        return int(self.sums[COUNT].sum()) + len(self.landmarks)

    @property
    def side_cm(self) -> int:
        """Return the side of a grid cell."""
        return (100 << self.cell.level) // self.columns

    @property
    def corner_m(self) -> tuple[int, int]:
        """Return the south-western corner of the cell, from that of the absolute grid."""
        return self.cell.column << self.cell.level, self.cell.row << self.cell.level

    def occupied(self) -> NDArray[np.intp]:
        """Return the grid cells that hold a building (k,)."""
        return np.flatnonzero(self.sums[COUNT])


def massing_of(prisms: Prisms, cell: Cell) -> Massing:
    """Return the massing of ``prisms``, in any order, whose places lie in ``cell``, as it is stored."""
    return _settled(_nothing(_real(cell), STORED_COLUMNS), prisms)


def gather(cell: Cell, children: list[Massing]) -> Massing:
    """Return the massing that the node of ``cell`` draws, of its ``children`` (at least one) as they are stored.

    They are quarters of ``cell`` and fill a quadrant each of a grid twice as fine; virtual ones lie one on the other and are added.
    """
    refined = children[0].cell.level < cell.level
    whole = _nothing(_real(cell), STORED_COLUMNS * (2 if refined else 1))
    for child in children:
        _add(whole, child)
    shares = _summed(np.concatenate([_moved_shares(whole, child) for child in children]))
    merged = Massing(whole.cell, whole.columns, whole.sums, whole.extremes, shares, whole.landmarks)
    return _settled(merged, together([child.landmarks for child in children]))


def summary(massing: Massing) -> Massing:
    """Return ``massing`` on the grid that is stored, each cell the sum of four."""
    if massing.columns == STORED_COLUMNS:
        return massing
    half = massing.columns // 2
    side = massing.side_cm
    fine = massing.sums.reshape(8, half, 2, half, 2)
    sums = fine.sum(axis=(2, 4))
    sums[EASTWARD] += fine[AREA, :, :, :, 1].sum(axis=1) * side
    sums[NORTHWARD] += fine[AREA, :, 1, :, :].sum(axis=2) * side
    extremes = massing.extremes.reshape(4, half, 2, half, 2).min(axis=(2, 4))
    row, column = np.divmod(massing.shares[:, 0] // _CODES, massing.columns)
    keys = (row // 2 * half + column // 2) * _CODES + massing.shares[:, 0] % _CODES
    shares = _summed(np.column_stack([keys, massing.shares[:, 1]]))
    return Massing(massing.cell, half, sums.reshape(8, -1), extremes.reshape(4, -1), shares, massing.landmarks)


def _real(cell: Cell) -> Cell:
    """Return ``cell``, or the one of 16 m that a virtual cell is."""
    up = max(FINEST_LEVEL - cell.level, 0)
    return Cell(cell.level + up, cell.column >> up, cell.row >> up)


def _nothing(cell: Cell, columns: int) -> Massing:
    none = np.zeros(0, np.int64)
    sums, extremes = np.zeros((8, columns**2), np.int64), np.full((4, columns**2), _EMPTY, np.int64)
    return Massing(cell, columns, sums, extremes, np.zeros((0, 2), np.int64), Prisms(*([none] * 12)))


def drawn(massing: Massing, boxes: int) -> Massing:
    """Return ``massing`` with so many landmarks only that it is drawn by ``boxes`` at most, or by its grid alone."""
    kept = max(boxes - len(massing.occupied()), 0)
    return massing if len(massing.landmarks) <= kept else _settled(massing, massing.landmarks, kept)


def _settled(massing: Massing, prisms: Prisms, landmarks: int = LANDMARKS) -> Massing:
    """Return ``massing`` with the weightiest of ``prisms`` as landmarks and the others in its grid."""
    order = np.lexsort((prisms.fid, -_weight(prisms)))
    sums, extremes = massing.sums.copy(), massing.extremes.copy()
    others = prisms.take(order[landmarks:])
    cells, more = _grid_sums(massing, others)
    for row, values in zip(sums, more, strict=True):
        np.add.at(row, cells, values)
    for row, values in zip(extremes, (others.base, others.top, -others.base, -others.top), strict=True):
        np.minimum.at(row, cells, values)
    shares = _summed(np.concatenate([massing.shares, np.column_stack([cells * _CODES + others.code, others.area])]))
    return Massing(massing.cell, massing.columns, sums, extremes, shares, prisms.take(order[:landmarks]))


def _weight(prisms: Prisms) -> Integers:
    """Return what a prism counts for in the skyline: its larger side face."""
    return np.maximum(prisms.length, prisms.area * 100 // prisms.length) * (prisms.top - prisms.base)


def _grid_sums(massing: Massing, prisms: Prisms) -> tuple[Integers, list[Integers]]:
    """Return the grid cells of ``prisms`` and what each adds to the sums."""
    corner_x, corner_y = massing.corner_m
    side = massing.side_cm
    column, row = (prisms.place_x - corner_x) * 100 // side, (prisms.place_y - corner_y) * 100 // side
    east, north = prisms.x - corner_x * 100 - column * side, prisms.y - corner_y * 100 - row * side
    turn = prisms.direction * (2 * np.pi / QUARTER_TURN)
    along, across = (np.rint(127 * f(turn)).astype(np.int64) for f in (np.cos, np.sin))
    area = prisms.area
    ones = np.ones_like(area)
    sums = [ones, area, prisms.volume, area * east, area * north, area * prisms.base, area * along, area * across]
    return row * massing.columns + column, sums


def _add(whole: Massing, child: Massing) -> None:
    """Add the grid of ``child`` to its place in that of ``whole``."""
    rows, columns = _quadrant(whole, child)
    for mine, others, put in ((whole.sums, child.sums, np.add), (whole.extremes, child.extremes, np.minimum)):
        square = mine.reshape(len(mine), whole.columns, whole.columns)[:, rows, columns]
        put(square, others.reshape(len(others), child.columns, child.columns), out=square)


def _quadrant(whole: Massing, child: Massing) -> tuple[slice, slice]:
    if whole.columns == child.columns:
        return slice(None), slice(None)
    row, column = (child.cell.row & 1) * child.columns, (child.cell.column & 1) * child.columns
    return slice(row, row + child.columns), slice(column, column + child.columns)


def _moved_shares(whole: Massing, child: Massing) -> Integers:
    rows, columns = _quadrant(whole, child)
    row, column = np.divmod(child.shares[:, 0] // _CODES, child.columns)
    cells = (row + (rows.start or 0)) * whole.columns + column + (columns.start or 0)
    return np.column_stack([cells * _CODES + child.shares[:, 0] % _CODES, child.shares[:, 1]])


def _summed(shares: Integers) -> Integers:
    """Return ``shares`` (k, 2) by rising keys, each key once."""
    keys, which = np.unique(shares[:, 0], return_inverse=True)
    areas = np.zeros(len(keys), np.int64)
    np.add.at(areas, which, shares[:, 1])
    return np.column_stack([keys, areas])


def to_bytes(massing: Massing) -> bytes:
    """Return ``massing`` as bytes, the same for the same value: a header, then every column in the narrowest integers that hold it."""
    cells = massing.occupied()
    cell, landmarks = massing.cell, massing.landmarks
    header = _HEADER.pack(_MAGIC, cell.level, cell.column, cell.row, massing.columns, len(cells), len(massing.shares), len(landmarks))
    columns = [np.vstack([cells, massing.sums[:, cells], massing.extremes[:, cells]]), massing.shares.T, np.array(landmarks.columns)]
    return header + b"".join(part for matrix in columns for part in _narrowed(matrix))


def from_bytes(content: bytes) -> Massing:
    """Return the massing that ``to_bytes`` wrote; ValueError when it is none."""
    if len(content) < _HEADER.size or content[:4] != _MAGIC:
        raise ValueError("no massing")
    _, level, column, row, columns, cells, shares, landmarks = _HEADER.unpack_from(content)
    reader = _Reader(content, _HEADER.size)
    occupied = reader.column(cells)
    empty = _nothing(Cell(level, column, row), columns)
    for values in (*empty.sums, *empty.extremes):
        values[occupied] = reader.column(cells)
    pairs = np.column_stack([reader.column(shares), reader.column(shares)])
    return Massing(empty.cell, columns, empty.sums, empty.extremes, pairs, Prisms(*(reader.column(landmarks) for _ in range(12))))


def _narrowed(columns: Integers) -> Iterator[bytes]:
    """Yield for each row of ``columns`` its least value, the width of an integer, and the values above the least in that width."""
    if columns.shape[1] == 0:
        return
    low = columns.min(axis=1)
    above = columns - low[:, None]
    for least, span, values in zip(low.tolist(), above.max(axis=1).tolist(), above, strict=True):
        width = next(w for w in (0, 1, 2, 4, 8) if span < 1 << (8 * w))
        yield struct.pack("<qB", least, width) + (values.astype(f"<u{width}").tobytes() if width else b"")


class _Reader:
    def __init__(self, content: bytes, at: int) -> None:
        self.content, self.at = content, at

    def column(self, count: int) -> Integers:
        """Return the next column, of ``count`` values."""
        if count == 0:
            return np.zeros(0, np.int64)
        least, width = struct.unpack_from("<qB", self.content, self.at)
        start, self.at = self.at + 9, self.at + 9 + width * count
        if width == 0:
            return np.full(count, least, np.int64)
        return np.frombuffer(self.content, f"<u{width}", count, start).astype(np.int64) + least
