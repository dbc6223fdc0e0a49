"""Which bodies are plainly sound prisms: one ring at two heights, and a rectangle upright on each of its edges; compiled.

Half of the solids of a city of blocks are such, and all that is asked of their faces, edges and pairs of faces is asked of the ring:

- Both level faces are the ring, once each way; as it has its own normal and its corners are at one height exactly, they are even.
  Rectangles are told by `is_flat_quad`.
- Every edge of either level face is that of one rectangle, the other way, and rectangles on edges with a corner in common share the upright
  edge there, as the corners of one level face are above those of the other in the same order: the shell is closed, simple at its vertices
  (of three faces each), in one piece, and oriented.
- Level faces are as far apart as a rectangle's side is long, and a rectangle is upright on them: their planes part it from them but for
  the edge in common. Rectangles whose boxes meet are parted by the plane of one of them, as their edges are by its line; two on
  one corner that go straight on, by the plane through the edge upright on both. These are the first that `self_crossing` asks for.

What is not told here is looked at as any other body.
"""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.boxes import fill_around, meet_eight
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.plain_edges import CLEAR_M, is_clear_about, side
from ingest.checks.solids.plain_faces import measure
from ingest.checks.solids.plain_quads import is_flat_quad
from ingest.checks.solids.surfaces import Surfaces
from twin.kernel import bare_kernel, trailing_noughts

_PARTED_M = 12 * CONTACT_M
"""From the plane of an even face: `self_crossing` asks for 10, and what faces are uneven by here is rounding."""
_LEAST_VOLUME_M3 = 2e-6
"""Twice of what `plain_shells` asks for."""


@bare_kernel
def is_plain_prism(
    s: Surfaces, faces: int, snap_m: float, planarity_m: float, least_cosine: float, at: Floats, box: Floats, around: Floats, place: Ints,
    used: Mask,
) -> bool:  # fmt: skip
    """Tell whether the ``faces`` that a body has are such, outwards.

    ``at`` (n, 2), ``box`` (4, n + 8) and ``around`` have room for the corners of the ring, ``used`` too, ``place`` for all vertices.
    """
    count = faces - 2
    if count < 3 or count > len(at) or s.face_ring[faces] != faces or s.face_start[faces] != 6 * count:
        return False
    one, other = _level_faces(s, faces, count)
    if other < 0 or not _are_joined(s, faces, count, one, other, place, used):
        return False
    begin, stop = s.face_start[one], s.face_start[one + 1]
    is_clear, is_thin = measure(s.xyz, s.corner, s.after, begin, stop, stop, snap_m, one, s.normal, s.low, s.high)
    if not is_clear or is_thin:
        return False
    for face in range(faces):
        if face not in (one, other) and not is_flat_quad(
            s.xyz, s.corner, s.face_start[face], face, snap_m + CONTACT_M, planarity_m, least_cosine, s.normal, s.offset, s.deviation_m,
            s.low, s.high,
        ):  # fmt: skip
            return False
    twice = _fill_ring(s, begin, count, at)
    height = s.xyz[s.corner[begin], 2] - s.xyz[s.corner[s.face_start[other]], 2]
    return twice * height > 2 * _LEAST_VOLUME_M3 and _are_edges_parted(at, count, box, around)


@bare_kernel
def _level_faces(s: Surfaces, faces: int, count: int) -> tuple[int, int]:
    """Return the two faces of so many corners that are at one height; -1 for the second where they are not two, or others no rectangles."""
    one, other = -1, -1
    for face in range(faces):
        begin, stop = s.face_start[face], s.face_start[face + 1]
        if s.face_ring[face] != face:
            return -1, -1
        if stop - begin == count and _is_level(s, begin, stop):
            if other >= 0:
                return -1, -1
            one, other = (face, -1) if one < 0 else (one, face)
        elif stop - begin != 4:
            return -1, -1
    return one, other


@bare_kernel
def _is_level(s: Surfaces, begin: int, stop: int) -> bool:
    height = s.xyz[s.corner[begin], 2]
    for k in range(begin + 1, stop):  # noqa: SIM110  # numba has no all() of a generator
        if s.xyz[s.corner[k], 2] != height:
            return False
    return True


@bare_kernel
def _are_joined(s: Surfaces, faces: int, count: int, one: int, other: int, place: Ints, used: Mask) -> bool:
    """Tell whether each other face has an edge of either level face the other way, and upright ones, all by one shift of corners."""
    for k in range(s.face_start[faces]):
        place[s.corner[k]] = -1
    for k in range(count):
        v = s.corner[s.face_start[one] + k]
        if place[v] >= 0:
            return False
        place[v], used[k] = k, False
    for k in range(count):
        v = s.corner[s.face_start[other] + k]
        if place[v] >= 0:
            return False
        place[v] = count + k
    shift = -1
    for face in range(faces):
        if face in (one, other):
            continue
        edge, beyond = _edges_of_wall(s, s.face_start[face], count, place)
        if edge < 0 or used[edge]:
            return False
        used[edge] = True
        found = (edge + beyond) % count
        if shift >= 0 and found != shift:
            return False
        shift = found
    return True


@bare_kernel
def _edges_of_wall(s: Surfaces, begin: int, count: int, place: Ints) -> tuple[int, int]:
    """Return at which corner of the one level face the edge of a wall begins, and at which of the other the one above it ends; or -1."""
    for k in range(4):
        p, q = s.corner[begin + k], s.corner[begin + (k + 1) % 4]
        above_q, above_p = s.corner[begin + (k + 2) % 4], s.corner[begin + (k + 3) % 4]
        if not (0 <= place[p] < count and 0 <= place[q] < count and place[above_q] >= count and place[above_p] >= count):
            continue
        is_edge = place[p] == (place[q] + 1) % count
        is_edge &= place[above_q] - count == (place[above_p] - count + 1) % count
        is_upright = (s.xyz[p, 0] == s.xyz[above_p, 0]) & (s.xyz[p, 1] == s.xyz[above_p, 1])
        is_upright &= (s.xyz[q, 0] == s.xyz[above_q, 0]) & (s.xyz[q, 1] == s.xyz[above_q, 1])
        return (place[q], place[above_q] - count) if is_edge & is_upright else (-1, -1)
    return -1, -1


@bare_kernel
def _fill_ring(s: Surfaces, begin: int, count: int, at: Floats) -> float:
    """Fill in the corners of a level face from above; return twice the area, positive where they are counterclockwise."""
    for k in range(count):
        p = s.corner[begin + k]
        at[k, 0], at[k, 1] = s.xyz[p, 0], s.xyz[p, 1]
    twice = 0.0
    for k in range(1, count - 1):
        twice += side(at, 0, k, k + 1)
    return twice


@bare_kernel
def _are_edges_parted(at: Floats, count: int, box: Floats, around: Floats) -> bool:
    """Tell whether edges whose boxes meet are parted by the line of one of them; those with a corner in common may go straight on."""
    for j in range(count):
        k, m = (j + 1) % count, (j + 2) % count
        if not (is_clear_about(at, j, k, m) and _part(at, j, k, m)):
            return False
        box[0, j], box[1, j] = min(at[j, 0], at[k, 0]), max(at[j, 0], at[k, 0]) + CLEAR_M
        box[2, j], box[3, j] = min(at[j, 1], at[k, 1]), max(at[j, 1], at[k, 1]) + CLEAR_M
    fill_around(box, count, around)
    for j in range(2, count):
        for some in range(0, j // 8 + 1, 8):
            blocks = meet_eight(around, some, box, j)
            while blocks != 0:
                first = 8 * (some + trailing_noughts(blocks))
                blocks &= blocks - np.uint64(1)
                near = meet_eight(box, first, box, j)
                while near != 0:
                    i = first + trailing_noughts(near)
                    near &= near - np.uint64(1)
                    is_beside = i + 1 >= j or (i == 0 and j == count - 1)
                    if not is_beside and not _are_apart(at, i, i + 1, j, (j + 1) % count):
                        return False
    return True


@bare_kernel
def _part(at: Floats, i: int, k: int, m: int) -> bool:
    """Tell whether the edges on both sides of corner ``k`` go straight on, or the line of one is clear of the other's far end."""
    ax, ay, bx, by = at[i, 0] - at[k, 0], at[i, 1] - at[k, 1], at[m, 0] - at[k, 0], at[m, 1] - at[k, 1]
    cross = ax * by - ay * bx
    return ax * bx + ay * by < 0 or cross * cross > _PARTED_M**2 * min(ax * ax + ay * ay, bx * bx + by * by)


@bare_kernel
def _are_apart(at: Floats, i: int, k: int, j: int, m: int) -> bool:
    return _is_on_one_side(at, i, k, j, m) or _is_on_one_side(at, j, m, i, k)


@bare_kernel
def _is_on_one_side(at: Floats, i: int, k: int, j: int, m: int) -> bool:
    """Tell whether the edge from ``j`` to ``m`` is clear of the line through ``i`` and ``k``."""
    one, two = side(at, i, k, j), side(at, i, k, m)
    squared = (at[k, 0] - at[i, 0]) ** 2 + (at[k, 1] - at[i, 1]) ** 2
    return (one > 0) == (two > 0) and min(one * one, two * two) > _PARTED_M**2 * squared
