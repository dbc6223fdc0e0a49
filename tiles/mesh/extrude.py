"""LOD1 solids: footprints extruded from their base height (CityGML 3.0 §8.2, LOD1: prismatic block with horizontal roof)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import LONGEST_EDGE_M, LeftOut, MeshBatch
from tiles.mesh.triangulate import Triangulation, _ring_area, triangulate
from tiles.wkb import EMPTY, OK, Geometries

TALLEST_M = 1500.0
"""Nothing built is higher: a greater height is an error of unit or of typing."""
_MINIMUM_AREA_M2 = 1e-4


@dataclass(frozen=True, slots=True)
class Footprints:
    """Clean footprints: rings open, without repeated points, long edges divided, outer counter-clockwise, holes clockwise.

    ``xy`` (n, 2) metres; ``lowest`` (features,) the smallest Z among the vertices.
    """

    xy: NDArray[np.float64]
    ring_offsets: Offsets
    part_offsets: Offsets
    feature_offsets: Offsets
    lowest: NDArray[np.float64]


def extrude(geometries: Geometries, base_m: NDArray[np.float64], height_m: NDArray[np.float64]) -> MeshBatch:
    """Return closed LOD1 solids: floor at the base, roof at base + height, vertical walls.

    ``base_m`` (features,) H of the floor; NaN takes the lowest Z of the footprint. ``height_m`` (features,) above the base; NaN or not
    above zero is left out as HEIGHT_MISSING, above TALLEST_M as HEIGHT_ABSURD.
    """
    left_out = _left_out(geometries, height_m)
    footprints = clean_footprints(geometries, left_out)
    triangulation = triangulate(footprints.xy, footprints.ring_offsets, footprints.part_offsets)
    _mark_failures(footprints.feature_offsets, triangulation.ok, left_out)
    base = np.where(np.isfinite(base_m), base_m, footprints.lowest)
    return _solids(footprints, triangulation, base, height_m, left_out)


def _left_out(geometries: Geometries, height_m: NDArray[np.float64]) -> NDArray[np.uint8]:
    left_out = np.zeros(len(geometries), np.uint8)
    left_out[height_m > TALLEST_M] = LeftOut.HEIGHT_ABSURD
    left_out[~(height_m > 0)] = LeftOut.HEIGHT_MISSING
    left_out[geometries.status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(geometries.status != OK) & (geometries.status != EMPTY)] = LeftOut.GEOMETRY_UNREADABLE
    return left_out


def clean_footprints(geometries: Geometries, left_out: NDArray[np.uint8]) -> Footprints:
    """Return the footprints of the features not yet left out; one without area is marked GEOMETRY_DEGENERATE in ``left_out``."""
    g = geometries
    lowest = np.zeros(len(g))
    none_f, none_i = np.zeros((0, 2)), np.zeros(0, np.int64)
    sizes = _clean(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, left_out, False, none_f, none_i, none_i, none_i, lowest)
    xy, rings = np.empty((sizes[0], 2)), np.zeros(sizes[1] + 1, np.int64)
    parts, features = np.zeros(sizes[2] + 1, np.int64), np.zeros(len(g) + 1, np.int64)
    _clean(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, left_out, True, xy, rings, parts, features, lowest)
    return Footprints(xy, rings, parts, features, lowest)


@kernel
def _open_ring(
    coordinates: NDArray[np.float64], start: int, end: int, longest: float, out: NDArray[np.float64]
) -> int:
    """Write the ring without repeated points and with long edges divided; return its number of points."""
    last = end
    while last - start > 1 and _touching(coordinates, start, last - 1):
        last -= 1
    count, previous = 0, -1
    for i in range(start, last):
        if previous >= 0 and _touching(coordinates, previous, i):
            continue
        if previous >= 0:
            count = _divide(coordinates, previous, i, longest, out, count)
        out[count, 0], out[count, 1] = coordinates[i, 0], coordinates[i, 1]
        count += 1
        previous = i
    if previous > start:
        count = _divide(coordinates, previous, start, longest, out, count)
    return count


@kernel
def _touching(coordinates: NDArray[np.float64], a: int, b: int) -> bool:
    return abs(coordinates[a, 0] - coordinates[b, 0]) < 1e-6 and abs(coordinates[a, 1] - coordinates[b, 1]) < 1e-6


@kernel
def _divide(coordinates: NDArray[np.float64], a: int, b: int, longest: float, out: NDArray[np.float64], count: int) -> int:
    dx, dy = coordinates[b, 0] - coordinates[a, 0], coordinates[b, 1] - coordinates[a, 1]
    length = np.hypot(dx, dy)
    if length > longest:
        pieces = int(np.ceil(length / longest))
        for k in range(1, pieces):
            out[count, 0], out[count, 1] = coordinates[a, 0] + dx * k / pieces, coordinates[a, 1] + dy * k / pieces
            count += 1
    return count


@kernel
def _ring_room(coordinates: NDArray[np.float64], ring_offsets: Offsets, longest: float) -> int:
    """Return an upper bound for the points of one cleaned ring."""
    widest = 1
    for ring in range(len(ring_offsets) - 1):
        room = 1
        for i in range(ring_offsets[ring], ring_offsets[ring + 1]):
            j = i + 1 if i + 1 < ring_offsets[ring + 1] else ring_offsets[ring]
            length = np.hypot(coordinates[j, 0] - coordinates[i, 0], coordinates[j, 1] - coordinates[i, 1])
            room += 1 + int(length / longest)
        widest = max(widest, room)
    return widest


@kernel
def _clean(  # noqa: PLR0913 - one kernel counts and, told so, writes
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    left_out: NDArray[np.uint8],
    write: bool,
    xy: NDArray[np.float64],
    new_rings: Offsets,
    new_parts: Offsets,
    new_features: Offsets,
    lowest: NDArray[np.float64],
) -> tuple[int, int, int]:
    ring_points = np.empty((_ring_room(coordinates, ring_offsets, LONGEST_EDGE_M), 2))
    points, rings, parts = 0, 0, 0
    for f in range(len(left_out)):
        first_part = parts
        if left_out[f] == 0:
            low = np.inf
            for part in range(feature_offsets[f], feature_offsets[f + 1]):
                first_ring = rings
                for ring in range(part_offsets[part], part_offsets[part + 1]):
                    start, end = ring_offsets[ring], ring_offsets[ring + 1]
                    outer = ring == part_offsets[part]
                    count = _open_ring(coordinates, start, end, LONGEST_EDGE_M, ring_points)
                    area = _ring_area(ring_points, 0, count)
                    if count < 3 or abs(area) < _MINIMUM_AREA_M2:
                        if outer:
                            break
                        continue
                    for i in range(start, end):
                        low = min(low, coordinates[i, 2])
                    if write:
                        forward = (area > 0) == outer
                        for i in range(count):
                            source = i if forward else count - 1 - i
                            xy[points + i, 0], xy[points + i, 1] = ring_points[source, 0], ring_points[source, 1]
                        new_rings[rings + 1] = points + count
                    points += count
                    rings += 1
                if rings > first_ring:
                    parts += 1
                    if write:
                        new_parts[parts] = rings
            lowest[f] = low if np.isfinite(low) else 0.0
            if parts == first_part:
                left_out[f] = 3  # LeftOut.GEOMETRY_DEGENERATE
        if write:
            new_features[f + 1] = parts
    return points, rings, parts


def _mark_failures(feature_offsets: Offsets, ok: NDArray[np.bool_], left_out: NDArray[np.uint8]) -> None:
    failed = np.flatnonzero(~ok)
    if len(failed):
        left_out[np.searchsorted(feature_offsets, failed, side="right") - 1] = LeftOut.TRIANGULATION_FAILED


def _solids(
    footprints: Footprints,
    triangulation: Triangulation,
    base_m: NDArray[np.float64],
    height_m: NDArray[np.float64],
    left_out: NDArray[np.uint8],
) -> MeshBatch:
    points = len(footprints.xy)
    positions, normals = np.empty((6 * points, 3)), np.empty((6 * points, 3), np.float32)
    feature = np.empty(6 * points, np.uint32)
    triangles = np.empty((2 * len(triangulation.triangles) + 2 * points, 3), np.uint32)
    vertices, count = _emit(
        footprints.xy,
        footprints.ring_offsets,
        footprints.part_offsets,
        footprints.feature_offsets,
        triangulation.triangles,
        triangulation.offsets,
        base_m,
        height_m,
        left_out,
        positions,
        normals,
        feature,
        triangles,
    )
    return MeshBatch(positions[:vertices], normals[:vertices], triangles[:count], feature[:vertices], left_out)


@kernel
def _emit(  # noqa: PLR0913
    xy: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    caps: NDArray[np.int64],
    cap_offsets: Offsets,
    base_m: NDArray[np.float64],
    height_m: NDArray[np.float64],
    left_out: NDArray[np.uint8],
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    feature: NDArray[np.uint32],
    triangles: NDArray[np.uint32],
) -> tuple[int, int]:
    v, t = 0, 0
    for f in range(len(left_out)):
        if left_out[f] != 0:
            continue
        floor, roof = base_m[f], base_m[f] + height_m[f]
        first_vertex = v
        for part in range(feature_offsets[f], feature_offsets[f + 1]):
            first, last = part_offsets[part], part_offsets[part + 1]
            start, end = ring_offsets[first], ring_offsets[last]
            size = end - start
            for side in range(2):
                for i in range(size):
                    positions[v + i, 0], positions[v + i, 1] = xy[start + i, 0], xy[start + i, 1]
                    positions[v + i, 2] = roof if side == 0 else floor
                    normals[v + i, 0], normals[v + i, 1] = 0.0, 0.0
                    normals[v + i, 2] = 1.0 if side == 0 else -1.0
                for k in range(cap_offsets[part], cap_offsets[part + 1]):
                    a, b, c = caps[k, 0] - start, caps[k, 1] - start, caps[k, 2] - start
                    triangles[t, 0] = v + a
                    triangles[t, 1] = v + b if side == 0 else v + c
                    triangles[t, 2] = v + c if side == 0 else v + b
                    t += 1
                v += size
            for ring in range(first, last):
                low, high = ring_offsets[ring], ring_offsets[ring + 1]
                for i in range(low, high):
                    j = i + 1 if i + 1 < high else low
                    dx, dy = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
                    length = np.hypot(dx, dy)
                    for k in range(4):
                        # roof i, floor i, floor j, roof j: neighbours share two of three coordinates and come in index order, which compresses best
                        p = i if k < 2 else j
                        positions[v + k, 0], positions[v + k, 1] = xy[p, 0], xy[p, 1]
                        positions[v + k, 2] = roof if k == 0 or k == 3 else floor
                        normals[v + k, 0], normals[v + k, 1], normals[v + k, 2] = dy / length, -dx / length, 0.0
                    triangles[t, 0], triangles[t, 1], triangles[t, 2] = v, v + 1, v + 2
                    triangles[t + 1, 0], triangles[t + 1, 1], triangles[t + 1, 2] = v, v + 2, v + 3
                    t += 2
                    v += 4
        feature[first_vertex:v] = f
    return v, t
