"""City objects of features that did not come as CityJSON: from their stored 3D, else from footprint and height (LoD 0 and 1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from twin.model import FeatureType
from twin.representation import Faces, SurfaceType

Floats = npt.NDArray[np.float64]
Object = dict[str, Any]

_MEANINGS: Mapping[SurfaceType, str] = {
    SurfaceType.ROOF: "RoofSurface",
    SurfaceType.WALL: "WallSurface",
    SurfaceType.GROUND: "GroundSurface",
    SurfaceType.CLOSURE: "ClosureSurface",
    SurfaceType.OUTER_CEILING: "OuterCeilingSurface",
    SurfaceType.OUTER_FLOOR: "OuterFloorSurface",
    SurfaceType.WINDOW: "Window",
    SurfaceType.DOOR: "Door",
    SurfaceType.INTERIOR_WALL: "InteriorWallSurface",
    SurfaceType.CEILING: "CeilingSurface",
    SurfaceType.FLOOR: "FloorSurface",
    SurfaceType.WATER: "WaterSurface",
    SurfaceType.TRAFFIC: "TrafficArea",
}
_NEEDS_PARENT = frozenset({"BuildingPart", "BuildingStorey", "BuildingRoom", "BuildingUnit"})


class Positions:
    """The vertices of one object, each position once."""

    def __init__(self) -> None:
        self._places: dict[tuple[float, ...], int] = {}

    def ring(self, coordinates: Floats) -> list[int]:
        """Return the numbers of a ring's corners (n, 3), not closed."""
        return [self._places.setdefault(tuple(c), len(self._places)) for c in coordinates.tolist()]

    def coordinates(self) -> Floats:
        """Return the positions (n, 3) by number."""
        return np.array(list(self._places), dtype=np.float64).reshape(-1, 3)


def city_object(
    feature_type: FeatureType,
    properties: Mapping[str, Any],
    shape: Mapping[str, Any],
    extra: Mapping[str, Any] | None,
    geometry: shapely.Geometry,
    levels: Sequence[tuple[str, Faces]],
) -> tuple[Object, Floats]:
    """Return the object of one feature and its vertices (n, 3) in the storage CRS, which its boundaries number.

    The type is the first of the FeatureType's CityJSON types, else GenericCityObject. Attributes are every field that has a value and
    the source's own columns; ``shape`` holds fields that its form is made of and that are not written.
    """
    kind = feature_type.cityjson_types[0] if feature_type.cityjson_types else "GenericCityObject"
    attributes = {k: _plain(v) for k, v in properties.items() if v is not None} | dict(extra or {})
    positions = Positions()
    geometries = [g for lod, faces in levels for g in _of_faces(lod, faces, positions)]
    if not geometries:
        geometries = _of_footprint(geometry, *_base_and_height(feature_type, {**shape, **properties}), positions)
    made: Object = {"type": kind, "attributes": attributes, "geometry": geometries}
    if kind in _NEEDS_PARENT:
        parent = attributes.get("cityjson_parent") or attributes.get("building_id")
        made["parents"] = [str(parent)] if parent else []
    return made, positions.coordinates()


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value


def _base_and_height(feature_type: FeatureType, properties: Mapping[str, Any]) -> tuple[float | None, float | None]:
    if feature_type.recipe != "extrude":
        return None, None
    return properties.get(feature_type.recipe_fields.get("base", "")), properties.get(feature_type.recipe_fields.get("height", ""))


def _of_faces(lod: str, faces: Faces, positions: Positions) -> list[Object]:
    """Return one Solid a solid and one MultiSurface for faces of no solid, with their meanings."""
    surfaces = [_surface(faces, i, positions) for i in range(len(faces.face_ends))]
    shells = list(pairwise([0, *faces.shell_ends.tolist()]))
    solids = list(pairwise([0, *faces.solid_ends.tolist()]))
    made: list[Object] = []
    for first, last in solids:
        within = shells[first:last]
        semantics = _semantics(faces.surface_type[within[0][0] : within[-1][1]])
        if semantics is not None:
            values = iter(semantics["values"])
            semantics["values"] = [[next(values) for _ in range(a, b)] for a, b in within]
        made.append(_with_meaning({"type": "Solid", "lod": lod, "boundaries": [surfaces[a:b] for a, b in within]}, semantics))
    loose = int(faces.shell_ends[-1]) if len(faces.shell_ends) else 0
    if loose < len(surfaces):
        content = {"type": "MultiSurface", "lod": lod, "boundaries": surfaces[loose:]}
        made.append(_with_meaning(content, _semantics(faces.surface_type[loose:])))
    return made


def _surface(faces: Faces, face: int, positions: Positions) -> list[list[int]]:
    first, last = (int(faces.face_ends[face - 1]) if face else 0), int(faces.face_ends[face])
    ends = [int(faces.ring_ends[first - 1]) if first else 0, *faces.ring_ends[first:last].tolist()]
    return [positions.ring(faces.vertices[faces.indices[a:b]]) for a, b in pairwise(ends)]


def _semantics(types: npt.NDArray[np.uint8]) -> Object | None:
    """Return semantic surfaces, one a type; None where no face means anything that version 2.0 has a name for."""
    named = [_MEANINGS.get(SurfaceType(t)) for t in types.tolist()]
    kinds = sorted({n for n in named if n is not None})
    if not kinds:
        return None
    return {"surfaces": [{"type": k} for k in kinds], "values": [None if n is None else kinds.index(n) for n in named]}


def _with_meaning(geometry: Object, semantics: Object | None) -> Object:
    return geometry if semantics is None else {**geometry, "semantics": semantics}


def _of_footprint(geometry: shapely.Geometry, base_m: float | None, height_m: float | None, positions: Positions) -> list[Object]:
    coordinates = shapely.get_coordinates(geometry, include_z=True)
    if geometry.geom_type == "Point":
        return [{"type": "MultiPoint", "lod": "0", "boundaries": positions.ring(np.nan_to_num(coordinates))}]
    if geometry.geom_type == "LineString":
        return [{"type": "MultiLineString", "lod": "0", "boundaries": [positions.ring(np.nan_to_num(coordinates))]}]
    polygons = [[_ring(r) for r in (p.exterior, *p.interiors)] for p in shapely.get_parts(shapely.orient_polygons(geometry))]
    flat = {"type": "MultiSurface", "lod": "0", "boundaries": [[positions.ring(r) for r in rings] for rings in polygons]}
    if base_m is None or height_m is None or height_m <= 0:
        return [flat]
    return [flat, *(_block(rings, base_m, base_m + height_m, positions) for rings in polygons)]


def _ring(ring: shapely.LinearRing) -> Floats:
    coordinates: Floats = shapely.get_coordinates(ring, include_z=True)[:-1]
    return np.nan_to_num(coordinates)


def _block(rings: Sequence[Floats], low_m: float, high_m: float, positions: Positions) -> Object:
    """Return the LoD 1 solid of a footprint: exterior counter-clockwise, so walls and roof face outward and the ground down."""
    low = [positions.ring(np.column_stack([r[:, :2], np.full(len(r), low_m)])) for r in rings]
    high = [positions.ring(np.column_stack([r[:, :2], np.full(len(r), high_m)])) for r in rings]
    shell = [[ring[::-1] for ring in low], high]
    for bottom, top in zip(low, high, strict=True):
        n = len(bottom)
        shell += [[[bottom[i], bottom[(i + 1) % n], top[(i + 1) % n], top[i]]] for i in range(n)]
    values = [0, 1, *[2] * (len(shell) - 2)]
    meanings = [{"type": "GroundSurface"}, {"type": "RoofSurface"}, {"type": "WallSurface"}]
    return {"type": "Solid", "lod": "1", "boundaries": [shell], "semantics": {"surfaces": meanings, "values": [values]}}
