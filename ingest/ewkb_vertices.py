"""Vertices of points and lines out of EWKB of one layout, that of `ingest.ewkb` and of PostGIS: no geometry is made, GEOS sees no byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from twin.model import GeometryType

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_Z, _SRID = 0x80000000, 0x20000000
_LITTLE_ENDIAN = 1
_TYPE, _COUNT = 1, 9
"""Where in a geometry its type stands, and in a line the number of its vertices; before the latter comes the SRID."""
_CODES = {"Point": (1, 9), "LineString": (2, 13)}
"""Type and size of what stands before the coordinates."""


@dataclass(frozen=True, slots=True)
class Vertices:
    """The vertices of a column of points or lines, one row after the other."""

    places: Floats
    """Shape (n, 3): x, y, z in metres of the storage CRS; z is NaN in two dimensions."""
    first: Numbers
    """Shape (rows + 1,): where those of each row begin."""


def vertices_of(geometry: pa.Array, kind: GeometryType) -> Vertices:
    """Return the vertices of points or lines, all in the same dimensions.

    ValueError for anything else: another type, another byte order, a size that is not that of its vertices, a line without any.
    """
    code, head = _CODES[kind]
    rows = len(geometry)
    if rows == 0:
        return Vertices(np.empty((0, 3)), np.zeros(1, np.int64))
    offsets = np.frombuffer(geometry.buffers()[1], np.int32, rows + 1, geometry.offset * 4).astype(np.int64)
    content = np.frombuffer(geometry.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    start, size = offsets[:-1] - offsets[0], np.diff(offsets)
    if geometry.null_count or size.min() < head:
        raise ValueError("a geometry is missing or cut off")
    types = _word(content, start + _TYPE)
    has_z = bool(types[0] & _Z)
    if (content[start] != _LITTLE_ENDIAN).any() or (types != (code | _SRID | (_Z if has_z else 0))).any():
        raise ValueError(f"not a column of {kind} in EWKB of one layout")
    counts = _word(content, start + _COUNT).astype(np.int64) if kind == "LineString" else np.ones(rows, np.int64)
    width = 24 if has_z else 16
    if counts.min() < 1 or (size != head + counts * width).any():
        raise ValueError("the size of a geometry is not that of its vertices")
    coordinates = _without_heads(content, start, size, head).view("<f8").reshape(-1, 3 if has_z else 2)
    places = coordinates if has_z else np.column_stack([coordinates, np.full(len(coordinates), np.nan)])
    return Vertices(places, np.concatenate([[0], np.cumsum(counts)]))


def _word(content: npt.NDArray[np.uint8], places: Numbers) -> npt.NDArray[np.uint32]:
    return np.ascontiguousarray(content[places[:, None] + np.arange(4)]).view("<u4")[:, 0]


def _without_heads(content: npt.NDArray[np.uint8], start: Numbers, size: Numbers, head: int) -> npt.NDArray[np.uint8]:
    """Return a copy of the coordinates alone."""
    if (size == size[0]).all():
        return np.ascontiguousarray(content.reshape(len(size), -1)[:, head:]).ravel()
    is_coordinate = np.ones(len(content), dtype=bool)
    is_coordinate[start[:, None] + np.arange(head)] = False
    return content[is_coordinate]
