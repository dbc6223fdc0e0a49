"""The simple-features geometry of a city object, made from its 3D: a footprint, a line or a point at its base (DESIGN 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import shapely

from ingest.readers.cityjson_faces import FloatArray
from ingest.readers.cityjson_frame import Json
from ingest.readers.cityjson_numbers import index_of
from twin.model import GeometryType
from twin.representation import Faces, SurfaceType

_DOWNWARD = -0.1
"""Normals steeper down than this belong to faces that a body stands on."""
_FLAT = 0.01
_REPAIRABLE_VERTICES = 2000
"""Outlines of more vertices are taken as they are: untangling a hostile one costs minutes."""

Mask = npt.NDArray[np.bool_]


def reference_geometry(kind: GeometryType, levels: Mapping[str, Faces], object_geometries: Sequence[Json], vertices: FloatArray) -> object:
    """Return the geometry of ``kind`` of one object in its source's CRS, with the height of its base; None when it has none."""
    if kind == "Point":
        return _anchor(object_geometries, vertices) or _lowest_middle(levels)
    if kind == "LineString":
        return _line(object_geometries, vertices)
    return footprint(levels)


def footprint(levels: Mapping[str, Faces]) -> shapely.MultiPolygon | None:
    """Return the outline on the ground, level with the lowest of the faces it was made from; of LoD 0 with the lowest of all.

    From the ground surfaces of the highest level that has any; else LoD 0 (which may be as high as the edge of the roof it is drawn
    along); else what faces down at the highest level; else the projection of all its faces. Parts are merged. None when there is
    no area.
    """
    for level in sorted(levels, reverse=True):
        made = _merged(levels[level], levels[level].surface_type == SurfaceType.GROUND)
        if made is not None:
            return made
    lowest = min(levels, default=None)
    if lowest is None:
        return None
    if lowest.startswith("0") and (made := _merged(levels[lowest], np.ones(len(levels[lowest].face_ends), bool))) is not None:
        return shapely.force_3d(shapely.force_2d(made), min(float(faces.vertices[:, 2].min()) for faces in levels.values()))
    highest = levels[max(levels)]
    upward = _upward(highest)
    return _merged(highest, upward < _DOWNWARD) or _merged(highest, np.abs(upward) > _FLAT)


def _merged(faces: Faces, chosen: Mask) -> shapely.MultiPolygon | None:
    polygons = [_polygon(faces, int(i)) for i in np.flatnonzero(chosen)]
    polygons = [p for p in polygons if p.area > 0]
    if not polygons:
        return None
    whole = polygons[0] if len(polygons) == 1 and polygons[0].is_valid else shapely.union_all([_sound(p) for p in polygons])
    parts = [p for p in shapely.get_parts(whole) if p.geom_type == "Polygon" and p.area > 0]
    base = min(float(_heights(faces, int(i)).min()) for i in np.flatnonzero(chosen))
    return shapely.force_3d(shapely.MultiPolygon(parts), base) if parts else None


def _sound(polygon: shapely.Geometry) -> shapely.Geometry:
    if polygon.is_valid or shapely.get_num_coordinates(polygon) > _REPAIRABLE_VERTICES:
        return polygon
    return shapely.make_valid(polygon, method="structure", keep_collapsed=False)


def _polygon(faces: Faces, face: int) -> shapely.Polygon:
    rings = [faces.vertices[ring, :2] for ring in _rings(faces, face)]
    return shapely.Polygon(rings[0], rings[1:])


def _rings(faces: Faces, face: int) -> list[npt.NDArray[np.uint32]]:
    first, last = (int(faces.face_ends[face - 1]) if face else 0), int(faces.face_ends[face])
    starts = [int(faces.ring_ends[r - 1]) if r else 0 for r in range(first, last)]
    return [faces.indices[a : int(faces.ring_ends[r])] for a, r in zip(starts, range(first, last), strict=True)]


def _heights(faces: Faces, face: int) -> FloatArray:
    return faces.vertices[_rings(faces, face)[0], 2]


def _upward(faces: Faces) -> FloatArray:
    """Return the upward part of every face's unit normal (Newell's method on its exterior)."""
    ends = faces.ring_ends.astype(np.int64)
    starts, exteriors = np.concatenate([[0], ends[:-1]]), np.concatenate([[0], faces.face_ends[:-1]])
    corners = faces.vertices[faces.indices]
    corners -= np.repeat(corners[starts], ends - starts, axis=0)
    following = np.arange(1, len(corners) + 1)
    following[ends - 1] = starts
    normals = np.add.reduceat(np.cross(corners, corners[following]), starts, axis=0)[exteriors]
    lengths = np.linalg.norm(normals, axis=1)
    return np.divide(normals[:, 2], lengths, out=np.zeros(len(normals)), where=lengths > 0)


def _anchor(geometries: Sequence[Json], vertices: FloatArray) -> shapely.Point | None:
    """Return where a template stands, or the first point of a MultiPoint."""
    for geometry in geometries:
        if geometry.get("type") in ("GeometryInstance", "MultiPoint") and geometry.get("boundaries"):
            return shapely.Point(vertices[index_of(geometry["boundaries"][0])])
    return None


def _lowest_middle(levels: Mapping[str, Faces]) -> shapely.Point | None:
    """Return the middle of the box around an object, on its base."""
    if not levels:
        return None
    vertices = levels[max(levels)].vertices
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return shapely.Point((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2])


def _line(geometries: Sequence[Json], vertices: FloatArray) -> shapely.Geometry | None:
    """Return the lines of the lowest level of detail; more than one is for the geometry check to refuse."""
    lines = [g for g in geometries if g.get("type") == "MultiLineString" and g.get("boundaries")]
    if not lines:
        return None
    numbers = [[index_of(corner) for corner in part] for part in min(lines, key=lambda g: str(g.get("lod")))["boundaries"]]
    parts = [shapely.LineString(vertices[part]) for part in numbers]
    return parts[0] if len(parts) == 1 else shapely.MultiLineString(parts)
