"""GeoJSON geometry objects (RFC 7946 §3.1) → shapely, whole batches at a time.

Positions are taken exactly as written. What the standard forbids (a ring that is not closed, text as coordinates, one
number) is a fault of its row and never repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import shapely

from ingest.readers.source import Fault, Geometries
from twin.errors import Text

Coordinates = npt.NDArray[np.float64]
_MALFORMED = (TypeError, ValueError, OverflowError, KeyError, shapely.errors.ShapelyError)


def geometries(values: Sequence[object]) -> tuple[Geometries, list[Fault]]:
    """Return a geometry or None for each value, and a fault for each that is neither null nor a geometry object.

    Batches of one type are built at once; when that fails, row by row, so that the faulty rows are found.
    """
    result = np.full(len(values), None, dtype=object)
    faults: list[Fault] = []
    by_type: dict[str, list[int]] = {}
    for index, value in enumerate(values):
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            by_type.setdefault(value["type"], []).append(index)
        elif value is not None:
            faults.append(_fault(index, "not a geometry object"))
    for kind, indices in by_type.items():
        faults += _fill(result, kind, indices, values)
    return result, sorted(faults, key=lambda f: f.index)


def _fill(result: Geometries, kind: str, indices: list[int], values: Sequence[object]) -> list[Fault]:
    build = _BUILDERS.get(kind)
    if build is None:
        return [_fault(i, f"unknown type {kind!r}") for i in indices]
    rows = [values[i] for i in indices]
    try:
        result[indices] = build([_member(r, kind) for r in rows])
    except _MALFORMED:
        return _fill_singly(result, kind, build, indices, rows)
    return []


def _fill_singly(
    result: Geometries, kind: str, build: Callable[[list[object]], Geometries], indices: list[int], rows: list[object]
) -> list[Fault]:
    faults: list[Fault] = []
    for index, row in zip(indices, rows, strict=True):
        try:
            result[index] = build([_member(row, kind)])[0]
        except _MALFORMED as error:
            faults.append(_fault(index, str(error)))
    return faults


def _member(geometry: object, kind: str) -> object:
    name = "geometries" if kind == "GeometryCollection" else "coordinates"
    member = geometry.get(name) if isinstance(geometry, Mapping) else None
    if not isinstance(member, list):
        raise TypeError(f"the member {name!r} is missing or not an array")
    return member


def _points(members: list[object]) -> Geometries:
    full = [m for m in members if m]
    result: Geometries = np.full(len(members), shapely.Point(), dtype=object)
    if full:
        result[[i for i, m in enumerate(members) if m]] = shapely.points(_positions(full))
    return result


def _lines(members: list[object]) -> Geometries:
    sizes = _sizes(members)
    if len(sizes) and sizes.min() < 2 and sizes.max() > 0:
        raise ValueError("a line has fewer than two positions")
    if not sizes.any():
        return np.full(len(members), shapely.LineString(), dtype=object)
    coordinates = _positions(list(chain.from_iterable(members)))  # type: ignore[arg-type]
    lines: Geometries = shapely.linestrings(coordinates, indices=np.repeat(np.arange(len(members)), sizes))
    return lines


def _polygons(members: list[object]) -> Geometries:
    ring_counts = _sizes(members)
    rings: list[object] = list(chain.from_iterable(members))  # type: ignore[arg-type]
    if not rings or not ring_counts.all():
        if len(members) == 1:
            return np.array([shapely.Polygon()], dtype=object)
        raise ValueError("a polygon has no ring")
    linear_rings = _rings(rings)
    polygons: Geometries = shapely.polygons(linear_rings, indices=np.repeat(np.arange(len(members)), ring_counts))
    return polygons


def _rings(rings: list[object]) -> Geometries:
    sizes = _sizes(rings)
    if sizes.min() < 4:
        raise ValueError("a ring has fewer than four positions")
    coordinates = _positions(list(chain.from_iterable(rings)))  # type: ignore[arg-type]
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    same = (coordinates[first] == coordinates[last]) | np.isnan(coordinates[first])
    if not same.all():
        raise ValueError("a ring is not closed")
    result: Geometries = shapely.linearrings(coordinates, indices=np.repeat(np.arange(len(rings)), sizes))
    return result


def _multi(parts: Callable[[list[object]], Geometries], join: Callable[..., Geometries]) -> Callable[[list[object]], Geometries]:
    def build(members: list[object]) -> Geometries:
        counts = _sizes(members)
        if not counts.all():
            if len(members) == 1:
                return np.array([shapely.GeometryCollection()], dtype=object)
            raise ValueError("a multi-geometry has no part")
        return join(parts(list(chain.from_iterable(members))), indices=np.repeat(np.arange(len(members)), counts))  # type: ignore[arg-type]

    return build


def _collections(members: list[object]) -> Geometries:
    result = np.full(len(members), None, dtype=object)
    for index, member in enumerate(members):
        inner, faults = geometries(member if isinstance(member, list) else [])
        if faults:
            raise ValueError(faults[0].message.en)
        result[index] = shapely.GeometryCollection([g for g in inner if g is not None])
    return result


def _sizes(members: list[object]) -> npt.NDArray[np.int64]:
    if not all(type(m) is list for m in members):
        raise ValueError("coordinates are nested too shallowly")
    return np.fromiter((len(m) for m in members), dtype=np.int64, count=len(members))  # type: ignore[arg-type]


def _positions(positions: list[object]) -> Coordinates:
    """Return positions as (n, 2 or 3); a batch that mixes both, or has a fourth number, is cut or refused row by row."""
    array = np.array(positions)
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "fiu":
        raise ValueError("a position is not two or three numbers")
    return array[:, :3].astype(np.float64)


def _fault(index: int, reason: str) -> Fault:
    zh = _REASONS_ZH.get(reason, reason)
    return Fault(index, "geometry-structure", Text(zh=f"几何对象不合 RFC 7946:{zh}", en=f"not a geometry of RFC 7946: {reason}"))


_REASONS_ZH: Mapping[str, str] = {
    "not a geometry object": "不是几何对象",
    "a line has fewer than two positions": "线少于两个点",
    "a polygon has no ring": "多边形没有环",
    "a ring has fewer than four positions": "环少于四个点",
    "a ring is not closed": "环未闭合",
    "a multi-geometry has no part": "多部件几何没有部件",
    "coordinates are nested too shallowly": "坐标嵌套层数不足",
    "a position is not two or three numbers": "坐标不是两个或三个数字",
}

_BUILDERS: Mapping[str, Callable[[list[object]], Geometries]] = {
    "Point": _points,
    "LineString": _lines,
    "Polygon": _polygons,
    "MultiPoint": _multi(_points, shapely.multipoints),
    "MultiLineString": _multi(_lines, shapely.multilinestrings),
    "MultiPolygon": _multi(_polygons, shapely.multipolygons),
    "GeometryCollection": _collections,
}
