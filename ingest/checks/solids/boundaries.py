"""Many bodies as one set of flat arrays, so that a rule looks at all corners, rings, faces or shells of a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.checks.solids.fault import Floats, Ints, Mask
from twin.representation import Faces

LOOSE = -1
"""Shell of a face that bounds no solid."""


@dataclass(frozen=True, slots=True, eq=False)
class Boundaries:
    """Bodies laid end to end: C corners of R rings of F faces of S shells of K solids; numbers count through the batch.

    A shell has its vertices for itself: where two shells of a body name one vertex, each has its own.
    """

    xyz: Floats
    """(V, 3) metres from the origin of the body."""
    origin: Floats
    """(B, 3) of each body, in the CRS of the faces."""
    corner: Ints
    """(C,) vertex of each corner."""
    after: Ints
    """(C,) the next corner of the ring."""
    before: Ints
    """(C,) the corner before it in the ring."""
    ring_start: Ints
    """(R + 1,) first corner of each ring."""
    face_start: Ints
    """(F + 1,) first ring of each face; it is the exterior."""
    body_start: Ints
    """(B + 1,) first face of each body."""
    shell_start: Ints
    """(S,) first face of each shell."""
    shell_end: Ints
    """(S,) face after the last of each shell."""
    solid_start: Ints
    """(K + 1,) first shell of each solid; it is the exterior."""
    body_solid_start: Ints
    """(B + 1,) first solid of each body."""
    ring_of_corner: Ints
    face_of_corner: Ints
    body_of_face: Ints
    shell_of_face: Ints
    """(F,) or `LOOSE`."""

    def points(self) -> Floats:
        """Return (C, 3) the place of each corner from its body's origin."""
        return self.xyz[self.corner]

    def first_corner(self) -> Ints:
        """Return (F + 1,) the first corner of each face."""
        return self.ring_start[self.face_start]

    def corners_of(self, face: int) -> slice:
        """Return where the corners of a face are."""
        return slice(int(self.ring_start[self.face_start[face]]), int(self.ring_start[self.face_start[face + 1]]))

    def rings_of(self, face: int) -> list[slice]:
        """Return where the corners of each ring of a face are, the exterior first."""
        rings = range(int(self.face_start[face]), int(self.face_start[face + 1]))
        return [slice(int(self.ring_start[r]), int(self.ring_start[r + 1])) for r in rings]

    def place(self, face: int, point: Floats) -> tuple[float, float, float]:
        """Return a point of a face's body in the CRS of the faces."""
        x, y, z = point + self.origin[self.body_of_face[face]]
        return float(x), float(y), float(z)

    def number(self, face: int) -> int:
        """Return the number of a face within its body."""
        return int(face - self.body_start[self.body_of_face[face]])


def boundaries_of(bodies: Sequence[Faces]) -> Boundaries:
    """Lay bodies end to end; rings may have any number of corners, also too few."""
    vertices = [len(b.vertices) for b in bodies]
    vertex_start = _starts(vertices)
    all_xyz = np.concatenate([b.vertices for b in bodies]).astype(np.float64) if bodies else np.empty((0, 3))
    origin = _origins(all_xyz, vertex_start)
    xyz = all_xyz - np.repeat(origin, vertices, axis=0)
    corner = _joined([b.indices for b in bodies], vertex_start[:-1])
    corners, rings, faces = ([len(getattr(b, name)) for b in bodies] for name in ("indices", "ring_ends", "face_ends"))
    ring_start = np.concatenate([[0], _joined([b.ring_ends for b in bodies], _starts(corners)[:-1])])
    face_start = np.concatenate([[0], _joined([b.face_ends for b in bodies], _starts(rings)[:-1])])
    body_start = _starts(faces)
    shells = [len(b.shell_ends) for b in bodies]
    shell_end = _joined([b.shell_ends for b in bodies], body_start[:-1])
    shell_start = np.concatenate([[0], shell_end[:-1]]) if len(shell_end) else shell_end
    first_shell = _starts(shells)[:-1][np.array(shells, dtype=np.int64) > 0]
    shell_start[first_shell] = body_start[:-1][np.array(shells, dtype=np.int64) > 0]
    solid_start = np.concatenate([[0], _joined([b.solid_ends for b in bodies], _starts(shells)[:-1])])
    ring_of_corner = np.repeat(np.arange(len(ring_start) - 1), np.diff(ring_start))
    face_of_ring = np.repeat(np.arange(len(face_start) - 1), np.diff(face_start))
    shell_of_face = np.full(len(face_start) - 1, LOOSE)
    bounding = np.repeat(np.arange(len(shell_end)), shell_end - shell_start)
    shell_of_face[ranges(shell_start, shell_end)] = bounding
    face_of_corner = face_of_ring[ring_of_corner]
    xyz, corner = _vertices_by_shell(xyz, corner, shell_of_face[face_of_corner], np.repeat(shells, corners) > 1)
    after, before = neighbours(ring_start)
    return Boundaries(
        xyz=xyz,
        origin=origin,
        corner=corner,
        after=after,
        before=before,
        ring_start=ring_start,
        face_start=face_start,
        body_start=body_start,
        shell_start=shell_start,
        shell_end=shell_end,
        solid_start=solid_start,
        body_solid_start=_starts([len(b.solid_ends) for b in bodies]),
        ring_of_corner=ring_of_corner,
        face_of_corner=face_of_corner,
        body_of_face=np.repeat(np.arange(len(bodies)), faces),
        shell_of_face=shell_of_face,
    )


def sums(values: Floats, starts: Ints) -> Floats:
    """Return the sum of ``values`` over each run that ``starts`` (with the end as last) delimits; 0 over an empty run."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)]) if _has_empty(starts) else None
    if total is not None:
        return total[starts[1:]] - total[starts[:-1]]
    result: Floats = np.add.reduceat(values, starts[:-1], axis=0) if len(starts) > 1 else values[:0]
    return result


def greatest(values: Floats, starts: Ints) -> Floats:
    """Return the greatest of each run; none may be empty."""
    result: Floats = np.maximum.reduceat(values, starts[:-1], axis=0) if len(starts) > 1 else values[:0]
    return result


def least(values: Floats, starts: Ints) -> Floats:
    """Return the least of each run; none may be empty."""
    return -greatest(-values, starts)


def ranges(start: Ints, end: Ints) -> Ints:
    """Return every number from each start up to its end."""
    lengths = end - start
    return np.repeat(start - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths) + np.arange(int(lengths.sum()))


def neighbours(ring_start: Ints) -> tuple[Ints, Ints]:
    """Return for each corner the next one of its ring, and the one before."""
    some = np.diff(ring_start) > 0
    first, last = ring_start[:-1][some], ring_start[1:][some] - 1
    after, before = np.arange(1, ring_start[-1] + 1), np.arange(-1, ring_start[-1] - 1)
    after[last], before[first] = first, last
    return after, before


def _starts(lengths: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))]).astype(np.int64)


def _has_empty(starts: Ints) -> bool:
    return bool((np.diff(starts) == 0).any())


def _joined(arrays: Sequence[np.ndarray], offsets: Ints) -> Ints:
    if not arrays:
        return np.empty(0, dtype=np.int64)
    return np.concatenate(arrays).astype(np.int64) + np.repeat(offsets, [len(a) for a in arrays])


def _origins(xyz: Floats, vertex_start: Ints) -> Floats:
    """Whole metres near each body: what is subtracted is exact, so equal places stay equal."""
    origin = np.zeros((len(vertex_start) - 1, 3))
    some = np.diff(vertex_start) > 0
    origin[some] = np.floor(xyz[vertex_start[:-1][some]])
    return origin


def _vertices_by_shell(xyz: Floats, corner: Ints, shell: Ints, split: Mask) -> tuple[Floats, Ints]:
    if not split.any():
        return xyz, corner
    size = max(len(xyz), 1)
    own, place = np.unique((shell[split] + 1) * size + corner[split], return_inverse=True)
    corner = corner.copy()
    corner[split] = size + place.ravel()
    return np.concatenate([xyz, xyz[own % size]]), corner
