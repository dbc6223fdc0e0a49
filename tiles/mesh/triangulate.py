"""Polygons with holes to triangles by ear clipping; what the kernel cannot do exactly goes to earcut, and every result is area-checked.

Holes are joined to the outer ring by bridges (D. Eberly, "Triangulation by Ear Clipping", 2002, §3 and §5).
"""

from __future__ import annotations

from dataclasses import dataclass

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets, offsets_of
from tiles.kernel import kernel

_LARGEST_KERNEL_POLYGON = 256
"""Ear clipping is quadratic; above this many points earcut's spatial hash is faster."""


@dataclass(frozen=True, slots=True)
class Triangulation:
    """Triangles of many polygons: ``p`` has rows ``offsets[p]:offsets[p + 1]``, counter-clockwise, indexing the points; ``ok`` (p,)."""

    triangles: NDArray[np.int64]
    offsets: Offsets
    ok: NDArray[np.bool_]


def triangulate(xy: NDArray[np.float64], ring_offsets: Offsets, part_offsets: Offsets, *, exact: bool = True) -> Triangulation:
    """Return triangles that cover each polygon exactly (area agrees to 1e-9).

    ``xy`` (n, 2) metres, rings open (first point not repeated), outer ring counter-clockwise and first, holes clockwise. A polygon that no
    method covers (it crosses itself) has ``ok`` False and no triangles; unless ``exact`` is False: then those that earcut finds.
    """
    first = Triangulation(*_ear_clip(xy, ring_offsets, part_offsets, _LARGEST_KERNEL_POLYGON))
    return first if first.ok.all() else _with_fallback(xy, ring_offsets, part_offsets, first, exact)


def _with_fallback(
    xy: NDArray[np.float64], ring_offsets: Offsets, part_offsets: Offsets, first: Triangulation, exact: bool
) -> Triangulation:
    ok, lengths = first.ok.copy(), np.diff(first.offsets)
    pieces: list[NDArray[np.int64]] = []
    for part in np.flatnonzero(~first.ok).tolist():
        rings = ring_offsets[part_offsets[part] : part_offsets[part + 1] + 1]
        piece, covers = _earcut(xy[rings[0] : rings[-1]], rings[1:] - rings[0])
        ok[part] = covers
        pieces.append(piece[: len(piece) if covers or not exact else 0] + rings[0])
        lengths[part] = len(pieces[-1])
    is_earcut = np.repeat(~first.ok, lengths)
    triangles = np.empty((len(is_earcut), 3), np.int64)
    triangles[~is_earcut], triangles[is_earcut] = first.triangles, np.concatenate(pieces)
    return Triangulation(triangles, offsets_of(lengths), ok)


def _earcut(xy: NDArray[np.float64], ring_ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
    """Return earcut's triangles, and whether their area is the polygon's."""
    local = np.ascontiguousarray(xy - xy[0])
    indices = mapbox_earcut.triangulate_float64(local, ring_ends.astype(np.uint32))
    triangles = indices.astype(np.int64).reshape(-1, 3)
    a, b, c = local[triangles[:, 0]], local[triangles[:, 1]], local[triangles[:, 2]]
    doubled = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    triangles[doubled < 0] = triangles[doubled < 0][:, [0, 2, 1]]
    expected, start = 0.0, 0
    for end in ring_ends.tolist():
        expected += _ring_area(local, start, end)
        start = end
    covered = float(np.abs(doubled).sum()) / 2
    covers = expected > 0 and abs(covered - expected) <= 1e-9 * expected + 1e-9
    return triangles[doubled != 0], covers and bool((doubled != 0).any())


@kernel
def _ring_area(xy: NDArray[np.float64], start: int, end: int) -> float:
    """Return the signed area (positive counter-clockwise), summed relative to the first point to keep digits."""
    doubled = 0.0
    x0, y0 = xy[start, 0], xy[start, 1]
    for i in range(start + 1, end - 1):
        doubled += (xy[i, 0] - x0) * (xy[i + 1, 1] - y0) - (xy[i + 1, 0] - x0) * (xy[i, 1] - y0)
    return doubled / 2


@kernel
def _cross(xy: NDArray[np.float64], a: int, b: int, c: int) -> float:
    return (xy[b, 0] - xy[a, 0]) * (xy[c, 1] - xy[a, 1]) - (xy[b, 1] - xy[a, 1]) * (xy[c, 0] - xy[a, 0])


@kernel
def _same_place(xy: NDArray[np.float64], a: int, b: int) -> bool:
    return xy[a, 0] == xy[b, 0] and xy[a, 1] == xy[b, 1]


@kernel
def _is_ear(
    xy: NDArray[np.float64], point: NDArray[np.int64], following: NDArray[np.int64], preceding: NDArray[np.int64], node: int
) -> bool:
    """Return whether cutting off ``node`` leaves no other corner inside or on the triangle."""
    a, b, c = point[preceding[node]], point[node], point[following[node]]
    if _cross(xy, a, b, c) <= 1e-11:
        return False
    west, east = min(xy[a, 0], xy[b, 0], xy[c, 0]), max(xy[a, 0], xy[b, 0], xy[c, 0])
    south, north = min(xy[a, 1], xy[b, 1], xy[c, 1]), max(xy[a, 1], xy[b, 1], xy[c, 1])
    other, last = following[following[node]], preceding[node]
    while other != last:
        p = point[other]
        is_near = west <= xy[p, 0] <= east and south <= xy[p, 1] <= north
        if is_near and _cross(xy, a, b, p) >= 0 and _cross(xy, b, c, p) >= 0 and _cross(xy, c, a, p) >= 0:
            is_corner = _same_place(xy, p, a) or _same_place(xy, p, b) or _same_place(xy, p, c)
            if not is_corner:
                return False
        other = following[other]
    return True


@kernel
def _first_hit(
    xy: NDArray[np.float64], point: NDArray[np.int64], following: NDArray[np.int64], outer: int, hole_point: int
) -> tuple[int, float]:
    """Return (node, x) where the ray from ``hole_point`` to the east meets the loop: the corner hit or the eastern end of the edge."""
    hx, hy = xy[hole_point, 0], xy[hole_point, 1]
    nearest, found, node = np.inf, -1, outer
    while True:
        a, b = point[node], point[following[node]]
        ay, by = xy[a, 1], xy[b, 1]
        if ay <= hy <= by and ay != by:
            x = xy[a, 0] + (hy - ay) * (xy[b, 0] - xy[a, 0]) / (by - ay)
            if hx <= x < nearest:
                nearest = x
                starts = hy == ay or (hy != by and xy[a, 0] > xy[b, 0])
                found = node if starts else following[node]
        node = following[node]
        if node == outer:
            return found, nearest


@kernel
def _bridge_target(xy: NDArray[np.float64], point: NDArray[np.int64], following: NDArray[np.int64], outer: int, hole_point: int) -> int:
    """Return the node of the loop at ``outer`` that ``hole_point`` (the rightmost of its hole) sees, or -1."""
    found, nearest = _first_hit(xy, point, following, outer, hole_point)
    if found < 0:
        return -1
    # A corner inside the triangle (hole point, hit, found) would cut the bridge: take the one nearest to the ray.
    hx, hy = xy[hole_point, 0], xy[hole_point, 1]
    fx, fy = xy[point[found], 0], xy[point[found], 1]
    best, best_slope, best_distance = found, np.inf, np.inf
    turn = 1.0 if fy > hy else -1.0
    node = following[found]
    while node != found:
        px, py = xy[point[node], 0], xy[point[node], 1]
        if hx < px <= max(fx, nearest) and not (px == fx and py == fy):
            above_ray = (py - hy) * turn >= 0
            below_far = ((fx - hx) * (py - hy) - (fy - hy) * (px - hx)) * turn <= 0
            west_of_edge = ((fx - nearest) * (py - hy) - (fy - hy) * (px - nearest)) * turn >= 0
            if above_ray and below_far and west_of_edge:
                distance, slope = px - hx, abs(py - hy) / (px - hx)
                if slope < best_slope or (slope == best_slope and distance < best_distance):
                    best, best_slope, best_distance = node, slope, distance
        node = following[node]
    return best


@kernel
def _link_rings(
    xy: NDArray[np.float64],
    ring_offsets: Offsets,
    first_ring: int,
    last_ring: int,
    point: NDArray[np.int64],
    following: NDArray[np.int64],
    preceding: NDArray[np.int64],
) -> int:
    """Link the rings of one polygon into a single loop through bridges; return its number of nodes, or -1."""
    nodes = _close_rings(ring_offsets, first_ring, last_ring, point, following, preceding)
    if last_ring - first_ring == 1:
        return nodes
    for hole in _easternmost_first(xy, ring_offsets, first_ring, last_ring, point):
        target = _bridge_target(xy, point, following, 0, point[hole])
        if target < 0:
            return -1
        nodes = _join(xy, hole, target, nodes, point, following, preceding)
    return nodes


@kernel
def _close_rings(
    ring_offsets: Offsets,
    first_ring: int,
    last_ring: int,
    point: NDArray[np.int64],
    following: NDArray[np.int64],
    preceding: NDArray[np.int64],
) -> int:
    """Make each ring a loop of its own, node after node; return the number of nodes."""
    nodes = 0
    for ring in range(first_ring, last_ring):
        start, size = nodes, ring_offsets[ring + 1] - ring_offsets[ring]
        for i in range(size):
            point[nodes], following[nodes], preceding[nodes] = ring_offsets[ring] + i, nodes + 1, nodes - 1
            nodes += 1
        if size > 0:
            following[nodes - 1], preceding[start] = start, nodes - 1
    return nodes


@kernel
def _easternmost_first(
    xy: NDArray[np.float64], ring_offsets: Offsets, first_ring: int, last_ring: int, point: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rightmost node of each hole, the farthest to the east first: so a bridge crosses no hole that is joined later."""
    holes = last_ring - first_ring - 1
    rightmost, at = np.empty(holes, np.int64), ring_offsets[first_ring + 1] - ring_offsets[first_ring]
    for h in range(holes):
        size = ring_offsets[first_ring + h + 2] - ring_offsets[first_ring + h + 1]
        best = at
        for node in range(at, at + size):
            if xy[point[node], 0] > xy[point[best], 0]:
                best = node
        place = h  # they are few, and a sort is a call
        while place > 0 and xy[point[rightmost[place - 1]], 0] < xy[point[best], 0]:
            rightmost[place] = rightmost[place - 1]
            place -= 1
        rightmost[place] = best
        at += size
    return rightmost


@kernel
def _join(
    xy: NDArray[np.float64],
    hole: int,
    target: int,
    nodes: int,
    point: NDArray[np.int64],
    following: NDArray[np.int64],
    preceding: NDArray[np.int64],
) -> int:
    """Join the loop of a hole to the loop of ``target`` by a bridge from its node ``hole``; return the number of ``nodes`` then."""
    before_hole, after_hole, after_target = preceding[hole], following[hole], following[target]
    if _same_place(xy, point[hole], point[target]):
        # The hole touches the loop here: a bridge of no length would be two corners that no ear can take.
        following[target], preceding[after_hole] = after_hole, target
        following[before_hole], preceding[hole] = hole, before_hole
        following[hole], preceding[after_target] = after_target, hole
        return nodes
    # target → hole … → hole' → target' → what followed target
    hole_copy, target_copy = nodes, nodes + 1
    point[hole_copy], point[target_copy] = point[hole], point[target]
    following[before_hole], preceding[hole_copy] = hole_copy, before_hole
    following[hole_copy], preceding[target_copy] = target_copy, hole_copy
    following[target_copy], preceding[after_target] = after_target, target_copy
    following[target], preceding[hole] = hole, target
    return nodes + 2


@kernel
def _clip_loop(
    xy: NDArray[np.float64],
    nodes: int,
    point: NDArray[np.int64],
    following: NDArray[np.int64],
    preceding: NDArray[np.int64],
    triangles: NDArray[np.int64],
    at: int,
) -> tuple[int, float]:
    """Cut ears until none is left; return (next free triangle, doubled area covered)."""
    doubled, node, misses = 0.0, 0, 0
    while nodes > 2 and misses < nodes:
        if _is_ear(xy, point, following, preceding, node):
            before, after = preceding[node], following[node]
            triangles[at, 0], triangles[at, 1], triangles[at, 2] = point[before], point[node], point[after]
            doubled += _cross(xy, point[before], point[node], point[after])
            at += 1
            following[before], preceding[after] = after, before
            nodes -= 1
            misses = 0
            node = following[after]
        else:
            misses += 1
            node = following[node]
    return at, doubled


@kernel
def _is_convex(xy: NDArray[np.float64], start: int, points: int) -> bool:
    """Return whether every corner of the ring of three or four points from ``start`` turns left: any diagonal cuts it in two ears."""
    x0, y0 = xy[start, 0], xy[start, 1]
    ax, ay = xy[start + points - 2, 0] - x0, xy[start + points - 2, 1] - y0
    bx, by = xy[start + points - 1, 0] - x0, xy[start + points - 1, 1] - y0
    least = np.inf
    for i in range(start, start + points):
        cx, cy = xy[i, 0] - x0, xy[i, 1] - y0
        least = min(least, (bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
        ax, ay, bx, by = bx, by, cx, cy
    return least > 1e-11


@kernel
def _cut(
    xy: NDArray[np.float64],
    ring_offsets: Offsets,
    point: NDArray[np.int64],
    following: NDArray[np.int64],
    preceding: NDArray[np.int64],
    triangles: NDArray[np.int64],
) -> int:
    """Write the triangles of one polygon; return their number, or -1 where they do not cover it."""
    rings = len(ring_offsets) - 1
    area = 0.0
    for ring in range(rings):
        area += _ring_area(xy, ring_offsets[ring], ring_offsets[ring + 1])
    nodes = _link_rings(xy, ring_offsets, 0, rings, point, following, preceding)
    if nodes < 3:
        return -1
    count, doubled = _clip_loop(xy, nodes, point, following, preceding, triangles, 0)
    return count if area > 0 and abs(doubled / 2 - area) <= 1e-9 * area + 1e-9 else -1


@kernel
def _ear_clip(
    xy: NDArray[np.float64], ring_offsets: Offsets, part_offsets: Offsets, largest: int
) -> tuple[NDArray[np.int64], Offsets, NDArray[np.bool_]]:
    parts = len(part_offsets) - 1
    bound, widest = 0, 0
    for part in range(parts):
        points = ring_offsets[part_offsets[part + 1]] - ring_offsets[part_offsets[part]]
        nodes = points + 2 * (part_offsets[part + 1] - part_offsets[part] - 1)
        if points <= largest:
            bound += max(nodes - 2, 0)
            widest = max(widest, nodes)
    triangles, offsets = np.empty((bound, 3), np.int64), np.zeros(parts + 1, np.int64)
    ok = np.zeros(parts, np.bool_)
    point, following, preceding = np.empty(widest, np.int64), np.empty(widest, np.int64), np.empty(widest, np.int64)
    local = np.empty((largest, 2))
    local_rings = np.empty(largest + 2, np.int64)
    at = 0
    for part in range(parts):
        first, last = part_offsets[part], part_offsets[part + 1]
        start, points = ring_offsets[first], ring_offsets[last] - ring_offsets[first]
        if last - first == 1 and 3 <= points <= 4 and _is_convex(xy, start, points):  # most of a city: without a loop or a slice
            triangles[at, 0], triangles[at, 1], triangles[at, 2] = start + points - 1, start, start + 1
            if points == 4:
                triangles[at + 1, 0], triangles[at + 1, 1], triangles[at + 1, 2] = start + 1, start + 2, start + 3
            ok[part] = True
            at += points - 2
        elif 3 <= points <= largest:
            for i in range(points):
                local[i, 0], local[i, 1] = xy[start + i, 0] - xy[start, 0], xy[start + i, 1] - xy[start, 1]
            for ring in range(first, last + 1):
                local_rings[ring - first] = ring_offsets[ring] - start
            count = _cut(local[:points], local_rings[: last - first + 1], point, following, preceding, triangles[at:])
            ok[part] = count >= 0
            for t in range(at, at + max(count, 0)):
                for k in range(3):
                    triangles[t, k] += start
            at += max(count, 0)
        offsets[part + 1] = at
    return triangles[:at], offsets, ok
