"""One body after the other through everything that is told plainly: faces, shells, pairs of faces, sure faults; compiled.

A body is laid out in room that all have in turn, so that what is known of it stays near the processor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX
from ingest.checks.solids.delaunay import Workroom, make_workroom
from ingest.checks.solids.fault import Floats, Ints, Mask
from ingest.checks.solids.plain_crowds import ToldEdges, tell_crowded
from ingest.checks.solids.plain_faces import FaceRoom, look_at_faces, make_face_room
from ingest.checks.solids.plain_faults import FaultRoom, ToldFaults, make_fault_room, tell_faults
from ingest.checks.solids.plain_meetings import MeetingRoom, leave_clear_out, make_meeting_room
from ingest.checks.solids.plain_pairs import PairRoom
from ingest.checks.solids.plain_prisms import is_plain_prism
from ingest.checks.solids.plain_shells import ShellRoom, look_at_shells, make_shell_room
from ingest.checks.solids.plain_triangles import leave_flat_out, make_found_room
from ingest.checks.solids.surfaces import Surfaces, UInt32s, lay_out, make_surfaces
from twin.kernel import bare_kernel, kernel


class Parts(NamedTuple):
    """Bodies end to end, as `BodyArrays` has them."""

    start: Ints
    """(B + 1, 6)"""
    vertices: Floats
    indices: UInt32s
    ring_ends: UInt32s
    face_ends: UInt32s
    shell_ends: UInt32s


class Limits(NamedTuple):
    """By how much a face may miss."""

    snap_m: float
    planarity_m: float
    least_cosine: float
    """Of half the angle that normals of a triangulated face may differ by"""


class Seen(NamedTuple):
    """What is told of bodies and faces."""

    doubtful: Mask
    """(B,) what is so before, stays so, its shells not looked at"""
    sound: Mask
    """(F,)"""
    to_triangulate: Mask
    """(F,) of which only a triangulation by others tells whether they bend"""
    told: ToldFaults
    """(F,) of faces that are not sound"""
    told_edges: ToldEdges
    """Of bodies whose faces are all sound"""
    pairs: Ints
    """(n, 2) faces of one body of which it is not told whether they meet"""


class _Room(NamedTuple):
    faces: FaceRoom
    shells: ShellRoom
    pairs: PairRoom
    triangles: Workroom
    found: Ints
    meeting: MeetingRoom
    faults: FaultRoom
    sound: Mask
    to_triangulate: Mask
    shell_ends: Ints


@kernel
def look_at_bodies(parts: Parts, limits: Limits, mended: Mask, seen: Seen) -> int:
    """Fill in what is ``seen`` of all bodies, and return how many pairs are; of bodies with ``mended`` rings, shells are not looked at."""
    most = np.ones(6, dtype=np.int64)
    for body in range(len(mended)):
        for column in range(6):
            most[column] = max(most[column], parts.start[body + 1, column] - parts.start[body, column])
    s = make_surfaces(most[VERTEX], most[INDEX], most[RING], most[FACE])
    shells, pairs = make_shell_room(most[VERTEX], most[INDEX], most[FACE])
    room = _Room(
        make_face_room(), shells, pairs, make_workroom(), make_found_room(), make_meeting_room(), make_fault_room(),
        np.empty(most[FACE], np.bool_), np.empty(most[FACE], np.bool_), np.empty(most[SHELL], np.int64),
    )  # fmt: skip
    count, known = 0, -1
    for body in range(len(mended)):
        if known >= 0 and _is_same(parts, body, known):
            _tell_sound(parts, seen, body)
            continue
        before = count
        count = _look_at_body(s, parts, limits, mended[body], seen, body, room, count)
        is_sound = count == before and not (seen.doubtful[body] or mended[body] or _is_any_open(parts, seen, body))
        known = body if is_sound else -1
    return count


@bare_kernel
def _tell_sound(parts: Parts, seen: Seen, body: int) -> None:
    for face in range(parts.start[body, FACE], parts.start[body + 1, FACE]):
        seen.sound[face], seen.to_triangulate[face] = True, False


@bare_kernel
def _is_same(parts: Parts, body: int, other: int) -> bool:
    """Tell whether a body is another one once more, as of levels of detail that were made of the same faces."""
    start = parts.start
    for column in range(6):
        if start[body + 1, column] - start[body, column] != start[other + 1, column] - start[other, column]:
            return False
    shift = start[other, VERTEX] - start[body, VERTEX]
    for k in range(start[body, VERTEX], start[body + 1, VERTEX]):
        for axis in range(3):
            if parts.vertices[k, axis] != parts.vertices[shift + k, axis]:
                return False
    return (
        _are_same(parts.indices, start[body, INDEX], start[body + 1, INDEX], start[other, INDEX])
        and _are_same(parts.ring_ends, start[body, RING], start[body + 1, RING], start[other, RING])
        and _are_same(parts.face_ends, start[body, FACE], start[body + 1, FACE], start[other, FACE])
        and _are_same(parts.shell_ends, start[body, SHELL], start[body + 1, SHELL], start[other, SHELL])
    )


@bare_kernel
def _are_same(numbers: UInt32s, begin: int, end: int, first: int) -> bool:
    for k in range(end - begin):  # noqa: SIM110  # numba has no all() of a generator
        if numbers[begin + k] != numbers[first + k]:
            return False
    return True


@bare_kernel
def _is_any_open(parts: Parts, seen: Seen, body: int) -> bool:
    is_open = False
    for face in range(parts.start[body, FACE], parts.start[body + 1, FACE]):
        is_open |= seen.to_triangulate[face]
    return is_open


@bare_kernel
def _look_at_body(s: Surfaces, parts: Parts, limits: Limits, is_mended: bool, seen: Seen, body: int, room: _Room, count: int) -> int:
    """Do so with one body; return how many pairs there are then."""
    start, first = parts.start, parts.start[body, FACE]
    faces, shells = start[body + 1, FACE] - first, start[body + 1, SHELL] - start[body, SHELL]
    if not lay_out(s, start, body, parts.vertices, parts.indices, parts.ring_ends, parts.face_ends):
        seen.doubtful[body] = True
        for face in range(first, first + faces):
            seen.sound[face], seen.to_triangulate[face], seen.told.code[face] = False, False, 0
        return count
    if not (is_mended or seen.doubtful[body]) and _is_prism(s, parts, limits, body, room):
        _tell_sound(parts, seen, body)
        return count
    look_at_faces(
        s.xyz, s.corner, s.after, s.ring_start, s.face_ring, faces, limits.snap_m, limits.planarity_m, limits.least_cosine, room.faces,
        room.sound, room.to_triangulate, s.normal, s.offset, s.deviation_m, s.axes, s.low, s.high,
    )  # fmt: skip
    leave_flat_out(
        s.xyz, s.corner, s.ring_start, s.face_ring, faces, s.normal, s.axes, limits.least_cosine, room.triangles, room.found,
        room.to_triangulate,
    )  # fmt: skip
    all_sound, any_open = True, False
    for face in range(faces):
        seen.sound[first + face], seen.to_triangulate[first + face] = room.sound[face], room.to_triangulate[face]
        all_sound, any_open = all_sound & room.sound[face], any_open | room.to_triangulate[face]
    if not all_sound:
        seen.doubtful[body] = True
        tell_faults(
            s.xyz, s.corner, s.after, s.ring_start, s.face_ring, faces, limits.snap_m, limits.planarity_m, room.sound, room.faults,
            seen.told, first,
        )  # fmt: skip
    if seen.doubtful[body] or is_mended:
        return count
    before, rise = np.int64(0), True
    for shell in range(shells):
        shell_end = np.int64(parts.shell_ends[start[body, SHELL] + shell])
        rise &= before <= shell_end <= faces
        before = room.shell_ends[shell] = shell_end
    end = -1
    if rise and shells == start[body + 1, SOLID] - start[body, SOLID]:
        end = look_at_shells(s, room.shell_ends, shells, room.shells, room.pairs, seen.pairs, count)
    if end < 0:
        seen.doubtful[body] = True
        if shells == 1 and room.shell_ends[0] == faces and not any_open:
            tell_crowded(s, faces, start[body + 1, VERTEX] - start[body, VERTEX], limits.snap_m, room.shells, seen.told_edges, body)
        return count
    end = leave_clear_out(
        s.xyz, s.corner, s.ring_start, s.face_ring, s.normal, s.axes, room.triangles, room.meeting, seen.pairs, count, end
    )  # fmt: skip
    for pair in range(count, end):
        seen.pairs[pair, 0], seen.pairs[pair, 1] = first + seen.pairs[pair, 0], first + seen.pairs[pair, 1]
    return end


@bare_kernel
def _is_prism(s: Surfaces, parts: Parts, limits: Limits, body: int, room: _Room) -> bool:
    """Tell whether a body that is laid out is one solid with one shell, and that a plainly sound prism."""
    start = parts.start
    faces, shells = start[body + 1, FACE] - start[body, FACE], start[body + 1, SHELL] - start[body, SHELL]
    if shells != 1 or start[body + 1, SOLID] - start[body, SOLID] != 1 or np.int64(parts.shell_ends[start[body, SHELL]]) != faces:
        return False
    return is_plain_prism(
        s, faces, limits.snap_m, limits.planarity_m, limits.least_cosine, room.faces.at, room.faces.box, room.faces.around,
        room.shells.head, room.shells.parted,
    )  # fmt: skip
