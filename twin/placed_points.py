"""A point cloud that has been placed: the bytes in which a reader hands it on and a builder of tiles takes it.

Little endian: ``TWP1``, uint32 flags (1: points have colours, 2: they are classified), uint64 number of points, the origin (three float64:
E, N, H of the storage CRS and the deployment's heights), 8 bytes of zeros; then for each point its place in millimetres from the origin
(3 × uint32), red, green, blue (sRGB) and class (ASPRS LAS 1.4-R15, table 17), a byte each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

POINT = np.dtype([("place", "<u4", 3), ("color", "u1", 3), ("kind", "u1")])
type Points = npt.NDArray[np.void]
"""(n,) of ``POINT``."""
_HEAD = struct.Struct("<4sIQ3d8x")
_MAGIC = b"TWP1"
_COLORED, _CLASSIFIED = 1, 2
_PER_M = 1000


class PlacedPointsError(ValueError):
    """The bytes are no placed points."""


@dataclass(frozen=True, slots=True)
class PointsHead:
    """What is said of all points of a cloud."""

    count: int
    origin: tuple[float, float, float]
    """E, N, H in metres: none of the points is west, south or below of it, nor 4,294 km away."""
    has_colors: bool
    has_kinds: bool

    @property
    def total_bytes(self) -> int:
        """Return the length of head and points."""
        return _HEAD.size + self.count * POINT.itemsize

    def encoded(self) -> bytes:
        """Return the bytes that go before the points."""
        return _HEAD.pack(_MAGIC, _COLORED * self.has_colors | _CLASSIFIED * self.has_kinds, self.count, *self.origin)

    def points(
        self, positions: npt.NDArray[np.float64], colors: npt.NDArray[np.uint8] | None, kinds: npt.NDArray[np.uint8] | None
    ) -> Points:
        """Return points at ``positions`` (n, 3) E, N, H in metres, rounded to millimetres; ``colors`` (n, 3) sRGB; ``kinds`` (n,)."""
        points = np.zeros(len(positions), POINT)
        points["place"] = np.rint((positions - self.origin) * _PER_M).astype(np.uint32)
        if colors is not None:
            points["color"] = colors
        if kinds is not None:
            points["kind"] = kinds
        return points

    def positions(self, points: Points) -> npt.NDArray[np.float64]:
        """Return E, N, H of ``points`` in metres, (n, 3)."""
        positions: npt.NDArray[np.float64] = points["place"] / _PER_M + self.origin
        return positions


def open_points(path: Path) -> tuple[PointsHead, Points]:
    """Return the head and the points of a file, which stay on disk. PlacedPointsError when it is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        raise PlacedPointsError("no placed points")
    _, flags, count, east, north, height = _HEAD.unpack(head)
    read = PointsHead(count, (east, north, height), bool(flags & _COLORED), bool(flags & _CLASSIFIED))
    if path.stat().st_size != read.total_bytes or not np.isfinite(read.origin).all():
        raise PlacedPointsError(f"{path.stat().st_size} bytes are not {count} points")
    return read, np.memmap(path, POINT, "r", _HEAD.size, count) if count else np.zeros(0, POINT)
