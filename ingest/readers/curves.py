"""WKB with arcs and surfaces (ISO/IEC 13249-3 types 8–17) as geometries of straight edges, which is all that is stored.

An arc becomes chords that stay within a tolerance of it; a TIN or polyhedral surface becomes the polygons of its faces.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import shapely

from ingest.readers.source import Geometries

FloatArray = npt.NDArray[np.float64]

TOLERANCE_M = 0.001
TOLERANCE_DEG = 1e-8
"""How far a chord may lie from its arc: a millimetre."""
_LARGEST_STEP, _SMALLEST_STEP = np.radians(4.0), np.radians(0.05)
_FIRST_CURVED, _LAST_CURVED = 8, 17
_CIRCULARSTRING, _COMPOUNDCURVE, _CURVEPOLYGON, _MULTICURVE, _MULTISURFACE = 8, 9, 10, 11, 12
_POLYHEDRALSURFACE, _TIN, _TRIANGLE = 15, 16, 17
_LINESTRING, _POLYGON, _COLLECTION = 2, 3, 7
_MAX_DEPTH = 8
_HEAD_BYTES = 5
"""Byte order and type: a whole batch has few different ones."""
_Z_FLAG, _M_FLAG = 0x80000000, 0x40000000


def geometries_of_wkb(wkb: npt.NDArray[np.object_], tolerance: float = TOLERANCE_M) -> Geometries:
    """Return the geometries of WKB with their heights and without measures (M); None for what cannot be read.

    Curved ones have chords within ``tolerance`` (units of the CRS).
    """
    if not any(map(_has_curves, {w[:_HEAD_BYTES] for w in wkb if w is not None})):
        return _without_measures(shapely.from_wkb(wkb, on_invalid="ignore"))
    curved = np.fromiter((w is not None and _has_curves(w) for w in wkb), dtype=bool, count=len(wkb))
    shapes: Geometries = np.full(len(wkb), None, dtype=object)
    shapes[~curved] = shapely.from_wkb(wkb[~curved], on_invalid="ignore")
    for index in np.flatnonzero(curved):
        try:
            shapes[index] = _Wkb(wkb[index], tolerance).geometry()
        except (struct.error, ValueError, shapely.errors.GEOSException):
            shapes[index] = None
    return _without_measures(shapes)


def _without_measures(shapes: Geometries) -> Geometries:
    """Return geometries without M: shapely loses the heights with it where coordinates are set anew, in another CRS or with axes swapped.

    Written with three dimensions one with Z and M keeps Z (force_3d would make it 0), and one with M alone that.
    """
    measured = shapely.has_m(shapes)
    if measured.any():
        high = measured & shapely.has_z(shapes)
        shapes[high] = shapely.from_wkb(shapely.to_wkb(shapes[high], output_dimension=3))
        shapes[measured & ~high] = shapely.force_2d(shapes[measured & ~high])
    return shapes


def arc(start: FloatArray, middle: FloatArray, end: FloatArray, tolerance: float) -> FloatArray:
    """Return the vertices of the arc from ``start`` over ``middle`` to ``end``, both ends exact; Z and M run evenly with the angle.

    An arc that ends where it began is a whole circle whose diameter runs from ``start`` to ``middle`` (ISO 19125-2 §7).
    """
    if np.array_equal(start[:2], end[:2]):
        centre, sweep = (start[:2] + middle[:2]) / 2, 2 * np.pi
    else:
        (x1, y1), (x2, y2) = middle[:2] - start[:2], end[:2] - start[:2]
        double_area = 2 * (x1 * y2 - y1 * x2)
        if abs(double_area) <= 1e-12 * (np.hypot(x1, y1) + np.hypot(x2, y2)) ** 2:
            return np.array([start, middle, end])
        s1, s2 = x1 * x1 + y1 * y1, x2 * x2 + y2 * y2
        centre = start[:2] + np.array([y2 * s1 - y1 * s2, x1 * s2 - x2 * s1]) / double_area
        sweep = (_angle(end, centre) - _angle(start, centre)) % (2 * np.pi)
        sweep = sweep if double_area > 0 else sweep - 2 * np.pi
    return swept(start, end, centre, sweep, tolerance)


def swept(start: FloatArray, end: FloatArray, centre: FloatArray, sweep: float, tolerance: float) -> FloatArray:
    """Return the vertices of the arc about ``centre`` through ``sweep`` radians (positive is counterclockwise), both ends exact."""
    radius = float(np.hypot(*(start[:2] - centre)))
    count = max(2, int(np.ceil(abs(sweep) / step(radius, tolerance))))
    share = np.linspace(0.0, 1.0, count + 1)[:, None]
    angles = _angle(start, centre) + sweep * share[:, 0]
    vertices: FloatArray = start + (end - start) * share
    vertices[:, :2] = centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    vertices[0], vertices[-1] = start, end
    return vertices


def step(radius: float, tolerance: float) -> float:
    """Return the angle of the longest chord of a circle that stays within ``tolerance`` of it, between 0.05° and 4°."""
    within = 2 * np.arccos(1 - tolerance / radius) if radius > tolerance else _LARGEST_STEP
    return float(np.clip(within, _SMALLEST_STEP, _LARGEST_STEP))


def _angle(point: FloatArray, centre: FloatArray) -> float:
    return float(np.arctan2(point[1] - centre[1], point[0] - centre[0]))


def _has_curves(wkb: bytes) -> bool:
    kind = struct.unpack_from("<I" if wkb[0] else ">I", wkb, 1)[0] if len(wkb) >= _HEAD_BYTES else 0
    base = (kind & 0xFFFF) % 1000
    return _FIRST_CURVED <= base <= _LAST_CURVED or base == _COLLECTION


class _Wkb:
    """A cursor over one WKB."""

    def __init__(self, wkb: bytes, tolerance: float) -> None:
        self._bytes, self._at, self._tolerance = wkb, 0, tolerance

    def geometry(self, depth: int = 0) -> shapely.Geometry:
        """Return the geometry at the cursor in straight edges; struct.error or ValueError when it is none."""
        if depth > _MAX_DEPTH:
            raise ValueError(depth)
        begin = self._at
        kind, order, dimensions = self._head()
        if kind in (_CIRCULARSTRING, _COMPOUNDCURVE):
            self._at = begin
            return shapely.linestrings(self._curve(depth))
        if kind == _CURVEPOLYGON:
            rings = [self._curve(depth + 1) for _ in range(self._count(order))]
            return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
        if kind in (_POLYGON, _TRIANGLE):
            rings = [self._positions(order, dimensions) for _ in range(self._count(order))]
            return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
        parts = _PARTS.get(kind)
        if parts is not None:
            return parts([self.geometry(depth + 1) for _ in range(self._count(order))])
        return self._straight(begin, kind, order, dimensions)

    def _straight(self, begin: int, kind: int, order: str, dimensions: tuple[bool, bool]) -> shapely.Geometry:
        """Return a point, line, or one of several of them, by shapely."""
        if kind == 1:
            self._at += 8 * (2 + sum(dimensions))
        elif kind == _LINESTRING:
            self._positions(order, dimensions)
        elif kind in (4, 5, 6):
            for _ in range(self._count(order)):
                self.geometry(_MAX_DEPTH)
        else:
            raise ValueError(kind)
        return shapely.from_wkb(self._bytes[begin : self._at])

    def _curve(self, depth: int) -> FloatArray:
        """Return the vertices of the line, arcs or compound of them at the cursor."""
        if depth > _MAX_DEPTH:
            raise ValueError(depth)
        kind, order, dimensions = self._head()
        if kind == _COMPOUNDCURVE:
            pieces = [self._curve(depth + 1) for _ in range(self._count(order))]
            return np.concatenate([pieces[0], *(p[1:] for p in pieces[1:])])
        positions = self._positions(order, dimensions)
        if kind == _LINESTRING:
            return positions
        if kind != _CIRCULARSTRING or len(positions) % 2 == 0:
            raise ValueError(kind)
        arcs = [arc(a, b, c, self._tolerance) for a, b, c in zip(positions[:-2:2], positions[1:-1:2], positions[2::2], strict=True)]
        return np.concatenate([arcs[0], *(a[1:] for a in arcs[1:])])

    def _head(self) -> tuple[int, str, tuple[bool, bool]]:
        order = "<" if self._bytes[self._at] else ">"
        (code,) = struct.unpack_from(f"{order}I", self._bytes, self._at + 1)
        self._at += 5
        thousands, kind = divmod(code & 0xFFFF, 1000)
        return kind, order, (thousands in (1, 3) or bool(code & _Z_FLAG), thousands in (2, 3) or bool(code & _M_FLAG))

    def _count(self, order: str) -> int:
        (count,) = struct.unpack_from(f"{order}I", self._bytes, self._at)
        self._at += 4
        if count > len(self._bytes):
            raise ValueError(count)
        return int(count)

    def _positions(self, order: str, dimensions: tuple[bool, bool]) -> FloatArray:
        """Return positions as XY or XYZ: a measure is nothing that is stored."""
        count, width = self._count(order), 2 + sum(dimensions)
        positions = np.frombuffer(self._bytes, dtype=f"{order}f8", count=count * width, offset=self._at).reshape(count, width)
        self._at += 8 * count * width
        kept: FloatArray = positions[:, : 2 + dimensions[0]].astype(np.float64)
        return kept


def _polygons(parts: list[shapely.Geometry]) -> shapely.Geometry:
    return shapely.MultiPolygon(parts)


_PARTS: dict[int, Callable[[list[shapely.Geometry]], shapely.Geometry]] = {
    _COLLECTION: shapely.GeometryCollection,
    _MULTICURVE: shapely.MultiLineString,
    _MULTISURFACE: _polygons,
    _POLYHEDRALSURFACE: _polygons,
    _TIN: _polygons,
}
