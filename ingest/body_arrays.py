"""The 3D of a batch of rows as flat arrays: what is placed, checked and encoded of all bodies at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.checks.solids.fault import SolidFault, Tolerances
from ingest.readers.source import Makeup, Representation
from twin.face_textures import FaceTextures
from twin.representation import Faces, encode

Ints = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

VERTEX, INDEX, RING, FACE, SHELL, SOLID = range(6)
"""Columns of `BodyArrays.start`."""


@dataclass(frozen=True, slots=True, eq=False)
class Doubts:
    """What has to be looked at exactly to tell whether it is valid."""

    bodies: Mask
    """(B,)"""
    faces: Mask
    """(F,) of these bodies; the rings and the planes of all other faces are sound."""
    told: Mapping[int, Sequence[SolidFault]] = field(default_factory=dict)
    """By body what is wrong with its doubtful faces, by code, where all of it is known of each of them."""


@dataclass(frozen=True, slots=True, eq=False)
class BodyArrays(Sequence[Representation]):
    """B representations laid end to end; each is also to be had by itself. Numbers and ends count within a body, as in `Faces`."""

    row: Ints
    """(B,) position of the row in the batch, rising."""
    lod: Sequence[str]
    surface_attributes: pa.StringArray
    """(B,) JSON, null where a source says nothing of surfaces."""
    makeup: Sequence[Makeup]
    start: Ints
    """(B + 1, 6) where vertices, indices, rings, faces, shells and solids of each body begin."""
    vertices: Floats
    """(V, 3) metres."""
    indices: UInt32s
    ring_ends: UInt32s
    face_ends: UInt32s
    shell_ends: UInt32s
    solid_ends: UInt32s
    surface_type: npt.NDArray[np.uint8]
    part: npt.NDArray[np.uint16]
    textures: Sequence[FaceTextures | None] = ()
    """Of each body what its faces show; empty: none shows anything."""

    def __len__(self) -> int:
        return len(self.row)

    @overload
    def __getitem__(self, body: int) -> Representation: ...
    @overload
    def __getitem__(self, body: slice) -> Sequence[Representation]: ...
    def __getitem__(self, body: int | slice) -> Representation | Sequence[Representation]:
        """Return one representation, its arrays views of these."""
        if isinstance(body, slice):
            return [self._one(b) for b in range(*body.indices(len(self)))]
        if not -len(self) <= body < len(self):
            raise IndexError(body)
        return self._one(body % len(self))

    def __iter__(self) -> Iterator[Representation]:
        return map(self._one, range(len(self)))

    def _one(self, body: int) -> Representation:
        return Representation(
            int(self.row[body]), self.lod[body], self.faces(body), self.surface_attributes[body].as_py(), self.makeup[body]
        )

    def sizes(self, column: int) -> Ints:
        """Return (B,) how many vertices, indices… (`VERTEX`, `INDEX`, …) each body has."""
        return np.diff(self.start[:, column])

    def with_vertices(self, vertices: Floats) -> BodyArrays:
        """Return the same bodies elsewhere."""
        return replace(self, vertices=vertices)

    def boxes(self) -> tuple[Floats, Floats] | None:
        """Return (B, 3) least and greatest coordinates, NaN where some are not finite; None where nobody is quick about it."""
        return None

    def faces(self, body: int) -> Faces:
        """Return the faces of one body, views of these arrays."""
        v, i, r, f, s, k = (slice(a, b) for a, b in zip(self.start[body].tolist(), self.start[body + 1].tolist(), strict=True))
        return Faces(
            vertices=self.vertices[v],
            indices=self.indices[i],
            ring_ends=self.ring_ends[r],
            face_ends=self.face_ends[f],
            surface_type=self.surface_type[f],
            part=self.part[f],
            shell_ends=self.shell_ends[s],
            solid_ends=self.solid_ends[k],
            textures=self.textures[body] if self.textures else None,
        )

    def taken(self, wanted: Mask) -> BodyArrays:
        """Return the ``wanted`` (B,) ones."""
        return self if wanted.all() else laid_out([self._one(int(b)) for b in np.flatnonzero(wanted)])

    def encoded(self) -> pa.Array:
        """Return (B,) binary: each body as `twin.representation.encode` has it, whose ValueErrors it raises."""
        return pa.array([encode(body.faces) for body in self], pa.binary())

    def doubts(self, tolerances: Tolerances) -> Doubts:  # noqa: ARG002  # the same for all until somebody looks
        """Return what may have a fault by ``tolerances``; all else has none."""
        return Doubts(np.ones(len(self), dtype=bool), np.ones(len(self.face_ends), dtype=bool))


def laid_out(bodies: Iterable[Representation]) -> BodyArrays:
    """Return representations as arrays; those that are already are not touched."""
    if isinstance(bodies, BodyArrays):
        return bodies
    some = list(bodies)
    faces = [b.faces for b in some]
    columns = ("vertices", "indices", "ring_ends", "face_ends", "shell_ends", "solid_ends")
    sizes = np.array([[len(getattr(f, c)) for c in columns] for f in faces], dtype=np.int64).reshape(-1, 6)

    def joined(take: Callable[[Faces], np.ndarray], dtype: type[np.generic]) -> np.ndarray:
        return np.concatenate([take(f) for f in faces]).astype(dtype) if faces else np.empty(0, dtype)

    return BodyArrays(
        row=np.array([b.index for b in some], dtype=np.int64),
        lod=[b.lod for b in some],
        surface_attributes=pa.array([b.surface_attributes for b in some], pa.string()),
        makeup=[b.makeup for b in some],
        start=np.concatenate([np.zeros((1, 6), dtype=np.int64), np.cumsum(sizes, axis=0)]),
        vertices=joined(lambda f: f.vertices, np.float64).reshape(-1, 3),
        indices=joined(lambda f: f.indices, np.uint32),
        ring_ends=joined(lambda f: f.ring_ends, np.uint32),
        face_ends=joined(lambda f: f.face_ends, np.uint32),
        shell_ends=joined(lambda f: f.shell_ends, np.uint32),
        solid_ends=joined(lambda f: f.solid_ends, np.uint32),
        surface_type=joined(lambda f: f.surface_type, np.uint8),
        part=joined(lambda f: f.part, np.uint16),
        textures=[f.textures for f in faces] if any(f.textures is not None for f in faces) else (),
    )
