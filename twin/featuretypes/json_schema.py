"""JSON Schemas of a FeatureType's items, for the OGC API: the schema of a collection and its queryables.

OGC API - Features - Part 5: Schemas (23-058r2): ``x-ogc-role``, ``x-ogc-unit``, ``x-ogc-propertySeq``, geometry as ``format``, code
lists inline; Part 3: Filtering (19-079r2) §7 for the queryables, Part 8: Sorting (24-030) §6 for the sortables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import cast

from twin.featuretypes.validity import validity_fields
from twin.model import CodeList, FeatureType, Field, FieldType

Json = dict[str, object]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_GEOMETRY_FORMAT = {
    "Point": "geometry-point",
    "LineString": "geometry-linestring",
    "MultiPolygon": "geometry-multipolygon",
    "coverage": "geometry-multipolygon",
}
_TYPES: dict[FieldType, Json] = {
    "string": {"type": "string"},
    "code": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
ID_NAME = "id"
_VALIDITY_ROLES = {"valid_from": "primary-interval-start", "valid_to": "primary-interval-end"}


def feature_schema(feature_type: FeatureType, language: str, references: Mapping[str, str] = MappingProxyType({})) -> Json:
    """Return the JSON Schema (draft 2020-12) of the items of a FeatureType, texts in ``language``.

    The property ``id`` (role ``id``) is the member of that name of a GeoJSON feature, ``geometry`` (role ``primary-geometry``) its
    geometry; every other property is a member of its ``properties``. ``references`` are URI templates by field: where what a value
    names is found, ``{resourceId}`` standing for the value (23-058r2, 9).
    """
    properties: dict[str, Json] = {
        ID_NAME: _id(),
        "geometry": _geometry(feature_type, language),
        **{f.name: _property(f, language) for f in (*feature_type.fields, *validity_fields())},
    }
    for name, template in references.items():
        properties[name] |= {"x-ogc-role": "reference", "x-ogc-uriTemplate": template}
    for number, member in enumerate(properties.values(), start=1):
        member["x-ogc-propertySeq"] = number
    return {
        **_head(feature_type, language),
        "properties": properties,
        "required": [f.name for f in feature_type.fields if f.required],
        "additionalProperties": False,
    }


def queryables(feature_type: FeatureType, language: str) -> Json:
    """Return the JSON Schema of what a filter may name: the id, the geometry, every field, valid_from, valid_to and admin_codes."""
    fields = (*feature_type.fields, *validity_fields())
    codes = {"title": "行政区划代码" if language.startswith("zh") else "Codes of administrative divisions", "type": "array"}
    return {
        **_head(feature_type, language),
        "properties": {
            ID_NAME: _id(),
            "geometry": _geometry(feature_type, language),
            "admin_codes": codes | {"items": {"type": "string"}},
            **{f.name: _property(f, language) for f in fields},
        },
        "additionalProperties": False,
    }


def shared_queryables(feature_types: Sequence[FeatureType], language: str) -> Json:
    """Return the JSON Schema of what a filter may name whichever of several FeatureTypes it is asked of."""
    found: list[Mapping[str, object]] = [cast("Mapping[str, object]", queryables(t, language)["properties"]) for t in feature_types]
    geometry = {"format": "geometry-any", "title": "几何" if language.startswith("zh") else "Geometry", "x-ogc-role": "primary-geometry"}
    names = [name for name in found[0] if all(name in other for other in found)] if found else []
    return {
        "$schema": _DIALECT,
        "type": "object",
        "title": "共有的可查询属性" if language.startswith("zh") else "Queryables of every collection",
        "properties": {"geometry": geometry, **{name: found[0][name] for name in names if name != "geometry"}},
        "additionalProperties": False,
    }


def sortables(feature_type: FeatureType, names: Collection[str], language: str) -> Json:
    """Return the JSON Schema of what a page may be sorted by: the id, and the fields ``names``."""
    fields = (*feature_type.fields, *validity_fields())
    return {
        **_head(feature_type, language),
        "properties": {ID_NAME: _id(), **{f.name: _property(f, language) for f in fields if f.name in names}},
        "additionalProperties": False,
    }


def _id() -> Json:
    return {"title": "OID", "type": "string", "x-ogc-role": "id", "readOnly": True}


def _head(feature_type: FeatureType, language: str) -> Json:
    return {
        "$schema": _DIALECT,
        "type": "object",
        "title": feature_type.title.in_language(language),
        "description": feature_type.description.in_language(language),
    }


def _geometry(feature_type: FeatureType, language: str) -> Json:
    return {
        "title": "几何" if language.startswith("zh") else "Geometry",
        "format": _GEOMETRY_FORMAT[feature_type.geometry_type],
        "x-ogc-role": "primary-geometry",
    }


def _property(field: Field, language: str) -> Json:
    schema: Json = {"title": field.title.in_language(language), **_TYPES[field.type]}
    bounds: Json = {"minimum": field.minimum, "maximum": field.maximum, "maxLength": field.max_length}
    if field.unit is not None:
        bounds |= {"x-ogc-unit": field.unit, "x-ogc-unitLang": "UCUM"}
    schema.update({name: value for name, value in bounds.items() if value is not None})
    if field.codelist is not None:
        schema["oneOf"] = _choices(field.codelist, language)
    if field.derived is not None and not field.aliases:
        schema["readOnly"] = True
    if field.name in _VALIDITY_ROLES:
        schema["x-ogc-role"] = _VALIDITY_ROLES[field.name]
    return schema


def _choices(code_list: CodeList, language: str) -> list[Json]:
    return [{"const": code.code, "title": code.title.in_language(language)} for code in code_list.codes]
