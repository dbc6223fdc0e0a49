"""The documents of a FeatureServer: catalogue, service, layer with its fields and their domains; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ogc.arcgis.esri_geometry import GEOMETRY_TYPES, spatial_reference
from twin.featuretypes.validity import validity_fields
from twin.model import Deployment, Field, FieldType
from twin.query.area import transformer_between
from twin.query.collection import Collection

MAX_RECORDS = 2_000
OBJECT_ID, OID = "objectid", "oid"
CURRENT_VERSION = 10.91
"""The version of ArcGIS Server whose REST interface this is."""
_FORMATS = "JSON, geoJSON, PBF"
_INT32 = 2**31
_TYPES: Mapping[FieldType, str] = MappingProxyType(
    {
        "string": "esriFieldTypeString",
        "code": "esriFieldTypeString",
        "number": "esriFieldTypeDouble",
        "boolean": "esriFieldTypeSmallInteger",
        "date": "esriFieldTypeDate",
        "datetime": "esriFieldTypeDate",
    }
)
_SYMBOLS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "esriGeometryPoint": {"type": "esriSMS", "style": "esriSMSCircle", "size": 6},
        "esriGeometryPolyline": {"type": "esriSLS", "style": "esriSLSSolid", "width": 1.5},
        "esriGeometryPolygon": {"type": "esriSFS", "style": "esriSFSSolid"},
    }
)
_LONGEST_TEXT = 4000
Document = dict[str, object]


def info() -> Document:
    """Return the document by which clients know the server."""
    return {"currentVersion": CURRENT_VERSION, "fullVersion": "10.9.1", "authInfo": {"isTokenBasedSecurity": False}}


def catalogue(slugs: Iterable[str]) -> Document:
    """Return the list of services."""
    services = [{"name": slug, "type": "FeatureServer"} for slug in slugs]
    return {"currentVersion": CURRENT_VERSION, "folders": [], "services": services}


def service(deployment: Deployment, collection: Collection, language: str) -> Document:
    """Return the service of a collection: one layer."""
    title = collection.dataset.title.in_language(language)
    extent = _extent(collection)
    return {
        "currentVersion": CURRENT_VERSION,
        "serviceDescription": f"{deployment.name} · {title}",
        "description": collection.feature_type.description.in_language(language),
        "copyrightText": collection.dataset.licence,
        "hasVersionedData": False,
        "supportsDisconnectedEditing": False,
        "syncEnabled": False,
        "maxRecordCount": MAX_RECORDS,
        "supportedQueryFormats": _FORMATS,
        "capabilities": "Query",
        "spatialReference": spatial_reference(collection.storage_srid),
        "units": "esriMeters",
        "allowGeometryUpdates": False,
        **({"initialExtent": extent, "fullExtent": extent} if extent else {}),
        "layers": [
            {
                "id": 0,
                "name": title,
                "parentLayerId": -1,
                "defaultVisibility": True,
                "subLayerIds": None,
                "minScale": 0,
                "maxScale": 0,
                "type": "Feature Layer",
                "geometryType": GEOMETRY_TYPES[collection.feature_type.geometry_type],
            }
        ],
        "tables": [],
    }


def layer(collection: Collection, language: str) -> Document:
    """Return the layer of a collection."""
    kind = collection.feature_type
    extent = _extent(collection)
    return {
        "currentVersion": CURRENT_VERSION,
        "id": 0,
        "name": collection.dataset.title.in_language(language),
        "type": "Feature Layer",
        "description": kind.description.in_language(language),
        "copyrightText": collection.dataset.licence,
        "geometryType": GEOMETRY_TYPES[kind.geometry_type],
        "hasZ": kind.has_z,
        "hasM": False,
        "hasAttachments": False,
        "objectIdField": OBJECT_ID,
        "uniqueIdField": {"name": OBJECT_ID, "isSystemMaintained": True},
        "globalIdField": "",
        "typeIdField": "",
        "displayField": "name" if "name" in kind.field_names else next(iter(kind.field_names), OBJECT_ID),
        "fields": fields(collection, language),
        "types": [],
        "templates": [],
        "relationships": [],
        "drawingInfo": _drawing(collection),
        "defaultVisibility": True,
        "maxRecordCount": MAX_RECORDS,
        "standardMaxRecordCount": MAX_RECORDS,
        "supportedQueryFormats": _FORMATS,
        "capabilities": "Query",
        "supportsAdvancedQueries": True,
        "supportsStatistics": True,
        "useStandardizedQueries": True,
        "advancedQueryCapabilities": {
            "useStandardizedQueries": True,
            "supportsPagination": True,
            "supportsOrderBy": True,
            "supportsStatistics": True,
            "supportsPercentileStatistics": False,
            "supportsHavingClause": False,
            "supportsDistinct": True,
            "supportsCountDistinct": True,
            "supportsPaginationOnAggregatedQueries": True,
            "supportsReturningQueryExtent": True,
            "supportsQueryWithDistance": False,
            "supportsHistoricMoment": True,
        },
        "extentSpatialReference": spatial_reference(collection.storage_srid),
        **({"extent": extent} if extent else {}),
    }


def fields(collection: Collection, language: str, names: Iterable[str] | None = None) -> list[Document]:
    """Return the fields, or those of ``names``: the object id (the fid), the OID, the FeatureType's, the validity."""
    made: list[Document] = [
        {"name": OBJECT_ID, "type": "esriFieldTypeOID", "alias": OBJECT_ID, "nullable": False, "editable": False, "domain": None},
        {"name": OID, "type": "esriFieldTypeString", "alias": "OID", "length": 128, "nullable": False, "editable": False, "domain": None},
        *(_field(described, language) for described in (*collection.feature_type.fields, *validity_fields())),
    ]
    wanted = None if names is None else set(names)
    return [entry for entry in made if wanted is None or entry["name"] in wanted]


def _field(described: Field, language: str) -> Document:
    title = described.title.in_language(language)
    kind = _integer_type(described) if described.type == "integer" else _TYPES[described.type]
    made: Document = {
        "name": described.name,
        "type": kind,
        "alias": f"{title} ({described.unit})" if described.unit else title,
        "nullable": True,
        "editable": False,
        "domain": _domain(described, language),
    }
    return made | {"length": described.max_length or _LONGEST_TEXT} if kind == "esriFieldTypeString" else made


def _integer_type(described: Field) -> str:
    # Old clients know no 64 bits: what may exceed 32 is called a double; the number in an answer is whole all the same.
    low, high = described.minimum, described.maximum
    fits = low is not None and high is not None and low >= -_INT32 and high < _INT32
    return "esriFieldTypeInteger" if fits else "esriFieldTypeDouble"


def _domain(described: Field, language: str) -> Document | None:
    if described.type == "boolean":
        names = ("否", "是") if language == "zh" else ("no", "yes")
        coded = [{"name": name, "code": code} for code, name in enumerate(names)]
        return {"type": "codedValue", "name": described.name, "codedValues": coded}
    if described.codelist is not None:
        coded = [{"name": code.title.in_language(language), "code": code.code} for code in described.codelist.codes]
        return {"type": "codedValue", "name": described.codelist.id, "codedValues": coded}
    if described.type in {"integer", "number"} and described.minimum is not None and described.maximum is not None:
        return {"type": "range", "name": described.name, "range": [described.minimum, described.maximum]}
    return None


def _drawing(collection: Collection) -> Document:
    style = collection.feature_type.style
    red, green, blue = (int(style.default_color[i : i + 2], 16) for i in (1, 3, 5))
    color = [red, green, blue, round(255 * style.fill_opacity)]
    symbol = {**_SYMBOLS[GEOMETRY_TYPES[collection.feature_type.geometry_type]], "color": color}
    return {"renderer": {"type": "simple", "symbol": symbol, "label": "", "description": ""}, "transparency": 0}


def _extent(collection: Collection) -> Document | None:
    """Return the extent of the newest revision in the storage CRS, a box around its box of degrees."""
    if collection.revision.extent_deg is None:
        return None
    bounds = transformer_between(4326, collection.storage_srid).transform_bounds(*collection.revision.extent_deg, densify_pts=21)
    named = dict(zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True))
    return {**named, "spatialReference": spatial_reference(collection.storage_srid)}
