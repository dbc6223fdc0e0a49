"""Arrays of numbers and sets of primitives in an OSGB file, as they stand by themselves (before version 112) and as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.readers.osgb_stream import OsgbStream

PER_VERTEX, OVERALL = 4, 1
"""How an array is bound: a value a vertex, or one for all (osg::Array::Binding)."""
_DTYPES = {"Byte": "<i1", "UByte": "<u1", "Short": "<i2", "UShort": "<u2", "Int": "<i4", "UInt": "<u4", "Float": "<f4", "Double": "<f8"}
_VECTORS = {"b": "<i1", "ub": "<u1", "s": "<i2", "us": "<u2", "i": "<i4", "ui": "<u4", "": "<f4", "d": "<f8"}
ARRAY_OBJECTS: Mapping[str, tuple[str, int]] = {
    **{f"{name}Array": (dtype, 1) for name, dtype in _DTYPES.items()},
    **{f"Vec{width}{suffix}Array": (dtype, width) for suffix, dtype in _VECTORS.items() for width in (2, 3, 4)},
}
"""Class of an array → (type of its numbers, how many make an element)."""
_BY_NUMBER = (
    "Byte", "UByte", "Short", "UShort", "Int", "UInt", "Float", "Double", "Vec2b", "Vec3b", "Vec4b", "Vec4ub", "Vec2s", "Vec3s", "Vec4s",
    "Vec2", "Vec3", "Vec4", "Vec2d", "Vec3d", "Vec4d", "Vec2ub", "Vec3ub", "Vec2us", "Vec3us", "Vec4us", "Vec2i", "Vec3i", "Vec4i",
    "Vec2ui", "Vec3ui", "Vec4ui",
)  # fmt: skip
PRIMITIVE_OBJECTS: Mapping[str, str | None] = {
    "DrawArrays": None,
    "DrawArrayLengths": "<i4",
    "DrawElementsUByte": "<u1",
    "DrawElementsUShort": "<u2",
    "DrawElementsUInt": "<u4",
}
"""Class of a set of primitives → type of the numbers it lists."""
_FIRST_PRIMITIVE = 50
_TRIANGLES, _STRIP, _FAN, _QUADS, _QUAD_STRIP, _POLYGON = 4, 5, 6, 7, 8, 9
Corners = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OsgArray:
    """Numbers of a geometry."""

    values: npt.NDArray[Any]
    binding: int

    def bound(self, binding: int, indices: OsgArray | None) -> OsgArray:
        """Return it with its binding; where it is indexed, with a value for each index."""
        if indices is None:
            return replace(self, binding=binding)
        order = indices.values.astype(np.int64).ravel()
        if order.size and not 0 <= order.min() <= order.max() < len(self.values):
            order = order[:0]
        return OsgArray(self.values[order], binding)


@dataclass(frozen=True)
class OsgPrimitives:
    """Corners in order, and how they make faces (an OpenGL mode); ``lengths`` where one set holds several strips or polygons."""

    mode: int
    corners: Corners
    lengths: Corners | None = None

    def triangles(self) -> Corners:
        """Return (n, 3) corners of its triangles; points and lines have none."""
        if self.lengths is None:
            return _triangles(self.mode, self.corners)
        ends = np.cumsum(self.lengths)
        pieces = [_triangles(self.mode, self.corners[end - length : end]) for end, length in zip(ends, self.lengths, strict=True)]
        return np.concatenate(pieces) if pieces else np.empty((0, 3), np.int64)


def read_array(stream: OsgbStream, known: dict[int, OsgArray]) -> OsgArray:
    """Return the next array; one that was there before is named by its number."""
    number = stream.uint32()
    if number in known:
        return known[number]
    kind = stream.uint32()
    if kind >= len(_BY_NUMBER):
        raise stream.unread(f"an array of kind {kind}")
    dtype, width = ARRAY_OBJECTS[f"{_BY_NUMBER[kind]}Array"]
    count = stream.count(0)
    stream.opening()
    known[number] = OsgArray(stream.array(dtype, count, width), PER_VERTEX)
    return known[number]


def read_array_object(stream: OsgbStream, kind: str) -> OsgArray:
    """Return an array whose class has been read."""
    dtype, width = ARRAY_OBJECTS[kind]
    binding = stream.int32()
    stream.flag(), stream.flag()  # normalised, type kept: how it is handed to the graphics card
    return OsgArray(stream.array(dtype, stream.count(0), width), binding)


def read_primitives(stream: OsgbStream) -> OsgPrimitives:
    """Return the next set of primitives."""
    kind, mode = stream.uint32() - _FIRST_PRIMITIVE, stream.uint32()
    if stream.version > 96:
        stream.uint32()  # instances
    if not 0 <= kind < len(PRIMITIVE_OBJECTS):
        raise stream.unread(f"primitives of kind {kind + _FIRST_PRIMITIVE}")
    return _primitives(stream, tuple(PRIMITIVE_OBJECTS)[kind], mode, is_object=False)


def read_primitives_object(stream: OsgbStream, kind: str) -> OsgPrimitives:
    """Return a set of primitives whose class has been read."""
    stream.int32()  # instances
    return _primitives(stream, kind, stream.int32(), is_object=True)


def _primitives(stream: OsgbStream, kind: str, mode: int, *, is_object: bool) -> OsgPrimitives:
    first = stream.int32() if kind in ("DrawArrays", "DrawArrayLengths") else 0
    dtype = PRIMITIVE_OBJECTS[kind]
    if dtype is None:
        return OsgPrimitives(mode, _run(stream, first, stream.int32()))
    count = stream.count(0)
    if not is_object:
        stream.opening()
    listed = stream.array(dtype, count, 1).astype(np.int64)
    if kind != "DrawArrayLengths":
        return OsgPrimitives(mode, listed)
    if listed.size and listed.min() < 0:
        raise stream.broken("a length is negative")
    return OsgPrimitives(mode, _run(stream, first, int(listed.sum())), listed)


def _run(stream: OsgbStream, first: int, count: int) -> Corners:
    if first < 0 or not 0 <= count <= stream.length:
        raise stream.broken("more corners than the file can have")
    return np.arange(first, first + count, dtype=np.int64)


def _triangles(mode: int, corners: Corners) -> Corners:
    count = len(corners)
    if mode == _TRIANGLES:
        return corners[: count // 3 * 3].reshape(-1, 3)
    if mode == _QUADS:
        quads = corners[: count // 4 * 4].reshape(-1, 4)
        return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    if count < 3 or mode not in (_STRIP, _FAN, _QUAD_STRIP, _POLYGON):
        return np.empty((0, 3), np.int64)
    if mode in (_FAN, _POLYGON):
        return np.column_stack([np.full(count - 2, corners[0]), corners[1:-1], corners[2:]])
    strip = np.column_stack([corners[:-2], corners[1:-1], corners[2:]])
    strip[1::2] = strip[1::2][:, [1, 0, 2]]
    return strip
