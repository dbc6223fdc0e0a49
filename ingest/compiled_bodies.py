"""Bodies as flat arrays that compiled kernels go through: encoded all at once, and most told sound without a closer look."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.body_arrays import FACE, INDEX, RING, SHELL, SOLID, VERTEX, BodyArrays, Doubts, Floats, Ints, UInt32s
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.plain_bodies import doubts_about
from ingest.packed_bodies import packed
from twin.kernel import bare_kernel, kernel
from twin.representation import MM_PER_M, SurfaceType

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
        origin, extent_mm = np.empty((len(self), 3)), np.empty((len(self), 3), np.int64)
        if not _find_origins(self.start, self.vertices, origin, extent_mm):
            raise ValueError("vertices lie too far apart")
        return packed(self, origin, extent_mm)


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
def _find_origins(start: Ints, vertices: Floats, origin: Floats, extent_mm: Ints) -> bool:
    """Fill both (B, 3) as `twin.representation.encode` has them; False where vertices are not finite, or too far from the origin."""
    good = True
    for body in range(len(origin)):
        for axis in range(3):
            low, high = np.inf, -np.inf
            for v in range(start[body, VERTEX], start[body + 1, VERTEX]):
                place = np.rint(vertices[v, axis] * MM_PER_M)
                good = good and np.isfinite(vertices[v, axis])
                low, high = min(low, place), max(high, place)
            origin[body, axis] = np.floor((low + 0.0) / MM_PER_M) if high >= low else 0.0  # no −0.0, as there
            extent = high - origin[body, axis] * MM_PER_M
            good = good and extent <= _INT32_MAX
            extent_mm[body, axis] = np.int64(extent) if good and high >= low else 0
    return good


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
