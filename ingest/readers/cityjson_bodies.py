"""Boundaries as flat arrays → bodies, for the features of many lines at once; what `cityjson_faces` does one feature at a time.

A feature is left out, and goes the other way, where an index names nothing or a shell has no face left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ingest.body_arrays import FACE
from ingest.checks.solids.boundaries import ranges
from ingest.compiled_bodies import CompiledBodies
from ingest.readers.cityjson_frame import Frame
from ingest.readers.cityjson_kernels import Bytes, Cut, Ints, Made, Mask, build, placed
from ingest.readers.cityjson_plan import Plan, PlannedFeatures, PlannedGeometry
from ingest.readers.cityjson_said import said_of
from ingest.readers.json_arrays import CutLines
from ingest.readers.json_surfaces import Meaning
from ingest.readers.source import Makeup, Mended


class _Tables(NamedTuple):
    """The plans of many features as arrays for the kernel."""

    row: Ints
    lod: Sequence[str]
    makeup: Sequence[Makeup]
    bodies: Ints
    """(B, 2) vertices' array, geometries so far."""
    geometries: Ints
    """(G, 6) boundaries, values, part, is_solid, first meaning, how many."""
    surfaces: Ints
    """(M, 3) pieces of what `said_of` takes, places in the text of the lines and behind it in ``more``."""
    more: bytes


@dataclass
class _Plans:
    """All plans of some features, each once."""

    lods: list[tuple[str, ...]] = field(default_factory=list)
    makeups: list[tuple[Makeup, ...]] = field(default_factory=list)
    bodies: list[tuple[int, int]] = field(default_factory=list)
    """Of all plans: vertices, geometries of the level."""
    geometries: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    """Boundaries, values, part, is_solid, surfaces, number in ``meanings`` (-1 for none)."""
    meanings: list[Sequence[Meaning]] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """Where bodies and geometries of each plan begin, and of one more."""

    def add(self, plan: Plan) -> None:
        """Add the next."""
        for _, geometries in plan.levels:
            self.bodies.append((plan.vertices, len(geometries)))
            for g in geometries:
                self.geometries.append((g.boundaries, g.values, g.part, g.is_solid, g.surfaces, len(self.meanings) if g.meanings else -1))
                if g.meanings:
                    self.meanings.append(g.meanings)
        self.lods.append(tuple(lod for lod, _ in plan.levels))
        self.makeups.append(tuple(_makeup(geometries) for _, geometries in plan.levels))
        self.starts.append((len(self.bodies), len(self.geometries)))


def _tables(features: PlannedFeatures, cut: CutLines) -> _Tables:
    plans = _Plans()
    for plan in features.plans:
        plans.add(plan)
    number, first = features.plan, features.first
    starts = np.array(plans.starts, dtype=np.int64)
    begin, end = starts[:-1][number], starts[1:][number]
    levels, count = (end - begin).T
    bodies = np.array(plans.bodies, dtype=np.int64).reshape(-1, 2)[ranges(begin[:, 0], end[:, 0])]
    bodies[:, 0] += np.repeat(first, levels)
    bodies[:, 1] = np.cumsum(bodies[:, 1])
    geometries = np.array(plans.geometries, dtype=np.int64).reshape(-1, 6)[ranges(begin[:, 1], end[:, 1])]
    of_line = np.repeat(first, count)
    geometries[:, 0] += of_line
    geometries[:, 1] += np.where(geometries[:, 1] >= 0, of_line, 0)
    surfaces, more = _meant(geometries, of_line, plans.meanings, cut)
    return _Tables(
        np.repeat(features.row, levels),
        [lod for n in number.tolist() for lod in plans.lods[n]],
        [makeup for n in number.tolist() for makeup in plans.makeups[n]],
        bodies,
        geometries,
        surfaces,
        more,
    )


def _meant(geometries: Ints, of_line: Ints, meanings: Sequence[Sequence[Meaning]], cut: CutLines) -> tuple[Ints, bytes]:
    """Return the surfaces of geometries, fill in where each one's begin and how many they are, and return the text that was not cut out."""
    cut_out, parsed = np.flatnonzero(geometries[:, 4] >= 0), np.flatnonzero(geometries[:, 5] >= 0)
    array = geometries[cut_out, 4] + of_line[cut_out]
    begin, end = cut.surface_start[array], cut.surface_start[array + 1]
    pieces, size, more = [cut.surfaces[ranges(begin, end)]], int((end - begin).sum()), bytearray()
    numbers = geometries[parsed, 5].tolist()
    geometries[:, 4:] = 0
    geometries[cut_out, 4], geometries[cut_out, 5] = np.cumsum(end - begin) - (end - begin), end - begin
    for geometry, number in zip(parsed.tolist(), numbers, strict=True):
        found = np.empty((len(meanings[number]), 3), dtype=np.int64)
        for k, (kind, said) in enumerate(meanings[number]):
            at = len(cut.text) + len(more)
            more += said
            found[k] = kind, at, at + len(said)
        pieces.append(found)
        geometries[geometry, 4:] = size, len(found)
        size += len(found)
    return np.concatenate(pieces), bytes(more)


_NO_SOLID, _ONE_SOLID = Makeup(), Makeup((0,))


def _makeup(geometries: Sequence[PlannedGeometry]) -> Makeup:
    if not geometries[0].is_solid:
        return _NO_SOLID
    return _ONE_SOLID if len(geometries) == 1 else Makeup(tuple(range(len(geometries))))


def bodies_of(features: PlannedFeatures, cut: CutLines, frame: Frame) -> tuple[CompiledBodies | None, Sequence[int]]:
    """Return the bodies of ``features`` in the reference system, None of none; and the rows of those that cannot be built so."""
    tables = _tables(features, cut)
    if not len(tables.bodies):
        return None, ()
    built, good = _built(tables, cut, frame)
    bad = np.unique(tables.row[~good])
    if not len(bad):
        return built, ()
    return bodies_of(features.of(~np.isin(features.row, bad)), cut, frame)[0], bad.tolist()


def _built(tables: _Tables, cut: CutLines, frame: Frame) -> tuple[CompiledBodies, Mask]:
    bodies, geometries, surfaces = tables.bodies, tables.geometries, tables.surfaces
    used = geometries[:, 0]
    sizes = cut.start[used + 1] - cut.start[used]
    corners, rings, faces, shells = sizes.sum(axis=0).tolist()
    of_vertices = bodies[:, 0]
    most_vertices = int((cut.start[of_vertices + 1, 1] - cut.start[of_vertices, 1]).max(initial=0))
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
    build(
        Cut(cut.numbers, *cut.ends, cut.start, cut.depth),
        bodies,
        geometries,
        surfaces[:, 0].astype(np.uint8),
        most_vertices,
        int(sizes[:, 0].max(initial=0)),
        made,
    )
    v, i, r, f, s, k, mends = made.size.tolist()
    built = CompiledBodies(
        row=tables.row,
        lod=tables.lod,
        surface_attributes=said_of(surfaces, _with_more(cut.text, tables.more), made.meaning[:f], made.start[:, FACE]),
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


def _with_more(text: Bytes, more: bytes) -> Bytes:
    return np.concatenate([text, np.frombuffer(more, dtype=np.uint8)]) if more else text


def _with_mended(makeups: Sequence[Makeup], mended: Ints, cut: CutLines, frame: Frame) -> Sequence[Makeup]:
    if not len(mended):
        return makeups
    found: dict[int, list[Mended]] = {}
    places = cut.numbers[mended[:, 2, None] + np.arange(2)] * frame.scale[:2] + frame.translate[:2]
    for (body, code, _), (x, y) in zip(mended.tolist(), places.tolist(), strict=True):
        found.setdefault(body, []).append(Mended(code, (x, y)))
    return [replace(m, mended=tuple(found[b])) if b in found else m for b, m in enumerate(makeups)]
