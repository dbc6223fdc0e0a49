"""Boxes and literal geometries of a request, brought into the storage CRS so that an index can answer them.

A straight edge in the asked CRS is a curve in the storage CRS: edges are densified until the chord is within a millimetre, so a
feature beside a bbox edge is judged as the asked CRS would judge it (OGC API - Features Part 1, 7.15.3).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from twin.crs import OutputCrs
from twin.errors import BadRequestError

Bounds = tuple[float, float, float, float]
"""min x, min y, max x, max y."""

_SAG_M = 0.0005
_MOST_PIECES = 512
MOST_POINTS = 100_000
"""Points of what a caller draws, densified: a thousand corners a thousand kilometres apart would be half a million for the database."""
_INSET = 0.02
_DOMAIN_MARGIN_DEG = 1.0


@dataclass(frozen=True, slots=True)
class Area:
    """A region of the storage CRS and, for a 3D bbox, a range of heights."""

    region: bytes | None
    """WKB polygon in the storage CRS (empty: nothing can lie there); None when it covers all the CRS can hold."""
    around: Bounds = (0.0, 0.0, 0.0, 0.0)
    """The region's box; for an empty region any."""
    inside: Bounds | None = None
    """A box wholly within the region: what lies in it needs no exact test. None where none was found."""
    heights_m: tuple[float, float] | None = None
    height: str = "none"
    """What ``heights_m`` are measured from, as :class:`twin.crs.OutputCrs` says it."""


def bbox_area(bounds: tuple[float, ...], crs: OutputCrs, storage_srid: int) -> Area:
    """Return the area of a bbox of 4 or 6 numbers given in the axis order of ``crs``.

    Raises BadRequestError for what is no box: other counts, non-finite numbers, minimum above maximum (except a geographic box
    that crosses the antimeridian), places that are not on Earth, heights in a CRS that has none.
    """
    if len(bounds) not in {4, 6} or not all(math.isfinite(b) for b in bounds):
        raise _bad_bbox("bbox takes 4 or 6 finite numbers", "bbox 须为 4 个或 6 个有限数值")
    half = len(bounds) // 2
    low, high = list(bounds[:half]), list(bounds[half:])
    heights = None
    if half == 3:
        heights = (low.pop(), high.pop())
        if not crs.has_z:
            raise _bad_bbox("this CRS has no heights: give bbox 4 numbers", "该坐标参考系无高程，bbox 应为 4 个数值")
        if heights[0] > heights[1]:
            raise _bad_bbox("bbox: lowest height above highest", "bbox 最低高程大于最高高程")
    if not crs.xy:
        low.reverse()
        high.reverse()
    if (plain := _plain_box(low, high, crs.srid, storage_srid)) is not None:
        region = plain
    else:
        boxes = _boxes(low[0], low[1], high[0], high[1], geographic=is_geographic(crs.srid))
        if boxes.covers(_domain_in(crs.srid, storage_srid)):
            return Area(None, heights_m=heights, height=crs.height if heights else "none")
        region = to_storage(boxes, crs, storage_srid)
    return Area(
        region=shapely.to_wkb(region),
        around=(0.0, 0.0, 0.0, 0.0) if region.is_empty else region.bounds,
        inside=_box_inside(region),
        heights_m=heights,
        height=crs.height if heights else "none",
    )


def _plain_box(low: list[float], high: list[float], srid: int, storage_srid: int) -> BaseGeometry | None:
    """Return the region of a box of degrees that lies wholly within where the storage CRS is defined; None of any other box.

    What most maps ask for, without the geometry library: its edges are split as :func:`_densified` splits them.
    """
    if srid == storage_srid or not is_geographic(srid):
        return None
    west, south, east, north = _domain_in(srid, storage_srid).bounds
    if not (west <= low[0] < high[0] <= east and south <= low[1] < high[1] <= north):
        return None
    transformer = transformer_between(srid, storage_srid)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])
    edges = corners[1:] - corners[:-1]
    there = _transformed(transformer, np.concatenate([corners, corners[:-1] + edges / 2]))
    if not np.isfinite(there).all():
        return None
    sag = np.hypot(*(there[5:] - (there[:4] + there[1:5]) / 2).T)
    pieces = np.ceil(np.sqrt(sag / _SAG_M)).clip(1, _MOST_PIECES).astype(np.intp)
    edge = np.repeat(np.arange(4), pieces)
    along = (np.arange(edge.size) - (np.cumsum(pieces) - pieces)[edge]) / pieces[edge]
    ring = _transformed(transformer, corners[edge] + edges[edge] * along[:, np.newaxis])
    region: BaseGeometry = shapely.polygons(np.concatenate([ring, ring[:1]]))
    return region


def polygon_area(polygon: BaseGeometry, crs: OutputCrs, storage_srid: int) -> Area:
    """Return the area of a valid polygon, or of several, given in the axis order of ``crs``."""
    xy = polygon if crs.xy else shapely.transform(polygon, lambda positions: positions[:, ::-1])
    region = to_storage(xy, crs, storage_srid, MOST_POINTS)
    return Area(region=shapely.to_wkb(region), around=(0.0, 0.0, 0.0, 0.0) if region.is_empty else region.bounds)


def to_storage(geometry: BaseGeometry, crs: OutputCrs, storage_srid: int, most_points: int | None = None) -> BaseGeometry:
    """Return ``geometry`` (x, y order) of ``crs`` in the storage CRS, densified, cut to where the storage CRS is defined.

    BadRequestError ``filter-too-complex`` where it would have more than ``most_points``.
    """
    defined = _domain_in(crs.srid, storage_srid)
    inside = geometry if defined.covers(geometry) else geometry.intersection(defined)
    if inside.is_empty or crs.srid == storage_srid:
        return inside
    transformer = transformer_between(crs.srid, storage_srid)
    dense = _densified(inside, transformer, most_points)
    return shapely.transform(dense, lambda xy: _transformed(transformer, xy))


def everywhere(storage_srid: int) -> BaseGeometry:
    """Return the region of the storage CRS in which features can lie at all."""
    return _domain_in(storage_srid, storage_srid)


@functools.cache
def _domain_in(srid: int, storage_srid: int) -> BaseGeometry:
    # The area of use of the storage CRS, widened by a degree: no feature lies outside it, and beyond it a projection is garbage.
    use = pyproj.CRS.from_epsg(storage_srid).area_of_use
    if use is None or use.west > use.east:
        degrees = shapely.box(-180, -85, 180, 85)
    else:
        degrees = shapely.box(
            max(use.west - _DOMAIN_MARGIN_DEG, -180),
            max(use.south - _DOMAIN_MARGIN_DEG, -89),
            min(use.east + _DOMAIN_MARGIN_DEG, 180),
            min(use.north + _DOMAIN_MARGIN_DEG, 89),
        )
    if is_geographic(srid):
        return degrees
    transformer = transformer_between(4326, srid)
    return shapely.transform(degrees.segmentize(0.25), lambda xy: _transformed(transformer, xy))


@functools.cache
def transformer_between(source_srid: int, target_srid: int) -> pyproj.Transformer:
    """Return the x, y ordered operation PROJ prefers, the one PostGIS's ST_Transform takes too (tests hold them equal)."""
    return pyproj.Transformer.from_crs(source_srid, target_srid, always_xy=True)


def _box_inside(region: BaseGeometry) -> Bounds | None:
    """Return a box within a region that is nearly a box itself, as a small box of degrees is."""
    if region.geom_type != "Polygon" or region.is_empty:
        return None
    west, south, east, north = region.bounds
    dx, dy = _INSET * (east - west), _INSET * (north - south)
    box = (west + dx, south + dy, east - dx, north - dy)
    return box if region.contains(shapely.box(*box)) else None


@functools.cache
def is_geographic(srid: int) -> bool:
    """True when the coordinates of a CRS are degrees."""
    return pyproj.CRS.from_epsg(srid).is_geographic


def _boxes(west: float, south: float, east: float, north: float, *, geographic: bool) -> BaseGeometry:
    if south > north:
        raise _bad_bbox("bbox: lower edge above upper edge", "bbox 下边界大于上边界")
    if not geographic:
        if west > east:
            raise _bad_bbox("bbox: left edge right of right edge", "bbox 左边界大于右边界")
        return shapely.box(west, south, east, north)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise _bad_bbox("bbox: longitude within ±180, latitude within ±90", "bbox 经度须在 ±180 内，纬度须在 ±90 内")
    if west > east:
        return shapely.union_all([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    return shapely.box(west, south, east, north)


def _densified(geometry: BaseGeometry, transformer: pyproj.Transformer, most_points: int | None) -> BaseGeometry:
    """Split edges until the chord of the longest is within ``_SAG_M`` of the curve; the sag falls with the square of the length."""
    if not geometry.length:
        return geometry
    edges = _edges(geometry)
    lengths = np.hypot(*(edges[:, 1] - edges[:, 0]).T)
    start, end, middle = np.split(_transformed(transformer, np.concatenate([edges[:, 0], edges[:, 1], edges.mean(axis=1)])), 3)
    sag = np.hypot(*(middle - (start + end) / 2).T)
    pieces = np.clip(np.ceil(np.sqrt(np.nan_to_num(sag, nan=np.inf) / _SAG_M)), 1, _MOST_PIECES)
    longest_piece = float(np.min(lengths[lengths > 0] / pieces[lengths > 0], initial=np.inf))
    if not math.isfinite(longest_piece) or np.all(pieces <= 1):
        return geometry
    piece = max(longest_piece, float(lengths.max()) / _MOST_PIECES)
    if most_points is not None and np.ceil(lengths / piece).sum() > most_points:
        en = f"the geometries are too large for so many vertices: true to a millimetre they have more than {MOST_POINTS}"
        zh = f"几何范围过大而顶点过多：按毫米精度需超过 {MOST_POINTS} 个点"
        raise BadRequestError(en, zh=zh).with_code("filter-too-complex")
    return geometry.segmentize(piece)


def _edges(geometry: BaseGeometry) -> npt.NDArray[np.float64]:
    pieces = []
    for part in shapely.get_parts(geometry):
        rings = shapely.get_rings(part) if part.geom_type == "Polygon" else [part]
        for ring in rings:
            xy = shapely.get_coordinates(ring)
            pieces.append(np.stack([xy[:-1], xy[1:]], axis=1))
    return np.concatenate(pieces)


def _transformed(transformer: pyproj.Transformer, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x, y = transformer.transform(xy[:, 0], xy[:, 1])
    return np.column_stack([x, y])


def _bad_bbox(en: str, zh: str) -> BadRequestError:
    return BadRequestError(en, zh=zh).with_code("bad-bbox")
