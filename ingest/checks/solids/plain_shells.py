"""Which shells are plainly sound: closed, oriented, connected, simple, outwards, and no face meets another but at what they share.

Compiled; what it doubts is looked at exactly. Whatever passes here also passes `shells` and `self_crossing`, whose tests it makes.
"""

from __future__ import annotations

import numpy as np

from ingest.body_arrays import FACE, INDEX, SHELL, SOLID
from ingest.checks.solids.fault import CONTACT_M, Ints, Mask
from ingest.checks.solids.plain_pairs import on_one_side, parted_otherwise
from ingest.checks.solids.shells import LEAST_FACES
from ingest.checks.solids.surfaces import Surfaces
from twin.kernel import inlined_kernel, kernel

_LEAST_VOLUME_M3 = 1e-6


@kernel
def look_at_shells(s: Surfaces, start: Ints, shell_ends: Ints, mended: Mask, doubtful: Mask, pairs: Ints) -> int:
    """Mark bodies whose shells are not plainly sound as ``doubtful``, and return how many ``pairs`` of faces of the others are undecided.

    What is ``doubtful`` before is not looked at; of bodies with ``mended`` rings shells are not.
    """
    most, undecided = 1, 0
    for body in range(len(mended)):
        most = max(most, start[body + 1, INDEX] - start[body, INDEX])
    table, scratch = np.empty(4 * most + 4, dtype=np.int64), np.empty(len(s.xyz), dtype=np.int64)
    for body in range(len(mended)):
        if doubtful[body] or mended[body]:
            continue
        first, shells, last_shell = start[body, FACE], start[body, SHELL], start[body + 1, SHELL]
        from_face, decided = first, undecided
        for shell in range(shells, last_shell):
            to_face = first + shell_ends[shell]
            found = _look_at_shell(s, from_face, to_face, table, scratch, pairs, undecided)
            if found < 0:
                doubtful[body] = True
                break
            undecided, from_face = found, to_face
        if last_shell - shells != start[body + 1, SOLID] - start[body, SOLID] or not _are_apart(s, first, shell_ends[shells:last_shell]):
            doubtful[body] = True
        undecided = decided if doubtful[body] else undecided
    return undecided


@inlined_kernel
def _are_apart(s: Surfaces, first: int, shell_ends: Ints) -> bool:
    """Tell whether the boxes of no two shells meet."""
    count = len(shell_ends)
    if count < 2:
        return True
    lows, highs = np.empty((count, 3)), np.empty((count, 3))
    begin = first
    for shell in range(count):
        for axis in range(3):
            lows[shell, axis] = s.low[begin : first + shell_ends[shell], axis].min()
            highs[shell, axis] = s.high[begin : first + shell_ends[shell], axis].max()
        begin = first + shell_ends[shell]
        for other in range(shell):
            apart = False
            for axis in range(3):
                gap = max(lows[shell, axis] - highs[other, axis], lows[other, axis] - highs[shell, axis])
                apart = apart or gap > 2 * CONTACT_M
            if not apart:
                return False
    return True


@inlined_kernel
def _look_at_shell(s: Surfaces, first: int, end: int, table: Ints, scratch: Ints, pairs: Ints, count: int) -> int:
    """Tell whether faces ``first`` to ``end``, plainly sound each, make a plainly sound exterior shell; -1 if not so.

    Pairs of faces that no plane is found to part are for a closer look: they are added to the ``count`` that are in ``pairs``, and how many
    are in it then is returned.
    """
    begin, stop = s.face_start[first], s.face_start[end]
    if end - first < LEAST_FACES or not _pair(s, begin, stop, table):
        return -1
    if not _is_simple_at_vertices(s, begin, stop, scratch):
        return -1
    if not _is_connected(s, first, end):
        return -1
    if not _volume_m3(s, begin, stop) > _LEAST_VOLUME_M3:
        return -1
    return _not_parted(s, first, end, pairs, count)


@inlined_kernel
def _pair(s: Surfaces, begin: int, end: int, table: Ints) -> bool:
    """Fill in the corner whose edge is the same the other way; False where an edge is there twice, or not both ways."""
    size = 1
    while size < 2 * (end - begin):
        size *= 2
    table[:size] = -1
    for k in range(begin, end):
        slot = _slot_of(s, table, size, s.corner[k], s.corner[s.after[k]])
        if table[slot] >= 0:
            return False
        table[slot] = k
    for k in range(begin, end):
        s.twin[k] = table[_slot_of(s, table, size, s.corner[s.after[k]], s.corner[k])]
        if s.twin[k] < 0:
            return False
    return True


@inlined_kernel
def _slot_of(s: Surfaces, table: Ints, size: int, start: int, stop: int) -> int:
    """Return where the edge from ``start`` to ``stop`` is in the table, or would be."""
    mixed = (start * 1_000_003 + stop) * 6_364_136_223_846_793_005
    slot = (mixed ^ (mixed >> 32)) & (size - 1)
    while table[slot] >= 0 and not (s.corner[table[slot]] == start and s.corner[s.after[table[slot]]] == stop):
        slot = (slot + 1) & (size - 1)
    return slot


@inlined_kernel
def _is_simple_at_vertices(s: Surfaces, begin: int, stop: int, scratch: Ints) -> bool:
    """Tell whether the corners at each vertex form one cycle around it; ``scratch`` has a place for each vertex."""
    for k in range(begin, stop):
        scratch[s.corner[k]] = 0
    for k in range(begin, stop):
        scratch[s.corner[k]] += 1
    for k in range(begin, stop):
        vertex = s.corner[k]
        if scratch[vertex] > 0:
            length, c = 0, k
            while True:
                length += 1
                c = s.after[s.twin[c]]
                if c == k:
                    break
            if length != scratch[vertex]:
                return False
            scratch[vertex] = 0
    return True


@inlined_kernel
def _is_connected(s: Surfaces, first: int, end: int) -> bool:
    count = end - first
    seen = np.zeros(count, dtype=np.bool_)
    waiting = np.empty(count, dtype=np.int64)
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


@inlined_kernel
def _volume_m3(s: Surfaces, begin: int, stop: int) -> float:
    """Return the volume the faces bound, as cones over their edges; exact where faces are planar."""
    origin = s.corner[begin]
    total = 0.0
    for k in range(begin, stop):
        apex = s.corner[s.face_start[s.face_of_corner[k]]]
        p, q = s.corner[k], s.corner[s.after[k]]
        ax, ay, az = s.xyz[apex, 0] - s.xyz[origin, 0], s.xyz[apex, 1] - s.xyz[origin, 1], s.xyz[apex, 2] - s.xyz[origin, 2]
        bx, by, bz = s.xyz[p, 0] - s.xyz[origin, 0], s.xyz[p, 1] - s.xyz[origin, 1], s.xyz[p, 2] - s.xyz[origin, 2]
        cx, cy, cz = s.xyz[q, 0] - s.xyz[origin, 0], s.xyz[q, 1] - s.xyz[origin, 1], s.xyz[q, 2] - s.xyz[origin, 2]
        total += ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    return total / 6


@inlined_kernel
def _not_parted(s: Surfaces, first: int, end: int, pairs: Ints, count: int) -> int:
    """Add the pairs of faces whose boxes meet and that no plane parts; return how many there are then, -1 if they are too many."""
    low, high, xyz, corner, after, before, face_start = s.low, s.high, s.xyz, s.corner, s.after, s.before, s.face_start
    normal, offset, deviation_m, twin, face_of_corner = s.normal, s.offset, s.deviation_m, s.twin, s.face_of_corner
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
            is_larger = face_start[p + 1] - face_start[p] > face_start[q + 1] - face_start[q]
            large, small = (p, q) if is_larger else (q, p)
            if not (
                on_one_side(xyz, corner, after, before, face_start, normal, offset, deviation_m, twin, face_of_corner, large, small)
                or on_one_side(xyz, corner, after, before, face_start, normal, offset, deviation_m, twin, face_of_corner, small, large)
                or parted_otherwise(s, large, small)
            ):
                if count == len(pairs):
                    return -1
                pairs[count, 0], pairs[count, 1] = p, q
                count += 1
    return count
