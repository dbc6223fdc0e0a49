"""Points and lines as arrays of coordinates: most of a file's rows pass every geometry rule without a geometry being made of them.

As with areas (`ingest.areas`), a row about which there is the least doubt becomes a geometry and goes the way of all others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest import compiled_paths as kernels
from ingest.areas import bytes_of, ends
from ingest.compiled_areas import SRID, Z

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Geometries = npt.NDArray[np.object_]
POINT, LINE = kernels.POINT, kernels.LINE
_HEAD = np.dtype([("order", "u1"), ("type", "<u4"), ("srid", "<u4")])
_COUNT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Paths:
    """Rows that are one point each, or one line of two vertices at least; all coordinates are finite."""

    rows: Ints
    """Their positions in the batch, ascending."""
    kinds: Bytes
    """`POINT` or `LINE`."""
    has_z: Mask
    starts: Ints
    """Where each row begins among the vertices, and the end of the last."""
    xyz: Floats
    """(vertices, 3); z is NaN where the source has none."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @staticmethod
    def none() -> Paths:
        """Return no rows."""
        return Paths(np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.bool_), np.zeros(1, np.int64), np.empty((0, 3)))

    @property
    def vertices(self) -> Ints:
        """How many vertices each row has."""
        return np.diff(self.starts)

    def of(self, chosen: Mask) -> Paths:
        """Return some of the rows."""
        if chosen.all():
            return self
        sizes = self.vertices
        xyz = self.xyz[np.repeat(chosen, sizes)]
        return Paths(self.rows[chosen], self.kinds[chosen], self.has_z[chosen], ends(sizes[chosen]), xyz)

    def geometries(self) -> Geometries:
        """Return the rows as points and lines, as shapely would have read them."""
        found: Geometries = np.empty(len(self), dtype=object)
        for kind in (POINT, LINE):
            for axes in (2, 3):
                chosen = (self.kinds == kind) & (self.has_z == (axes == 3))
                part = self.of(chosen)
                if len(part):
                    xyz = part.xyz[:, :axes]
                    owner = np.repeat(np.arange(len(part)), part.vertices)
                    found[chosen] = shapely.points(xyz) if kind == POINT else shapely.linestrings(xyz, indices=owner)
        return found

    def swapped(self) -> Paths:
        """Return the rows with first and second coordinate exchanged."""
        return replace(self, xyz=np.ascontiguousarray(self.xyz[:, [1, 0, 2]]))

    def first_place(self, position: int) -> tuple[float, float]:
        """Return the first vertex of a row."""
        x, y, _ = self.xyz[self.starts[position]].tolist()
        return x, y

    def encoded(self, srid: int, *, with_z: bool) -> pa.Array:
        """Return little-endian EWKB; without heights unless ``with_z``."""
        heads = np.array([(1, kind | SRID | (Z if with_z else 0), srid) for kind in (POINT, LINE)], _HEAD).view(np.uint8)
        sizes = _HEAD.itemsize + (self.kinds == LINE) * _COUNT_BYTES + self.vertices * (24 if with_z else 16)
        offsets = ends(sizes)
        content = np.empty(int(offsets[-1]), dtype=np.uint8)
        kernels.write(_bytes_in(self.xyz), self.kinds, self.starts, offsets, heads, with_z, content)
        return pa.Array.from_buffers(pa.binary(), len(self), [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)])


def paths_of(wkb: pa.Array) -> Paths:
    """Return those rows of a column of WKB that are one point or one line, with or without Z, all finite."""
    content, offsets = bytes_of(wkb)
    vertices, kinds, has_z = np.empty(len(wkb), np.int64), np.empty(len(wkb), np.uint8), np.empty(len(wkb), np.bool_)
    kernels.measure(content, offsets, vertices, kinds, has_z)
    if wkb.null_count:
        vertices[wkb.is_null().to_numpy(zero_copy_only=False)] = 0
    rows = np.flatnonzero(vertices).astype(np.int64)
    kinds, has_z, starts = kinds[rows], has_z[rows], ends(vertices[rows])
    xyz = np.full((int(starts[-1]), 3), np.nan)
    kernels.take(content, offsets, rows, kinds, has_z, starts, _bytes_in(xyz))
    return Paths(rows, kinds, has_z, starts, xyz)


def _bytes_in(xyz: Floats) -> Bytes:
    """Return the bytes of (vertices, 3) doubles where they are, one after the other."""
    return np.ascontiguousarray(xyz).reshape(-1).view(np.uint8)
