"""Which polygons are plainly sound: simple rings clear of each other, close to the plane of the area normal.

Compiled; what it doubts is looked at exactly.

Margins are such that whatever passes here also passes `rings`, `planes` and `polygons`.
"""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.ears import MOST_CORNERS, has_flat_ears
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.planes import THIN_M
from twin.kernel import inlined_kernel, kernel

_MARGIN = 1 + 1e-9
_CLEAR_M = 2 * CONTACT_M
_THINNEST_M = 1e-3
_EVEN_M = 1e-8
"""Of a thin polygon whose corners are so near the plane of the area normal, the fitted plane is that one, within 3e-5 of a radian."""
_MOST_CORNERS = 1000
"""Comparing every edge with every other grows with the square."""
_COMPARED = 12
"""So few edges are compared with each other sooner than put in order."""
_has_flat_ears = kernel(has_flat_ears)


@kernel
def look_at_faces(
    xyz: Floats, corner: Ints, after: Ints, ring_start: Ints, face_ring: Ints, snap_m: float, planarity_m: float, least_cosine: float,
    sound: Mask, to_triangulate: Mask, normal: Floats, offset: Floats, deviation_m: Floats, axes: Floats, low: Floats, high: Floats,
) -> None:  # fmt: skip
    """Tell which faces are ``sound`` plainly, and fill in everything after it for them.

    ``to_triangulate`` marks those of which only a triangulation tells whether they bend; ``axes`` (F, 6) are two in the plane.
    """
    at, ahead, behind = np.empty((_MOST_CORNERS, 2)), np.empty(MOST_CORNERS, dtype=np.int64), np.empty(MOST_CORNERS, dtype=np.int64)
    for face in range(len(sound)):
        begin, stop = ring_start[face_ring[face]], ring_start[face_ring[face + 1]]
        rings, count = face_ring[face + 1] - face_ring[face], stop - begin
        if rings < 1 or count < 3 * rings:
            continue
        exterior_end = ring_start[face_ring[face] + 1]
        if count > _MOST_CORNERS:
            continue
        is_clear, is_thin = _measure(xyz, corner, after, begin, exterior_end, stop, snap_m, face, normal, low, high)
        if not is_clear:
            continue
        deviation, root_of_squares = _deviation(xyz, corner, begin, count, face, normal, offset)
        if count > 3 and root_of_squares * _MARGIN > (_EVEN_M if is_thin else planarity_m):
            continue
        deviation_m[face] = deviation
        _fill_axes(normal[face], axes[face])
        _project(xyz, corner, begin, count, axes[face], at)
        convex = rings == 1 and _turns_left(at, count)
        if not (convex and count <= 4) and not _is_simple(at, after, begin, count):
            continue
        if rings > 1 and not _holds_its_holes(at, ring_start[face_ring[face] : face_ring[face + 1] + 1] - begin):
            continue
        sound[face] = True
        if count == 3 or deviation * _MARGIN <= CONTACT_M:
            continue
        convex = convex and (count <= 4 or _turns_once(at, count))
        if convex and _has_flat_fan(xyz, corner, begin, count, normal[face], least_cosine):
            continue
        single = rings == 1 and count <= MOST_CORNERS
        least = least_cosine * _MARGIN
        to_triangulate[face] = not (single and _has_flat_ears(at, xyz, corner, begin, count, normal[face], least, ahead, behind))


@inlined_kernel
def _measure(
    xyz: Floats, corner: Ints, after: Ints, begin: int, exterior_end: int, stop: int, snap_m: float, face: int, normal: Floats, low: Floats,
    high: Floats,
) -> tuple[bool, bool]:  # fmt: skip
    """Fill normal and box of a face; return whether its corners are clear of each other, and whether its plane would be fitted.

    Not clear are also those that are thinner than a millimetre.
    """
    nx = ny = nz = perimeter = 0.0
    least = np.inf
    origin = corner[begin]
    for axis in range(3):
        low[face, axis], high[face, axis] = np.inf, -np.inf
    for k in range(begin, stop):
        p, q = corner[k], corner[after[k]]
        ax, ay, az = xyz[p, 0] - xyz[origin, 0], xyz[p, 1] - xyz[origin, 1], xyz[p, 2] - xyz[origin, 2]
        bx, by, bz = xyz[q, 0] - xyz[origin, 0], xyz[q, 1] - xyz[origin, 1], xyz[q, 2] - xyz[origin, 2]
        step = (bx - ax) ** 2 + (by - ay) ** 2 + (bz - az) ** 2
        least = min(least, step)
        if k < exterior_end:
            nx += ay * bz - az * by
            ny += az * bx - ax * bz
            nz += ax * by - ay * bx
            perimeter += np.sqrt(step)
        for axis in range(3):
            low[face, axis] = min(low[face, axis], xyz[p, axis])
            high[face, axis] = max(high[face, axis], xyz[p, axis])
    twice = np.sqrt(nx * nx + ny * ny + nz * nz)
    if not twice > _THINNEST_M * perimeter or not least > (snap_m + CONTACT_M) ** 2 * _MARGIN:
        return False, True
    normal[face, 0], normal[face, 1], normal[face, 2] = nx / twice, ny / twice, nz / twice
    return True, stop - begin > 3 and not twice > THIN_M * perimeter * _MARGIN


@inlined_kernel
def _deviation(xyz: Floats, corner: Ints, begin: int, count: int, face: int, normal: Floats, offset: Floats) -> tuple[float, float]:
    """Return the greatest distance of a corner from the plane through the middle of all, whose offset is filled in.

    With it goes the root of the sum of squared distances: no corner is farther from the least-squares plane.
    """
    middle = 0.0
    for k in range(begin, begin + count):
        middle += _height(xyz, corner[k], normal[face])
    offset[face] = middle / count
    deviation = squares = 0.0
    for k in range(begin, begin + count):
        distance = abs(_height(xyz, corner[k], normal[face]) - offset[face])
        deviation = max(deviation, distance)
        squares += distance * distance
    return deviation, np.sqrt(squares)


@inlined_kernel
def _height(xyz: Floats, vertex: int, normal: Floats) -> float:
    return xyz[vertex, 0] * normal[0] + xyz[vertex, 1] * normal[1] + xyz[vertex, 2] * normal[2]


@inlined_kernel
def _project(xyz: Floats, corner: Ints, begin: int, count: int, axes: Floats, at: Floats) -> None:
    """Fill ``at`` with the corners in the plane; counterclockwise about the normal stays so."""
    ux, uy, uz = axes[0], axes[1], axes[2]
    vx, vy, vz = axes[3], axes[4], axes[5]
    for k in range(count):
        p = corner[begin + k]
        at[k, 0] = xyz[p, 0] * ux + xyz[p, 1] * uy + xyz[p, 2] * uz
        at[k, 1] = xyz[p, 0] * vx + xyz[p, 1] * vy + xyz[p, 2] * vz


@inlined_kernel
def _fill_axes(normal: Floats, axes: Floats) -> None:
    """Fill in two unit vectors in the plane, from the first counterclockwise about the normal to the second."""
    x, y, z = normal[0], normal[1], normal[2]
    if abs(x) <= abs(y) and abs(x) <= abs(z):
        ux, uy, uz = 0.0, z, -y
    elif abs(y) <= abs(z):
        ux, uy, uz = -z, 0.0, x
    else:
        ux, uy, uz = y, -x, 0.0
    size = np.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux / size, uy / size, uz / size
    axes[0], axes[1], axes[2] = ux, uy, uz
    axes[3], axes[4], axes[5] = y * uz - z * uy, z * ux - x * uz, x * uy - y * ux


@inlined_kernel
def _turns_left(at: Floats, count: int) -> bool:
    """Tell whether the ring turns to the left at every corner."""
    for k in range(count):
        i, j = (k + 1) % count, (k + 2) % count
        into_x, into_y = at[i, 0] - at[k, 0], at[i, 1] - at[k, 1]
        out_x, out_y = at[j, 0] - at[i, 0], at[j, 1] - at[i, 1]
        if into_x * out_y - into_y * out_x <= 0:
            return False
    return True


@inlined_kernel
def _turns_once(at: Floats, count: int) -> bool:
    """Tell whether a ring that turns to the left everywhere goes around once: its edges go right, then left, and no more."""
    changes = 0
    for k in range(count):
        i, j = (k + 1) % count, (k + 2) % count
        changes += (at[i, 0] > at[k, 0]) != (at[j, 0] > at[i, 0])
    return changes == 2


@inlined_kernel
def _is_simple(at: Floats, after: Ints, begin: int, count: int) -> bool:
    """Tell whether every corner is clear of every edge that is not its own, and no edges cross, of one ring or several.

    Many edges are swept along x: only those whose boxes meet are compared.
    """
    if count <= _COMPARED:
        for j in range(count):
            for i in range(j):
                if not _are_clear(at, after, begin, i, j):
                    return False
        return True
    left = np.empty(count)
    for j in range(count):
        left[j] = min(at[j, 0], at[after[begin + j] - begin, 0])
    order = np.argsort(left)
    for m in range(count):
        j = order[m]
        right = max(at[j, 0], at[after[begin + j] - begin, 0]) + _CLEAR_M
        for n in range(m + 1, count):
            if left[order[n]] > right:
                break
            if not _are_clear(at, after, begin, j, order[n]):
                return False
    return True


@inlined_kernel
def _are_clear(at: Floats, after: Ints, begin: int, i: int, j: int) -> bool:
    """Tell whether the edges from two corners are clear of each other but for a corner that both have."""
    k, m = after[begin + i] - begin, after[begin + j] - begin
    if (
        max(at[i, 1], at[k, 1]) + _CLEAR_M < min(at[j, 1], at[m, 1])
        or max(at[j, 1], at[m, 1]) + _CLEAR_M < min(at[i, 1], at[k, 1])
        or max(at[i, 0], at[k, 0]) + _CLEAR_M < min(at[j, 0], at[m, 0])
        or max(at[j, 0], at[m, 0]) + _CLEAR_M < min(at[i, 0], at[k, 0])
    ):
        return True
    for p, a, b in ((i, j, m), (k, j, m), (j, i, k), (m, i, k)):
        if p not in (a, b) and _is_on(at, p, a, b):
            return False
    apart = i in (j, m) or k in (j, m)
    return apart or not (_side(at, i, k, j) * _side(at, i, k, m) <= 0 and _side(at, j, m, i) * _side(at, j, m, k) <= 0)


@inlined_kernel
def _is_on(at: Floats, p: int, a: int, b: int) -> bool:
    """Tell whether a corner is not clear of an edge."""
    x, y = at[p, 0] - at[a, 0], at[p, 1] - at[a, 1]
    ex, ey = at[b, 0] - at[a, 0], at[b, 1] - at[a, 1]
    t = min(max((x * ex + y * ey) / (ex * ex + ey * ey), 0.0), 1.0)
    return (x - t * ex) ** 2 + (y - t * ey) ** 2 <= _CLEAR_M**2


@inlined_kernel
def _holds_its_holes(at: Floats, ring_start: Ints) -> bool:
    """Tell whether rings that are clear of each other are an outline and holes: turned the other way, in it and in no other hole."""
    for ring in range(1, len(ring_start) - 1):
        begin, end = ring_start[ring], ring_start[ring + 1]
        area = 0.0
        for k in range(begin + 1, end - 1):
            area += _side(at, begin, k, k + 1)
        if not area < 0:
            return False
        for other in range(len(ring_start) - 1):
            if other != ring and _is_inside(at, ring_start[other], ring_start[other + 1], begin) != (other == 0):
                return False
    return True


@inlined_kernel
def _is_inside(at: Floats, begin: int, end: int, point: int) -> bool:
    inside = False
    j = end - 1
    for i in range(begin, end):
        if (at[i, 1] > at[point, 1]) != (at[j, 1] > at[point, 1]):
            x = at[i, 0] + (at[point, 1] - at[i, 1]) / (at[j, 1] - at[i, 1]) * (at[j, 0] - at[i, 0])
            inside ^= at[point, 0] < x
        j = i
    return inside


@inlined_kernel
def _side(at: Floats, a: int, b: int, c: int) -> float:
    return (at[b, 0] - at[a, 0]) * (at[c, 1] - at[a, 1]) - (at[b, 1] - at[a, 1]) * (at[c, 0] - at[a, 0])


@inlined_kernel
def _has_flat_fan(xyz: Floats, corner: Ints, begin: int, count: int, normal: Floats, least_cosine: float) -> bool:
    """Tell whether the triangles about one of the first three corners have normals near enough to that of the plane."""
    for start in range(3):
        flat = True
        p = corner[begin + start]
        for k in range(1, count - 1):
            q, r = corner[begin + (start + k) % count], corner[begin + (start + k + 1) % count]
            ax, ay, az = xyz[q, 0] - xyz[p, 0], xyz[q, 1] - xyz[p, 1], xyz[q, 2] - xyz[p, 2]
            bx, by, bz = xyz[r, 0] - xyz[p, 0], xyz[r, 1] - xyz[p, 1], xyz[r, 2] - xyz[p, 2]
            x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            if x * normal[0] + y * normal[1] + z * normal[2] < least_cosine * _MARGIN * np.sqrt(x * x + y * y + z * z):
                flat = False
                break
        if flat:
            return True
    return False
