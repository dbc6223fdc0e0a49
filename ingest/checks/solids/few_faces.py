"""Faults of doubtful bodies, of some by a look at a few faces: where a face is faulty, nothing is looked at in the shell it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ingest.body_arrays import FACE, SHELL, BodyArrays, Doubts
from ingest.checks.solids.boundaries import ranges
from ingest.checks.solids.fault import Ints, SolidFault, Tolerances
from ingest.checks.solids.looks import LooksOfFile
from ingest.checks.solids.self_crossing import SWEPT
from ingest.checks.solids.validity import validity_faults
from ingest.readers.source import Makeup
from twin.representation import Faces

_SHARE = 0.5
"""Where more of the faces are doubtful, they are looked at once, with all the rest."""


def faults_of_doubtful(
    bodies: BodyArrays, doubts: Doubts, tolerances: Tolerances, looks: LooksOfFile
) -> Iterator[tuple[int, Sequence[SolidFault]]]:
    """Yield the doubtful bodies with their faults as `validity_faults` has them of whole bodies, of some by their doubtful faces alone.

    These tell all if rings were mended in reading, or each shell has a faulty face: rings and planes of all other faces are sound. What it
    takes to look at a few bodies hardly depends on how many they are: single faces and whole bodies are looked at together. Bodies take
    their ``looks`` in their order, so those that may take some (of several shells, or of a large one) wait for what is left of others to be
    looked at wholly.
    """
    takes_looks = (bodies.sizes(SHELL) > 1) | (bodies.sizes(FACE) > SWEPT)
    some: list[tuple[int, Ints]] = []
    whole: list[int] = []
    for body in np.flatnonzero(doubts.bodies).tolist():
        first, end = bodies.start[body, FACE], bodies.start[body + 1, FACE]
        faces = np.flatnonzero(doubts.faces[first:end])
        told = doubts.told.get(body)
        if told is not None and len(faces) <= _SHARE * (end - first) and _is_all(bodies, body, told):
            yield body, told
        elif told is None and 0 < len(faces) <= _SHARE * (end - first):
            some.append((body, faces))
        else:
            whole.append(body)
    left: list[int] = []
    if any(takes_looks[body] for body, _ in some):
        left = [body for body in whole if takes_looks[body]]
        whole = [body for body in whole if not takes_looks[body]]
    found = _faults_of(bodies, some, whole, doubts, tolerances, looks)
    for k, (body, faces) in enumerate(some):
        of_faces = [replace(f, face=int(faces[f.face])) for f in found[k] if f.face is not None]
        if _is_all(bodies, body, of_faces):
            yield body, of_faces
        else:
            left.append(body)
    yield from zip(whole, found[len(some) :], strict=True)
    left.sort()
    yield from zip(left, _faults_of(bodies, [], left, doubts, tolerances, looks), strict=True)


def _faults_of(
    bodies: BodyArrays,
    some: Sequence[tuple[int, Ints]],
    whole: Sequence[int],
    doubts: Doubts,
    tolerances: Tolerances,
    looks: LooksOfFile,
) -> list[list[SolidFault]]:
    """Return the faults of ``some`` faces of bodies, as if they were loose and all there is, and then of ``whole`` bodies."""
    numbers = [body for body, _ in some] + list(whole)
    found: list[list[SolidFault]] = [[] for _ in numbers]
    if not numbers:
        return found
    pieces = [_only(bodies.faces(body), faces) for body, faces in some]
    doubtful = [np.ones(len(faces), dtype=bool) for _, faces in some]
    doubtful += [doubts.faces[bodies.start[body, FACE] : bodies.start[body + 1, FACE]] for body in whole]
    makeups = [Makeup()] * len(some) + [bodies.makeup[body] for body in whole]
    for fault in validity_faults([*pieces, *map(bodies.faces, whole)], tolerances, makeups, np.concatenate(doubtful), looks):
        found[fault.body].append(replace(fault, body=numbers[fault.body]))
    return found


def _is_all(bodies: BodyArrays, body: int, faults: Sequence[SolidFault]) -> bool:
    """Tell whether nothing is looked at but faces: rings were mended, or each shell has a faulty face."""
    shell_ends = bodies.shell_ends[bodies.start[body, SHELL] : bodies.start[body + 1, SHELL]]
    shells = np.searchsorted(shell_ends, [f.face for f in faults if f.face is not None], side="right")
    return bool(bodies.makeup[body].mended) or set(range(len(shell_ends))) <= set(shells.tolist())


def _only(body: Faces, faces: Ints) -> Faces:
    """Return some faces of a body as loose ones, with their vertices, and the first one, from which places are counted."""
    face_start, ring_start = np.append(0, body.face_ends).astype(np.int64), np.append(0, body.ring_ends).astype(np.int64)
    rings = ranges(face_start[faces], face_start[faces + 1])
    indices = body.indices[ranges(ring_start[rings], ring_start[rings + 1])]
    used, names = np.unique(np.append(0, indices), return_inverse=True)
    return Faces(
        vertices=body.vertices[used],
        indices=names[1:].astype(np.uint32),
        ring_ends=np.cumsum(np.diff(ring_start)[rings]).astype(np.uint32),
        face_ends=np.cumsum(np.diff(face_start)[faces]).astype(np.uint32),
        surface_type=body.surface_type[faces],
        part=body.part[faces],
        shell_ends=body.shell_ends[:0],
        solid_ends=body.solid_ends[:0],
    )
