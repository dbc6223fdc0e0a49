"""Shells whose fault a kernel is sure of: edges of more than two faces (303), where no vertices can be welded; compiled."""

from __future__ import annotations

from typing import NamedTuple

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints
from ingest.checks.solids.plain_shells import MOST_AT_VERTEX, ShellRoom
from ingest.checks.solids.shells import LEAST_FACES
from ingest.checks.solids.surfaces import Surfaces
from twin.kernel import bare_kernel

CROWDED = 303
_MARGIN = 1 + 1e-9
_MOST_VERTICES = 1000
"""Comparing every vertex with every other grows with the square."""


class ToldEdges(NamedTuple):
    """Edges of more than two faces: all that is wrong with the bodies that have them."""

    edge: Ints
    """(n, 4) body, the first face at it, its lesser vertex and its greater one"""
    many: Ints
    """(1,) how many there are"""


@bare_kernel
def tell_crowded(s: Surfaces, faces: int, vertices: int, snap_m: float, room: ShellRoom, told: ToldEdges, body: int) -> None:
    """Add the edges of more than two faces of a body that is one shell of plainly sound faces, if its vertices are surely apart.

    Of such a shell nothing else is told by `shells.surface_faults`.
    """
    before = told.many[0]
    end = before
    if faces >= LEAST_FACES:
        end = _fill_crowded(s, s.face_start[faces], vertices, room, told.edge, before, body)
    if end > before and _are_apart(s.xyz, vertices, room.edges_at, (snap_m + CONTACT_M) ** 2 * _MARGIN):
        told.many[0] = end


@bare_kernel
def _fill_crowded(s: Surfaces, corners: int, vertices: int, room: ShellRoom, edge: Ints, count: int, body: int) -> int:
    """Add such edges from ``count`` on and return how many there are then; as many as before where they are too many to go through.

    Edges are listed at their lesser vertex, each by the first corner that has it. Vertices that some corner has are marked.
    """
    head, marked, following, times = room.head, room.edges_at, room.following, room.times
    first = count
    for v in range(vertices):
        head[v], marked[v] = -1, 0
    for k in range(corners):
        v, w = s.corner[k], s.corner[s.after[k]]
        least, greatest = min(v, w), max(v, w)
        marked[v] = 1
        j, steps = head[least], 0
        while j >= 0 and max(s.corner[j], s.corner[s.after[j]]) != greatest:
            j, steps = following[j], steps + 1
        if steps > MOST_AT_VERTEX:
            return first
        if j < 0:
            following[k], head[least], times[k] = head[least], k, 1
            continue
        times[j] += 1
        if times[j] == 3:
            if count == len(edge):
                return first
            edge[count, 0], edge[count, 1], edge[count, 2], edge[count, 3] = body, s.face_of_corner[j], least, greatest
            count += 1
    return count


@bare_kernel
def _are_apart(xyz: Floats, vertices: int, marked: Ints, least: float) -> bool:
    """Tell whether no two vertices that are ``marked`` are nearer than the root of ``least`` to each other."""
    if vertices > _MOST_VERTICES:
        return False
    for v in range(vertices):
        if marked[v] != 1:
            continue
        for w in range(v):
            squared = (xyz[v, 0] - xyz[w, 0]) ** 2 + (xyz[v, 1] - xyz[w, 1]) ** 2 + (xyz[v, 2] - xyz[w, 2]) ** 2
            if marked[w] == 1 and not squared > least:
                return False
    return True
