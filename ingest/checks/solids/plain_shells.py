"""Which shells are plainly sound: closed, oriented, connected, simple, outwards, and no face meets another but at what they share.

Compiled; what it doubts is looked at exactly. Whatever passes here also passes `shells` and `self_crossing`, whose tests it makes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.body_arrays import FACE, INDEX, SHELL, SOLID
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.ordering import fill_order
from ingest.checks.solids.plain_pairs import MOST_STRETCHES, PARTED, PairRoom, parted_otherwise, side_of
from ingest.checks.solids.shells import LEAST_FACES
from ingest.checks.solids.surfaces import Surfaces
from twin.kernel import bare_kernel, kernel

_LEAST_VOLUME_M3 = 1e-6
_MOST_AT_VERTEX = 200
"""Edges from one vertex: comparing each with all grows with the square."""


class ShellRoom(NamedTuple):
    """Arrays that looking at one shell needs, to be used again for the next."""

    head: Ints
    """(V,) the last edge that begins at a vertex"""
    edges_at: Ints
    """(V,) how many do"""
    following: Ints
    """(n,) for each corner another edge from the same vertex, or -1"""
    waiting: Ints
    """(f,) faces"""
    seen: Mask
    """(f,)"""
    order: Ints
    """(f,) faces by their boxes' lesser x"""
    box: Floats
    """(f, 6) in that order"""
    points: Floats
    """(n, 3) of each corner"""


@kernel
def look_at_shells(s: Surfaces, start: Ints, shell_ends: Ints, mended: Mask, doubtful: Mask, pairs: Ints) -> int:
    """Mark bodies whose shells are not plainly sound as ``doubtful``, and return how many ``pairs`` of faces of the others are undecided.

    What is ``doubtful`` before is not looked at; of bodies with ``mended`` rings shells are not.
    """
    most, most_faces, undecided = 1, 1, 0
    for body in range(len(mended)):
        most = max(most, start[body + 1, INDEX] - start[body, INDEX])
        most_faces = max(most_faces, start[body + 1, FACE] - start[body, FACE])
    room, pair_room = _make_room(len(s.xyz), most, most_faces)
    for body in range(len(mended)):
        if not (doubtful[body] or mended[body]):
            found = _look_at_body(s, start, shell_ends, body, room, pair_room, pairs, undecided)
            doubtful[body] = found < 0
            undecided = max(found, undecided)
    return undecided


@bare_kernel
def _look_at_body(
    s: Surfaces, start: Ints, shell_ends: Ints, body: int, room: ShellRoom, pair_room: PairRoom, pairs: Ints, count: int
) -> int:  # fmt: skip
    """Tell whether the shells of a body are plainly sound, each one that of a solid; -1 if not so, else as `_look_at_shell`."""
    first, shells, last_shell = start[body, FACE], start[body, SHELL], start[body + 1, SHELL]
    if last_shell - shells != start[body + 1, SOLID] - start[body, SOLID]:
        return -1
    from_face = first
    for shell in range(shells, last_shell):
        to_face = first + shell_ends[shell]
        count = _look_at_shell(s, from_face, to_face, room, pair_room, pairs, count)
        if count < 0:
            return -1
        from_face = to_face
    return count if _are_apart(s, first, shell_ends, shells, last_shell, room.box) else -1


@kernel
def _make_room(vertices: int, corners: int, faces: int) -> tuple[ShellRoom, PairRoom]:
    room = ShellRoom(
        np.empty(vertices, np.int64), np.empty(vertices, np.int64), np.empty(corners, np.int64), np.empty(faces, np.int64),
        np.empty(faces, np.bool_), np.empty(faces, np.int64), np.empty((faces, 6)), np.empty((corners, 3)),
    )  # fmt: skip
    stretches, crossings = np.empty((2, MOST_STRETCHES, 2)), np.empty(2 * MOST_STRETCHES)
    return room, PairRoom(np.empty(corners, np.int8), np.empty(corners), crossings, stretches[0], stretches[1])


@bare_kernel
def _are_apart(s: Surfaces, first: int, shell_ends: Ints, begin: int, stop: int, box: Floats) -> bool:
    """Tell whether the boxes of no two shells meet."""
    if stop - begin < 2:
        return True
    face = first
    for shell in range(stop - begin):
        for axis in range(3):
            box[shell, axis], box[shell, 3 + axis] = s.low[face, axis], s.high[face, axis]
        while face < first + shell_ends[begin + shell]:
            for axis in range(3):
                box[shell, axis] = min(box[shell, axis], s.low[face, axis])
                box[shell, 3 + axis] = max(box[shell, 3 + axis], s.high[face, axis])
            face += 1
        for other in range(shell):
            apart = False
            for axis in range(3):
                gap = max(box[shell, axis] - box[other, 3 + axis], box[other, axis] - box[shell, 3 + axis])
                apart = apart or gap > 2 * CONTACT_M
            if not apart:
                return False
    return True


@bare_kernel
def _look_at_shell(s: Surfaces, first: int, end: int, room: ShellRoom, pair_room: PairRoom, pairs: Ints, count: int) -> int:
    """Tell whether faces ``first`` to ``end``, plainly sound each, make a plainly sound exterior shell; -1 if not so.

    Pairs of faces that no plane is found to part are for a closer look: they are added to the ``count`` that are in ``pairs``, and how many
    are in it then is returned.
    """
    begin, stop = s.face_start[first], s.face_start[end]
    if end - first < LEAST_FACES or not _pair(s, begin, stop, room.head, room.edges_at, room.following):
        return -1
    if not _is_simple_at_vertices(s, begin, stop, room.edges_at):
        return -1
    if not _is_connected(s, first, end, room.seen, room.waiting):
        return -1
    if not _volume_m3(s, first, end, room.points) > _LEAST_VOLUME_M3:
        return -1
    return _not_parted(s, first, end, room.order, room.box, room.points, pair_room, pairs, count)


@bare_kernel
def _pair(s: Surfaces, begin: int, end: int, head: Ints, edges_at: Ints, following: Ints) -> bool:
    """Fill in the corner whose edge is the same the other way; False where an edge is there twice, or not both ways.

    Edges are listed by the vertex they begin at; a vertex with very many is left to the exact look, as lists are gone through.
    """
    corner, after, twin = s.corner, s.after, s.twin
    for k in range(begin, end):
        head[corner[k]], edges_at[corner[k]] = -1, 0
    paired = 0
    for k in range(begin, end):
        v, w = corner[k], corner[after[k]]
        j = head[v]
        while j >= 0:
            if corner[after[j]] == w:
                return False
            j = following[j - begin]
        following[k - begin], head[v] = head[v], k
        edges_at[v] += 1
        if edges_at[v] > _MOST_AT_VERTEX:
            return False
        j = head[w]
        while j >= 0:
            if corner[after[j]] == v:
                twin[k], twin[j] = j, k
                paired += 2
                break
            j = following[j - begin]
    return paired == end - begin


@bare_kernel
def _is_simple_at_vertices(s: Surfaces, begin: int, stop: int, edges_at: Ints) -> bool:
    """Tell whether the corners at each vertex form one cycle around it; ``edges_at`` says how many they are, and is used up."""
    for k in range(begin, stop):
        vertex = s.corner[k]
        if edges_at[vertex] > 0:
            length, c = 0, k
            while True:
                length += 1
                c = s.after[s.twin[c]]
                if c == k:
                    break
            if length != edges_at[vertex]:
                return False
            edges_at[vertex] = 0
    return True


@bare_kernel
def _is_connected(s: Surfaces, first: int, end: int, seen: Mask, waiting: Ints) -> bool:
    count = end - first
    for face in range(count):
        seen[face] = False
    waiting[0], size, reached = first, 1, 1
    seen[0] = True
    while size:
        size -= 1
        face = waiting[size]
        for k in range(s.face_start[face], s.face_start[face + 1]):
            other = s.face_of_corner[s.twin[k]]
            if not seen[other - first]:
                seen[other - first] = True
                reached += 1
                waiting[size] = other
                size += 1
    return reached == count


@bare_kernel
def _volume_m3(s: Surfaces, first: int, end: int, points: Floats) -> float:
    """Return the volume the faces bound, as cones over their edges, exact where faces are planar; the places of corners are filled in."""
    begin, stop = s.face_start[first], s.face_start[end]
    for k in range(begin, stop):
        p = s.corner[k]
        for axis in range(3):
            points[k - begin, axis] = s.xyz[p, axis]
    total = 0.0
    ox, oy, oz = points[0, 0], points[0, 1], points[0, 2]
    for face in range(first, end):
        x = y = z = 0.0
        apex = s.face_start[face] - begin
        for k in range(apex, s.face_start[face + 1] - begin):
            j = s.after[k + begin] - begin
            ax, ay, az = points[k, 0] - ox, points[k, 1] - oy, points[k, 2] - oz
            bx, by, bz = points[j, 0] - ox, points[j, 1] - oy, points[j, 2] - oz
            x, y, z = x + ay * bz - az * by, y + az * bx - ax * bz, z + ax * by - ay * bx
        total += (points[apex, 0] - ox) * x + (points[apex, 1] - oy) * y + (points[apex, 2] - oz) * z
    return total / 6


@bare_kernel
def _not_parted(
    s: Surfaces, first: int, end: int, order: Ints, box: Floats, points: Floats, room: PairRoom, pairs: Ints, count: int
) -> int:  # fmt: skip
    """Add the pairs of faces whose boxes meet and that no plane parts; return how many there are then, -1 if they are too many."""
    corner, after, before, face_start, twin, face_of_corner = s.corner, s.after, s.before, s.face_start, s.twin, s.face_of_corner
    normal, offset, deviation_m, level = s.normal, s.offset, s.deviation_m, room.level
    shift = face_start[first]
    for face in range(first, end):
        room.height[face - first] = s.low[face, 0]
    fill_order(room.height, end - first, order)
    for m in range(end - first):
        order[m] += first
        for axis in range(3):
            box[m, axis], box[m, 3 + axis] = s.low[order[m], axis], s.high[order[m], axis] + CONTACT_M
    for m in range(end - first):
        p = order[m]
        for n in range(m + 1, end - first):
            if box[n, 0] > box[m, 3]:
                break
            if (box[n, 1] > box[m, 4]) | (box[m, 1] > box[n, 4]) | (box[n, 2] > box[m, 5]) | (box[m, 2] > box[n, 5]):
                continue
            q = order[n]
            is_larger = face_start[p + 1] - face_start[p] > face_start[q + 1] - face_start[q]
            large, small = (p, q) if is_larger else (q, p)
            to_large = side_of(
                points, face_start[small], face_start[small + 1], shift, normal, offset, deviation_m, corner, after, before, face_start,
                twin, face_of_corner, large, level,
            )  # fmt: skip
            if to_large == PARTED:
                continue
            to_small = side_of(
                points, face_start[large], face_start[large + 1], shift, normal, offset, deviation_m, corner, after, before, face_start,
                twin, face_of_corner, small, level,
            )  # fmt: skip
            if to_small == PARTED or parted_otherwise(s, large, small, to_large, to_small, room):
                continue
            if count == len(pairs):
                return -1
            pairs[count, 0], pairs[count, 1] = p, q
            count += 1
    return count
