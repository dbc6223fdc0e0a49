"""Features of the query core as a FeatureSet in Esri's JSON, or as GeoJSON with the attributes that a query asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from ogc.arcgis.esri_geometry import GEOMETRY_TYPES, esri_geometry, spatial_reference
from ogc.arcgis.layers import OBJECT_ID, OID, Document, fields
from ogc.arcgis.query import LayerQuery
from ogc.arcgis.values import writer
from twin.featuretypes.validity import validity_fields
from twin.query.items import ItemsPage


def feature_set(asked: LayerQuery, pages: Sequence[ItemsPage], language: str) -> Document:
    """Return a page of features in Esri's JSON; dates are milliseconds since 1970, booleans 0 and 1."""
    collection = asked.query.collection
    head: Document = {
        "objectIdFieldName": OBJECT_ID,
        "uniqueIdField": {"name": OBJECT_ID, "isSystemMaintained": True},
        "globalIdFieldName": "",
        "geometryType": GEOMETRY_TYPES[collection.feature_type.geometry_type],
        "spatialReference": spatial_reference(asked.query.crs.srid),
        "fields": fields(collection, language, asked.fields),
    }
    if asked.query.crs.has_z:
        head["hasZ"] = True
    if pages[-1].more:
        head["exceededTransferLimit"] = True
    attributes = _attributes(asked)
    return {**head, "features": [_feature(attributes, feature, asked) for feature in _features(pages)]}


def geojson(asked: LayerQuery, pages: Sequence[ItemsPage]) -> Document:
    """Return a page of features as GeoJSON; their ids are the object ids."""
    attributes = _attributes(asked)
    made = []
    for feature in _features(pages):
        values = attributes(feature)
        made.append({"type": "Feature", "id": _object_id(feature), "geometry": feature["geometry"], "properties": values})
    found: Document = {"type": "FeatureCollection", "features": made}
    if asked.query.crs.srid != 4326:
        found["crs"] = {"type": "name", "properties": {"name": f"EPSG:{asked.query.crs.srid}"}}
    return found | ({"exceededTransferLimit": True, "properties": {"exceededTransferLimit": True}} if pages[-1].more else {})


def _features(pages: Iterable[ItemsPage]) -> Iterable[Mapping[str, Any]]:
    for page in pages:
        yield from orjson.loads(b"[" + page.features + b"]")


def _feature(attributes: Callable[[Mapping[str, Any]], Document], feature: Mapping[str, Any], asked: LayerQuery) -> Document:
    made: Document = {"attributes": attributes(feature)}
    return made | {"geometry": esri_geometry(feature["geometry"])} if asked.query.with_geometry else made


def _attributes(asked: LayerQuery) -> Callable[[Mapping[str, Any]], Document]:
    """Return the function that writes a feature's attributes."""
    kinds = {f.name: f.type for f in (*asked.query.collection.feature_type.fields, *validity_fields())}
    special = {name: write for name in asked.fields if (write := writer(kinds.get(name))) is not None}
    own: dict[str, Callable[[Mapping[str, Any]], object]] = {OBJECT_ID: _object_id, OID: lambda feature: feature["id"]}

    def attributes(feature: Mapping[str, Any]) -> Document:
        values, made = feature["properties"], {}
        for name in asked.fields:
            if name in own:
                made[name] = own[name](feature)
            else:
                value = values[name]
                made[name] = special[name](value) if value is not None and name in special else value
        return made

    return attributes


def _object_id(feature: Mapping[str, Any]) -> int:
    return int(feature["id"].rpartition(".")[2])
