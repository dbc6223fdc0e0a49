"""Bodies as flat arrays that compiled kernels go through: encoded all at once, and most told sound without a closer look."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX, BodyArrays, Doubts, Floats, Ints, UInt32s
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.plain_bodies import doubts_about
from twin.kernel import kernel
from twin.representation import HEAD_BYTES, MAGIC, MM_PER_M, SurfaceType

Bytes = npt.NDArray[np.uint8]
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBodies(BodyArrays):
    """Bodies of a reader whose kernels stand ready."""

    def doubts(self, tolerances: Tolerances) -> Doubts:
        """Return what may have a fault by ``tolerances``; all else has none."""
        return doubts_about(self, tolerances) if len(self) else Doubts(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))

    def _malformed(self) -> int:
        """Return the first body that `twin.representation.check` would not let pass, -1 if all are well-formed."""
        ends = (self.ring_ends, self.face_ends, self.shell_ends, self.solid_ends)
        return _first_malformed(self.start, self.indices, *ends, self.surface_type, max(SurfaceType))

    def encoded(self) -> pa.Array:
        """Return (B,) binary: each body as `twin.representation.encode` has it; ValueError when malformed, or over more than 2147 km."""
        if self.textures:
            return BodyArrays.encoded(self)
        if not len(self):
            return pa.array([], pa.binary())
        millimetres = np.rint(self.vertices * MM_PER_M) + 0.0  # no −0.0, as there
        low, high = (f.reduceat(millimetres, self.start[:-1, VERTEX], axis=0) for f in (np.minimum, np.maximum))
        origin = np.floor(low / MM_PER_M)
        if (malformed := self._malformed()) >= 0:
            raise ValueError(f"body {malformed} is malformed")
        if not np.isfinite(self.vertices).all() or (high - origin * MM_PER_M).max(initial=0.0) > _INT32_MAX:
            raise ValueError("vertices lie too far apart")
        lengths = HEAD_BYTES + (np.diff(self.start, axis=0) * [12, 4, 4, 7, 4, 4]).sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        if offsets[-1] > _INT32_MAX:
            raise ValueError("more than 2 GB of 3D in a batch")
        content = np.empty(int(offsets[-1]), dtype=np.uint8)
        magic = np.frombuffer(MAGIC, dtype=np.uint8)
        arrays = (self.indices, self.ring_ends, self.face_ends, self.shell_ends, self.solid_ends, self.part, self.surface_type)
        _encode(content, offsets, magic, self.start, origin, self.vertices, *arrays)
        return pa.Array.from_buffers(pa.binary(), len(self), [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)])


def compiled(bodies: BodyArrays) -> CompiledBodies:
    """Return the same bodies, for the kernels to go through."""
    return CompiledBodies(*(getattr(bodies, f.name) for f in fields(bodies)))


@kernel
def _encode(
    content: Bytes, offsets: Ints, magic: Bytes, start: Ints, origin: Floats, vertices: Floats, indices: UInt32s, ring_ends: UInt32s,
    face_ends: UInt32s, shell_ends: UInt32s, solid_ends: UInt32s, part: npt.NDArray[np.uint16], surface_type: Bytes,
) -> None:  # fmt: skip
    for body in range(len(offsets) - 1):
        at = offsets[body]
        first, last = start[body], start[body + 1]
        content[at : at + 4] = magic
        content[at + 4 : at + 28].view(np.uint32)[:] = (last - first).astype(np.uint32)
        content[at + 28 : at + 52].view(np.float64)[:] = origin[body]
        at += 52
        places = content[at : at + 12 * (last[0] - first[0])].view(np.int32)
        for v in range(last[0] - first[0]):
            for axis in range(3):
                places[3 * v + axis] = np.int32(np.rint(vertices[first[0] + v, axis] * MM_PER_M) - origin[body, axis] * MM_PER_M)
        at = _put(content, at + 12 * (last[0] - first[0]), indices[first[1] : last[1]])
        at = _put(content, at, ring_ends[first[2] : last[2]])
        at = _put(content, at, face_ends[first[3] : last[3]])
        at = _put(content, at, shell_ends[first[4] : last[4]])
        at = _put(content, at, solid_ends[first[5] : last[5]])
        parts = content[at : at + 2 * (last[3] - first[3])].view(np.uint16)
        parts[:] = part[first[3] : last[3]]
        at += 2 * (last[3] - first[3])
        content[at : at + last[3] - first[3]] = surface_type[first[3] : last[3]]


@kernel
def _first_malformed(
    start: Ints,
    indices: UInt32s,
    ring_ends: UInt32s,
    face_ends: UInt32s,
    shell_ends: UInt32s,
    solid_ends: UInt32s,
    types: Bytes,
    last_type: int,
) -> int:
    for body in range(len(start) - 1):
        vertices, corners, rings, faces, shells, _ = start[body + 1] - start[body]
        first, last = start[body], start[body + 1]
        good = _rise(ring_ends[first[RING] : last[RING]], corners, 3) and _rise(face_ends[first[FACE] : last[FACE]], rings, 1)
        bounding = shell_ends[last[SHELL] - 1] if shells else 0
        good = good and bounding <= faces and _rise(shell_ends[first[SHELL] : last[SHELL]], bounding, 1)
        good = good and _rise(solid_ends[first[SOLID] : last[SOLID]], shells, 1)
        for corner in range(first[INDEX], last[INDEX]):
            good = good and indices[corner] < vertices
        for face in range(first[FACE], last[FACE]):
            good = good and types[face] <= last_type
        if not good:
            return body
    return -1


@kernel
def _rise(ends: UInt32s, last: int, least: int) -> bool:
    """Tell whether each end lies ``least`` or more after the one before, and the last is ``last``."""
    before = np.int64(0)
    for end in ends:
        if np.int64(end) - before < least:
            return False
        before = np.int64(end)
    return bool(before == last)


@kernel
def _put(content: Bytes, at: int, numbers: UInt32s) -> int:
    content[at : at + 4 * len(numbers)].view(np.uint32)[:] = numbers
    return at + 4 * len(numbers)
