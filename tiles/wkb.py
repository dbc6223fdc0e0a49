"""Well-known binary to ragged arrays, without an object for each geometry (OGC 06-103r4 §8, PostGIS EWKB flags)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Bytes, Offsets
from tiles.kernel import kernel
from twin.byte_numbers import uint32, uint64

OK, UNREADABLE, EMPTY = 0, 1, 2

type Squares = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Centre x, centre y and width (metres) of the square around each feature (n,); NaN centres where there is nothing."""

_POINT, _POLYGON, _MULTI_FIRST, _MULTI_LAST = 1, 3, 4, 6
_EWKB_Z, _EWKB_M, _EWKB_SRID = 0x80000000, 0x40000000, 0x20000000


@dataclass(frozen=True, slots=True)
class Geometries:
    """Many geometries as nested offsets: features → parts → rings → coordinates.

    ``coordinates`` (n, 3) float64 with Z = 0 where there is none; ``ring_offsets`` index coordinates, ``part_offsets`` rings,
    ``feature_offsets`` parts. A line or a point is a part of one ring. ``status`` (features,): OK,
    UNREADABLE or EMPTY; the last two have no parts.
    """

    coordinates: NDArray[np.float64]
    ring_offsets: Offsets
    part_offsets: Offsets
    feature_offsets: Offsets
    status: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.status)


def read_wkb(data: Bytes, offsets: Offsets) -> Geometries:
    """Return the geometries ``data[offsets[i]:offsets[i + 1]]``, any of point, line string, polygon and their multis, 2D to ZM.

    A geometry that is truncated, big-endian, non-finite or of another type is UNREADABLE; nothing is raised.
    """
    # A point takes at least 16 bytes, a ring or part at least 4: room for all there can be, of which only what is written becomes memory.
    coordinates = np.empty((len(data) // 16 + 1, 3))
    ring_offsets, part_offsets = np.empty(len(data) // 4 + 2, np.int64), np.empty(len(data) // 4 + 2, np.int64)
    feature_offsets, status = np.zeros(len(offsets), np.int64), np.zeros(len(offsets) - 1, np.uint8)
    points, rings, parts = _scan(data, offsets, coordinates, ring_offsets, part_offsets, feature_offsets, status)
    return Geometries(coordinates[:points], ring_offsets[: rings + 1], part_offsets[: parts + 1], feature_offsets, status)


@kernel
def _header(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return (geometry type 1..6 or 0, ordinates per point, position after the header)."""
    if at + 5 > end or data[at] != 1:
        return 0, 0, at
    code = uint32(data, at + 1)
    at += 9 if code & _EWKB_SRID else 5
    thousands, kind = (code & 0x0FFFFFFF) // 1000, (code & 0x0FFFFFFF) % 1000
    has_z = code & _EWKB_Z != 0 or thousands in (1, 3)
    has_m = code & _EWKB_M != 0 or thousands in (2, 3)
    if kind < _POINT or kind > _MULTI_LAST or thousands > 3 or (has_m and not has_z):
        return 0, 0, at
    return kind, 2 + has_z + has_m, at


@kernel
def _read_ring(data: Bytes, at: int, end: int, count: int, dimensions: int, out: NDArray[np.float64], bits: NDArray[np.uint64]) -> int:
    """Write ``count`` points to ``out``; return the position after them, or minus the status."""
    number = bits.view(np.float64)
    if at + count * dimensions * 8 > end:
        return -UNREADABLE
    for i in range(count):
        out[i, 2] = 0.0
        for d in range(min(dimensions, 3)):
            p = at + 8 * d
            bits[0] = uint64(data, p)
            if np.isfinite(number[0]):
                out[i, d] = number[0]
            elif d < 2:
                return -EMPTY if count == 1 and np.isnan(number[0]) else -UNREADABLE
        at += 8 * dimensions
    return at


@kernel
def _read_part(
    data: Bytes,
    at: int,
    end: int,
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    sizes: NDArray[np.int64],
    bits: NDArray[np.uint64],
) -> int:
    """Read a point, line or polygon, raising ``sizes`` (points, rings, parts); return the position after it, or minus the status."""
    kind, dimensions, at = _header(data, at, end)
    if kind < _POINT or kind > _POLYGON:
        return -UNREADABLE
    rings = 1
    if kind == _POLYGON:
        if at + 4 > end:
            return -UNREADABLE
        rings = uint32(data, at)
        at += 4
    for _ in range(rings):
        count = 1
        if kind != _POINT:
            if at + 4 > end:
                return -UNREADABLE
            count = uint32(data, at)
            at += 4
        at = _read_ring(data, at, end, count, dimensions, coordinates[sizes[0] :], bits)
        if at < 0:
            return at
        sizes[0] += count
        sizes[1] += 1
        ring_offsets[sizes[1]] = sizes[0]
    sizes[2] += rings > 0
    return at


@kernel
def _read_feature(
    data: Bytes,
    at: int,
    end: int,
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    sizes: NDArray[np.int64],
    bits: NDArray[np.uint64],
) -> int:
    """Read one geometry, raising ``sizes``; return its status."""
    kind, _, after = _header(data, at, end)
    parts = 1
    if kind >= _MULTI_FIRST:
        if after + 4 > end:
            return UNREADABLE
        parts = uint32(data, after)
        at = after + 4
    first_point = sizes[0]
    for _ in range(parts):
        at = _read_part(data, at, end, coordinates, ring_offsets, sizes, bits)
        if at < 0:
            return -at
        part_offsets[sizes[2]] = sizes[1]
    return OK if sizes[0] > first_point else EMPTY


@kernel
def _scan(
    data: Bytes,
    offsets: Offsets,
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    status: NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Read all geometries; return the numbers of points, rings and parts."""
    bits = np.empty(1, np.uint64)
    sizes = np.zeros(3, np.int64)
    ring_offsets[0], part_offsets[0] = 0, 0
    for f in range(len(status)):
        points, rings, parts = sizes[0], sizes[1], sizes[2]
        status[f] = _read_feature(data, offsets[f], offsets[f + 1], coordinates, ring_offsets, part_offsets, sizes, bits)
        if status[f] != OK:
            sizes[0], sizes[1], sizes[2] = points, rings, parts
        feature_offsets[f + 1] = sizes[2]
    return sizes[0], sizes[1], sizes[2]


def select(geometries: Geometries, rows: NDArray[np.int64]) -> Geometries:
    """Return the geometries of the features ``rows``, in that order."""
    g = geometries
    feature_offsets, part_offsets, ring_offsets, points = _sizes(g.feature_offsets, g.part_offsets, g.ring_offsets, rows)
    coordinates = np.empty((points, 3))
    _copy(g.coordinates, g.feature_offsets, g.part_offsets, g.ring_offsets, rows, part_offsets, ring_offsets, coordinates)
    return Geometries(coordinates, ring_offsets, part_offsets, feature_offsets, g.status[rows])


@kernel
def _sizes(
    feature_offsets: Offsets, part_offsets: Offsets, ring_offsets: Offsets, rows: NDArray[np.int64]
) -> tuple[Offsets, Offsets, Offsets, int]:
    """Return the offsets of the parts of ``rows``, room for those of their rings and points, and the number of points."""
    parts, rings, points = np.zeros(len(rows) + 1, np.int64), 0, 0
    for i in range(len(rows)):
        first, last = feature_offsets[rows[i]], feature_offsets[rows[i] + 1]
        parts[i + 1] = parts[i] + last - first
        rings += part_offsets[last] - part_offsets[first]
        points += ring_offsets[part_offsets[last]] - ring_offsets[part_offsets[first]]
    return parts, np.zeros(parts[-1] + 1, np.int64), np.zeros(rings + 1, np.int64), points


@kernel
def _copy(
    coordinates: NDArray[np.float64],
    feature_offsets: Offsets,
    part_offsets: Offsets,
    ring_offsets: Offsets,
    rows: NDArray[np.int64],
    new_parts: Offsets,
    new_rings: Offsets,
    out: NDArray[np.float64],
) -> None:
    part, ring, point = 0, 0, 0
    for row in rows:
        for p in range(feature_offsets[row], feature_offsets[row + 1]):
            for r in range(part_offsets[p], part_offsets[p + 1]):
                for i in range(ring_offsets[r], ring_offsets[r + 1]):
                    for axis in range(3):
                        out[point, axis] = coordinates[i, axis]
                    point += 1
                ring += 1
                new_rings[ring] = point
            part += 1
            new_parts[part] = ring


def first_points(geometries: Geometries) -> NDArray[np.int64]:
    """Return the index of each feature's first coordinate, -1 where it has none."""
    parts = geometries.feature_offsets
    has = parts[1:] > parts[:-1]
    rings = geometries.part_offsets[np.where(has, parts[:-1], 0)]
    return np.where(has, geometries.ring_offsets[rings], -1)


def bounding_squares(geometries: Geometries) -> Squares:
    """Return the squares around the features."""
    rings = geometries.part_offsets[geometries.feature_offsets]
    return _squares(geometries.coordinates, geometries.ring_offsets[rings])


@kernel
def _squares(coordinates: NDArray[np.float64], offsets: NDArray[np.int64]) -> Squares:
    count = len(offsets) - 1
    x, y, width = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count)
    for f in range(count):
        west, east, south, north = np.inf, -np.inf, np.inf, -np.inf
        for i in range(offsets[f], offsets[f + 1]):
            west, east = min(west, coordinates[i, 0]), max(east, coordinates[i, 0])
            south, north = min(south, coordinates[i, 1]), max(north, coordinates[i, 1])
        if offsets[f + 1] > offsets[f]:
            x[f], y[f], width[f] = (west + east) / 2, (south + north) / 2, max(east - west, north - south)
    return x, y, width
