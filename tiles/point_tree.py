"""A point cloud as a tree of tiles (refine REPLACE): leaves hold every point, a tile above them one for each voxel of what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.point_spill import Buckets, Square
from tiles.tileset import ContentRef, PutTree, Tile, tile
from twin.placed_points import Points

MOST_POINTS = 36_000
"""Of one tile: they take about 280 kB, with colours."""
_SMALLEST = 8
"""A square of 2^8 mm is not cut on the ground any more but upwards."""
_FIRST_VOXELS = 8
"""Points of a tile are thinned by voxels of 1/256 of its width, or of the next width that leaves few enough."""
_MORTON_BITS = 21
_MM = 1000.0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A tile and the points it shows."""

    tile: Tile
    points: Points


def point_tree(buckets: Buckets, content_of: Callable[[Points, float], ContentRef], put_tree: PutTree) -> Tile:
    """Return the tile of a cloud.

    ``content_of`` stores points that stand for all within a voxel of a width in metres (0: all that there are). The error of a tile is the
    diagonal of its voxels: no point that its children show is farther than that from one that it shows.
    """
    return _Tree(buckets, content_of, put_tree).whole()


class _Tree:
    def __init__(self, buckets: Buckets, content_of: Callable[[Points, float], ContentRef], put_tree: PutTree) -> None:
        self._buckets, self._content_of, self._put_tree = buckets, content_of, put_tree
        self._inner = {above for square in buckets.slices for above in _above(square)}

    def whole(self) -> Tile:
        return self._square(Square(0, 0, 0)).tile

    def _square(self, square: Square) -> _Shown:
        if square in self._inner:
            below = [q for q in square.quarters() if q in self._inner or q in self._buckets.slices]
            return self._joined([self._square(q) for q in below], square)
        return self._within(np.array(self._buckets.points[self._buckets.slices[square]]), square)

    def _within(self, points: Points, square: Square) -> _Shown:
        """Return the tile of points in memory, all of ``square``."""
        if len(points) <= MOST_POINTS:
            return self._leaf(points)
        bits = self._buckets.width - square.level
        if bits <= _SMALLEST:
            upwards = points[np.argsort(points["place"][:, 2], kind="stable")]
            return self._joined([self._leaf(upwards[i : i + MOST_POINTS]) for i in range(0, len(upwards), MOST_POINTS)], square)
        half = np.uint32(bits - 1)
        quarter = (points["place"][:, 0] >> half & 1) | (points["place"][:, 1] >> half & 1) << 1
        parts = [(points[quarter == number], below) for number, below in enumerate(square.quarters())]
        return self._joined([self._within(part, below) for part, below in parts if len(part)], square)

    def _leaf(self, points: Points) -> _Shown:
        ordered = points[np.argsort(_morton(points["place"]), kind="stable")]
        return _Shown(tile(self._content_of(ordered, 0.0), [], 0.0, self._put_tree), ordered)

    def _joined(self, children: list[_Shown], square: Square) -> _Shown:
        if len(children) == 1:
            return children[0]
        shown, voxel_mm = thinned(np.concatenate([child.points for child in children]), self._buckets.width - square.level)
        content = self._content_of(shown, voxel_mm / _MM)
        error_m = voxel_mm / _MM * float(np.sqrt(3))
        return _Shown(tile(content, [child.tile for child in children], error_m, self._put_tree), shown)


def _above(square: Square) -> list[Square]:
    return [Square(level, square.column >> (d := square.level - level), square.row >> d) for level in range(square.level)]


def thinned(points: Points, bits: int) -> tuple[Points, int]:
    """Return of each voxel the point next to its middle, along a Morton curve, and the width of the voxels in mm.

    Voxels are those of the grid of the cloud, the widest that leaves at most ``MOST_POINTS`` being doubled as often as needed from 1/256 of
    a square of 2^``bits`` mm.
    """
    reach = int(np.ptp(points["place"], axis=0).max()).bit_length()
    size = max(bits - _FIRST_VOXELS, reach - _MORTON_BITS + 1, 0)
    while True:
        voxel = _morton(points["place"] >> np.uint32(size))
        order = np.lexsort((_from_middle(points, size), voxel))
        is_first = np.concatenate([[True], np.diff(voxel[order]) != 0])
        if np.count_nonzero(is_first) <= MOST_POINTS:
            return points[order[is_first]], 1 << size
        size += 1


def _from_middle(points: Points, size: int) -> NDArray[np.int64]:
    """Return how far each point is from the middle of its voxel, along the three axes together."""
    within = (points["place"] & np.uint32((1 << size) - 1)).astype(np.int64)
    distance: NDArray[np.int64] = np.abs(2 * within - (1 << size)).sum(axis=1)
    return distance


def _morton(places: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the number of each place (n, 3) along a Morton curve of 21 bits an axis; places farther apart are first made coarser."""
    near = places - places.min(axis=0)
    coarse = max(int(near.max()).bit_length() - _MORTON_BITS, 0)
    spread = [_spread((near[:, axis] >> np.uint32(coarse)).astype(np.uint64)) for axis in range(3)]
    return spread[0] | spread[1] << np.uint64(1) | spread[2] << np.uint64(2)


def _spread(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 21 bits, each followed by two zeros."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        numbers = (numbers | numbers << np.uint64(shift)) & np.uint64(mask)
    return numbers
