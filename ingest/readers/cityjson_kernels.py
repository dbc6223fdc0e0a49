"""The compiled loops from flat arrays of boundaries to bodies: corners, rings, faces and shells, mended as `cityjson_faces` does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX
from ingest.readers.json_numbers import NULL
from twin.kernel import bare_kernel, kernel

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SOLID_DEPTH, _SURFACES_DEPTH, _CORNERS = 4, 3, 3
_MENDED = 6
"""Place of `Made.size`, behind those of `BodyArrays`."""
_TOO_FEW_POINTS, _SAME_POINTS, _SELF_INTERSECTION = 101, 102, 104


class Cut(NamedTuple):
    """The arrays of `CutLines`, for kernels."""

    numbers: Ints
    rings: Ints
    faces: Ints
    shells: Ints
    start: Ints
    depth: Ints


class Made(NamedTuple):
    """What `build` fills: as in `BodyArrays`, with room to spare."""

    good: Mask
    """(B,) a body that is not good is empty."""
    start: Ints
    place: Ints
    """(V,) where in the numbers the coordinates of each vertex are."""
    meaning: Ints
    """(F,) number of the semantic surface, -1 for none."""
    indices: npt.NDArray[np.uint32]
    ring_ends: npt.NDArray[np.uint32]
    face_ends: npt.NDArray[np.uint32]
    shell_ends: npt.NDArray[np.uint32]
    solid_ends: npt.NDArray[np.uint32]
    surface_type: npt.NDArray[np.uint8]
    part: npt.NDArray[np.uint16]
    mended: Ints
    """(M, 3) body, val3dity's code, where in the numbers the coordinates of the place are."""
    size: Ints
    """(7,) how many vertices, indices, rings, faces, shells, solids and mended rings there are so far."""


class Numbering(NamedTuple):
    """Vertices of the line at hand."""

    first: Ints
    """Vertex → the first at its place."""
    drawn: Ints
    """Vertex → the last body it is a corner of."""
    number: Ints
    """Vertex → its number in that body."""


@kernel
def build(cut: Cut, bodies: Ints, geometries: Ints, types: npt.NDArray[np.uint8], scratch: int, made: Made) -> None:
    """Fill ``made`` with the bodies of the plan; ``scratch`` is the greatest number of vertices of a line."""
    line = Numbering(np.empty(scratch, dtype=np.int64), np.full(scratch, -1), np.empty(scratch, dtype=np.int64))
    table = np.empty(4 * scratch + 4, dtype=np.int64)
    known, sound, g = -1, False, 0
    for body in range(len(bodies)):
        for k in range(_MENDED):  # a slice would be copied on its way
            made.start[body, k] = made.size[k]
        if bodies[body, 0] != known:
            known = bodies[body, 0]
            sound = 0 <= known < len(cut.depth) and cut.depth[known] == 2
            sound = sound and cut.start[known + 1, 1] - cut.start[known, 1] <= scratch
            sound = sound and _number_places(cut.numbers, cut.rings, cut.start[known], cut.start[known + 1], line.first, table)
            line.drawn[:] = -1
        good = sound
        while good and g < min(bodies[body, 1], len(geometries)):
            good = _add_geometry(cut, known, geometries[g], types, line, body, made)
            g += 1
        g = bodies[body, 1]
        made.good[body] = good and made.size[FACE] > made.start[body, FACE]
        if not made.good[body]:
            made.size[:_MENDED] = made.start[body]
    made.start[len(bodies)] = made.size[:_MENDED]


@kernel
def placed(numbers: Ints, place: Ints, scale: Floats, translate: Floats) -> Floats:
    """Return (V, 3) vertices in the reference system, given where in the numbers their coordinates are."""
    vertices = np.empty((len(place), 3))
    for v in range(len(place)):
        for axis in range(3):
            vertices[v, axis] = numbers[place[v] + axis] * scale[axis] + translate[axis]
    return vertices


@bare_kernel
def _add_geometry(cut: Cut, vertices: int, geometry: Ints, types: npt.NDArray[np.uint8], line: Numbering, body: int, made: Made) -> bool:
    """Add the surfaces of one geometry; False where it is not as it should be or a shell has none left."""
    this, solid, size = geometry[0], geometry[3] == 1, made.size
    if not _has_room(cut, geometry, len(types), made):
        return False
    if cut.depth[this] != (_SOLID_DEPTH if solid else _SURFACES_DEPTH) or not _values_fit(cut, geometry):
        return False
    values = _values_at(cut, geometry)
    shell, shell_from, first_face = cut.start[this, 3], size[FACE], cut.start[this, 2]
    for face in range(first_face, cut.start[this + 1, 2]):
        ring = cut.start[this, 1] if face == first_face else cut.faces[face - 1]
        corner = cut.start[this, 0] if ring == cut.start[this, 1] else cut.rings[ring - 1]
        value = cut.numbers[values + face - first_face] if values >= 0 else NULL
        rings_before = size[RING]
        if not (value == NULL or 0 <= value < geometry[5]) or not _add_rings(
            cut, vertices, ring, cut.faces[face], corner, line, body, made
        ):
            return False
        if size[RING] > rings_before:
            made.face_ends[size[FACE]] = size[RING] - made.start[body, RING]
            made.meaning[size[FACE]] = -1 if value == NULL else geometry[4] + value
            made.surface_type[size[FACE]] = 0 if value == NULL else types[geometry[4] + value]
            made.part[size[FACE]] = geometry[2]
            size[FACE] += 1
        if solid and face + 1 == cut.shells[shell]:
            if size[FACE] == shell_from:
                return False
            shell_from = size[FACE]
            made.shell_ends[size[SHELL]] = size[FACE] - made.start[body, FACE]
            size[SHELL] += 1
            shell += 1
    if solid:
        made.solid_ends[size[SOLID]] = size[SHELL] - made.start[body, SHELL]
        size[SOLID] += 1
    return True


@bare_kernel
def _has_room(cut: Cut, geometry: Ints, meanings: int, made: Made) -> bool:
    """Tell whether the arrays and meanings of a geometry are there, and all it can add fits into ``made``: nothing is written beyond."""
    this, values, size, count = geometry[0], geometry[1], made.size, len(cut.depth)
    if not (0 <= this < count and -1 <= values < count and geometry[4] >= 0 and 0 <= geometry[5] <= meanings - geometry[4]):
        return False
    begin, end = cut.start[this], cut.start[this + 1]
    corners, rings = end[0] - begin[0], end[1] - begin[1]
    return (
        corners <= min(len(made.place) - size[VERTEX], len(made.indices) - size[INDEX])
        and rings <= min(len(made.ring_ends) - size[RING], len(made.mended) - size[_MENDED])
        and end[2] - begin[2] <= len(made.face_ends) - size[FACE]
        and end[3] - begin[3] <= len(made.shell_ends) - size[SHELL]
        and size[SOLID] < len(made.solid_ends)
    )


@bare_kernel
def _add_rings(cut: Cut, vertices: int, ring: int, end_ring: int, corner: int, line: Numbering, body: int, made: Made) -> bool:
    """Add the rings of one surface, none without the exterior, and note which are mended; False where one names no vertex."""
    exterior, rings_before, size = ring, made.size[RING], made.size
    count = cut.start[vertices + 1, 1] - cut.start[vertices, 1]
    for r in range(ring, end_ring):
        end = cut.rings[r]
        kept, several, repeated = _look_at(cut.numbers, corner, end, line.first, count)
        if kept < 0:
            return False
        if kept < end - corner or not several:
            code = _TOO_FEW_POINTS if end - corner < _CORNERS else _SAME_POINTS if kept < end - corner else _SELF_INTERSECTION
            mended = made.mended[size[_MENDED]]
            mended[0], mended[1], mended[2] = body, code, cut.start[vertices, 0] + 3 * repeated
            size[_MENDED] += 1
        if several and (r == exterior or size[RING] > rings_before):
            before = line.first[cut.numbers[end - 1]]
            for k in range(corner, end):
                v = line.first[cut.numbers[k]]
                if v != before:
                    _add_corner(cut.start[vertices, 0], v, line, body, made)
                before = v
            made.ring_ends[size[RING]] = size[INDEX] - made.start[body, INDEX]
            size[RING] += 1
        corner = end
    return True


@bare_kernel
def _add_corner(coordinates: int, v: int, line: Numbering, body: int, made: Made) -> None:
    size = made.size
    if line.drawn[v] != body:
        line.drawn[v] = body
        line.number[v] = size[VERTEX] - made.start[body, VERTEX]
        made.place[size[VERTEX]] = coordinates + 3 * v
        size[VERTEX] += 1
    made.indices[size[INDEX]] = line.number[v]
    size[INDEX] += 1


@bare_kernel
def _number_places(numbers: Ints, rings: Ints, begin: Ints, end: Ints, first: Ints, table: Ints) -> bool:
    """Fill ``first`` with the first vertex at the place of each; False when one is not of three numbers."""
    count = end[1] - begin[1]
    if end[0] - begin[0] != 3 * count:
        return False
    size = 1
    while size < 2 * count:
        size *= 2
    table[:size] = -1
    for v in range(count):
        at = begin[0] + 3 * v
        if rings[begin[1] + v] != at + 3:
            return False
        x, y, z = numbers[at], numbers[at + 1], numbers[at + 2]
        if NULL in (x, y, z):
            return False
        mixed = (x * 31 + y) * 1_000_003 + z
        mixed = (mixed ^ (mixed >> 29)) * 6_364_136_223_846_793_005
        slot = (mixed ^ (mixed >> 32)) & (size - 1)
        while table[slot] >= 0:
            other = begin[0] + 3 * table[slot]
            if numbers[other] == x and numbers[other + 1] == y and numbers[other + 2] == z:
                break
            slot = (slot + 1) & (size - 1)
        if table[slot] < 0:
            table[slot] = v
        first[v] = table[slot]
    return True


@bare_kernel
def _look_at(numbers: Ints, corner: int, end: int, first: Ints, count: int) -> tuple[int, bool, int]:
    """Return how many corners of a ring differ from the one before, whether three differ, and the first that repeats.

    -1 corners: one names no vertex.
    """
    for k in range(corner, end):
        if not 0 <= numbers[k] < count:
            return -1, False, 0
    before = first[numbers[end - 1]]
    one = first[numbers[corner]]
    other, kept, several, repeated = one, 0, False, -1
    for k in range(corner, end):
        v = first[numbers[k]]
        if v != before:
            kept += 1
        elif k > corner and repeated < 0:
            repeated = v
        if v != one:
            several = several or (other not in (one, v))
            other = v if other == one else other
        before = v
    return kept, several, (one if repeated < 0 else repeated)


@bare_kernel
def _values_fit(cut: Cut, geometry: Ints) -> bool:
    """Tell whether the values of a geometry are as deep as its surfaces, where there are any."""
    return geometry[1] < 0 or cut.depth[geometry[1]] == (2 if geometry[3] == 1 else 1)


@bare_kernel
def _values_at(cut: Cut, geometry: Ints) -> int:
    """Return where the values of a geometry begin, -1 where it has none or not one for each surface."""
    surfaces = cut.start[geometry[0] + 1, 2] - cut.start[geometry[0], 2]
    if geometry[1] < 0 or cut.start[geometry[1] + 1, 0] - cut.start[geometry[1], 0] != surfaces:
        return -1
    return cut.start[geometry[1], 0]
