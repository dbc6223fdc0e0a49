"""Which polygons are plainly sound: simple rings clear of each other, close to the plane of the area normal.

Compiled; what it doubts is looked at exactly.

Margins are such that whatever passes here also passes `rings`, `planes` and `polygons`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.checks.solids.boxes import fill_around, meet_eight
from ingest.checks.solids.ears import MOST_CORNERS, has_flat_ears
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.plain_edges import CLEAR_M, are_clear, is_clear_about, is_inside, side
from ingest.checks.solids.plain_fit import FITTED_M, is_fitted
from ingest.checks.solids.plain_holes import holes_touch_soundly
from ingest.checks.solids.plain_quads import is_flat_quad
from ingest.checks.solids.planes import THIN_M
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel, kernel, trailing_noughts

_MARGIN = 1 + 1e-9
_THINNEST_M = 1e-3
_THINNEST_TRIANGLE_M = 2e-4
"""Twice of what `rings.is_convex` takes for too thin to be sure; a triangle always has the plane of its area normal."""
_EVEN_M = 1e-8
"""Of a thin polygon whose corners are so near the plane of the area normal, the fitted plane is that one, within 3e-5 of a radian."""
_MOST_CORNERS = 1000
"""Comparing every edge with every other grows with the square."""
_WORD = 64
"""Edges whose boxes meet another's are bits of a word."""
_has_flat_ears = bare_kernel(has_flat_ears)


class FaceRoom(NamedTuple):
    """Arrays that looking at one face needs, to be used again for the next."""

    at: Floats
    """(n, 2) corners in the plane"""
    box: Floats
    """(4, n + 8) of its edges, and beyond them"""
    around: Floats
    """(4, n // 8 + 9) of eight edges each, and beyond them"""
    ahead: Ints
    behind: Ints
    spread: Floats
    """(3, 3)"""
    turned: Floats


@kernel
def make_face_room() -> FaceRoom:
    """Return room for a face of as many corners as are gone into."""
    n = _MOST_CORNERS
    ahead, behind = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    return FaceRoom(np.empty((n, 2)), np.empty((4, n + 8)), np.empty((4, n // 8 + 9)), ahead, behind, np.empty((3, 3)), np.empty((3, 3)))


@bare_kernel
def look_at_faces(
    xyz: Floats, corner: Indices, after: Indices, ring_start: Ints, face_ring: Ints, count: int, snap_m: float, planarity_m: float,
    least_cosine: float, room: FaceRoom, sound: Mask, to_triangulate: Mask, normal: Floats, offset: Floats, deviation_m: Floats,
    axes: Floats, low: Floats, high: Floats,
) -> None:  # fmt: skip
    """Tell which of the first ``count`` faces are ``sound`` plainly, and fill in everything after it for them.

    ``to_triangulate`` marks those of which only a triangulation tells whether they bend; ``axes`` (F, 6) has room for two in the plane.
    """
    for face in range(count):
        sound[face] = to_triangulate[face] = False
        begin, stop = ring_start[face_ring[face]], ring_start[face_ring[face + 1]]
        if (stop - begin == 4) & (face_ring[face + 1] - face_ring[face] == 1) and is_flat_quad(
            xyz, corner, begin, face, snap_m + CONTACT_M, planarity_m, least_cosine, normal, offset, deviation_m, low, high
        ):
            sound[face] = True
        else:
            _look_at_face(
                xyz, corner, after, ring_start, face_ring, snap_m, planarity_m, least_cosine, sound, to_triangulate, normal, offset,
                deviation_m, axes, low, high, face, room.at, room.box, room.around, room.ahead, room.behind, room.spread, room.turned,
            )  # fmt: skip


@bare_kernel
def _look_at_face(
    xyz: Floats, corner: Indices, after: Indices, ring_start: Ints, face_ring: Ints, snap_m: float, planarity_m: float, least_cosine: float,
    sound: Mask, to_triangulate: Mask, normal: Floats, offset: Floats, deviation_m: Floats, axes: Floats, low: Floats, high: Floats,
    face: int, at: Floats, box: Floats, around: Floats, ahead: Ints, behind: Ints, spread: Floats, turned: Floats,
) -> None:  # fmt: skip
    """Tell it of one face; the arrays from ``at`` on are a `FaceRoom`."""
    begin, stop = ring_start[face_ring[face]], ring_start[face_ring[face + 1]]
    rings, count = face_ring[face + 1] - face_ring[face], stop - begin
    if rings < 1 or count < 3 * rings or count > _MOST_CORNERS:
        return
    exterior_end = ring_start[face_ring[face] + 1]
    is_clear, is_thin = measure(xyz, corner, after, begin, exterior_end, stop, snap_m, face, normal, low, high)
    if not is_clear:
        return
    deviation, root_of_squares = deviation_of(xyz, corner, begin, count, face, normal, offset)
    if count > 3 and root_of_squares * _MARGIN > (_EVEN_M if is_thin else planarity_m):
        if is_thin or root_of_squares < planarity_m * _MARGIN or not is_fitted(xyz, corner, begin, count, face, normal, spread, turned):
            return
        deviation, _ = deviation_of(xyz, corner, begin, count, face, normal, offset)
        if not deviation + FITTED_M <= planarity_m:
            return
    deviation_m[face] = deviation
    fill_axes(normal, axes, face)
    project(xyz, corner, begin, count, axes, face, at)
    convex = rings == 1 and _turns_left(at, count)
    first, last = face_ring[face], face_ring[face + 1]
    if rings == 1 and (convex if count <= 4 else _goes_around_once(at, count, deviation)):
        pass
    elif _is_simple(at, after, begin, count, box, around):
        if rings > 1 and not _holds_its_holes(at, ring_start, first, last):
            return
    elif rings == 1 or not holes_touch_soundly(at, after, begin, count, ring_start, first, last, ahead):
        return
    sound[face] = True
    if count == 3 or deviation * _MARGIN <= CONTACT_M:
        return
    convex = convex and (count <= 4 or _turns_once(at, count))
    if convex and _has_flat_fan(xyz, corner, begin, count, normal, face, least_cosine):
        return
    single = rings == 1 and count <= MOST_CORNERS
    least = least_cosine * _MARGIN
    to_triangulate[face] = not (single and _has_flat_ears(at, xyz, corner, begin, count, normal[face], least, ahead, behind))


@bare_kernel
def measure(
    xyz: Floats, corner: Indices, after: Indices, begin: int, exterior_end: int, stop: int, snap_m: float, face: int, normal: Floats,
    low: Floats, high: Floats,
) -> tuple[bool, bool]:  # fmt: skip
    """Fill normal and box of a face; return whether its corners are clear of each other, and whether its plane would be fitted.

    Not clear are also those that are thinner than a millimetre.
    """
    nx = ny = nz = perimeter = 0.0
    least = np.inf
    origin = corner[begin]
    low_x = low_y = low_z = np.inf
    high_x = high_y = high_z = -np.inf
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
        low_x, low_y, low_z = min(low_x, xyz[p, 0]), min(low_y, xyz[p, 1]), min(low_z, xyz[p, 2])
        high_x, high_y, high_z = max(high_x, xyz[p, 0]), max(high_y, xyz[p, 1]), max(high_z, xyz[p, 2])
    low[face, 0], low[face, 1], low[face, 2] = low_x, low_y, low_z
    high[face, 0], high[face, 1], high[face, 2] = high_x, high_y, high_z
    twice = np.sqrt(nx * nx + ny * ny + nz * nz)
    if (
        not twice > (_THINNEST_M if stop - begin > 3 else _THINNEST_TRIANGLE_M) * perimeter
        or not least > (snap_m + CONTACT_M) ** 2 * _MARGIN
    ):
        return False, True
    normal[face, 0], normal[face, 1], normal[face, 2] = nx / twice, ny / twice, nz / twice
    return True, stop - begin > 3 and not twice > THIN_M * perimeter * _MARGIN


@bare_kernel
def deviation_of(xyz: Floats, corner: Indices, begin: int, count: int, face: int, normal: Floats, offset: Floats) -> tuple[float, float]:
    """Return the greatest distance of a corner from the plane through the middle of all, whose offset is filled in.

    With it goes the root of the sum of squared distances: no corner is farther from the least-squares plane.
    """
    x, y, z, middle = normal[face, 0], normal[face, 1], normal[face, 2], 0.0
    for k in range(begin, begin + count):
        middle += _height(xyz, corner[k], x, y, z)
    offset[face] = middle / count
    deviation = squares = 0.0
    for k in range(begin, begin + count):
        distance = abs(_height(xyz, corner[k], x, y, z) - middle / count)
        deviation = max(deviation, distance)
        squares += distance * distance
    return deviation, np.sqrt(squares)


@bare_kernel
def _height(xyz: Floats, vertex: int, x: float, y: float, z: float) -> float:
    return xyz[vertex, 0] * x + xyz[vertex, 1] * y + xyz[vertex, 2] * z


@bare_kernel
def project(xyz: Floats, corner: Indices, begin: int, count: int, axes: Floats, face: int, at: Floats) -> None:
    """Fill ``at`` with the corners in the plane; counterclockwise about the normal stays so."""
    ux, uy, uz = axes[face, 0], axes[face, 1], axes[face, 2]
    vx, vy, vz = axes[face, 3], axes[face, 4], axes[face, 5]
    for k in range(count):
        p = corner[begin + k]
        at[k, 0] = xyz[p, 0] * ux + xyz[p, 1] * uy + xyz[p, 2] * uz
        at[k, 1] = xyz[p, 0] * vx + xyz[p, 1] * vy + xyz[p, 2] * vz


@bare_kernel
def fill_axes(normal: Floats, axes: Floats, face: int) -> None:
    """Fill in two unit vectors in the plane, from the first counterclockwise about the normal to the second."""
    x, y, z = normal[face, 0], normal[face, 1], normal[face, 2]
    if abs(x) <= abs(y) and abs(x) <= abs(z):
        ux, uy, uz = 0.0, z, -y
    elif abs(y) <= abs(z):
        ux, uy, uz = -z, 0.0, x
    else:
        ux, uy, uz = y, -x, 0.0
    size = np.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux / size, uy / size, uz / size
    axes[face, 0], axes[face, 1], axes[face, 2] = ux, uy, uz
    axes[face, 3], axes[face, 4], axes[face, 5] = y * uz - z * uy, z * ux - x * uz, x * uy - y * ux


@bare_kernel
def _turns_left(at: Floats, count: int) -> bool:
    """Tell whether the ring turns to the left at every corner."""
    x, y = at[count - 1, 0], at[count - 1, 1]
    into_x, into_y = x - at[count - 2, 0], y - at[count - 2, 1]
    for k in range(count):
        out_x, out_y = at[k, 0] - x, at[k, 1] - y
        if into_x * out_y - into_y * out_x <= 0:
            return False
        x, y, into_x, into_y = at[k, 0], at[k, 1], out_x, out_y
    return True


@bare_kernel
def _turns_once(at: Floats, count: int) -> bool:
    """Tell whether a ring that turns to the left everywhere goes around once: its edges go right, then left, and no more."""
    changes = 0
    for k in range(count):
        i, j = (k + 1) % count, (k + 2) % count
        changes += (at[i, 0] > at[k, 0]) != (at[j, 0] > at[i, 0])
    return changes == 2


@bare_kernel
def _goes_around_once(at: Floats, count: int, deviation: float) -> bool:
    """Tell whether a ring turns once to the left and hardly ever to the right: then it is one for `rings.is_convex`, too.

    What turns to the left by less than half a turn everywhere goes right and then left once for each time that it goes around. An
    angle below a quarter turn is at most π/2 of its sine; as corners are off the plane by up to ``deviation``, it may be twice that in
    space, the perimeter √2 of that in the plane, and the sum of all angles something else by less than 0.1.
    """
    uneven = deviation * deviation
    changes, to_the_right, perimeter, twice = 0, 0.0, 0.0, 0.0
    x, y = at[count - 1, 0], at[count - 1, 1]
    into_x, into_y = x - at[count - 2, 0], y - at[count - 2, 1]
    into = np.sqrt(into_x * into_x + into_y * into_y)
    for k in range(count):
        out_x, out_y = at[k, 0] - x, at[k, 1] - y
        out = np.sqrt(out_x * out_x + out_y * out_y)
        if not out * out > 50 * count * uneven:
            return False
        turn = into_x * out_y - into_y * out_x
        if turn <= 0:
            if not into_x * out_x + into_y * out_y > 8 * uneven:
                return False
            to_the_right -= turn / (into * out)
        changes += (into_x > 0) != (out_x > 0)
        perimeter += out
        twice += (x - at[0, 0]) * out_y - (y - at[0, 1]) * out_x
        x, y, into_x, into_y, into = at[k, 0], at[k, 1], out_x, out_y, out
    return changes == 2 and 2 * np.pi * to_the_right * perimeter * perimeter < twice / 4


@bare_kernel
def _is_simple(at: Floats, after: Indices, begin: int, count: int, box: Floats, around: Floats) -> bool:
    """Tell whether every corner is clear of every edge that is not its own, and no edges cross, of one ring or several.

    Only edges whose boxes meet are compared.
    """
    for j in range(count):
        k = after[begin + j] - begin
        if not is_clear_about(at, j, k, after[begin + k] - begin):
            return False
        box[0, j], box[1, j] = min(at[j, 0], at[k, 0]), max(at[j, 0], at[k, 0]) + CLEAR_M
        box[2, j], box[3, j] = min(at[j, 1], at[k, 1]), max(at[j, 1], at[k, 1]) + CLEAR_M
    if count > _WORD:
        return _are_many_clear(at, after, begin, count, box, around)
    for k in range(count, (count + 7) // 8 * 8):
        box[0, k] = np.inf
    for j in range(1, count):
        near = np.uint64(0)
        for block in range(j // 8 + 1):
            near |= meet_eight(box, 8 * block, box, j) << np.uint64(8 * block)
        own = (np.uint64(after[begin + j - 1] == begin + j) << np.uint64(j - 1)) | (np.uint64(1) << np.uint64(after[begin + j] - begin))
        near &= ((np.uint64(1) << np.uint64(j)) - np.uint64(1)) & ~own
        while near != 0:
            if not are_clear(at, after, begin, trailing_noughts(near), j):
                return False
            near &= near - np.uint64(1)
    return True


@bare_kernel
def _are_many_clear(at: Floats, after: Indices, begin: int, count: int, box: Floats, around: Floats) -> bool:
    """Tell it of more edges than a word has bits: only of those eight that have a box around them that meets an edge's."""
    fill_around(box, count, around)
    for j in range(1, count):
        for some in range(0, j // 8 + 1, 8):
            blocks = meet_eight(around, some, box, j)
            while blocks != 0:
                first = 8 * (some + trailing_noughts(blocks))
                blocks &= blocks - np.uint64(1)
                near = meet_eight(box, first, box, j)
                while near != 0:
                    i = first + trailing_noughts(near)
                    near &= near - np.uint64(1)
                    if i < j and not are_clear(at, after, begin, i, j):
                        return False
    return True


@bare_kernel
def _holds_its_holes(at: Floats, ring_start: Ints, first: int, last: int) -> bool:
    """Tell whether rings that are clear of each other are an outline and holes: turned the other way, in it and in no other hole."""
    shift = ring_start[first]
    for ring in range(first + 1, last):
        begin, end = ring_start[ring] - shift, ring_start[ring + 1] - shift
        area = 0.0
        for k in range(begin + 1, end - 1):
            area += side(at, begin, k, k + 1)
        if not area < 0:
            return False
        for other in range(first, last):
            inside = is_inside(at, ring_start[other] - shift, ring_start[other + 1] - shift, begin)
            if other != ring and inside != (other == first):
                return False
    return True


@bare_kernel
def _has_flat_fan(xyz: Floats, corner: Indices, begin: int, count: int, normal: Floats, face: int, least_cosine: float) -> bool:
    """Tell whether the triangles about one of the first three corners have normals near enough to that of the plane."""
    for start in range(3):
        flat = True
        p = corner[begin + start]
        for k in range(1, count - 1):
            q, r = corner[begin + (start + k) % count], corner[begin + (start + k + 1) % count]
            ax, ay, az = xyz[q, 0] - xyz[p, 0], xyz[q, 1] - xyz[p, 1], xyz[q, 2] - xyz[p, 2]
            bx, by, bz = xyz[r, 0] - xyz[p, 0], xyz[r, 1] - xyz[p, 1], xyz[r, 2] - xyz[p, 2]
            x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            if x * normal[face, 0] + y * normal[face, 1] + z * normal[face, 2] < least_cosine * _MARGIN * np.sqrt(x * x + y * y + z * z):
                flat = False
                break
        if flat:
            return True
    return False
