"""Boundaries as flat arrays → bodies, for the features of many lines at once; what `cityjson_faces` does one feature at a time.

Rings are mended as there. A feature is left out, and goes the other way, where an index names nothing or a shell has no face left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import orjson

from ingest.body_arrays import FACE
from ingest.compiled_bodies import CompiledBodies
from ingest.readers.cityjson_faces import SURFACES, lod_of, surface_type
from ingest.readers.cityjson_frame import Frame, Json
from ingest.readers.json_arrays import BOUNDARIES, NULL, VALUES, VERTICES, CutLines
from ingest.readers.source import Makeup, Mended
from twin.kernel import kernel
from twin.representation import SurfaceType

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SOLID_DEPTH, _SURFACES_DEPTH = 4, 3
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
    arrays = CompiledBodies(
        row=np.array(tables.row, dtype=np.int64),
        lod=tables.lod,
        surface_attributes=[],
        makeup=tables.makeup,
        start=np.zeros((len(bodies) + 1, 6), dtype=np.int64),
        vertices=np.empty((0, 3)),
        indices=np.empty(corners, dtype=np.uint32),
        ring_ends=np.empty(rings, dtype=np.uint32),
        face_ends=np.empty(faces, dtype=np.uint32),
        shell_ends=np.empty(shells, dtype=np.uint32),
        solid_ends=np.empty(len(geometries), dtype=np.uint32),
        surface_type=np.empty(faces, dtype=np.uint8),
        part=np.empty(faces, dtype=np.uint16),
    )
    good, place, meaning = np.zeros(len(bodies), dtype=bool), np.empty(corners, dtype=np.int64), np.empty(faces, dtype=np.int64)
    mended = np.empty((rings, 3), dtype=np.int64)
    mends = build(
        cut.numbers, *cut.ends, cut.start, cut.depth, bodies, geometries, types, scratch, good, arrays.start, place, meaning, arrays.indices,
        arrays.ring_ends, arrays.face_ends, arrays.shell_ends, arrays.solid_ends, arrays.surface_type, arrays.part, mended,
    )  # fmt: skip
    v, i, r, f, s, k = arrays.start[-1].tolist()
    corners_at = cut.numbers[place[:v, None] + np.arange(3)]
    built = CompiledBodies(
        arrays.row, arrays.lod, _said(tables.meanings, types, meaning, arrays.start[:, FACE]), _with_mended(arrays.makeup, mended[:mends], cut, frame), arrays.start,
        corners_at * frame.scale + frame.translate, arrays.indices[:i], arrays.ring_ends[:r], arrays.face_ends[:f], arrays.shell_ends[:s],
        arrays.solid_ends[:k], arrays.surface_type[:f], arrays.part[:f],
    )  # fmt: skip
    return built, good


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
    for first, end in zip(starts, starts[1:], strict=False):
        faces: dict[int, list[int]] = {}
        for face in range(first, end):
            m = of_face[face]
            if m >= 0 and noted[m]:
                faces.setdefault(m, []).append(face - first)
        entries = [{"faces": numbers, "type": meanings[m].get("type"), **beyond[m]} for m, numbers in faces.items()]
        said.append(orjson.dumps(entries).decode() if entries else None)
    return said


@kernel
def build(  
    numbers: Ints, rings: Ints, faces: Ints, shells: Ints, array_start: Ints, depth: Ints, bodies: Ints, geometries: Ints,
    types: npt.NDArray[np.uint8], scratch: int, good: Mask, start: Ints, place: Ints, meaning: Ints, indices: npt.NDArray[np.uint32],
    ring_ends: npt.NDArray[np.uint32], face_ends: npt.NDArray[np.uint32], shell_ends: npt.NDArray[np.uint32],
    solid_ends: npt.NDArray[np.uint32], surface_type: npt.NDArray[np.uint8], part: npt.NDArray[np.uint16], mended: Ints,
) -> int:  # fmt: skip
    """Fill everything from ``good`` on, and return how many rings were mended; a body that is not good is empty."""
    first = np.empty(scratch, dtype=np.int64)
    number = np.empty(scratch, dtype=np.int64)
    drawn = np.full(scratch, -1, dtype=np.int64)
    table = np.empty(4 * scratch + 4, dtype=np.int64)
    size = np.zeros(7, dtype=np.int64)
    known, sound = -1, False
    g = 0
    for body in range(len(bodies)):
        start[body] = size[:6]
        if bodies[body, 0] != known:
            known = bodies[body, 0]
            sound = depth[known] == 2 and _number_places(numbers, rings, array_start[known], array_start[known + 1], first, table)
            drawn[:] = -1
        ok = sound
        count = array_start[known + 1, 1] - array_start[known, 1]
        while ok and g < bodies[body, 1]:
            this = geometries[g, 0]
            solid = geometries[g, 3] == 1
            ok = depth[this] == (_SOLID_DEPTH if solid else _SURFACES_DEPTH) and _are_numbered(geometries[g], array_start, depth)
            if not ok:
                break
            values = _values_at(geometries[g], array_start)
            shell_at = array_start[this, 3]
            shell_from = size[3]
            for face in range(array_start[this, 2], array_start[this + 1, 2]):
                ring = array_start[this, 1] if face == array_start[this, 2] else faces[face - 1]
                corner = array_start[this, 0] if ring == array_start[this, 1] else rings[ring - 1]
                value = numbers[values + face - array_start[this, 2]] if values >= 0 else NULL
                ok = ok and (value == NULL or 0 <= value < geometries[g, 5])
                exterior, kept_rings = ring, size[2]
                while ok and ring < faces[face]:
                    end = rings[ring]
                    kept, several, repeated = _look_at(numbers, corner, end, first, count)
                    ok = kept >= 0
                    if ok and (kept < end - corner or not several):
                        mended[size[6], 0] = body
                        mended[size[6], 1] = (
                            _TOO_FEW_POINTS if end - corner < 3 else _SAME_POINTS if kept < end - corner else _SELF_INTERSECTION
                        )
                        mended[size[6], 2] = array_start[known, 0] + 3 * repeated
                        size[6] += 1
                    if ok and several and (ring == exterior or size[2] > kept_rings):
                        before = first[numbers[end - 1]]
                        for k in range(corner, end):
                            v = first[numbers[k]]
                            if v == before:
                                continue
                            before = v
                            if drawn[v] != body:
                                drawn[v] = body
                                number[v] = size[0] - start[body, 0]
                                place[size[0]] = array_start[known, 0] + 3 * v
                                size[0] += 1
                            indices[size[1]] = number[v]
                            size[1] += 1
                        ring_ends[size[2]] = size[1] - start[body, 1]
                        size[2] += 1
                    corner = end
                    ring += 1
                if not ok:
                    break
                if size[2] > kept_rings:
                    face_ends[size[3]] = size[2] - start[body, 2]
                    meaning[size[3]] = -1 if value == NULL else geometries[g, 4] + value
                    surface_type[size[3]] = 0 if value == NULL else types[geometries[g, 4] + value]
                    part[size[3]] = geometries[g, 2]
                    size[3] += 1
                if solid and face + 1 == shells[shell_at]:
                    ok = size[3] > shell_from
                    shell_from = size[3]
                    shell_ends[size[4]] = size[3] - start[body, 3]
                    size[4] += 1
                    shell_at += 1
            if solid:
                solid_ends[size[5]] = size[4] - start[body, 4]
                size[5] += 1
            g += 1
        g = bodies[body, 1]
        good[body] = ok and size[3] > start[body, 3]
        if not good[body]:
            size[:6] = start[body]
    start[len(bodies)] = size[:6]
    return size[6]


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
        if x == NULL or y == NULL or z == NULL:
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
    """Return how many corners of a ring differ from the one before (-1: one names nothing), whether three differ, and the first that repeats."""
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
def _are_numbered(geometry: Ints, array_start: Ints, depth: Ints) -> bool:
    """Tell whether the values of a geometry are as deep as its surfaces, where there are any."""
    return geometry[1] < 0 or depth[geometry[1]] == (2 if geometry[3] == 1 else 1)


@kernel
def _values_at(geometry: Ints, array_start: Ints) -> int:
    """Return where the values of a geometry begin, -1 where it has none or not one for each surface."""
    surfaces = array_start[geometry[0] + 1, 2] - array_start[geometry[0], 2]
    if geometry[1] < 0 or array_start[geometry[1] + 1, 0] - array_start[geometry[1], 0] != surfaces:
        return -1
    return array_start[geometry[1], 0]
