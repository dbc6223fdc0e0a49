"""Geometry rules: structure, emptiness, type, finite coordinates, size, area of use, validity with reason and place.

Nothing is repaired here: a polygon that is invalid as handed over is named and left out (DESIGN 16). One that only rounding in the
projection made invalid is noded, which moves nothing by more than NODING_M.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import shapely

from ingest.readers.source import Geometries
from twin.errors import Text
from twin.model import GeometryType

Mask = npt.NDArray[np.bool_]
_PLACE = re.compile(r"^(.*?)\s*\[\s*(\S+)\s+(\S+)\s*\]$")

NODING_M = 1e-4
"""A tenth of the tolerance within which a vertex counts as unmoved."""

_SINGLE: Mapping[GeometryType, int] = {"Point": 0, "LineString": 1}
_MULTI_OF: Mapping[GeometryType, int] = {"Point": 4, "LineString": 5}
_REASONS_ZH: Mapping[str, str] = {
    "Self-intersection": "自相交",
    "Ring Self-intersection": "环自相交",
    "Hole lies outside shell": "内环位于外环之外",
    "Holes are nested": "内环相互嵌套",
    "Interior is disconnected": "内部不连通",
    "Nested shells": "多边形部件相互嵌套",
    "Duplicate Rings": "环重复",
    "Too few points in geometry component": "有效顶点过少",
    "Ring not closed": "环未闭合",
}


def as_declared_type(geometry: Geometries, wanted: GeometryType) -> tuple[Geometries, Mask]:
    """Return the geometries as ``wanted`` and which could not be: a multi of one part becomes its part, polygons pass as multipolygons.

    Vertices stay as they are. None and empty geometries pass.
    """
    kinds = shapely.get_type_id(geometry)
    absent = (kinds == -1) | shapely.is_empty(geometry)
    if wanted == "MultiPolygon":
        return geometry.copy(), ~absent & (kinds != 3) & (kinds != 6)
    if wanted == "coverage":
        return geometry.copy(), ~absent
    result = geometry.copy()
    lone = (kinds == _MULTI_OF[wanted]) & (shapely.get_num_geometries(geometry) == 1) & ~absent
    result[lone] = shapely.get_geometry(geometry[lone], 0)
    return result, ~absent & ~lone & (kinds != _SINGLE[wanted])


def has_non_finite(geometry: Geometries) -> Mask:
    """Return which geometries have a coordinate (x, y, or z where they have z) that is NaN or infinite."""
    flags = np.zeros(len(geometry), dtype=bool)
    for include_z in (False, True):
        chosen = np.flatnonzero(shapely.has_z(geometry)) if include_z else np.arange(len(geometry))
        coordinates, owner = shapely.get_coordinates(geometry[chosen], include_z=include_z, return_index=True)
        flags[chosen[np.unique(owner[~np.isfinite(coordinates).all(axis=1)])]] = True
    return flags


def invalid(geometry: Geometries) -> Mask:
    """Return which geometries are not valid simple features (OGC 06-103r4 §6.1); None counts as valid."""
    return ~shapely.is_valid(geometry) & ~shapely.is_missing(geometry)


def noded(polygon: shapely.Geometry) -> shapely.MultiPolygon | None:
    """Return ``polygon`` with its edges noded where they cross, None unless outline and vertices stay within NODING_M of what they were.

    Only for what was valid before rounding: such a polygon has few crossings, where the noding of a hostile one costs minutes.
    """
    sound = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    if sound.geom_type == "Polygon":
        sound = shapely.MultiPolygon([sound])
    if sound.geom_type != "MultiPolygon" or sound.is_empty or sound.has_z != polygon.has_z or not sound.is_valid:
        return None
    before, after = shapely.boundary(polygon), shapely.boundary(sound)
    moved = max(_farthest(before, after), _farthest(after, before))
    return sound if moved <= NODING_M else None


def _farthest(lines: shapely.Geometry, others: shapely.Geometry) -> float:
    """Return how far the vertex of ``lines`` that is farthest from ``others`` is from them."""
    vertices = shapely.points(shapely.get_coordinates(lines))
    return float(shapely.distance(vertices, others).max(initial=0.0))


def reason_of(geometry: object) -> tuple[Text, tuple[float, float] | None]:
    """Return why a geometry is invalid and where, in its own coordinates."""
    reason = str(shapely.is_valid_reason(geometry))
    match = _PLACE.match(reason)
    text, place = (match[1], (float(match[2]), float(match[3]))) if match else (reason, None)
    return Text(zh=f"几何无效：{_REASONS_ZH.get(text, text)}", en=f"invalid geometry: {text}"), place


def place_of(geometry: object) -> tuple[float, float] | None:
    """Return a point to show a fault of ``geometry`` at: its first finite vertex."""
    coordinates = shapely.get_coordinates(geometry)
    finite = coordinates[np.isfinite(coordinates).all(axis=1)]
    return (float(finite[0, 0]), float(finite[0, 1])) if len(finite) else None
