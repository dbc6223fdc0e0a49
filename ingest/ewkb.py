"""Geometries as the bytes PostGIS takes, written whole batches at a time: structure and coordinates apart, no geometry made anew.

EWKB is WKB (OGC 06-103r4 §8) with the flags of PostGIS for Z and SRID in the type of the outermost geometry. The bytes of a batch are
those of its rings one after another, each with what stands before it: the headers of row and polygon that it is the first of, and its
number of points.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from ingest.readers.source import Geometries
from ingest.rings import Rings, rings_of
from twin.model import GeometryType

FloatArray = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_Z, _SRID = 0x80000000, 0x20000000
_LITTLE_ENDIAN = 1
_POINT, _LINE, _POLYGON, _MULTIPOLYGON = 1, 2, 3, 6
_OUTER = np.dtype([("order", "u1"), ("type", "<u4"), ("srid", "<u4")])
_COUNTED = np.dtype([*_OUTER.descr, ("count", "<u4")])
_INNER = np.dtype([("order", "u1"), ("type", "<u4"), ("count", "<u4")])
_SIZE = np.dtype([("count", "<u4")])


def encode_ewkb(geometry: Geometries, z_m: FloatArray | None, srid: int, kind: GeometryType) -> pa.Array:
    """Return ``geometry`` as little-endian EWKB: points, lines, or polygons that all become multipolygons; none may be missing or empty.

    ``z_m`` has the height of every vertex in their order, None writes two dimensions. Measures are left out.
    """
    if len(geometry) == 0:
        return pa.array([], pa.binary())
    flat = shapely.get_coordinates(geometry)
    coordinates = flat if z_m is None else np.column_stack([flat, z_m])
    flags = _SRID | (0 if z_m is None else _Z)
    if kind == "Point":
        header = _filled(len(geometry), _OUTER, order=_LITTLE_ENDIAN, type=_POINT | flags, srid=srid)
        return _joined(header.view(np.uint8), np.full(len(geometry), _OUTER.itemsize), coordinates, np.ones(len(geometry), np.int64))
    if kind == "LineString":
        sizes = shapely.get_num_coordinates(geometry).astype(np.int64)
        header = _filled(len(geometry), _COUNTED, order=_LITTLE_ENDIAN, type=_LINE | flags, srid=srid, count=sizes)
        return _joined(header.view(np.uint8), np.full(len(geometry), _COUNTED.itemsize), coordinates, sizes)
    return _multipolygons(rings_of(geometry), coordinates, srid, flags)


def _multipolygons(rings: Rings, coordinates: FloatArray, srid: int, flags: int) -> pa.Array:
    opens_polygon = _starts(rings.of_polygon)
    opens_row = opens_polygon[_starts(rings.of_row)]
    lengths = np.full(len(rings.vertices), _SIZE.itemsize)
    lengths[opens_polygon] += _INNER.itemsize
    lengths[opens_row] += _COUNTED.itemsize
    ends = np.cumsum(lengths)
    prefix = np.empty(int(ends[-1]), np.uint8)
    row = _filled(len(opens_row), _COUNTED, order=_LITTLE_ENDIAN, type=_MULTIPOLYGON | flags, srid=srid, count=rings.of_row)
    polygon = _filled(len(opens_polygon), _INNER, order=_LITTLE_ENDIAN, type=_POLYGON | (flags & _Z), count=rings.of_polygon)
    size = _filled(len(rings.vertices), _SIZE, count=rings.vertices)
    _put(prefix, ends - _SIZE.itemsize, size)
    _put(prefix, ends[opens_polygon] - _SIZE.itemsize - _INNER.itemsize, polygon)
    _put(prefix, ends[opens_row] - lengths[opens_row], row)
    joined = _joined(prefix, lengths, coordinates, rings.vertices)
    first = np.append(opens_row, len(rings.vertices))
    offsets = np.frombuffer(joined.buffers()[1], np.int32, count=len(rings.vertices) + 1)[first]
    return pa.Array.from_buffers(pa.binary(), len(opens_row), [None, pa.py_buffer(offsets), joined.buffers()[2]])


def _joined(prefix: npt.NDArray[np.uint8], lengths: Counts, coordinates: FloatArray, vertices: Counts) -> pa.Array:
    """Return prefix and coordinates of each piece, one after the other."""
    body = np.ascontiguousarray(coordinates, dtype="<f8")
    width = body.shape[1] * body.itemsize
    return pc.binary_join_element_wise(_pieces(prefix, lengths), _pieces(body, vertices * width), pa.scalar(b"", pa.binary()))


def _pieces(content: npt.NDArray[np.generic], lengths: Counts) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(content)])


def _filled(rows: int, dtype: np.dtype[np.void], **fields: int | Counts) -> npt.NDArray[np.void]:
    result = np.empty(rows, dtype)
    for name, value in fields.items():
        result[name] = value
    return result


def _put(target: npt.NDArray[np.uint8], places: Counts, records: npt.NDArray[np.void]) -> None:
    target[places[:, None] + np.arange(records.itemsize)] = records.view(np.uint8).reshape(len(records), -1)


def _starts(counts: Counts) -> Counts:
    """Return where each of the runs of ``counts`` begins."""
    return np.concatenate([[0], np.cumsum(counts)[:-1]])
