"""Boundaries as flat arrays → bodies, for the features of many lines at once; what `cityjson_faces` does one feature at a time.

Rings are mended as there. A feature is left out, and goes the other way, where an index names nothing or a shell has no face left.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX
from ingest.compiled_bodies import CompiledBodies
from ingest.readers.cityjson_faces import SURFACES, lod_of, surface_type
from ingest.readers.cityjson_frame import Frame, Json
from ingest.readers.json_arrays import BOUNDARIES, NULL, VALUES, VERTICES, CutLines
from ingest.readers.source import Makeup, Mended
from twin.kernel import kernel
from twin.representation import SurfaceType

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SOLID_DEPTH, _SURFACES_DEPTH, _CORNERS = 4, 3, 3
_MENDED = 6
"""Place of `Made.size`, behind those of `BodyArrays`."""
_TOO_FEW_POINTS, _SAME_POINTS, _SELF_INTERSECTION = 101, 102, 104


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Where one geometry's arrays are, and what its surfaces can mean."""

    boundaries: int
    values: int
    """-1: none."""
    part: int
    is_solid: bool
    meanings: Sequence[Json]


@dataclass(frozen=True, slots=True)
class PlannedFeature:
    """A feature whose bodies can be built from arrays: its row, its line's vertices, and its geometries level by level."""

    row: int
    vertices: int
    levels: Sequence[tuple[str, Sequence[_Geometry]]]
    """Rising; the solids of a level before its loose surfaces."""


def plan(row: int, parts: Sequence[tuple[int, Json]], vertices: object, cut: CutLines, line: int) -> PlannedFeature | None:
    """Return how to build the bodies of a feature whose objects are ``parts`` (number and object); None where it is not that simple.

    It is so only if the feature's geometries name every array that was cut out of the line.
    """
    first, end = int(cut.array_start[line]), int(cut.array_start[line + 1])
    taken: list[tuple[object, int]] = [(vertices, VERTICES)]
    levels: dict[str, list[_Geometry]] = {}
    for part, city_object in parts:
        for geometry in city_object.get("geometry") or ():
            made = _geometry(geometry, part, first, taken)
            if made is None:
                return None
            levels.setdefault(lod_of(geometry), []).append(made)
    numbers = {n for n, _ in taken if type(n) is int}
    if len(numbers) != len(taken) or len(taken) != end - first or any(cut.kind[first + int(n)] != k for n, k in taken):  # type: ignore[call-overload]
        return None
    if any(len({g.is_solid for g in level}) > 1 for level in levels.values()):
        return None  # surfaces may lend their meaning to a solid
    return PlannedFeature(row, first + int(vertices), sorted(levels.items()))  # type: ignore[call-overload]


def _geometry(geometry: Json, part: int, first: int, taken: list[tuple[object, int]]) -> _Geometry | None:
    kind = geometry.get("type")
    is_solid = kind == "Solid"
    if not is_solid and kind not in SURFACES:
        return None
    taken.append((geometry.get("boundaries"), BOUNDARIES))
    semantics = geometry.get("semantics")
    values, meanings = -1, ()
    if isinstance(semantics, dict):
        taken.append((semantics.get("values"), VALUES))
        meanings = semantics.get("surfaces") or ()
        values = first + int(semantics.get("values", -1))
    return _Geometry(first + int(geometry["boundaries"]), values, part, is_solid, meanings)


@dataclass
class _Tables:
    """The plan of many features as arrays for the kernel."""

    row: list[int] = field(default_factory=list)
    lod: list[str] = field(default_factory=list)
    makeup: list[Makeup] = field(default_factory=list)
    bodies: list[tuple[int, int]] = field(default_factory=list)
    """Vertices' array, geometries so far."""
    geometries: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    """Boundaries, values, part, is_solid, first meaning, how many."""
    meanings: list[Json] = field(default_factory=list)

    def add(self, feature: PlannedFeature) -> None:
        for lod, geometries in feature.levels:
            for g in geometries:
                self.geometries.append((g.boundaries, g.values, g.part, g.is_solid, len(self.meanings), len(g.meanings)))
                self.meanings.extend(g.meanings)
            self.row.append(feature.row)
            self.lod.append(lod)
            self.makeup.append(_MAKEUP if not geometries[0].is_solid else Makeup(tuple(range(len(geometries)))))
            self.bodies.append((feature.vertices, len(self.geometries)))


_MAKEUP = Makeup()


def bodies_of(features: Sequence[PlannedFeature], cut: CutLines, frame: Frame) -> tuple[CompiledBodies | None, Sequence[int]]:
    """Return the bodies of ``features`` in the reference system, None of none; and the rows of those that cannot be built so."""
    while True:
        tables = _Tables()
        for feature in features:
            tables.add(feature)
        if not tables.bodies:
            return None, ()
        built, good = _built(tables, cut, frame)
        if good.all():
            return built, ()
        bad = {row for row, ok in zip(tables.row, good, strict=True) if not ok}
        return bodies_of([f for f in features if f.row not in bad], cut, frame)[0], sorted(bad)


def _built(tables: _Tables, cut: CutLines, frame: Frame) -> tuple[CompiledBodies, Mask]:
    bodies, geometries = np.array(tables.bodies, dtype=np.int64), np.array(tables.geometries, dtype=np.int64)
    types = np.array([surface_type(m) for m in tables.meanings], dtype=np.uint8)
    used = geometries[:, 0]
    room = (cut.start[used + 1] - cut.start[used]).sum(axis=0)
    of_vertices = bodies[:, 0]
    scratch = int(((cut.start[of_vertices + 1] - cut.start[of_vertices])[:, 1]).max(initial=0))
    corners, rings, faces, shells = (int(n) for n in room)
    made = Made(
        good=np.zeros(len(bodies), dtype=bool),
        start=np.zeros((len(bodies) + 1, 6), dtype=np.int64),
        place=np.empty(corners, dtype=np.int64),
        meaning=np.empty(faces, dtype=np.int64),
        indices=np.empty(corners, dtype=np.uint32),
        ring_ends=np.empty(rings, dtype=np.uint32),
        face_ends=np.empty(faces, dtype=np.uint32),
        shell_ends=np.empty(shells, dtype=np.uint32),
        solid_ends=np.empty(len(geometries), dtype=np.uint32),
        surface_type=np.empty(faces, dtype=np.uint8),
        part=np.empty(faces, dtype=np.uint16),
        mended=np.empty((rings, 3), dtype=np.int64),
        size=np.zeros(7, dtype=np.int64),
    )
    build(Cut(cut.numbers, *cut.ends, cut.start, cut.depth), bodies, geometries, types, scratch, made)
    v, i, r, f, s, k, mends = made.size.tolist()
    built = CompiledBodies(
        row=np.array(tables.row, dtype=np.int64),
        lod=tables.lod,
        surface_attributes=_said(tables.meanings, types, made.meaning, made.start[:, FACE]),
        makeup=_with_mended(tables.makeup, made.mended[:mends], cut, frame),
        start=made.start,
        vertices=cut.numbers[made.place[:v, None] + np.arange(3)] * frame.scale + frame.translate,
        indices=made.indices[:i],
        ring_ends=made.ring_ends[:r],
        face_ends=made.face_ends[:f],
        shell_ends=made.shell_ends[:s],
        solid_ends=made.solid_ends[:k],
        surface_type=made.surface_type[:f],
        part=made.part[:f],
    )
    return built, made.good


def _with_mended(makeups: Sequence[Makeup], mended: Ints, cut: CutLines, frame: Frame) -> Sequence[Makeup]:
    if not len(mended):
        return makeups
    found: dict[int, list[Mended]] = {}
    places = cut.numbers[mended[:, 2, None] + np.arange(2)] * frame.scale[:2] + frame.translate[:2]
    for (body, code, _), (x, y) in zip(mended.tolist(), places.tolist(), strict=True):
        found.setdefault(body, []).append(Mended(code, (x, y)))
    return [replace(m, mended=tuple(found[b])) if b in found else m for b, m in enumerate(makeups)]


def _said(meanings: Sequence[Json], types: npt.NDArray[np.uint8], meaning: Ints, face_start: Ints) -> list[str | None]:
    """Return for each body what the source says of single surfaces beyond a known type, as `FacesBuilder` notes it."""
    beyond = [{k: v for k, v in m.items() if k not in ("type", "parent", "children")} for m in meanings]
    noted = [bool(b) or t == SurfaceType.OTHER for b, t in zip(beyond, types.tolist(), strict=True)]
    starts, of_face = face_start.tolist(), meaning.tolist()
    said: list[str | None] = []
    for first, end in itertools.pairwise(starts):
        faces: dict[int, list[int]] = {}
        for face in range(first, end):
            m = of_face[face]
            if m >= 0 and noted[m]:
                faces.setdefault(m, []).append(face - first)
        entries = [{"faces": numbers, "type": meanings[m].get("type"), **beyond[m]} for m, numbers in faces.items()]
        said.append(orjson.dumps(entries).decode() if entries else None)
    return said


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
        made.start[body] = made.size[:6]
        if bodies[body, 0] != known:
            known = bodies[body, 0]
            sound = cut.depth[known] == 2 and _number_places(
                cut.numbers, cut.rings, cut.start[known], cut.start[known + 1], line.first, table
            )
            line.drawn[:] = -1
        good = sound
        while good and g < bodies[body, 1]:
            good = _add_geometry(cut, known, geometries[g], types, line, body, made)
            g += 1
        g = bodies[body, 1]
        made.good[body] = good and made.size[FACE] > made.start[body, FACE]
        if not made.good[body]:
            made.size[:6] = made.start[body]
    made.start[len(bodies)] = made.size[:6]


@kernel
def _add_geometry(cut: Cut, vertices: int, geometry: Ints, types: npt.NDArray[np.uint8], line: Numbering, body: int, made: Made) -> bool:
    """Add the surfaces of one geometry; False where it is not as it should be or a shell has none left."""
    this, solid, size = geometry[0], geometry[3] == 1, made.size
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


@kernel
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


@kernel
def _add_corner(coordinates: int, v: int, line: Numbering, body: int, made: Made) -> None:
    size = made.size
    if line.drawn[v] != body:
        line.drawn[v] = body
        line.number[v] = size[VERTEX] - made.start[body, VERTEX]
        made.place[size[VERTEX]] = coordinates + 3 * v
        size[VERTEX] += 1
    made.indices[size[INDEX]] = line.number[v]
    size[INDEX] += 1


@kernel
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


@kernel
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


@kernel
def _values_fit(cut: Cut, geometry: Ints) -> bool:
    """Tell whether the values of a geometry are as deep as its surfaces, where there are any."""
    return geometry[1] < 0 or cut.depth[geometry[1]] == (2 if geometry[3] == 1 else 1)


@kernel
def _values_at(cut: Cut, geometry: Ints) -> int:
    """Return where the values of a geometry begin, -1 where it has none or not one for each surface."""
    surfaces = cut.start[geometry[0] + 1, 2] - cut.start[geometry[0], 2]
    if geometry[1] < 0 or cut.start[geometry[1] + 1, 0] - cut.start[geometry[1], 0] != surfaces:
        return -1
    return cut.start[geometry[1], 0]
