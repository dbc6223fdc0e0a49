"""Which faces of a shell are told apart by a plane between them, but for the corners and edges that both have.

Compiled; each test has a margin, so whatever is parted here does not meet in `self_crossing` either.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.checks.solids.fault import CONTACT_M, Floats
from ingest.checks.solids.plain_faces import fill_axes
from ingest.checks.solids.plain_sides import TOUCHES, is_among
from ingest.checks.solids.surfaces import Surfaces
from twin.kernel import bare_kernel

_OBLIQUE_COSINE, _OBLIQUE_SINE = 0.95, 0.31
"""Of two directions or planes that part at 18° or more."""
MOST_STRETCHES = 64
"""That each of two faces takes of the line in both their planes, and that are gone into."""
_UNEVEN_M = 0.0005
"""More than whole millimetres make of a plane, mostly: about a common vertex, such a face may meet what is beyond its plane."""
_LEAST_SLOPE = 0.01
"""So steeply what meets a plane in one vertex leaves it: a millimetre on, ten times what counts as touching."""


class PairRoom(NamedTuple):
    """Arrays that looking at one pair needs, to be used again for the next."""

    level: npt.NDArray[np.int8]
    """(n,) of each corner of a face above (1), below (-1), or within (0) the plane of another"""
    height: Floats
    """(n,) of each corner of a face"""
    crossings: Floats
    """(2 `MOST_STRETCHES`,)"""
    mine: Floats
    """(`MOST_STRETCHES`, 2) from where to where on a line"""
    theirs: Floats


@bare_kernel
def parted_otherwise(s: Surfaces, face: int, other: int, to_face: int, to_other: int, room: PairRoom) -> bool:
    """Tell whether a plane is found between two faces that is neither's own; the rarer ways, and the dearer ones, last.

    ``to_face`` is what `side_of` tells of ``other``, ``to_other`` what it tells of ``face``.
    """
    if _parted_through_edge(s, face, other):
        return True
    common, mine, theirs = _common_corners(s, face, other)
    return (common == 1 and parted_at_vertex(s, face, other, mine, theirs)) or parted_in_plane(
        s, face, other, to_face, to_other, common, mine, room
    )


@bare_kernel
def parted_in_plane(
    s: Surfaces, face: int, other: int, to_face: int, to_other: int, common: int, corner: int, room: PairRoom
) -> bool:  # fmt: skip
    """Tell whether two faces are clear of each other in the plane of one of them, or on the line in both.

    They have so many vertices in ``common`` (2: or more), one at a ``corner`` of either.
    """
    return (
        (to_face == TOUCHES and _touches_at_its_own(s, face, other))
        or (to_other == TOUCHES and _touches_at_its_own(s, other, face))
        or (common <= 1 and _parted_on_line(s, face, other, corner, room))
    )


@bare_kernel
def _touches_at_its_own(s: Surfaces, face: int, other: int) -> bool:
    """Tell whether ``other``, on one side of an oblique ``face``, has in its plane only what ``face`` has too, or is clear of it.

    What uneven faces have in common is left to the triangles.
    """
    is_uneven = max(s.deviation_m[face], s.deviation_m[other]) > _UNEVEN_M
    cosine = s.normal[face, 0] * s.normal[other, 0] + s.normal[face, 1] * s.normal[other, 1] + s.normal[face, 2] * s.normal[other, 2]
    if abs(cosine) >= _OBLIQUE_COSINE:
        return False
    for k in range(s.face_start[other], s.face_start[other + 1]):
        if _on_plane(s, s.corner[k], face) != 0:
            continue
        if is_uneven and _has(s, face, s.corner[k]):
            return False
        if _on_plane(s, s.corner[s.after[k]], face) == 0:
            if s.face_of_corner[s.twin[k]] != face and not _is_clear(s, face, s.corner[k], s.corner[s.after[k]]):
                return False
        elif (
            _on_plane(s, s.corner[s.before[k]], face) != 0
            and not _has(s, face, s.corner[k])
            and not _is_clear(s, face, s.corner[k], s.corner[k])
        ):
            return False
    return True


@bare_kernel
def _on_plane(s: Surfaces, vertex: int, face: int) -> int:
    """Return 1 above the plane of a face, -1 below, 0 within its thickness."""
    thickness = s.deviation_m[face] + 10 * CONTACT_M
    height = _height(s, vertex, face)
    return 1 if height > thickness else -1 if height < -thickness else 0


@bare_kernel
def _height(s: Surfaces, vertex: int, face: int) -> float:
    """Return how far above the plane of a face a vertex is."""
    nx, ny, nz = s.normal[face, 0], s.normal[face, 1], s.normal[face, 2]
    return s.xyz[vertex, 0] * nx + s.xyz[vertex, 1] * ny + s.xyz[vertex, 2] * nz - s.offset[face]


@bare_kernel
def _common_corners(s: Surfaces, face: int, other: int) -> tuple[int, int, int]:
    """Return how many vertices two faces have in common, two standing for more, and a corner of each at the last one; -1 without one."""
    common, mine, theirs = 0, -1, -1
    for k in range(s.face_start[other], s.face_start[other + 1]):
        for j in range(s.face_start[face], s.face_start[face + 1]):
            if s.corner[k] == s.corner[j]:
                if common == 1:
                    return 2, mine, theirs
                common, mine, theirs = 1, j, k
    return common, mine, theirs


@bare_kernel
def _parted_on_line(s: Surfaces, face: int, other: int, corner: int, room: PairRoom) -> bool:
    """Tell whether two oblique faces take different stretches of the line in both their planes, and meet at a common vertex only.

    They have one at ``corner`` (-1: none): between two, uneven faces may meet although their planes say that they do not. What a face may
    take of the line is what is inside it there, and where its edges are as near to the other's plane as both are uneven.
    """
    x = s.normal[face, 1] * s.normal[other, 2] - s.normal[face, 2] * s.normal[other, 1]
    y = s.normal[face, 2] * s.normal[other, 0] - s.normal[face, 0] * s.normal[other, 2]
    z = s.normal[face, 0] * s.normal[other, 1] - s.normal[face, 1] * s.normal[other, 0]
    size = np.sqrt(x * x + y * y + z * z)
    if size < _OBLIQUE_SINE:
        return False
    x, y, z = x / size, y / size, z / size
    common = np.nan
    if corner >= 0:
        v = s.corner[corner]
        common = s.xyz[v, 0] * x + s.xyz[v, 1] * y + s.xyz[v, 2] * z
    clear_m = 5 * (s.deviation_m[face] + s.deviation_m[other]) + 20 * CONTACT_M
    count = _fill_stretches(s, face, other, x, y, z, common, clear_m, room.height, room.crossings, room.mine)
    if count < 0:
        return False
    others = _fill_stretches(s, other, face, x, y, z, common, clear_m, room.height, room.crossings, room.theirs)
    if others < 0:
        return False
    for i in range(count):
        for j in range(others):
            low, high = max(room.mine[i, 0], room.theirs[j, 0]), min(room.mine[i, 1], room.theirs[j, 1])
            if low <= high + clear_m and not _is_at(common, low, high, clear_m):
                return False
    return True


@bare_kernel
def _is_at(common: float, low: float, high: float, clear_m: float) -> bool:
    """Tell whether a stretch is at the place of the common vertex; without one that is no number."""
    return low >= common - clear_m and high <= common + clear_m


@bare_kernel
def _fill_stretches(
    s: Surfaces, face: int, other: int, x: float, y: float, z: float, common: float, clear_m: float, height: Floats, crossings: Floats,
    stretches: Floats,
) -> int:  # fmt: skip
    """Fill in from where to where a face may meet the plane of ``other`` along a line of it; return how many stretches, -1 if unclear.

    Unclear is what comes near the place of the common vertex without ending there.
    """
    near_m = 2 * (s.deviation_m[face] + s.deviation_m[other]) + 10 * CONTACT_M
    crossed, count, begin = 0, 0, s.face_start[face]
    for k in range(begin, s.face_start[face + 1]):
        height[k - begin] = _height(s, s.corner[k], other)
    for k in range(begin, s.face_start[face + 1]):
        h, g = height[k - begin], height[s.after[k] - begin]
        if min(h, g) > near_m or max(h, g) < -near_m:
            continue
        p, q = s.corner[k], s.corner[s.after[k]]
        start = s.xyz[p, 0] * x + s.xyz[p, 1] * y + s.xyz[p, 2] * z
        step = s.xyz[q, 0] * x + s.xyz[q, 1] * y + s.xyz[q, 2] * z - start
        if count == len(stretches) or crossed == len(crossings):
            return -1
        if (h >= 0) != (g >= 0):
            crossings[crossed] = start + h / (h - g) * step
            crossed += 1
        one, two = _near_part(h, g, near_m)
        low, high = min(start + one * step, start + two * step), max(start + one * step, start + two * step)
        is_common = _has(s, other, p) or _has(s, other, q)
        if is_common and _is_at(common, low, high, near_m / _LEAST_SLOPE):
            continue
        if not is_common and low <= common + clear_m and high >= common - clear_m:
            return -1
        stretches[count, 0], stretches[count, 1] = low, high
        count += 1
    _sort(crossings, crossed)
    if count + crossed // 2 > len(stretches):
        return -1
    for k in range(0, crossed - 1, 2):
        stretches[count, 0], stretches[count, 1] = crossings[k], crossings[k + 1]
        count += 1
    return count


@bare_kernel
def _sort(numbers: Floats, count: int) -> None:
    """Put the first few numbers in order."""
    for i in range(1, count):
        number, k = numbers[i], i
        while k > 0 and numbers[k - 1] > number:
            numbers[k] = numbers[k - 1]
            k -= 1
        numbers[k] = number


@bare_kernel
def _near_part(h: float, g: float, near_m: float) -> tuple[float, float]:
    """Return from where to where (0 to 1) an edge is within a height of a plane, given the heights of its ends."""
    if abs(h - g) <= near_m:
        return 0.0, 1.0
    one, two = (h - near_m) / (h - g), (h + near_m) / (h - g)
    return max(min(one, two), 0.0), min(max(one, two), 1.0)


@bare_kernel
def _is_clear(s: Surfaces, face: int, a: int, b: int) -> bool:
    """Tell whether the segment between two vertices in the plane of a face (or the one vertex) meets it at common vertices only.

    Clear is what is farther than the face's own unevenness reaches into another that leaves its plane obliquely.
    """
    fill_axes(s.normal, s.axes, face)
    ux, uy, uz = s.axes[face, 0], s.axes[face, 1], s.axes[face, 2]
    vx, vy, vz = s.axes[face, 3], s.axes[face, 4], s.axes[face, 5]
    clear_m = 5 * s.deviation_m[face] + 20 * CONTACT_M
    ax, ay = s.xyz[a, 0] * ux + s.xyz[a, 1] * uy + s.xyz[a, 2] * uz, s.xyz[a, 0] * vx + s.xyz[a, 1] * vy + s.xyz[a, 2] * vz
    bx, by = s.xyz[b, 0] * ux + s.xyz[b, 1] * uy + s.xyz[b, 2] * uz, s.xyz[b, 0] * vx + s.xyz[b, 1] * vy + s.xyz[b, 2] * vz
    x, y = (ax + bx) / 2, (ay + by) / 2
    inside = False
    for k in range(s.face_start[face], s.face_start[face + 1]):
        c, d = s.corner[k], s.corner[s.after[k]]
        cx, cy = s.xyz[c, 0] * ux + s.xyz[c, 1] * uy + s.xyz[c, 2] * uz, s.xyz[c, 0] * vx + s.xyz[c, 1] * vy + s.xyz[c, 2] * vz
        dx, dy = s.xyz[d, 0] * ux + s.xyz[d, 1] * uy + s.xyz[d, 2] * uz, s.xyz[d, 0] * vx + s.xyz[d, 1] * vy + s.xyz[d, 2] * vz
        if (cy > y) != (dy > y):
            inside ^= x < cx + (y - cy) / (dy - cy) * (dx - cx)
        if c in (a, b) or d in (a, b):
            if a == b or (c in (a, b) and d in (a, b)):
                return False
            shared_x, shared_y = (cx, cy) if c in (a, b) else (dx, dy)
            ex, ey = cx + dx - 2 * shared_x, cy + dy - 2 * shared_y
            sx, sy = ax + bx - 2 * shared_x, ay + by - 2 * shared_y
            if ex * sx + ey * sy > _OBLIQUE_COSINE * np.sqrt((ex * ex + ey * ey) * (sx * sx + sy * sy)):
                return False
        elif _near(ax, ay, bx, by, cx, cy, dx, dy, clear_m):
            return False
    return not inside


@bare_kernel
def _near(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float, distance_m: float) -> bool:
    """Tell whether two segments in the plane come within a distance of each other."""
    if min(ax, bx) > max(cx, dx) + distance_m or min(cx, dx) > max(ax, bx) + distance_m:
        return False
    if min(ay, by) > max(cy, dy) + distance_m or min(cy, dy) > max(ay, by) + distance_m:
        return False
    c, d = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax), (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    a, b = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx), (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    if c * d < 0 and a * b < 0:
        return True
    return (
        _is_within(cx, cy, ax, ay, bx, by, distance_m)
        or _is_within(dx, dy, ax, ay, bx, by, distance_m)
        or _is_within(ax, ay, cx, cy, dx, dy, distance_m)
        or _is_within(bx, by, cx, cy, dx, dy, distance_m)
    )


@bare_kernel
def _is_within(x: float, y: float, ax: float, ay: float, bx: float, by: float, distance_m: float) -> bool:
    ex, ey = bx - ax, by - ay
    squared = ex * ex + ey * ey
    t = min(max(((x - ax) * ex + (y - ay) * ey) / squared, 0.0), 1.0) if squared > 0 else 0.0
    return (x - ax - t * ex) ** 2 + (y - ay - t * ey) ** 2 <= distance_m * distance_m


@bare_kernel
def parted_at_vertex(s: Surfaces, face: int, other: int, mine: int, theirs: int) -> bool:
    """Tell whether two faces with one vertex in common are on either side of the plane between the directions they take from there."""
    ax, ay, az = _into(s, mine)
    bx, by, bz = _into(s, theirs)
    x, y, z = ax - bx, ay - by, az - bz
    return _is_beyond(s, face, s.corner[mine], x, y, z) and _is_beyond(s, other, s.corner[mine], -x, -y, -z)


@bare_kernel
def _into(s: Surfaces, corner: int) -> tuple[float, float, float]:
    """Return the direction halfway between the edges at a corner, of length 1 unless they are opposite."""
    v, p, q = s.corner[corner], s.corner[s.before[corner]], s.corner[s.after[corner]]
    ax, ay, az = s.xyz[p, 0] - s.xyz[v, 0], s.xyz[p, 1] - s.xyz[v, 1], s.xyz[p, 2] - s.xyz[v, 2]
    bx, by, bz = s.xyz[q, 0] - s.xyz[v, 0], s.xyz[q, 1] - s.xyz[v, 1], s.xyz[q, 2] - s.xyz[v, 2]
    a, b = 1 / np.sqrt(ax * ax + ay * ay + az * az), 1 / np.sqrt(bx * bx + by * by + bz * bz)
    x, y, z = ax * a + bx * b, ay * a + by * b, az * a + bz * b
    size = max(np.sqrt(x * x + y * y + z * z), CONTACT_M)
    return x / size, y / size, z / size


@bare_kernel
def _is_beyond(s: Surfaces, face: int, vertex: int, x: float, y: float, z: float) -> bool:
    """Tell whether a face leaves the plane upright on a direction through one of its vertices at once, everywhere, and steeply enough."""
    squared = x * x + y * y + z * z
    least = np.sqrt(squared) * 10 * CONTACT_M
    for k in range(s.face_start[face], s.face_start[face + 1]):
        p = s.corner[k]
        if p != vertex:
            dx, dy, dz = s.xyz[p, 0] - s.xyz[vertex, 0], s.xyz[p, 1] - s.xyz[vertex, 1], s.xyz[p, 2] - s.xyz[vertex, 2]
            away = dx * x + dy * y + dz * z
            if not (away > least and away * away > squared * _LEAST_SLOPE**2 * (dx * dx + dy * dy + dz * dz)):
                return False
    return squared > 0


@bare_kernel
def _has(s: Surfaces, face: int, vertex: int) -> bool:
    return is_among(s.corner, s.face_start[face], s.face_start[face + 1], vertex)


@bare_kernel
def _parted_through_edge(s: Surfaces, face: int, other: int) -> bool:
    """Tell whether two faces with one edge in common lie on either side of a plane through it, upright on both."""
    edge = -1
    for k in range(s.face_start[other], s.face_start[other + 1]):
        if s.face_of_corner[s.twin[k]] == face:
            if edge >= 0:
                return False
            edge = k
    if edge < 0:
        return False
    begin, stop = s.corner[edge], s.corner[s.after[edge]]
    ax, ay, az = s.xyz[begin, 0], s.xyz[begin, 1], s.xyz[begin, 2]
    ex, ey, ez = s.xyz[stop, 0] - ax, s.xyz[stop, 1] - ay, s.xyz[stop, 2] - az
    nx, ny = s.normal[face, 0] + s.normal[other, 0], s.normal[face, 1] + s.normal[other, 1]
    nz = s.normal[face, 2] + s.normal[other, 2]
    ux, uy, uz = ey * nz - ez * ny, ez * nx - ex * nz, ex * ny - ey * nx
    least_m = 10 * CONTACT_M * np.sqrt(ux * ux + uy * uy + uz * uz)
    if least_m == 0:
        return False
    for side, sign in ((other, 1.0), (face, -1.0)):
        for k in range(s.face_start[side], s.face_start[side + 1]):
            v = s.corner[k]
            if v not in (begin, stop):
                away = (s.xyz[v, 0] - ax) * ux + (s.xyz[v, 1] - ay) * uy + (s.xyz[v, 2] - az) * uz
                if not sign * away > least_m:
                    return False
    return True
