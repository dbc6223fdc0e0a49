"""Cuts the land of a block into parcels along straight lines between its buildings. Coordinates are EPSG:4549 to the millimetre."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon

_NARROWEST_GAP_M = 0.9
_SMALLEST_EMPTY_M2 = 150.0
_BEYOND_M = 5.0
_GRID_M = 0.001
Frame = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Origin and the two unit vectors of a block's own axes."""
_Box = tuple[float, float, float, float]


def subdivide(land: Polygon, footprints: NDArray[np.object_], frame: Frame, most_buildings: int) -> tuple[Polygon, ...]:
    """Return parcels that tile ``land`` exactly and share every vertex with their neighbours; no footprint is cut.

    A parcel holds at most ``most_buildings`` unless no straight line parts its buildings. Land that a cut would leave as an empty
    shred stays whole.
    """
    whole = (shapely.set_precision(land, _GRID_M),)
    if len(footprints) <= most_buildings:
        return whole
    boxes = [_box(frame, shapely.get_coordinates(footprint)) for footprint in footprints]
    cuts = _cuts(boxes, _grown(_box(frame, shapely.get_coordinates(land))), most_buildings)
    if not cuts:
        return whole
    parcels = tuple(faces_between(land, [LineString(_place(frame, cut)) for cut in cuts]))
    empty = [p for p in parcels if p.area < _SMALLEST_EMPTY_M2 and not shapely.intersects(p, footprints).any()]
    return whole if empty else parcels


def faces_between(outline: Polygon, cuts: list[LineString]) -> list[Polygon]:
    """Return the faces that lines cut a polygon into, to the millimetre; neighbours share every vertex."""
    noded = shapely.union_all([outline.boundary, *cuts], grid_size=_GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inside = shapely.contains(outline, shapely.point_on_surface(faces))
    return list(shapely.normalize(faces[inside]))


def _cuts(boxes: list[_Box], around: _Box, most: int) -> list[NDArray[np.float64]]:
    """Halve the boxes again and again by the gap that halves them best."""
    if len(boxes) <= most:
        return []
    gaps = [(abs(2 * before - len(boxes)), -width, axis, place) for axis in (0, 1) for before, width, place in _gaps(boxes, axis)]
    if not gaps:
        return []
    _, _, axis, place = min(gaps)
    low, high = list(around), list(around)
    low[axis + 2] = high[axis] = place
    first = [box for box in boxes if box[axis] < place]
    second = [box for box in boxes if box[axis] > place]
    ends = [list(around[:2]), list(around[2:])]
    ends[0][axis] = ends[1][axis] = place
    return [np.array(ends), *_cuts(first, _as_box(low), most), *_cuts(second, _as_box(high), most)]


def _gaps(boxes: list[_Box], axis: int) -> list[tuple[int, float, float]]:
    """Return (boxes before it, width, middle) of every gap between the boxes' shadows on an axis."""
    found = []
    reach = -np.inf
    for number, box in enumerate(sorted(boxes, key=lambda b: b[axis])):
        if number and box[axis] - reach > _NARROWEST_GAP_M:
            found.append((number, float(box[axis] - reach), float(box[axis] + reach) / 2))
        reach = max(reach, box[axis + 2])
    return found


def _box(frame: Frame, places: NDArray[np.float64]) -> _Box:
    origin, across, up = frame
    local = (places - origin) @ np.column_stack([across, up])
    (west, south), (east, north) = local.min(axis=0), local.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _grown(box: _Box) -> _Box:
    return box[0] - _BEYOND_M, box[1] - _BEYOND_M, box[2] + _BEYOND_M, box[3] + _BEYOND_M


def _as_box(values: list[float]) -> _Box:
    west, south, east, north = values
    return west, south, east, north


def _place(frame: Frame, local: NDArray[np.float64]) -> NDArray[np.float64]:
    origin, across, up = frame
    placed: NDArray[np.float64] = origin + local[:, :1] * across + local[:, 1:] * up
    return placed
