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
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

_SOLID_DEPTH, _SURFACES_DEPTH, _CORNERS = 4, 3, 3
_MENDED = 6
"""Place of `Made.size`, behind those of `BodyArrays`."""
_ONE, _HALF = np.uint64(1), np.uint64(32)
_MIXED = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93))
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
    """Vertices of the line at hand, and corners of the geometry at hand."""

    first: Ints
    """Vertex → the first at its place."""
    place: Ints
    """Vertex → where it is in `Made.place`; before the body's first, when it is no corner of that yet."""
    corners: Ints
    """Of each the first vertex at its place."""


@kernel
def build(cut: Cut, bodies: Ints, geometries: Ints, types: npt.NDArray[np.uint8], vertices: int, corners: int, made: Made) -> None:
    """Fill ``made`` with the bodies of the plan; no line has more than so many ``vertices``, no geometry more ``corners``."""
    line = Numbering(np.empty(vertices, dtype=np.int64), np.empty(vertices, dtype=np.int64), np.empty(corners, dtype=np.int64))
    table = np.zeros(8 * vertices + 8, dtype=np.uint64)
    known, sound, good, g = -1, False, False, 0
    for body in range(len(bodies)):
        for k in range(_MENDED):  # a slice would be copied on its way
            made.start[body, k] = made.size[k]
        if bodies[body, 0] != known or not good:  # vertices of a body that is not good have places that others will have
            known = bodies[body, 0]
            sound = 0 <= known < len(cut.depth) and cut.depth[known] == 2
            sound = sound and cut.start[known + 1, 1] - cut.start[known, 1] <= vertices
            sound = sound and _number_places(cut.numbers, cut.rings, cut.start[known], cut.start[known + 1], line, table, body + 1)
        good = sound
        while good and g < min(bodies[body, 1], len(geometries)):
            good = _add_geometry(cut, known, geometries[g], types, line, body, made)
            g += 1
        g = bodies[body, 1]
        made.good[body] = good = good and made.size[FACE] > made.start[body, FACE]
        if not good:
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
    if not _find_corners(cut, vertices, cut.start[this, 0], cut.start[this + 1, 0], line):
        return False
    values = _values_at(cut, geometry)
    shell, shell_from, first_face = cut.start[this, 3], size[FACE], cut.start[this, 2]
    for face in range(first_face, cut.start[this + 1, 2]):
        ring = cut.start[this, 1] if face == first_face else cut.faces[face - 1]
        corner = cut.start[this, 0] if ring == cut.start[this, 1] else cut.rings[ring - 1]
        value = cut.numbers[values + face - first_face] if values >= 0 else NULL
        rings_before = size[RING]
        if not (value == NULL or 0 <= value < geometry[5]):
            return False
        _add_rings(cut, vertices, ring, cut.faces[face], corner, cut.start[this, 0], line, body, made)
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
def _find_corners(cut: Cut, vertices: int, begin: int, end: int, line: Numbering) -> bool:
    """Fill in the corners of a geometry; False where one names no vertex, or there is no room."""
    count, room = cut.start[vertices + 1, 1] - cut.start[vertices, 1], len(line.corners)
    if end - begin > room:
        return False
    for k in range(end - begin):
        v = cut.numbers[begin + k]
        if not 0 <= v < count:
            return False
        line.corners[k] = line.first[v]
    return True


@bare_kernel
def _add_rings(cut: Cut, vertices: int, ring: int, end_ring: int, corner: int, begin: int, line: Numbering, body: int, made: Made) -> None:
    """Add the rings of one surface, none without the exterior, and note which are mended; corners of its geometry begin at ``begin``."""
    exterior, rings_before, size = ring, made.size[RING], made.size
    for r in range(ring, end_ring):
        first, end = corner - begin, cut.rings[r] - begin
        kept, several, repeated = _look_at(line.corners, first, end)
        if kept < end - first or not several:
            code = _TOO_FEW_POINTS if end - first < _CORNERS else _SAME_POINTS if kept < end - first else _SELF_INTERSECTION
            mended = made.mended[size[_MENDED]]
            mended[0], mended[1], mended[2] = body, code, cut.start[vertices, 0] + 3 * repeated
            size[_MENDED] += 1
        if several and (r == exterior or size[RING] > rings_before):
            _add_corners(cut.start[vertices, 0], first, end, kept < end - first, line, body, made)
            made.ring_ends[size[RING]] = size[INDEX] - made.start[body, INDEX]
            size[RING] += 1
        corner = cut.rings[r]


@bare_kernel
def _add_corners(coordinates: int, first: int, end: int, is_mended: bool, line: Numbering, body: int, made: Made) -> None:
    """Add the corners of a ring that differ from the one before."""
    vertex, index, origin = made.size[VERTEX], made.size[INDEX], made.start[body, VERTEX]
    before = line.corners[end - 1]
    for k in range(first, end):
        v = line.corners[k]
        if is_mended and v == before:
            continue
        before, place = v, line.place[v]
        if place < origin:
            place = line.place[v] = vertex
            made.place[vertex] = coordinates + 3 * v
            vertex += 1
        made.indices[index] = place - origin
        index += 1
    made.size[VERTEX], made.size[INDEX] = vertex, index


@bare_kernel
def _number_places(numbers: Ints, rings: Ints, begin: Ints, end: Ints, line: Numbering, table: Words, this: int) -> bool:
    """Find the first vertex at the place of each, which is no corner yet; False when one is not of three numbers.

    ``table`` has vertices at slots that their places tell, with the line they are of, which is ``this`` one, above them.
    """
    count = end[1] - begin[1]
    if end[0] - begin[0] != 3 * count:
        return False
    bits = 1
    while 1 << bits < 4 * count:
        bits += 1
    stamp, shift, last = np.uint64(this) << _HALF, np.uint64(64 - bits), np.uint64((1 << bits) - 1)
    for v in range(count):
        at = begin[0] + 3 * v
        x, y, z = numbers[at], numbers[at + 1], numbers[at + 2]
        if rings[begin[1] + v] != at + 3 or NULL in (x, y, z):
            return False
        mixed = (np.uint64(x) * _MIXED[0]) ^ (np.uint64(y) * _MIXED[1]) ^ (np.uint64(z) * _MIXED[2])
        slot = ((mixed ^ (mixed >> _HALF)) * _MIXED[3]) >> shift
        found = v
        while table[slot] >= stamp:
            other = int(np.int64(table[slot] - stamp))
            place = begin[0] + 3 * other
            if numbers[place] == x and numbers[place + 1] == y and numbers[place + 2] == z:
                found = other
                break
            slot = (slot + _ONE) & last
        if found == v:
            table[slot] = stamp | np.uint64(v)
        line.first[v], line.place[v] = found, -1
    return True


@bare_kernel
def _look_at(corners: Ints, first: int, end: int) -> tuple[int, bool, int]:
    """Return how many corners of a ring differ from the one before, whether three differ, and the first that repeats."""
    before, kept = corners[end - 1], 0
    for k in range(first, end):
        kept += corners[k] != before
        before = corners[k]
    if kept == end - first and kept >= _CORNERS and corners[first] != corners[first + 2]:
        return kept, True, 0
    one = corners[first]
    other, several, repeated = one, False, -1
    before = corners[end - 1]
    for k in range(first, end):
        v = corners[k]
        if v == before and k > first and repeated < 0:
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
