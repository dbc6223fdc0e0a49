"""The massing of a city: what is left of its buildings far away, summed in integers up the tree, never by looking at the buildings again.

A node's massing is its weightiest buildings, each by itself (landmarks: they make the skyline), and the sums of all others over a grid of
its cell. The landmarks of a node are the weightiest of its children's, and the ones that no longer are fall into the grid: so the massing
is a function of the feature set alone, and merging is exact.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.prisms import BASE as BASE_CM
from tiles.prisms import CODE, DIRECTION, GROUND, PLACE_X, PLACE_Y, QUARTER_TURN, TOP, Integers, Prisms, X, Y, together
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
    coarse = _nothing(massing.cell, half)
    _coarsen(massing.sums, massing.extremes, massing.columns, massing.side_cm, coarse.sums, coarse.extremes)
    row, column = np.divmod(massing.shares[:, 0] // _CODES, massing.columns)
    keys = (row // 2 * half + column // 2) * _CODES + massing.shares[:, 0] % _CODES
    shares = _summed(np.column_stack([keys, massing.shares[:, 1]]))
    return Massing(massing.cell, half, coarse.sums, coarse.extremes, shares, massing.landmarks)


@kernel
def _coarsen(fine: Integers, fine_extremes: Integers, columns: int, side: int, sums: Integers, extremes: Integers) -> None:
    """Add each cell of a grid of ``columns``, ``side`` wide, to the one that it is a quarter of."""
    for cell in range(columns * columns):
        row, column = cell // columns, cell % columns
        whole, area = row // 2 * (columns // 2) + column // 2, fine[AREA, cell]
        for k in range(8):
            sums[k, whole] += fine[k, cell]
        sums[EASTWARD, whole] += area * side * (column % 2)
        sums[NORTHWARD, whole] += area * side * (row % 2)
        for k in range(4):
            extremes[k, whole] = min(extremes[k, whole], fine_extremes[k, cell])


def _real(cell: Cell) -> Cell:
    """Return ``cell``, or the one of 16 m that a virtual cell is."""
    up = max(FINEST_LEVEL - cell.level, 0)
    return Cell(cell.level + up, cell.column >> up, cell.row >> up)


def _nothing(cell: Cell, columns: int) -> Massing:
    sums, extremes = np.zeros((8, columns**2), np.int64), np.full((4, columns**2), _EMPTY, np.int64)
    return Massing(cell, columns, sums, extremes, np.zeros((0, 2), np.int64), Prisms.none())


def drawn(massing: Massing, boxes: int) -> Massing:
    """Return ``massing`` with so many landmarks only that it is drawn by ``boxes`` at most, or by its grid alone."""
    kept = max(boxes - len(massing.occupied()), 0)
    return massing if len(massing.landmarks) <= kept else _settled(massing, massing.landmarks, kept)


def _settled(massing: Massing, prisms: Prisms, landmarks: int = LANDMARKS) -> Massing:
    """Return ``massing`` with the weightiest of ``prisms`` as landmarks and the others in its grid."""
    order = np.lexsort((prisms.fid, -_weight(prisms)))
    sums, extremes = massing.sums.copy(), massing.extremes.copy()
    others = prisms.take(order[landmarks:])
    shares = np.empty((len(others), 2), np.int64)
    _fall(others.columns, *massing.corner_m, massing.side_cm, massing.columns, sums, extremes, shares)
    shares = _summed(np.concatenate([massing.shares, shares]))
    return Massing(massing.cell, massing.columns, sums, extremes, shares, prisms.take(order[:landmarks]))


def _weight(prisms: Prisms) -> Integers:
    """Return what a prism counts for in the skyline: its larger side face."""
    return np.maximum(prisms.length, prisms.area * 100 // prisms.length) * (prisms.top - prisms.base)


@kernel
def _fall(
    prisms: Integers, corner_x: int, corner_y: int, side: int, columns: int, sums: Integers, extremes: Integers, shares: Integers
) -> None:
    """Add ``prisms`` to the grid cells that they stand in, and write what each shares."""
    for i in range(prisms.shape[1]):
        column, row = (prisms[PLACE_X, i] - corner_x) * 100 // side, (prisms[PLACE_Y, i] - corner_y) * 100 // side
        cell, area, base, top = row * columns + column, prisms[GROUND, i], prisms[BASE_CM, i], prisms[TOP, i]
        turn = prisms[DIRECTION, i] * (2 * np.pi / QUARTER_TURN)
        sums[COUNT, cell] += 1
        sums[AREA, cell] += area
        sums[VOLUME, cell] += area * (top - base)
        sums[EASTWARD, cell] += area * (prisms[X, i] - corner_x * 100 - column * side)
        sums[NORTHWARD, cell] += area * (prisms[Y, i] - corner_y * 100 - row * side)
        sums[BASE, cell] += area * base
        sums[ALONG, cell] += area * int(np.rint(127 * np.cos(turn)))
        sums[ACROSS, cell] += area * int(np.rint(127 * np.sin(turn)))
        extremes[LOWEST_BASE, cell] = min(extremes[LOWEST_BASE, cell], base)
        extremes[LOWEST_TOP, cell] = min(extremes[LOWEST_TOP, cell], top)
        extremes[HIGHEST_BASE, cell] = min(extremes[HIGHEST_BASE, cell], -base)
        extremes[HIGHEST_TOP, cell] = min(extremes[HIGHEST_TOP, cell], -top)
        shares[i, 0], shares[i, 1] = cell * _CODES + prisms[CODE, i], area


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
    summed = shares[np.argsort(shares[:, 0], kind="stable")]
    return summed[: _sum_runs(summed)]


@kernel
def _sum_runs(shares: Integers) -> int:
    """Make one share of all neighbours of one key; return how many there are then."""
    count = 0
    for i in range(len(shares)):
        if count > 0 and shares[i, 0] == shares[count - 1, 0]:
            shares[count - 1, 1] += shares[i, 1]
        else:
            shares[count, 0], shares[count, 1] = shares[i, 0], shares[i, 1]
            count += 1
    return count


def to_bytes(massing: Massing) -> bytes:
    """Return ``massing`` as bytes, the same for the same value: a header, then every column in the narrowest integers that hold it."""
    cells = massing.occupied()
    cell, landmarks = massing.cell, massing.landmarks
    header = _HEADER.pack(_MAGIC, cell.level, cell.column, cell.row, massing.columns, len(cells), len(massing.shares), len(landmarks))
    grid = np.vstack([cells, massing.sums[:, cells], massing.extremes[:, cells]])
    return header + b"".join(_narrowed(np.ascontiguousarray(matrix)) for matrix in (grid, massing.shares.T, landmarks.columns))


def from_bytes(content: bytes) -> Massing:
    """Return the massing that ``to_bytes`` wrote; ValueError when it is none."""
    if len(content) < _HEADER.size or content[:4] != _MAGIC:
        raise ValueError("no massing")
    _, level, column, row, columns, cells, shares, landmarks = _HEADER.unpack_from(content)
    body = np.frombuffer(content, np.uint8, offset=_HEADER.size)
    empty = _nothing(Cell(level, column, row), columns)
    grid, pairs, prisms = (np.empty((rows, count), np.int64) for rows, count in ((13, cells), (2, shares), (12, landmarks)))
    at = _widened(body, _widened(body, _widened(body, 0, grid), pairs), prisms)
    if at != len(body) or (cells and not 0 <= grid[0].min() <= grid[0].max() < columns**2):
        raise ValueError("no massing")
    empty.sums[:, grid[0]], empty.extremes[:, grid[0]] = grid[1:9], grid[9:]
    return Massing(empty.cell, columns, empty.sums, empty.extremes, np.ascontiguousarray(pairs.T), Prisms(prisms))


def _narrowed(columns: Integers) -> bytes:
    """Return for each row of ``columns`` its least value, the width of an integer, and the values above the least in that width."""
    out = np.empty(columns.shape[0] * (9 + 8 * columns.shape[1]), np.uint8)
    return out[: _narrow(columns, out)].tobytes()


@kernel
def _narrow(columns: Integers, out: NDArray[np.uint8]) -> int:
    """Write ``columns`` and return how many bytes they are."""
    at = 0
    if columns.shape[1] == 0:
        return at
    for row in range(columns.shape[0]):
        least, span, width = columns[row].min(), columns[row].max() - columns[row].min(), 0
        while width < 8 and span >> (8 * width) > 0:
            width = max(2 * width, 1)
        for k in range(8):
            out[at + k] = (least >> (8 * k)) & 255
        out[at + 8] = width
        at += 9
        for i in range(columns.shape[1]):
            above = columns[row, i] - least
            for k in range(width):
                out[at + k] = (above >> (8 * k)) & 255
            at += width
    return at


@kernel
def _widened(content: NDArray[np.uint8], at: int, out: Integers) -> int:
    """Read what ``_narrow`` wrote from ``at`` on into ``out``; return where it ends, -1 when it does not."""
    if out.shape[1] == 0 or at < 0:
        return at
    for row in range(out.shape[0]):
        if at + 9 > len(content):
            return -1
        width = int(content[at + 8])
        least = np.int64(0)
        for k in range(8):
            least |= np.int64(content[at + k]) << (8 * k)
        at += 9
        if width > 8 or at + width * out.shape[1] > len(content):
            return -1
        for i in range(out.shape[1]):
            above = np.int64(0)
            for k in range(width):
                above |= np.int64(content[at + k]) << (8 * k)
            out[row, i] = least + above
            at += width
    return at
