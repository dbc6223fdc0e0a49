"""Bodies as flat arrays that compiled kernels go through: encoded all at once, and most told sound without a closer look."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX, BodyArrays, Doubts, Floats, Ints, UInt32s
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.plain_bodies import doubts_about
from twin.kernel import bare_kernel, copy_bytes, kernel
from twin.representation import HEAD_BYTES, MAGIC, MM_PER_M, SurfaceType

Bytes = npt.NDArray[np.uint8]
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBodies(BodyArrays):
    """Bodies of a reader whose kernels stand ready."""

    def doubts(self, tolerances: Tolerances) -> Doubts:
        """Return what may have a fault by ``tolerances``; all else has none."""
        return doubts_about(self, tolerances) if len(self) else Doubts(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))

    def boxes(self) -> tuple[Floats, Floats]:
        """Return (B, 3) least and greatest coordinates, NaN where some are not finite."""
        low, high = np.empty((len(self), 3)), np.empty((len(self), 3))
        _find_boxes(self.start, self.vertices, low, high)
        return low, high

    def _malformed(self) -> int:
        """Return the first body that `twin.representation.check` would not let pass, -1 if all are well-formed."""
        ends = (self.ring_ends, self.face_ends, self.shell_ends, self.solid_ends)
        return _first_malformed(self.start, self.indices, *ends, self.surface_type, int(max(SurfaceType)))

    def encoded(self) -> pa.Array:
        """Return (B,) binary: each body as `twin.representation.encode` has it; ValueError when malformed, or over more than 2147 km."""
        if self.textures:
            return BodyArrays.encoded(self)
        if not len(self):
            return pa.array([], pa.binary())
        if (malformed := self._malformed()) >= 0:
            raise ValueError(f"body {malformed} is malformed")
        origin = np.empty((len(self), 3))
        if not _find_origins(self.start, self.vertices, origin):
            raise ValueError("vertices lie too far apart")
        lengths = HEAD_BYTES + (np.diff(self.start, axis=0) * [12, 4, 4, 7, 4, 4]).sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        if offsets[-1] > _INT32_MAX:
            raise ValueError("more than 2 GB of 3D in a batch")
        content = np.empty(int(offsets[-1]), dtype=np.uint8)
        magic = np.frombuffer(MAGIC, dtype=np.uint8)
        numbers = (self.indices, self.ring_ends, self.face_ends, self.shell_ends, self.solid_ends, self.part)
        arrays = (*(np.ascontiguousarray(a).view(np.uint8) for a in numbers), np.ascontiguousarray(self.surface_type))
        _encode(content, offsets, magic, self.start, origin, self.vertices, *arrays)
        return pa.Array.from_buffers(pa.binary(), len(self), [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)])


def compiled(bodies: BodyArrays) -> CompiledBodies:
    """Return the same bodies, for the kernels to go through."""
    return CompiledBodies(*(getattr(bodies, f.name) for f in fields(bodies)))


@kernel
def _find_boxes(start: Ints, vertices: Floats, low: Floats, high: Floats) -> None:
    for body in range(len(low)):
        for axis in range(3):
            least, greatest, tells = np.inf, -np.inf, 0.0
            for v in range(start[body, VERTEX], start[body + 1, VERTEX]):
                place = vertices[v, axis]
                tells += place - place  # not a number as soon as one is not finite
                least, greatest = min(least, place), max(greatest, place)
            low[body, axis], high[body, axis] = least + tells, greatest + tells


@kernel
def _find_origins(start: Ints, vertices: Floats, origin: Floats) -> bool:
    """Fill ``origin`` (B, 3) as `twin.representation.encode` has it; False where vertices are not finite, or too far from it."""
    good = True
    for body in range(len(origin)):
        for axis in range(3):
            low, high = np.inf, -np.inf
            for v in range(start[body, VERTEX], start[body + 1, VERTEX]):
                place = np.rint(vertices[v, axis] * MM_PER_M)
                good = good and np.isfinite(vertices[v, axis])
                low, high = min(low, place), max(high, place)
            origin[body, axis] = np.floor((low + 0.0) / MM_PER_M)  # no −0.0, as there
            good = good and high - origin[body, axis] * MM_PER_M <= _INT32_MAX
    return good


@kernel
def _encode(
    content: Bytes, offsets: Ints, magic: Bytes, start: Ints, origin: Floats, vertices: Floats, indices: Bytes, ring_ends: Bytes,
    face_ends: Bytes, shell_ends: Bytes, solid_ends: Bytes, part: Bytes, surface_type: Bytes,
) -> None:  # fmt: skip
    """Write each body from its place in ``offsets`` on; numbers as the bytes that they are."""
    for body in range(len(offsets) - 1):
        at = offsets[body]
        first, last = start[body], start[body + 1]
        copy_bytes(content, at, magic, 0, 4)
        sizes = content[at + 4 : at + 28].view(np.uint32)
        for k in range(6):
            sizes[k] = last[k] - first[k]
        places = content[at + 28 : at + 52].view(np.float64)
        for axis in range(3):
            places[axis] = origin[body, axis]
        at += 52
        corners = content[at : at + 12 * (last[VERTEX] - first[VERTEX])].view(np.int32)
        for v in range(last[VERTEX] - first[VERTEX]):
            for axis in range(3):
                place = np.rint(vertices[first[VERTEX] + v, axis] * MM_PER_M) - origin[body, axis] * MM_PER_M
                corners[3 * v + axis] = np.int32(place)
        at += 12 * (last[VERTEX] - first[VERTEX])
        at = _put(content, at, indices, 4 * first[INDEX], 4 * last[INDEX])
        at = _put(content, at, ring_ends, 4 * first[RING], 4 * last[RING])
        at = _put(content, at, face_ends, 4 * first[FACE], 4 * last[FACE])
        at = _put(content, at, shell_ends, 4 * first[SHELL], 4 * last[SHELL])
        at = _put(content, at, solid_ends, 4 * first[SOLID], 4 * last[SOLID])
        at = _put(content, at, part, 2 * first[FACE], 2 * last[FACE])
        _put(content, at, surface_type, first[FACE], last[FACE])


@bare_kernel
def _put(content: Bytes, at: int, numbers: Bytes, first: int, end: int) -> int:
    copy_bytes(content, at, numbers, first, end - first)
    return at + end - first


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


@bare_kernel
def _rise(ends: UInt32s, last: int, least: int) -> bool:
    """Tell whether each end lies ``least`` or more after the one before, and the last is ``last``."""
    before = np.int64(0)
    for end in ends:
        if np.int64(end) - before < least:
            return False
        before = np.int64(end)
    return bool(before == last)
