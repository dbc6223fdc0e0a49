"""Which shells are plainly sound: closed, oriented, connected, simple, outwards, and no face meets another but at what they share.

Compiled; what it doubts is looked at exactly. Whatever passes here also passes `shells` and `self_crossing`, whose tests it makes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.ordering import fill_order
from ingest.checks.solids.plain_pairs import MOST_STRETCHES, PairRoom, parted_at_vertex, parted_in_plane, parted_otherwise
from ingest.checks.solids.plain_sides import PARTED, side_of, side_with_few
from ingest.checks.solids.shells import LEAST_FACES
from ingest.checks.solids.surfaces import Surfaces
from twin.kernel import bare_kernel, kernel

_LEAST_VOLUME_M3 = 1e-6
MOST_AT_VERTEX = 200
"""Edges from one vertex: comparing each with all grows with the square."""


class ShellRoom(NamedTuple):
    """Arrays that looking at one shell needs, to be used again for the next."""

    head: Ints
    """(V,) the last edge that begins at a vertex, then the last face that has it"""
    edges_at: Ints
    """(V,) how many do"""
    following: Ints
    """(n,) for each corner another edge from the same vertex, or -1"""
    times: Ints
    """(n,) how many faces the edge from a corner is of"""
    waiting: Ints
    """(f,) faces"""
    seen: Mask
    """(f,)"""
    order: Ints
    """(f,) faces by their boxes' lesser x"""
    box: Floats
    """(6, f) in that order"""
    points: Floats
    """(n, 3) of each corner"""
    parted: Mask
    """(n,) whether a plane is known to part the faces on both sides of the edge from a corner"""
    stamp: Ints
    """(f,) the last face that one is known to be parted from over an edge, by its place in the order"""
    near: Ints
    """(f,) places of faces whose boxes meet that of one"""


@kernel
def make_shell_room(vertices: int, corners: int, faces: int) -> tuple[ShellRoom, PairRoom]:
    """Return room for a body of at most so many of each."""
    room = ShellRoom(
        np.empty(vertices, np.int64), np.empty(vertices, np.int64), np.empty(corners, np.int64), np.empty(corners, np.int64),
        np.empty(faces, np.int64), np.empty(faces, np.bool_), np.empty(faces, np.int64), np.empty((6, faces)), np.empty((corners, 3)),
        np.empty(corners, np.bool_), np.empty(faces, np.int64), np.empty(faces, np.int64),
    )  # fmt: skip
    stretches, crossings = np.empty((2, MOST_STRETCHES, 2)), np.empty(2 * MOST_STRETCHES)
    return room, PairRoom(np.empty(corners, np.int8), np.empty(corners), crossings, stretches[0], stretches[1])


@bare_kernel
def look_at_shells(s: Surfaces, shell_ends: Ints, shells: int, room: ShellRoom, pair_room: PairRoom, pairs: Ints, count: int) -> int:
    """Tell whether the ``shells`` of a body, each one that of a solid, are plainly sound; -1 if not so, else as `_look_at_shell`.

    ``shell_ends`` are their last faces; all faces of the body are plainly sound.
    """
    from_face = 0
    for shell in range(shells):
        count = _look_at_shell(s, from_face, shell_ends[shell], room, pair_room, pairs, count)
        if count < 0:
            return -1
        from_face = shell_ends[shell]
    return count if _are_apart(s, shell_ends, shells, room.box) else -1


@bare_kernel
def _are_apart(s: Surfaces, shell_ends: Ints, shells: int, box: Floats) -> bool:
    """Tell whether the boxes of no two shells meet."""
    if shells < 2:
        return True
    face = 0
    for shell in range(shells):
        for axis in range(3):
            box[axis, shell], box[3 + axis, shell] = s.low[face, axis], s.high[face, axis]
        while face < shell_ends[shell]:
            for axis in range(3):
                box[axis, shell] = min(box[axis, shell], s.low[face, axis])
                box[3 + axis, shell] = max(box[3 + axis, shell], s.high[face, axis])
            face += 1
        for other in range(shell):
            apart = False
            for axis in range(3):
                gap = max(box[axis, shell] - box[3 + axis, other], box[axis, other] - box[3 + axis, shell])
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
    _part_neighbours(s, first, end, room.points, room.parted)
    return _not_parted(s, first, end, room, pair_room, pairs, count)


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
        if edges_at[v] > MOST_AT_VERTEX:
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
def _part_neighbours(s: Surfaces, first: int, end: int, points: Floats, parted: Mask) -> None:
    """Fill in whether a plane of one of them parts the faces on both sides of an edge: what has nothing else in that plane.

    So are nearly all neighbours told apart, as `side_of` does it.
    """
    shift = s.face_start[first]
    for face in range(first, end):
        for k in range(s.face_start[face], s.face_start[face + 1]):
            j = s.twin[k]
            if j < k:
                continue
            other = s.face_of_corner[j]
            is_larger = s.face_start[face + 1] - s.face_start[face] > s.face_start[other + 1] - s.face_start[other]
            large, small = (face, other) if is_larger else (other, face)
            is_parted = _is_parted_beyond_edge(s, points, shift, large, small) or _is_parted_beyond_edge(s, points, shift, small, large)
            parted[k - shift] = parted[j - shift] = is_parted


@bare_kernel
def _is_parted_beyond_edge(s: Surfaces, points: Floats, shift: int, face: int, other: int) -> bool:
    """Tell whether ``other``, which has an edge in common with ``face``, is on one side of its plane and has no other corner in it."""
    nx, ny, nz, offset = s.normal[face, 0], s.normal[face, 1], s.normal[face, 2], s.offset[face]
    thickness = s.deviation_m[face] + 10 * CONTACT_M
    above, below, begin, stop = 0, 0, s.face_start[other] - shift, s.face_start[other + 1] - shift
    for k in range(max(begin, 0), stop):
        height = points[k, 0] * nx + points[k, 1] * ny + points[k, 2] * nz - offset
        above += height > thickness
        below += height < -thickness
    return (max(above, below) == stop - begin - 2) & (min(above, below) == 0)


@bare_kernel
def _not_parted(s: Surfaces, first: int, end: int, room: ShellRoom, pair_room: PairRoom, pairs: Ints, count: int) -> int:
    """Add the pairs of faces whose boxes meet and that no plane parts; return how many there are then, -1 if they are too many."""
    face_start, twin, face_of_corner, order, stamp = s.face_start, s.twin, s.face_of_corner, room.order, room.stamp
    shift, faces, has = face_start[first], end - first, room.head
    _fill_boxes(s, first, end, order, room.box, pair_room.height)
    for face in range(faces):
        stamp[face] = -1
    for k in range(shift, face_start[end]):
        has[s.corner[k]] = -1
    for m in range(faces):
        p = order[m]
        for k in range(face_start[p], face_start[p + 1]):
            has[s.corner[k]] = p
            if room.parted[k - shift]:
                stamp[face_of_corner[twin[k]] - first] = m
        found = _fill_near(room.box, m, faces, room.near)
        for n in range(found):
            q = order[room.near[n]]
            if stamp[q - first] == m:
                continue
            common, theirs = 0, -1
            for k in range(face_start[q], face_start[q + 1]):
                if has[s.corner[k]] == p:
                    common, theirs = common + 1, k
            if _are_parted(s, p, q, common, theirs, room.points, shift, pair_room):
                continue
            if count == len(pairs):
                return -1
            pairs[count, 0], pairs[count, 1] = p, q
            count += 1
    return count


@bare_kernel
def _fill_boxes(s: Surfaces, first: int, end: int, order: Ints, box: Floats, keys: Floats) -> None:
    """Put faces in order of their boxes' lesser x, and fill in the boxes in that order."""
    for face in range(first, end):
        keys[face - first] = s.low[face, 0]
    fill_order(keys, end - first, order)
    for m in range(end - first):
        order[m] += first
        for axis in range(3):
            box[axis, m], box[3 + axis, m] = s.low[order[m], axis], s.high[order[m], axis] + CONTACT_M


@bare_kernel
def _fill_near(box: Floats, m: int, faces: int, near: Ints) -> int:
    """Fill in the places after ``m`` of the boxes that meet the one there; return how many they are."""
    found, high_x = 0, box[3, m]
    low_y, low_z, high_y, high_z = box[1, m], box[2, m], box[4, m], box[5, m]
    for n in range(m + 1, faces):
        if box[0, n] > high_x:
            break
        near[found] = n
        found += (box[1, n] <= high_y) & (low_y <= box[4, n]) & (box[2, n] <= high_z) & (low_z <= box[5, n])
    return found


@bare_kernel
def _are_parted(s: Surfaces, p: int, q: int, common: int, theirs: int, points: Floats, shift: int, room: PairRoom) -> bool:
    """Tell whether a plane is found between two faces, but for what they have in common: so many vertices, one at a corner of ``q``."""
    face_start, normal, offset, deviation_m = s.face_start, s.normal, s.offset, s.deviation_m
    if common > 1:
        return _are_parted_along(s, p, q, points, shift, room)
    is_larger = face_start[p + 1] - face_start[p] > face_start[q + 1] - face_start[q]
    large, small = (p, q) if is_larger else (q, p)
    begin, stop = face_start[small] - shift, face_start[small + 1] - shift
    to_large = side_with_few(points, begin, stop, normal, offset, deviation_m, large, common)
    if to_large == PARTED:
        return True
    if common == 1:
        passes, mine = 0, -1
        for k in range(face_start[p], face_start[p + 1]):
            if s.corner[k] == s.corner[theirs]:
                passes, mine = passes + 1, k
        if passes > 1:
            return _are_parted_along(s, p, q, points, shift, room)
        if parted_at_vertex(s, p, q, mine, theirs):
            return True
    begin, stop = face_start[large] - shift, face_start[large + 1] - shift
    to_small = side_with_few(points, begin, stop, normal, offset, deviation_m, small, common)
    if to_small == PARTED:
        return True
    return parted_in_plane(s, large, small, to_large, to_small, common, theirs, room)


@bare_kernel
def _are_parted_along(s: Surfaces, p: int, q: int, points: Floats, shift: int, room: PairRoom) -> bool:
    """Tell it of two faces that have an edge in common, or several vertices."""
    corner, after, before, face_start, twin, face_of_corner = s.corner, s.after, s.before, s.face_start, s.twin, s.face_of_corner
    is_larger = face_start[p + 1] - face_start[p] > face_start[q + 1] - face_start[q]
    large, small = (p, q) if is_larger else (q, p)
    to_large = side_of(
        points, face_start[small], face_start[small + 1], shift, s.normal, s.offset, s.deviation_m, corner, after, before, face_start,
        twin, face_of_corner, large, room.level,
    )  # fmt: skip
    if to_large == PARTED:
        return True
    to_small = side_of(
        points, face_start[large], face_start[large + 1], shift, s.normal, s.offset, s.deviation_m, corner, after, before, face_start,
        twin, face_of_corner, small, room.level,
    )  # fmt: skip
    return to_small == PARTED or parted_otherwise(s, large, small, to_large, to_small, room)
