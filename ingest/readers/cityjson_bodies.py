"""Boundaries as flat arrays → bodies, for the features of many lines at once; what `cityjson_faces` does one feature at a time.

A feature is left out, and goes the other way, where an index names nothing or a shell has no face left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ingest.body_arrays import FACE
from ingest.compiled_bodies import CompiledBodies
from ingest.readers.cityjson_frame import Frame
from ingest.readers.cityjson_kernels import Cut, Ints, Made, Mask, build, placed
from ingest.readers.cityjson_plan import PlannedFeature, PlannedGeometry
from ingest.readers.cityjson_said import said_of
from ingest.readers.json_arrays import CutLines
from ingest.readers.json_surfaces import Meaning
from ingest.readers.source import Makeup, Mended


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
    surfaces: list[Ints] = field(default_factory=list)
    """(n, 3) pieces of what `said_of` takes, places in the text of the lines and behind it in ``more``."""
    count: int = 0
    """Of those surfaces."""
    more: bytearray = field(default_factory=bytearray)

    def add(self, feature: PlannedFeature, cut: CutLines) -> None:
        for lod, geometries in feature.levels:
            for g in geometries:
                surfaces = cut.surfaces_of(g.surfaces) if g.surfaces >= 0 else self._parsed(g.meanings, len(cut.text))
                self.geometries.append((g.boundaries, g.values, g.part, g.is_solid, self.count, len(surfaces)))
                self.surfaces.append(surfaces)
                self.count += len(surfaces)
            self.row.append(feature.row)
            self.lod.append(lod)
            self.makeup.append(_makeup(geometries))
            self.bodies.append((feature.vertices, len(self.geometries)))

    def _parsed(self, meanings: Sequence[Meaning], text_end: int) -> Ints:
        """Return surfaces that were not cut out, with their text added to ``more``."""
        found = np.empty((len(meanings), 3), dtype=np.int64)
        for k, (kind, said) in enumerate(meanings):
            begin = text_end + len(self.more)
            self.more += said
            found[k] = kind, begin, begin + len(said)
        return found


_NO_SOLID, _ONE_SOLID = Makeup(), Makeup((0,))


def _makeup(geometries: Sequence[PlannedGeometry]) -> Makeup:
    if not geometries[0].is_solid:
        return _NO_SOLID
    return _ONE_SOLID if len(geometries) == 1 else Makeup(tuple(range(len(geometries))))


def bodies_of(features: Sequence[PlannedFeature], cut: CutLines, frame: Frame) -> tuple[CompiledBodies | None, Sequence[int]]:
    """Return the bodies of ``features`` in the reference system, None of none; and the rows of those that cannot be built so."""
    tables = _Tables()
    for feature in features:
        tables.add(feature, cut)
    if not tables.bodies:
        return None, ()
    built, good = _built(tables, cut, frame)
    bad = {row for row, ok in zip(tables.row, good, strict=True) if not ok}
    if not bad:
        return built, ()
    return bodies_of([f for f in features if f.row not in bad], cut, frame)[0], sorted(bad)


def _built(tables: _Tables, cut: CutLines, frame: Frame) -> tuple[CompiledBodies, Mask]:
    bodies, geometries = np.array(tables.bodies, dtype=np.int64), np.array(tables.geometries, dtype=np.int64)
    surfaces = np.concatenate(tables.surfaces)
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
    build(Cut(cut.numbers, *cut.ends, cut.start, cut.depth), bodies, geometries, surfaces[:, 0].astype(np.uint8), scratch, made)
    v, i, r, f, s, k, mends = made.size.tolist()
    built = CompiledBodies(
        row=np.array(tables.row, dtype=np.int64),
        lod=tables.lod,
        surface_attributes=said_of(surfaces, cut.text + tables.more if tables.more else cut.text, made.meaning[:f], made.start[:, FACE]),
        makeup=_with_mended(tables.makeup, made.mended[:mends], cut, frame),
        start=made.start,
        vertices=placed(cut.numbers, made.place[:v], frame.scale, frame.translate),
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
