"""Areas as arrays of rings and coordinates: most of a file's rows pass every geometry rule without a geometry being made of them.

What is certain of a row is told by compiled loops (`ingest.compiled_areas`); any row about which there is the least doubt becomes a
geometry and goes the way of all others, so that what is found in a file does not depend on this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest import compiled_areas as kernels

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Geometries = npt.NDArray[np.object_]
_HEAD_BYTES, _COUNT_BYTES = 22, 4
_OFFSETS = {pa.binary(): np.int32, pa.large_binary(): np.int64}


@dataclass(frozen=True, slots=True)
class Areas:
    """Rows that are one polygon each, of closed rings."""

    rows: Ints
    """Their positions in the batch, ascending."""
    ring_starts: Ints
    """Where each ring begins among the vertices, and the end of the last."""
    row_starts: Ints
    """Where each row begins among the rings, and the end of the last; its first ring is the shell."""
    xyz: Floats
    """(vertices, 3); z is NaN where the source has none."""
    are_sound: bool = False
    """Whether all are known to be valid polygons, of so many vertices as `ingest.sure_areas.sound` looks at."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @staticmethod
    def none() -> Areas:
        """Return no rows."""
        return Areas(np.empty(0, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64), np.empty((0, 3)))

    @property
    def vertex_starts(self) -> Ints:
        """Where each row begins among the vertices, and the end of the last."""
        return self.ring_starts[self.row_starts]

    @property
    def vertices(self) -> Ints:
        """How many vertices each row has."""
        return np.diff(self.vertex_starts)

    def of(self, chosen: Mask) -> Areas:
        """Return some of the rows."""
        if chosen.all():
            return self
        ring_sizes, rings = np.diff(self.ring_starts), np.diff(self.row_starts)
        kept_rings = np.repeat(chosen, rings)
        xyz = self.xyz[np.repeat(chosen, self.vertices)]
        return Areas(self.rows[chosen], ends(ring_sizes[kept_rings]), ends(rings[chosen]), xyz, self.are_sound)

    def geometries(self) -> Geometries:
        """Return the rows as polygons, as shapely would have read them."""
        polygons: Geometries = np.empty(len(self), dtype=object)
        starts, rings = self.vertex_starts, np.diff(self.row_starts)
        has_z = ~np.isnan(self.xyz[starts[:-1], 2]) if len(self) else np.zeros(0, dtype=bool)
        for flat in (True, False):
            part = self.of(has_z != flat)
            if len(part):
                ring_of = np.repeat(np.arange(len(part.ring_starts) - 1), np.diff(part.ring_starts))
                made = shapely.linearrings(part.xyz[:, :2] if flat else part.xyz, indices=ring_of)
                owner = np.repeat(np.arange(len(part)), rings[has_z != flat])
                polygons[has_z != flat] = shapely.polygons(made, indices=owner)
        return polygons

    def swapped(self) -> Areas:
        """Return the rows with first and second coordinate exchanged."""
        return replace(self, xyz=np.ascontiguousarray(self.xyz[:, [1, 0, 2]]), are_sound=False)

    def first_place(self, position: int) -> tuple[float, float]:
        """Return the first vertex of a row."""
        x, y, _ = self.xyz[self.vertex_starts[position]].tolist()
        return x, y

    def encoded(self, srid: int, base_m: Floats | None) -> pa.Array:
        """Return EWKB multipolygons; ``base_m``, 0 where NaN, is the height of a row's vertices that have none. None writes no heights."""
        width = 16 if base_m is None else 24
        offsets = ends(_HEAD_BYTES + np.diff(self.row_starts) * _COUNT_BYTES + self.vertices * width)
        content = np.empty(int(offsets[-1]), dtype=np.uint8)
        base = np.zeros(len(self)) if base_m is None else base_m
        kernels.write(self.xyz, self.ring_starts, self.row_starts, offsets, srid, base_m is not None, base, content)
        return pa.Array.from_buffers(pa.binary(), len(self), [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)])


def areas_of(wkb: pa.Array) -> Areas:
    """Return those rows of a column of WKB that are one polygon of closed rings, with or without Z."""
    content, offsets = bytes_of(wkb)
    rings, vertices, solid = np.empty(len(wkb), np.int64), np.empty(len(wkb), np.int64), np.empty(len(wkb), np.bool_)
    kernels.measure(content, offsets, rings, vertices, solid)
    rings[wkb.is_null().to_numpy(zero_copy_only=False)] = 0
    rows = np.flatnonzero(rings).astype(np.int64)
    sizes = np.empty(int(rings.sum()), np.int64)
    xyz = np.empty((int(vertices[rows].sum()), 3), np.float64)
    kernels.take(content, offsets, rows, sizes, xyz)
    return Areas(rows, ends(sizes), ends(rings[rows]), xyz)


def bytes_of(wkb: pa.Array) -> tuple[Bytes, Ints]:
    """Return the bytes of a column and where in them each value begins, and where the last ends.

    The places rise and lie within the bytes, as loops rely on that look at no bound. KeyError for a type other than binary and large
    binary, ArrowInvalid for a column that is not as its type says.
    """
    width = _OFFSETS[wkb.type]
    wkb.validate(full=True)
    offsets = np.frombuffer(wkb.buffers()[1], width)[wkb.offset : wkb.offset + len(wkb) + 1].astype(np.int64)
    content = np.frombuffer(wkb.buffers()[2] or b"\0", np.uint8)
    content.setflags(write=False)  # whoever made the column: the loops are compiled ahead for one kind of array
    return content, offsets


def ends(sizes: Ints) -> Ints:
    """Return where pieces of these sizes begin one after the other, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
