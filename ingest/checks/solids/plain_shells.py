"""Which shells are plainly sound: closed, oriented, connected, simple, outwards, and no face meets another but at what they share.

Compiled; what it doubts is looked at exactly. Whatever passes here also passes `shells` and `self_crossing`, whose tests it makes.
"""

from __future__ import annotations

import numpy as np

from ingest.body_arrays import FACE, INDEX, SHELL, SOLID
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.shells import LEAST_FACES
from twin.kernel import kernel

_LEAST_VOLUME_M3 = 1e-6
_OBLIQUE_COSINE, _OBLIQUE_SINE = 0.95, 0.31
"""Of two directions or planes that part at 18° or more."""


@kernel
def look_at_shells(
    start: Ints, xyz: Floats, corner: Ints, after: Ints, before: Ints, face_start: Ints, face_of_corner: Ints, shell_ends: Ints, mended: Mask,
    normal: Floats, offset: Floats, deviation_m: Floats, axes: Floats, low: Floats, high: Floats, doubtful: Mask, pairs: Ints,
) -> int:  # fmt: skip
    """Mark bodies whose shells are not plainly sound as ``doubtful``, and return how many ``pairs`` of faces of the others are undecided.

    What is ``doubtful`` before is not looked at; of bodies with ``mended`` rings shells are not.
    """
    most, undecided = 1, 0
    for body in range(len(mended)):
        most = max(most, start[body + 1, INDEX] - start[body, INDEX])
    twin, table, scratch = np.empty(len(corner), dtype=np.int64), np.empty(4 * most + 4, dtype=np.int64), np.empty(len(xyz), dtype=np.int64)
    for body in range(len(mended)):
        if doubtful[body] or mended[body]:
            continue
        first, shells, last_shell = start[body, FACE], start[body, SHELL], start[body + 1, SHELL]
        from_face, decided = first, undecided
        for shell in range(shells, last_shell):
            to_face = first + shell_ends[shell]
            found = _look_at_shell(
                xyz, corner, after, before, face_start, face_of_corner, from_face, to_face, normal, offset, deviation_m, axes, low, high,
                twin, table, scratch, pairs, undecided,
            )  # fmt: skip
            if found < 0:
                doubtful[body] = True
                break
            undecided, from_face = found, to_face
        if last_shell - shells != start[body + 1, SOLID] - start[body, SOLID] or not _are_apart(low, high, first, shell_ends[shells:last_shell]):
            doubtful[body] = True
        undecided = decided if doubtful[body] else undecided
    return undecided


@kernel
def _are_apart(low: Floats, high: Floats, first: int, shell_ends: Ints) -> bool:
    """Tell whether the boxes of no two shells meet."""
    count = len(shell_ends)
    if count < 2:
        return True
    lows, highs = np.empty((count, 3)), np.empty((count, 3))
    begin = first
    for shell in range(count):
        for axis in range(3):
            lows[shell, axis] = low[begin : first + shell_ends[shell], axis].min()
            highs[shell, axis] = high[begin : first + shell_ends[shell], axis].max()
        begin = first + shell_ends[shell]
        for other in range(shell):
            apart = False
            for axis in range(3):
                apart = apart or lows[shell, axis] > highs[other, axis] + 2 * CONTACT_M or lows[other, axis] > highs[shell, axis] + 2 * CONTACT_M
            if not apart:
                return False
    return True


@kernel
def _look_at_shell(
    xyz: Floats, corner: Ints, after: Ints, before: Ints, face_start: Ints, face_of_corner: Ints, first: int, end: int, normal: Floats, offset: Floats, deviation_m: Floats,
    axes: Floats, low: Floats, high: Floats, twin: Ints, table: Ints, scratch: Ints, pairs: Ints, count: int,
) -> int:  # fmt: skip
    """Tell whether faces ``first`` to ``end``, plainly sound each, make a plainly sound exterior shell; -1 if not so.

    Pairs of faces that no plane is found to part are for a closer look: they are added to the ``count`` that are in ``pairs``, and how many
    are in it then is returned. ``twin``, ``table`` and ``scratch`` are overwritten.
    """
    begin, stop = face_start[first], face_start[end]
    if end - first < LEAST_FACES or not _pair(corner, after, begin, stop, twin, table):
        return -1
    if not _is_simple_at_vertices(corner, after, begin, stop, twin, scratch):
        return -1
    if not _is_connected(face_start, face_of_corner, first, end, twin):
        return -1
    if not _volume_m3(xyz, corner, after, begin, stop, face_of_corner, face_start) > _LEAST_VOLUME_M3:
        return -1
    return _not_parted(xyz, corner, after, before, face_start, face_of_corner, first, end, normal, offset, deviation_m, axes, low, high, twin, pairs, count)


@kernel
def _pair(corner: Ints, after: Ints, begin: int, end: int, twin: Ints, table: Ints) -> bool:
    """Fill in the corner whose edge is the same the other way; False where an edge is there twice, or not both ways."""
    size = 1
    while size < 2 * (end - begin):
        size *= 2
    table[:size] = -1
    for k in range(begin, end):
        slot = _slot_of(corner, after, table, size, corner[k], corner[after[k]])
        if table[slot] >= 0:
            return False
        table[slot] = k
    for k in range(begin, end):
        twin[k] = table[_slot_of(corner, after, table, size, corner[after[k]], corner[k])]
        if twin[k] < 0:
            return False
    return True


@kernel
def _slot_of(corner: Ints, after: Ints, table: Ints, size: int, start: int, stop: int) -> int:
    """Return where the edge from ``start`` to ``stop`` is in the table, or would be."""
    mixed = (start * 1_000_003 + stop) * 6_364_136_223_846_793_005
    slot = (mixed ^ (mixed >> 32)) & (size - 1)
    while table[slot] >= 0 and not (corner[table[slot]] == start and corner[after[table[slot]]] == stop):
        slot = (slot + 1) & (size - 1)
    return slot


@kernel
def _is_simple_at_vertices(corner: Ints, after: Ints, begin: int, stop: int, twin: Ints, scratch: Ints) -> bool:
    """Tell whether the corners at each vertex form one cycle around it; ``scratch`` has a place for each vertex."""
    for k in range(begin, stop):
        scratch[corner[k]] = 0
    for k in range(begin, stop):
        scratch[corner[k]] += 1
    for k in range(begin, stop):
        vertex = corner[k]
        if scratch[vertex] > 0:
            length, c = 0, k
            while True:
                length += 1
                c = after[twin[c]]
                if c == k:
                    break
            if length != scratch[vertex]:
                return False
            scratch[vertex] = 0
    return True


@kernel
def _is_connected(face_start: Ints, face_of_corner: Ints, first: int, end: int, twin: Ints) -> bool:
    count = end - first
    seen = np.zeros(count, dtype=np.bool_)
    waiting = np.empty(count, dtype=np.int64)
    waiting[0], size, reached = first, 1, 1
    seen[0] = True
    while size:
        size -= 1
        face = waiting[size]
        for k in range(face_start[face], face_start[face + 1]):
            other = face_of_corner[twin[k]]
            if not seen[other - first]:
                seen[other - first] = True
                reached += 1
                waiting[size] = other
                size += 1
    return reached == count


@kernel
def _volume_m3(xyz: Floats, corner: Ints, after: Ints, begin: int, stop: int, face_of_corner: Ints, face_start: Ints) -> float:
    """Return the volume the faces bound, as cones over their edges; exact where faces are planar."""
    origin = corner[begin]
    total = 0.0
    for k in range(begin, stop):
        apex = corner[face_start[face_of_corner[k]]]
        p, q = corner[k], corner[after[k]]
        ax, ay, az = xyz[apex, 0] - xyz[origin, 0], xyz[apex, 1] - xyz[origin, 1], xyz[apex, 2] - xyz[origin, 2]
        bx, by, bz = xyz[p, 0] - xyz[origin, 0], xyz[p, 1] - xyz[origin, 1], xyz[p, 2] - xyz[origin, 2]
        cx, cy, cz = xyz[q, 0] - xyz[origin, 0], xyz[q, 1] - xyz[origin, 1], xyz[q, 2] - xyz[origin, 2]
        total += ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    return total / 6


@kernel
def _not_parted(
    xyz: Floats, corner: Ints, after: Ints, before: Ints, face_start: Ints, face_of_corner: Ints, first: int, end: int, normal: Floats, offset: Floats, deviation_m: Floats,
    axes: Floats, low: Floats, high: Floats, twin: Ints, pairs: Ints, count: int,
) -> int:  # fmt: skip
    """Add the pairs of faces whose boxes meet and that no plane parts; return how many there are then, -1 if they are too many."""
    order = first + np.argsort(low[first:end, 0])
    for m in range(end - first):
        p = order[m]
        for n in range(m + 1, end - first):
            q = order[n]
            if low[q, 0] > high[p, 0] + CONTACT_M:
                break
            if (
                low[q, 1] > high[p, 1] + CONTACT_M
                or low[p, 1] > high[q, 1] + CONTACT_M
                or low[q, 2] > high[p, 2] + CONTACT_M
                or low[p, 2] > high[q, 2] + CONTACT_M
            ):
                continue
            if not (
                _on_one_side(xyz, corner, after, before, face_start, face_of_corner, p, q, normal, offset, deviation_m, axes, twin)
                or _on_one_side(xyz, corner, after, before, face_start, face_of_corner, q, p, normal, offset, deviation_m, axes, twin)
                or _parted_through_edge(xyz, corner, after, before, face_start, face_of_corner, p, q, normal, twin)
                or _parted_on_line(xyz, corner, after, face_start, p, q, normal, offset, deviation_m)
            ):
                if count == len(pairs):
                    return -1
                pairs[count, 0], pairs[count, 1] = p, q
                count += 1
    return count


@kernel
def _on_one_side(
    xyz: Floats, corner: Ints, after: Ints, before: Ints, face_start: Ints, face_of_corner: Ints, face: int, other: int, normal: Floats, offset: Floats,
    deviation_m: Floats, axes: Floats, twin: Ints,
) -> bool:  # fmt: skip
    """Tell whether ``other`` is on one side of the plane of ``face``, and has in it only what ``face`` has too, or what is clear of it."""
    above = below = False
    cosine = normal[face, 0] * normal[other, 0] + normal[face, 1] * normal[other, 1] + normal[face, 2] * normal[other, 2]
    oblique = abs(cosine) < _OBLIQUE_COSINE
    for k in range(face_start[other], face_start[other + 1]):
        side = _on_plane(xyz, corner[k], face, normal, offset, deviation_m)
        above, below = above or side > 0, below or side < 0
        if above and below:
            return False
        if side != 0:
            continue
        if _on_plane(xyz, corner[after[k]], face, normal, offset, deviation_m) == 0:
            touches = face_of_corner[twin[k]] != face
            end = corner[after[k]]
        else:
            touches = _on_plane(xyz, corner[before[k]], face, normal, offset, deviation_m) != 0
            touches = touches and not _has(corner, face_start, face, corner[k])
            end = corner[k]
        if touches and not (oblique and _is_clear(xyz, corner, after, face_start, face, corner[k], end, axes, deviation_m)):
            return False
    return above or below


@kernel
def _on_plane(xyz: Floats, vertex: int, face: int, normal: Floats, offset: Floats, deviation_m: Floats) -> int:
    """Return 1 above the plane of a face, -1 below, 0 within its thickness."""
    thickness = deviation_m[face] + 10 * CONTACT_M
    height = xyz[vertex, 0] * normal[face, 0] + xyz[vertex, 1] * normal[face, 1] + xyz[vertex, 2] * normal[face, 2] - offset[face]
    return 1 if height > thickness else -1 if height < -thickness else 0


@kernel
def _parted_on_line(
    xyz: Floats, corner: Ints, after: Ints, face_start: Ints, face: int, other: int, normal: Floats, offset: Floats, deviation_m: Floats
) -> bool:
    """Tell whether two faces, at most one vertex of which is common, meet the line in both their planes apart from each other."""
    x = normal[face, 1] * normal[other, 2] - normal[face, 2] * normal[other, 1]
    y = normal[face, 2] * normal[other, 0] - normal[face, 0] * normal[other, 2]
    z = normal[face, 0] * normal[other, 1] - normal[face, 1] * normal[other, 0]
    size = np.sqrt(x * x + y * y + z * z)
    if size < _OBLIQUE_SINE:
        return False
    x, y, z = x / size, y / size, z / size
    common = -1
    for k in range(face_start[face], face_start[face + 1]):
        if _has(corner, face_start, other, corner[k]):
            if common >= 0:
                return False
            common = corner[k]
    clear_m = 5 * (deviation_m[face] + deviation_m[other]) + 20 * CONTACT_M
    low, high = _reach(xyz, corner, after, face_start, face, other, common, normal, offset, deviation_m, x, y, z)
    other_low, other_high = _reach(xyz, corner, after, face_start, other, face, common, normal, offset, deviation_m, x, y, z)
    if common < 0:
        return high + clear_m < other_low or other_high + clear_m < low
    at = xyz[common, 0] * x + xyz[common, 1] * y + xyz[common, 2] * z
    return (high < at - clear_m and other_low > at + clear_m) or (other_high < at - clear_m and low > at + clear_m)


@kernel
def _reach(
    xyz: Floats, corner: Ints, after: Ints, face_start: Ints, face: int, other: int, common: int, normal: Floats, offset: Floats,
    deviation_m: Floats, x: float, y: float, z: float,
) -> tuple[float, float]:  # fmt: skip
    """Return from where to where along a line of the plane of ``other`` a face meets that plane, but for the vertex both have."""
    low, high = np.inf, -np.inf
    for k in range(face_start[face], face_start[face + 1]):
        p, q = corner[k], corner[after[k]]
        side, next_side = _on_plane(xyz, p, other, normal, offset, deviation_m), _on_plane(xyz, q, other, normal, offset, deviation_m)
        at = xyz[p, 0] * x + xyz[p, 1] * y + xyz[p, 2] * z
        if side == 0 and p != common:
            low, high = min(low, at), max(high, at)
        elif side * next_side < 0:
            h = xyz[p, 0] * normal[other, 0] + xyz[p, 1] * normal[other, 1] + xyz[p, 2] * normal[other, 2] - offset[other]
            g = xyz[q, 0] * normal[other, 0] + xyz[q, 1] * normal[other, 1] + xyz[q, 2] * normal[other, 2] - offset[other]
            at += h / (h - g) * (xyz[q, 0] * x + xyz[q, 1] * y + xyz[q, 2] * z - at)
            low, high = min(low, at), max(high, at)
    return low, high


@kernel
def _is_clear(xyz: Floats, corner: Ints, after: Ints, face_start: Ints, face: int, a: int, b: int, axes: Floats, deviation_m: Floats) -> bool:
    """Tell whether the segment between two vertices in the plane of a face (or the one vertex) meets it at common vertices only.

    Clear is what is farther than the face's own unevenness reaches into another that leaves its plane obliquely.
    """
    ux, uy, uz = axes[face, 0], axes[face, 1], axes[face, 2]
    vx, vy, vz = axes[face, 3], axes[face, 4], axes[face, 5]
    clear_m = 5 * deviation_m[face] + 20 * CONTACT_M
    ax, ay = xyz[a, 0] * ux + xyz[a, 1] * uy + xyz[a, 2] * uz, xyz[a, 0] * vx + xyz[a, 1] * vy + xyz[a, 2] * vz
    bx, by = xyz[b, 0] * ux + xyz[b, 1] * uy + xyz[b, 2] * uz, xyz[b, 0] * vx + xyz[b, 1] * vy + xyz[b, 2] * vz
    x, y = (ax + bx) / 2, (ay + by) / 2
    inside = False
    for k in range(face_start[face], face_start[face + 1]):
        c, d = corner[k], corner[after[k]]
        cx, cy = xyz[c, 0] * ux + xyz[c, 1] * uy + xyz[c, 2] * uz, xyz[c, 0] * vx + xyz[c, 1] * vy + xyz[c, 2] * vz
        dx, dy = xyz[d, 0] * ux + xyz[d, 1] * uy + xyz[d, 2] * uz, xyz[d, 0] * vx + xyz[d, 1] * vy + xyz[d, 2] * vz
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


@kernel
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


@kernel
def _is_within(x: float, y: float, ax: float, ay: float, bx: float, by: float, distance_m: float) -> bool:
    ex, ey = bx - ax, by - ay
    squared = ex * ex + ey * ey
    t = min(max(((x - ax) * ex + (y - ay) * ey) / squared, 0.0), 1.0) if squared > 0 else 0.0
    return (x - ax - t * ex) ** 2 + (y - ay - t * ey) ** 2 <= distance_m * distance_m


@kernel
def _has(corner: Ints, face_start: Ints, face: int, vertex: int) -> bool:
    for k in range(face_start[face], face_start[face + 1]):
        if corner[k] == vertex:
            return True
    return False


@kernel
def _parted_through_edge(
    xyz: Floats, corner: Ints, after: Ints, before: Ints, face_start: Ints, face_of_corner: Ints, face: int, other: int, normal: Floats, twin: Ints
) -> bool:
    """Tell whether two faces with one edge in common lie on either side of a plane through it, upright on both."""
    edge = -1
    for k in range(face_start[other], face_start[other + 1]):
        if face_of_corner[twin[k]] == face:
            if edge >= 0:
                return False
            edge = k
    if edge < 0:
        return False
    begin, stop = corner[edge], corner[after[edge]]
    upright = np.cross(xyz[stop] - xyz[begin], normal[face] + normal[other])
    size = np.sqrt((upright * upright).sum())
    if size == 0:
        return False
    upright /= size
    for side, sign in ((other, 1.0), (face, -1.0)):
        for k in range(face_start[side], face_start[side + 1]):
            v = corner[k]
            if v != begin and v != stop:
                away = (xyz[v, 0] - xyz[begin, 0]) * upright[0] + (xyz[v, 1] - xyz[begin, 1]) * upright[1]
                away += (xyz[v, 2] - xyz[begin, 2]) * upright[2]
                if not sign * away > 10 * CONTACT_M:
                    return False
    return True
