"""GeoJSON features → JSON-FG (21-045r1, clauses 8 and 13): place beside geometry, time, and what the document conforms to; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twin.crs import OutputCrs
from twin.crs.output import CRS84_URI, CRS84H_URI, epsg_uri
from twin.query.collection import Collection

Document = dict[str, Any]
CONFORMANCE = "http://www.opengis.net/spec/json-fg-1/1.0/conf/"
_CLASSES = {"Polyhedron": "polyhedra", "MultiPolyhedron": "polyhedra", "Prism": "prisms"}
_DIMENSIONS = {
    "Point": 0, "MultiPoint": 0, "LineString": 1, "MultiLineString": 1, "Polygon": 2, "MultiPolygon": 2,
    "Polyhedron": 3, "MultiPolyhedron": 3, "Prism": 3,
}  # fmt: skip
EGM96_HEIGHT = epsg_uri(5773)
_SECOND_DAY = dt.date(1, 1, 2)
"""Before the first day there is none that could be written."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The geometries of one feature besides the one that GeoJSON has of it in the CRS asked for."""

    fallback: Mapping[str, Any] | None
    """In longitude and latitude; None where that is the CRS asked for."""
    body: Mapping[str, Any] | None
    """Its solid or prism in the CRS asked for."""


def is_lonlat(crs: OutputCrs) -> bool:
    """Tell whether a simple geometry in this CRS is the one of member ``geometry``."""
    return crs.uri in {CRS84_URI, CRS84H_URI}


def takes_bodies(crs: OutputCrs, collection: Collection) -> bool:
    """Tell whether positions of a solid have a CRS with three dimensions that can be named (req. /req/polyhedra/coordinates)."""
    return collection.feature_type.has_z and (crs.height == "ellipsoidal" or (crs.has_z and collection.vertical == "egm96"))


def converted(feature: Mapping[str, Any], shape: Shape, crs: OutputCrs, *, for_geojson_readers: bool) -> Document:
    """Return a GeoJSON feature in ``crs`` as JSON-FG; what has a ``place`` has a ``geometry`` besides ``for_geojson_readers`` only."""
    simple = feature["geometry"]
    place = shape.body or (None if is_lonlat(crs) else simple)
    geometry = None if place is not None and not for_geojson_readers else simple if is_lonlat(crs) else shape.fallback
    return {**feature, "geometry": geometry, "place": place, "time": _time(feature["properties"])}


def root_members(features: Iterable[Mapping[str, Any]], crs: OutputCrs, collection: Collection, schema_url: str) -> Document:
    """Return what the root object of these features says besides them."""
    kinds = [(f["place"] or f["geometry"] or {}).get("type") for f in features]
    classes = sorted({_CLASSES[kind] for kind in kinds if kind in _CLASSES})
    dimensions = {_DIMENSIONS[kind] for kind in kinds if kind is not None}
    made: Document = {
        "conformsTo": [CONFORMANCE + name for name in ("core", "types-schemas", *classes)],
        "featureType": collection.feature_type.name,
        "featureSchema": schema_url,
        "coordRefSys": reference_system(crs, collection),
    }
    return made | ({"geometryDimension": dimensions.pop()} if len(dimensions) == 1 else {})


def reference_system(crs: OutputCrs, collection: Collection) -> str | Sequence[str]:
    """Return the value of ``coordRefSys``: a grid with heights above EGM96 is a compound of both."""
    is_compound = crs.height == "gravity" and collection.feature_type.has_z and collection.vertical == "egm96"
    return [crs.uri, EGM96_HEIGHT] if is_compound else crs.uri


def _time(properties: Mapping[str, Any]) -> Document | None:
    """Return the interval of validity, whose last day is in it; stored validity ends before the day ``valid_to``."""
    first, end = properties.get("valid_from"), properties.get("valid_to")
    if first is None and end is None:
        return None
    last = (max(dt.date.fromisoformat(end), _SECOND_DAY) - dt.timedelta(days=1)).isoformat() if end else ".."
    return {"interval": [first or "..", last if not first or last == ".." else max(first, last)]}
