"""Faults of single faces that a kernel is sure of: corners that are one (102), and rings that meet themselves (104).

Compiled; the tests are those of `rings`, each with a margin, and what is not sure is left to `validity`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingest.checks.solids.ears import MOST_CORNERS
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.plain_edges import side
from ingest.checks.solids.plain_faces import deviation_of, fill_axes, measure, project
from ingest.checks.solids.rings import PAIRWISE
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel, kernel

SAME, MEETS_ITSELF = 102, 104
_MARGIN = 1 + 1e-9
_SURELY_M, _PERHAPS_M = CONTACT_M / 2, 2 * CONTACT_M
_CLEAR, _UNCLEAR = -1, -2


class ToldFaults(NamedTuple):
    """The one fault of each face of which a kernel tells all that there is to say."""

    code: Ints
    """(F,) 0: nothing is told"""
    corner: Ints
    """(F,) that is at the place"""
    corners: Ints
    """(F,) of the ring that is at fault"""


class FaultRoom(NamedTuple):
    """Arrays that telling the fault of one face needs, to be used again for the next."""

    at: Floats
    """(n, 2) corners in the plane"""
    normal: Floats
    """(1, 3)"""
    axes: Floats
    low: Floats
    high: Floats
    offset: Floats


@kernel
def make_fault_room() -> FaultRoom:
    """Return room for a face of as many corners as are gone into."""
    return FaultRoom(
        np.empty((MOST_CORNERS, 2)), np.empty((1, 3)), np.empty((1, 6)), np.empty((1, 3)), np.empty((1, 3)), np.empty(1)
    )  # fmt: skip


@bare_kernel
def tell_faults(
    xyz: Floats, corner: Indices, after: Indices, ring_start: Ints, face_ring: Ints, count: int, snap_m: float, planarity_m: float,
    sound: Mask, room: FaultRoom, told: ToldFaults, shift: int,
) -> None:  # fmt: skip
    """Fill in the faults of those of the first ``count`` faces that are not ``sound``, from ``shift`` on in ``told``."""
    for face in range(count):
        if not sound[face]:
            told.code[shift + face] = 0
            first, last = face_ring[face], face_ring[face + 1]
            _tell_fault(
                xyz, corner, after, ring_start, first, last, snap_m, planarity_m, told, shift + face, room.at, room.normal, room.axes,
                room.low, room.high, room.offset,
            )  # fmt: skip


@bare_kernel
def _tell_fault(
    xyz: Floats, corner: Indices, after: Indices, ring_start: Ints, first: int, last: int, snap_m: float, planarity_m: float,
    told: ToldFaults, face: int, at: Floats, normal: Floats, axes: Floats, low: Floats, high: Floats, offset: Floats,
) -> None:  # fmt: skip
    begin, stop = ring_start[first], ring_start[last]
    count = stop - begin
    if last == first or count > MOST_CORNERS:
        return
    for ring in range(first, last):
        if ring_start[ring + 1] - ring_start[ring] < 3:
            return
    same = _first_same(xyz, corner, after, begin, stop, (snap_m + CONTACT_M) ** 2)
    if same != _CLEAR:
        if same >= 0:
            told.code[face], told.corner[face], told.corners[face] = SAME, same, 0
        return
    is_clear, is_thin = measure(xyz, corner, after, begin, ring_start[first + 1], stop, snap_m, 0, normal, low, high)
    if not is_clear or is_thin:
        return
    _, root_of_squares = deviation_of(xyz, corner, begin, count, 0, normal, offset)
    if root_of_squares * _MARGIN > planarity_m:
        return
    fill_axes(normal, axes, 0)
    project(xyz, corner, begin, count, axes, 0, at)
    found = -1
    for ring in range(first, last):
        meets = _first_meeting(at, ring_start[ring] - begin, ring_start[ring + 1] - begin)
        if meets == _UNCLEAR or (meets >= 0 and found >= 0):
            return
        if meets >= 0:
            found = meets
            told.corner[face], told.corners[face] = begin + meets, ring_start[ring + 1] - ring_start[ring]
    if found >= 0:
        told.code[face] = MEETS_ITSELF


@bare_kernel
def _first_same(xyz: Floats, corner: Indices, after: Indices, begin: int, stop: int, least: float) -> int:
    """Return the first corner that surely lies where the next one does, where of all others it is sure that they do or do not."""
    found = _CLEAR
    for k in range(begin, stop):
        p, q = corner[k], corner[after[k]]
        squared = (xyz[p, 0] - xyz[q, 0]) ** 2 + (xyz[p, 1] - xyz[q, 1]) ** 2 + (xyz[p, 2] - xyz[q, 2]) ** 2
        if squared * _MARGIN < least:
            found = k if found == _CLEAR else found
        elif squared < least * _MARGIN:
            return _UNCLEAR
    return found


@bare_kernel
def _first_meeting(at: Floats, begin: int, stop: int) -> int:
    """Return the first corner of a ring that is on an edge, or from which an edge crosses another, if that is sure."""
    for i in range(begin, stop):
        found = unclear = False
        for j in range(begin, stop):
            meets = _meeting(at, i, i + 1 if i + 1 < stop else begin, j, j + 1 if j + 1 < stop else begin)
            found, unclear = found or meets >= 0, unclear or meets == _UNCLEAR
        if found:
            return i if stop - begin <= PAIRWISE else begin
        if unclear:
            return _UNCLEAR
    return _CLEAR


@bare_kernel
def _meeting(at: Floats, i: int, k: int, j: int, m: int) -> int:
    """Return 0 where corner ``i`` surely is on a strange edge, from ``j`` to ``m``, or its own edge to ``k`` surely crosses that."""
    if i in (j, m):
        return _CLEAR
    for axis in range(2):
        if (
            min(at[i, axis], at[k, axis]) > max(at[j, axis], at[m, axis]) + _PERHAPS_M
            or min(at[j, axis], at[m, axis]) > max(at[i, axis], at[k, axis]) + _PERHAPS_M
        ):
            return _CLEAR
    x, y, ex, ey = at[i, 0] - at[j, 0], at[i, 1] - at[j, 1], at[m, 0] - at[j, 0], at[m, 1] - at[j, 1]
    along = min(max((x * ex + y * ey) / (ex * ex + ey * ey), 0.0), 1.0)
    squared = (x - along * ex) ** 2 + (y - along * ey) ** 2
    if squared < _SURELY_M**2:
        return 0
    if squared <= _PERHAPS_M**2:
        return _UNCLEAR
    if k == j or _is_same(at, k, j) or _is_same(at, k, m):
        return _CLEAR  # what ends on a corner does not cross there
    one = _across(side(at, j, m, i), side(at, j, m, k), np.sqrt(ex * ex + ey * ey))
    two = _across(side(at, i, k, j), side(at, i, k, m), np.sqrt((at[k, 0] - at[i, 0]) ** 2 + (at[k, 1] - at[i, 1]) ** 2))
    return _CLEAR if _CLEAR in (one, two) else _UNCLEAR if _UNCLEAR in (one, two) else 0


@bare_kernel
def _is_same(at: Floats, one: int, other: int) -> bool:
    return at[one, 0] == at[other, 0] and at[one, 1] == at[other, 1]


@bare_kernel
def _across(one: float, two: float, length: float) -> int:
    """Return 0 where two points are surely on either side of an edge of a ``length``, given twice the areas with it."""
    if min(abs(one), abs(two)) <= _PERHAPS_M * length:
        return _UNCLEAR
    return 0 if (one > 0) != (two > 0) else _CLEAR
