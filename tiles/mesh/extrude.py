"""LOD1 solids: footprints extruded from their base height (CityGML 3.0 §8.2, LOD1: prismatic block with horizontal roof)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.densify import densified
from tiles.mesh.triangulate import Triangulation, _ring_area, triangulate
from tiles.wkb import EMPTY, OK, Geometries
from twin.representation import SurfaceType

TALLEST_M = 1500.0
"""Nothing built is higher: a greater height is an error of unit or of typing."""
_MINIMUM_AREA_M2 = 1e-4
_DEGENERATE = int(LeftOut.GEOMETRY_DEGENERATE)
_ROOF, _WALL, _GROUND = int(SurfaceType.ROOF), int(SurfaceType.WALL), int(SurfaceType.GROUND)


@dataclass(frozen=True, slots=True)
class Footprints:
    """Clean footprints: rings open, without repeated points, outer counter-clockwise, holes clockwise.

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
    return densified(_solids(footprints, triangulation, base, height_m, left_out))


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
    widest = int(np.diff(g.ring_offsets).max(initial=1))
    clean = Footprints(
        np.empty((len(g.coordinates), 2)),
        np.zeros_like(g.ring_offsets),
        np.zeros_like(g.part_offsets),
        np.zeros(len(g) + 1, np.int64),
        np.zeros(len(g)),
    )
    points, rings, parts = _clean(
        g.coordinates,
        g.ring_offsets,
        g.part_offsets,
        g.feature_offsets,
        left_out,
        np.empty((widest, 2)),
        clean.xy,
        clean.ring_offsets,
        clean.part_offsets,
        clean.feature_offsets,
        clean.lowest,
    )
    return Footprints(
        clean.xy[:points], clean.ring_offsets[: rings + 1], clean.part_offsets[: parts + 1], clean.feature_offsets, clean.lowest
    )


@kernel
def _touching(coordinates: NDArray[np.float64], a: int, b: int) -> bool:
    return abs(coordinates[a, 0] - coordinates[b, 0]) < 1e-6 and abs(coordinates[a, 1] - coordinates[b, 1]) < 1e-6


@kernel
def _open_ring(coordinates: NDArray[np.float64], start: int, end: int, out: NDArray[np.float64]) -> int:
    """Write the ring without repeated points; return its number of points."""
    last = end
    while last - start > 1 and _touching(coordinates, start, last - 1):
        last -= 1
    count, previous = 0, -1
    for i in range(start, last):
        if previous >= 0 and _touching(coordinates, previous, i):
            continue
        out[count, 0], out[count, 1] = coordinates[i, 0], coordinates[i, 1]
        count += 1
        previous = i
    return count


@kernel
def _clean_ring(
    coordinates: NDArray[np.float64], start: int, end: int, is_outer: bool, scratch: NDArray[np.float64], out: NDArray[np.float64]
) -> int:
    """Write the cleaned ring, outer ones counter-clockwise, holes clockwise; return its number of points, 0 when it has no area."""
    count = _open_ring(coordinates, start, end, scratch)
    area = _ring_area(scratch, 0, count)
    if count < 3 or abs(area) < _MINIMUM_AREA_M2:
        return 0
    forward = (area > 0) == is_outer
    for i in range(count):
        source = i if forward else count - 1 - i
        out[i, 0], out[i, 1] = scratch[source, 0], scratch[source, 1]
    return count


@kernel
def _clean(
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    left_out: NDArray[np.uint8],
    scratch: NDArray[np.float64],
    xy: NDArray[np.float64],
    new_rings: Offsets,
    new_parts: Offsets,
    new_features: Offsets,
    lowest: NDArray[np.float64],
) -> tuple[int, int, int]:
    points, rings, parts = 0, 0, 0
    for f in range(len(left_out)):
        last = feature_offsets[f + 1] if left_out[f] == 0 else feature_offsets[f]
        low = np.inf
        for part in range(feature_offsets[f], last):
            first_ring = rings
            for ring in range(part_offsets[part], part_offsets[part + 1]):
                start, end, is_outer = ring_offsets[ring], ring_offsets[ring + 1], ring == part_offsets[part]
                count = _clean_ring(coordinates, start, end, is_outer, scratch, xy[points:])
                if count == 0 and is_outer:
                    break
                if count > 0:
                    low = min(low, coordinates[start:end, 2].min())
                    points, rings = points + count, rings + 1
                    new_rings[rings] = points
            parts += rings > first_ring
            new_parts[parts] = rings
        lowest[f] = low if np.isfinite(low) else 0.0
        if left_out[f] == 0 and parts == new_features[f]:
            left_out[f] = _DEGENERATE
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
    feature, surface, stands_as = np.empty(6 * points, np.uint32), np.empty(6 * points, np.uint8), np.empty(6 * points, np.uint32)
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
        surface,
        stands_as,
        triangles,
    )
    return MeshBatch(
        positions[:vertices],
        normals[:vertices],
        triangles[:count],
        feature[:vertices],
        left_out,
        surface=surface[:vertices],
        stands_as=stands_as[:vertices],
    )


@kernel
def _emit_cap(
    xy: NDArray[np.float64],
    height: float,
    up: float,
    caps: NDArray[np.int64],
    first_point: int,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> None:
    """Write a roof (``up`` 1) or a floor (``up`` -1), whose triangles are turned over."""
    for i in range(len(xy)):
        positions[i, 0], positions[i, 1], positions[i, 2] = xy[i, 0], xy[i, 1], height
        normals[i, 0], normals[i, 1], normals[i, 2] = 0.0, 0.0, up
    second, third = (1, 2) if up > 0 else (2, 1)
    for k in range(len(caps)):
        triangles[k, 0] = v + caps[k, 0] - first_point
        triangles[k, 1] = v + caps[k, second] - first_point
        triangles[k, 2] = v + caps[k, third] - first_point


@kernel
def _emit_walls(
    ring: NDArray[np.float64],
    floor: float,
    roof: float,
    top: int,
    bottom: int,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    stands_as: NDArray[np.uint32],
    triangles: NDArray[np.uint32],
    v: int,
) -> None:
    """Write one wall for each edge of ``ring``: roof i, floor i, floor j, roof j; ``top`` and ``bottom``: its first vertex in the caps.

    In this order neighbours share two of three coordinates and come in index order, which compresses best.
    """
    for i in range(len(ring)):
        j = (i + 1) % len(ring)
        dx, dy = ring[j, 0] - ring[i, 0], ring[j, 1] - ring[i, 1]
        length = np.hypot(dx, dy)
        at = 4 * i
        for k in range(4):
            p = i if k < 2 else j
            positions[at + k, 0], positions[at + k, 1] = ring[p, 0], ring[p, 1]
            positions[at + k, 2] = roof if k in (0, 3) else floor
            stands_as[at + k] = (top if k in (0, 3) else bottom) + p
            normals[at + k, 0], normals[at + k, 1], normals[at + k, 2] = dy / length, -dx / length, 0.0
        triangles[2 * i, 0], triangles[2 * i, 1], triangles[2 * i, 2] = v + at, v + at + 1, v + at + 2
        triangles[2 * i + 1, 0], triangles[2 * i + 1, 1], triangles[2 * i + 1, 2] = v + at, v + at + 2, v + at + 3


@kernel
def _emit(
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
    surface: NDArray[np.uint8],
    stands_as: NDArray[np.uint32],
    triangles: NDArray[np.uint32],
) -> tuple[int, int]:
    v, t = 0, 0
    for f in range(len(left_out)):
        if left_out[f] != 0:
            continue
        floor, roof, first_vertex = base_m[f], base_m[f] + height_m[f], v
        for part in range(feature_offsets[f], feature_offsets[f + 1]):
            start, end = ring_offsets[part_offsets[part]], ring_offsets[part_offsets[part + 1]]
            cap, top, bottom = caps[cap_offsets[part] : cap_offsets[part + 1]], v, v + end - start
            for i in range(v, v + 2 * (end - start)):
                stands_as[i] = i
            for up, height, kind in ((1.0, roof, _ROOF), (-1.0, floor, _GROUND)):
                _emit_cap(xy[start:end], height, up, cap, start, positions[v:], normals[v:], triangles[t:], v)
                surface[v : v + end - start] = kind
                v, t = v + end - start, t + len(cap)
            for ring in range(part_offsets[part], part_offsets[part + 1]):
                first, edge = ring_offsets[ring] - start, xy[ring_offsets[ring] : ring_offsets[ring + 1]]
                _emit_walls(edge, floor, roof, top + first, bottom + first, positions[v:], normals[v:], stands_as[v:], triangles[t:], v)
                surface[v : v + 4 * len(edge)] = _WALL
                v, t = v + 4 * len(edge), t + 2 * len(edge)
        feature[first_vertex:v] = f
    return v, t
