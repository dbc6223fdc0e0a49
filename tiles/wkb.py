"""Well-known binary to ragged arrays, without an object for each geometry (OGC 06-103r4 §8, PostGIS EWKB flags)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Bytes, Offsets
from tiles.kernel import kernel

OK, UNREADABLE, EMPTY = 0, 1, 2

_POINT, _LINE, _POLYGON, _MULTI_FIRST, _MULTI_LAST = 1, 2, 3, 4, 6


@dataclass(frozen=True, slots=True)
class Geometries:
    """Many geometries as nested offsets: features → parts → rings → coordinates.

    ``coordinates`` (n, 3) float64 with Z = 0 where there is none; ``ring_offsets`` index coordinates, ``part_offsets`` rings,
    ``feature_offsets`` parts. A line or a point is a part of one ring. ``status`` (features,): OK, UNREADABLE or EMPTY; the last two have no parts.
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
    features = len(offsets) - 1
    status = np.zeros(features, np.uint8)
    none_f, none_i = np.zeros((0, 3)), np.zeros(0, np.int64)
    points, rings, parts = _scan(data, offsets, False, none_f, none_i, none_i, none_i, status)
    coordinates = np.empty((points, 3))
    ring_offsets, part_offsets = np.zeros(rings + 1, np.int64), np.zeros(parts + 1, np.int64)
    feature_offsets = np.zeros(features + 1, np.int64)
    _scan(data, offsets, True, coordinates, ring_offsets, part_offsets, feature_offsets, status)
    return Geometries(coordinates, ring_offsets, part_offsets, feature_offsets, status)


@kernel
def _uint32(data: Bytes, at: int) -> int:
    return (
        np.int64(data[at])
        | (np.int64(data[at + 1]) << 8)
        | (np.int64(data[at + 2]) << 16)
        | (np.int64(data[at + 3]) << 24)
    )


@kernel
def _header(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Return (geometry type 1..6 or 0, ordinates per point, position after the header)."""
    if at + 5 > end or data[at] != 1:
        return 0, 0, at
    code = _uint32(data, at + 1)
    at += 5
    dimensions = 2
    if code & 0x20000000:
        at += 4
    if code & 0x80000000:
        dimensions += 1
    if code & 0x40000000:
        dimensions += 1
    code &= 0x0FFFFFFF
    thousands = code // 1000
    if thousands == 1 or thousands == 2:
        dimensions += 1
    elif thousands == 3:
        dimensions += 2
    kind = code % 1000
    has_m_only = dimensions == 3 and (thousands == 2)
    if kind < _POINT or kind > _MULTI_LAST or dimensions > 4 or has_m_only:
        return 0, 0, at
    return kind, dimensions, at


@kernel
def _scan(  # noqa: PLR0913 - one kernel counts and, told so, writes
    data: Bytes,
    offsets: Offsets,
    write: bool,
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    status: NDArray[np.uint8],
) -> tuple[int, int, int]:
    word = np.empty(1, np.uint64)
    number = word.view(np.float64)
    points, rings, parts = 0, 0, 0
    for f in range(len(offsets) - 1):
        first_point, first_ring, first_part = points, rings, parts
        state = status[f] if write else OK
        at, end = offsets[f], offsets[f + 1]
        kind, _, after = _header(data, at, end)
        if state == OK and kind == 0:
            state = UNREADABLE
        remaining = 1
        if state == OK and kind >= _MULTI_FIRST:
            if after + 4 > end:
                state = UNREADABLE
            else:
                remaining = _uint32(data, after)
                at = after + 4
        while state == OK and remaining > 0:
            remaining -= 1
            part_kind, dimensions, at = _header(data, at, end)
            if part_kind < _POINT or part_kind > _POLYGON:
                state = UNREADABLE
                break
            part_rings = 1
            if part_kind == _POLYGON:
                if at + 4 > end:
                    state = UNREADABLE
                    break
                part_rings = _uint32(data, at)
                at += 4
            if part_rings == 0:
                continue
            while part_rings > 0 and state == OK:
                part_rings -= 1
                count = 1
                if part_kind != _POINT:
                    if at + 4 > end:
                        state = UNREADABLE
                        break
                    count = _uint32(data, at)
                    at += 4
                if at + count * dimensions * 8 > end:
                    state = UNREADABLE
                    break
                for _ in range(count):
                    for d in range(3):
                        value = 0.0
                        if d < dimensions:
                            p = at + 8 * d
                            word[0] = np.uint64(_uint32(data, p)) | (np.uint64(_uint32(data, p + 4)) << np.uint64(32))
                            value = number[0]
                            if not np.isfinite(value):
                                if d < 2:
                                    state = EMPTY if part_kind == _POINT and np.isnan(value) else UNREADABLE
                                value = 0.0
                        if write:
                            coordinates[points, d] = value
                    at += 8 * dimensions
                    points += 1
                rings += 1
                if write:
                    ring_offsets[rings] = points
            parts += 1
            if write:
                part_offsets[parts] = rings
        if state == OK and points == first_point:
            state = EMPTY
        if state != OK:
            points, rings, parts = first_point, first_ring, first_part
        if write:
            feature_offsets[f + 1] = parts
        status[f] = state
    return points, rings, parts


def select(geometries: Geometries, rows: NDArray[np.int64]) -> Geometries:
    """Return the geometries of the features ``rows``, in that order."""
    parts, feature_offsets = _gathered(geometries.feature_offsets, rows)
    rings, part_offsets = _gathered(geometries.part_offsets, parts)
    points, ring_offsets = _gathered(geometries.ring_offsets, rings)
    return Geometries(geometries.coordinates[points], ring_offsets, part_offsets, feature_offsets, geometries.status[rows])


def _gathered(offsets: Offsets, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Offsets]:
    """Return the members of ``rows`` laid end to end, and their new offsets."""
    starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
    new = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=new[1:])
    members = np.arange(new[-1], dtype=np.int64)
    return members + np.repeat(starts - new[:-1], lengths), new
