"""Bodies of which a look at a few faces tells all: where a face is faulty, nothing is looked at in the shell it is of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ingest.body_arrays import FACE, SHELL, BodyArrays, Doubts
from ingest.checks.solids.boundaries import ranges
from ingest.checks.solids.fault import Ints, SolidFault, Tolerances
from ingest.checks.solids.validity import validity_faults
from twin.representation import Faces

_SHARE = 0.5
"""Where more of the faces are doubtful, they are looked at once, with all the rest."""


def told_by_few_faces(bodies: BodyArrays, doubts: Doubts, tolerances: Tolerances) -> Iterator[tuple[int, Sequence[SolidFault]]]:
    """Yield the bodies whose doubtful faces alone tell what is wrong, with their faults as `validity_faults` has them of the whole body.

    So it is if rings were mended in reading, or each shell has a faulty face: rings and planes of all other faces are sound.
    """
    some: list[tuple[int, Ints]] = []
    for body in np.flatnonzero(doubts.bodies).tolist():
        first, end = bodies.start[body, FACE], bodies.start[body + 1, FACE]
        faces = np.flatnonzero(doubts.faces[first:end])
        if not 0 < len(faces) <= _SHARE * (end - first):
            continue
        if (told := doubts.told.get(body)) is None:
            some.append((body, faces))
        elif _is_all(bodies, body, told):
            yield body, told
    faults = validity_faults([_only(bodies.faces(body), faces) for body, faces in some], tolerances) if some else []
    by_position = {k: list(of) for k, of in itertools.groupby(faults, key=lambda f: f.body)}
    for k, (body, faces) in enumerate(some):
        found = [replace(f, body=body, face=int(faces[f.face])) for f in by_position.get(k, ()) if f.face is not None]
        if _is_all(bodies, body, found):
            yield body, found


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
