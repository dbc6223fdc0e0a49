"""Boundaries as flat arrays → bodies, for the features of many lines at once; what `cityjson_faces` does one feature at a time.

A feature is left out, and goes the other way, where an index names nothing or a shell has no face left.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import orjson

from ingest.body_arrays import FACE
from ingest.compiled_bodies import CompiledBodies
from ingest.readers.cityjson_faces import surface_type
from ingest.readers.cityjson_frame import Frame, Json
from ingest.readers.cityjson_kernels import Cut, Ints, Made, Mask, build
from ingest.readers.cityjson_plan import PlannedFeature, PlannedGeometry
from ingest.readers.json_arrays import CutLines
from ingest.readers.source import Makeup, Mended
from twin.representation import SurfaceType


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
            self.makeup.append(_makeup(geometries))
            self.bodies.append((feature.vertices, len(self.geometries)))


_RELATIVES = ("parent", "children")
_KNOWN = frozenset(("type", *_RELATIVES))
"""What a semantic surface says of itself that is kept otherwise, or not."""
_NO_SOLID, _ONE_SOLID = Makeup(), Makeup((0,))


def _makeup(geometries: Sequence[PlannedGeometry]) -> Makeup:
    if not geometries[0].is_solid:
        return _NO_SOLID
    return _ONE_SOLID if len(geometries) == 1 else Makeup(tuple(range(len(geometries))))


def bodies_of(features: Sequence[PlannedFeature], cut: CutLines, frame: Frame) -> tuple[CompiledBodies | None, Sequence[int]]:
    """Return the bodies of ``features`` in the reference system, None of none; and the rows of those that cannot be built so."""
    tables = _Tables()
    for feature in features:
        tables.add(feature)
    if not tables.bodies:
        return None, ()
    built, good = _built(tables, cut, frame)
    bad = {row for row, ok in zip(tables.row, good, strict=True) if not ok}
    if not bad:
        return built, ()
    return bodies_of([f for f in features if f.row not in bad], cut, frame)[0], sorted(bad)


def _built(tables: _Tables, cut: CutLines, frame: Frame) -> tuple[CompiledBodies, Mask]:
    bodies, geometries = np.array(tables.bodies, dtype=np.int64), np.array(tables.geometries, dtype=np.int64)
    types = _types_of(tables.meanings)
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
        surface_attributes=_said(tables.meanings, types, made),
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


def _types_of(meanings: Sequence[Json]) -> npt.NDArray[np.uint8]:
    """Return the stored type of each semantic surface; there are many of few."""
    names = [m.get("type") for m in meanings]
    known = {name: int(surface_type({"type": name})) for name in {n for n in names if type(n) is str}}
    return np.array([known[n] if type(n) is str else int(SurfaceType.OTHER) for n in names], dtype=np.uint8)


def _with_mended(makeups: Sequence[Makeup], mended: Ints, cut: CutLines, frame: Frame) -> Sequence[Makeup]:
    if not len(mended):
        return makeups
    found: dict[int, list[Mended]] = {}
    places = cut.numbers[mended[:, 2, None] + np.arange(2)] * frame.scale[:2] + frame.translate[:2]
    for (body, code, _), (x, y) in zip(mended.tolist(), places.tolist(), strict=True):
        found.setdefault(body, []).append(Mended(code, (x, y)))
    return [replace(m, mended=tuple(found[b])) if b in found else m for b, m in enumerate(makeups)]


def _said(meanings: Sequence[Json], types: npt.NDArray[np.uint8], made: Made) -> list[str | None]:
    """Return for each body what the source says of single surfaces beyond a known type, as `FacesBuilder` notes it.

    A body of which more is said than can be written as JSON (nested too deeply) is no longer good.
    """
    noted = (types == SurfaceType.OTHER) | np.array([len(m) > 1 and bool(m.keys() - _KNOWN) for m in meanings], dtype=bool)
    starts, of_face = made.start[:, FACE], made.meaning[: made.size[FACE]]
    said: list[str | None] = [None] * (len(starts) - 1)
    faces = np.flatnonzero(noted[of_face] & (of_face >= 0)) if len(noted) else np.empty(0, dtype=np.int64)
    if not len(faces):
        return said
    body = np.searchsorted(starts, faces, side="right") - 1
    numbers, ends, groups = _grouped(body, of_face[faces], faces - starts[body])
    entries: dict[int, list[Json]] = {}
    for (b, m), (first, end) in zip(groups, itertools.pairwise([0, *ends]), strict=True):
        entries.setdefault(b, []).append(_entry(numbers[first:end], meanings[m]))
    for b, of_body in entries.items():
        try:
            said[b] = orjson.dumps(of_body).decode()
        except orjson.JSONEncodeError:
            made.good[b] = False
    return said


def _entry(faces: list[int], meaning: Json) -> Json:
    entry = {"faces": faces, "type": None, **meaning}
    for relative in _RELATIVES:
        entry.pop(relative, None)
    return entry


def _grouped(body: Ints, meaning: Ints, number: Ints) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Return the numbers of faces by body and meaning, in the order of each one's first; where groups end; and what they are."""
    order = np.lexsort((number, meaning, body))
    begins = np.flatnonzero(np.diff(body[order], prepend=-1) | np.diff(meaning[order], prepend=-1))
    by_first = np.lexsort((number[order[begins]], body[order[begins]]))
    sizes = np.diff(np.append(begins, len(order)))[by_first]
    place = np.repeat(begins[by_first] - np.cumsum(sizes) + sizes, sizes) + np.arange(len(order))
    of_group = order[begins[by_first]]
    groups = list(zip(body[of_group].tolist(), meaning[of_group].tolist(), strict=True))
    return number[order[place]].tolist(), np.cumsum(sizes).tolist(), groups
