"""Paths of the services that older clients of a city speak: WFS and the ArcGIS FeatureServer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ogc.openapi.build import JSON, Described, Document, Part, answer, body, content, named, operation, path, query

_TEXT: Document = {"type": "string"}
_XML, _GML, _GEOJSON = "text/xml", "application/gml+xml", "application/geo+json"
_WFS_TEXTS = (
    "version", "acceptVersions", "typeNames", "srsName", "propertyName", "filter", "bbox", "resourceId", "sortBy", "outputFormat",
    "storedQuery_Id", "id", "valueReference", "as-of",
)  # fmt: skip
_WFS_OPERATIONS = ["GetCapabilities", "DescribeFeatureType", "ListStoredQueries", "DescribeStoredQueries", "GetFeature", "GetPropertyValue"]
_QUERY = {
    "where": "SQL-92",
    "objectIds": "1,2,…",
    "geometry": "x,y | xmin,ymin,xmax,ymax | JSON",
    "geometryType": "esriGeometryEnvelope | Point | Multipoint | Polyline | Polygon",
    "inSR": "wkid",
    "spatialRel": "esriSpatialRelIntersects | Contains | Within | Crosses | Overlaps | Touches | EnvelopeIntersects | IndexIntersects",
    "outFields": "* | name,name",
    "returnGeometry": "true | false",
    "returnZ": "false | true",
    "outSR": "wkid",
    "returnIdsOnly": "false | true",
    "returnCountOnly": "false | true",
    "returnExtentOnly": "false | true",
    "orderByFields": "name [ASC | DESC],…",
    "outStatistics": "[{statisticType: count | sum | min | max | avg | stddev | var, onStatisticField, outStatisticFieldName},…]",
    "groupByFieldsForStatistics": "name,name",
    "returnDistinctValues": "false | true",
    "resultOffset": "0…",
    "resultRecordCount": "1…2000",
    "historicMoment": "ms",
    "time": "ms | ms,ms",
}
"""Texts all of them: an ArcGIS server says what is wrong with a value in a document with status 200."""


def old_clients_paths(described: Described) -> Part:
    """Return the paths of WFS and of the FeatureServer, whose errors are those that their clients know."""
    service = "/arcgis/rest/services/{service}/FeatureServer"
    named_service = path("service", _TEXT, described.text("集合", "The collection"))
    layer = path("layer", _TEXT, "0")
    return Part(
        {
            "/wfs": {"get": _wfs(described), "post": _wfs_post(described)},
            "/arcgis/rest/info": _documents("arcgis.info", "ArcGIS REST", []),
            "/arcgis/rest/services": _documents("arcgis.services", described.text("服务列表", "Services"), []),
            service: _documents("arcgis.service", "FeatureServer", [named_service]),
            f"{service}/layers": _documents("arcgis.layers", described.text("图层列表", "Layers"), [named_service]),
            f"{service}/{{layer}}": _documents("arcgis.layer", described.text("图层", "A layer"), [named_service, layer]),
            f"{service}/{{layer}}/query": _documents("arcgis.query", described.text("查询", "Query"), [named_service, layer], _QUERY),
        }
    )


def _wfs(described: Described) -> Document:
    whole: Document = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999}
    parameters = [
        *named("lang"),
        query("service", {"type": "string", "enum": ["WFS"]}),
        query("request", {"type": "string", "enum": _WFS_OPERATIONS}, required=True),
        *(query(name, _TEXT) for name in _WFS_TEXTS),
        query("startIndex", whole),
        query("count", whole),
        query("resultType", {"type": "string", "enum": ["results", "hits"]}),
    ]
    return operation("wfs", described.text("WFS 2.0.0", "WFS 2.0.0"), _wfs_answers(), parameters=parameters, problems=(405, 429))


def _wfs_post(described: Described) -> Document:
    asked = body(content("text/xml", "application/xml", "application/x-www-form-urlencoded", value=_TEXT))
    summary = described.text("WFS 2.0.0（XML）", "WFS 2.0.0 by XML")
    return operation("wfs.post", summary, _wfs_answers(), request_body=asked, problems=(405, 413, 429))


def _wfs_answers() -> dict[int, Document]:
    report = answer("ows:ExceptionReport", content(_XML))
    return {200: answer("OK", content(_XML, _GML, _GEOJSON)), 400: report, 404: report, 503: report}


def _documents(identifier: str, summary: str, parameters: list[Document], asked: Mapping[str, str] = MappingProxyType({})) -> Document:
    """Return a path item whose GET and POST mean the same; an error is a member of the document, as ArcGIS Server has it."""
    forms = {"f": "json | pjson | geojson | pbf" if asked else "json | pjson", "lang": "zh | en", **asked}
    listed = [*parameters, *(query(name, _TEXT, values) for name, values in forms.items())]
    answers = {200: answer("OK", content(JSON, "application/x-protobuf") if asked else content(JSON))}
    posted = body(content("application/x-www-form-urlencoded"), required=False)
    return {
        "get": operation(identifier, summary, answers, parameters=listed, problems=(405, 429)),
        "post": operation(f"{identifier}.post", summary, answers, parameters=parameters, request_body=posted, problems=(405, 413, 429)),
    }
