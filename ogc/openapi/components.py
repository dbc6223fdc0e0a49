"""What operations of several subjects share: common parameters, the problem document, links, GeoJSON."""

from __future__ import annotations

from ogc.openapi.build import IF_NONE_MATCH, PROBLEM, Described, Document, Part, header, path, query, schema
from ogc.parameters import DEFAULT_LIMIT, FILTER_LANGUAGES, MAX_LIMIT, MOST_NUMBER

_TEXT: Document = {"type": "string"}
BBOX: Document = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 6,
    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
}
"""Four or six numbers, in parameters and in bodies."""
LIMIT: Document = {"type": "integer", "minimum": 1, "maximum": MOST_NUMBER}
"""Any size of a page: one above the largest counts as the largest."""
ACCEPT_DATETIME = "Accept-Datetime"
HTTP_DATE: Document = {
    "type": "string",
    "pattern": r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4}"
    r" [0-2][0-9]:[0-5][0-9]:[0-5][0-9] GMT$",
}
"""A time as HTTP writes it (RFC 9110, 5.6.7)."""
CRS_HEADER: dict[str, Document] = {"Content-Crs": _TEXT}
STATE_HEADERS: dict[str, Document] = {
    "Memento-Datetime": HTTP_DATE,
    "Content-Location": {"type": "string", "format": "uri"},
    "Link": _TEXT,
}
"""Of what is asked for by as-of or Accept-Datetime: of when it is, where that state stays, and where the original and its states are."""
PROBLEM_RESPONSE: Document = {
    "description": "RFC 9457 problem document",
    "content": {PROBLEM: {"schema": schema("problem")}},
}


def shared(described: Described) -> Part:
    """Return the parameters and schemas that several subjects use."""
    return Part({}, _parameters(described), _SCHEMAS)


def _parameters(described: Described) -> dict[str, Document]:
    text = described.text
    found = [
        query("f", {"type": "string", "enum": ["json", "html"]}, text("返回格式", "Form of the answer")),
        query("lang", {"type": "string", "enum": ["zh", "en"]}, text("语言", "Language")),
        query("crs", _TEXT, text("坐标参考系", "CRS of the answer")),
        query("as-of", _TEXT, text("记录状态：提交编号或 RFC 3339 时间", "Recorded state: a commit number or an RFC 3339 time")),
        query("cursor", _TEXT, text("取自 next 或 prev 链接", "Where the page begins and at which commit: taken from a next or prev link")),
        query("bbox", BBOX, text("范围", "Area of interest")),
        query("bbox-crs", _TEXT, text("bbox 的坐标参考系", "CRS of bbox")),
        query("datetime", _TEXT, text("现实有效期：日期、时间或区间", "Real-world validity: an RFC 3339 date, time or interval")),
        query(
            "limit",
            LIMIT | {"default": DEFAULT_LIMIT},
            text(f"每页要素数，至多 {MAX_LIMIT}", f"Page size; above {MAX_LIMIT} it counts as {MAX_LIMIT}"),
        ),
        query("filter", _TEXT, "CQL2"),
        query("filter-lang", {"type": "string", "enum": list(FILTER_LANGUAGES), "default": FILTER_LANGUAGES[0]}),
        query("filter-crs", _TEXT, text("filter 中坐标的坐标参考系", "CRS of positions in the filter")),
        query("properties", {"type": "array", "items": _TEXT}, text("只返回这些属性", "Only these properties")),
        query("color-by", _TEXT, text("一并绘制的要素按此属性取值", "The property whose value features that are drawn together have")),
        query("skipGeometry", {"type": "boolean", "default": False}, text("不返回几何", "Leave the geometry out")),
        query(
            "sortby",
            {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "[+|-]?[A-Za-z_].*"}},
            text("排序：属性名，-降序", "Names of sortables; - descends"),
        ),
        query(
            "resulttype",
            {"type": "string", "enum": ["results", "hits"], "default": "results"},
            text("hits：只返回准确的 numberMatched", "hits: only the exact numberMatched, no features"),
        ),
        path("item", _TEXT, "OID"),
        header(
            IF_NONE_MATCH,
            _TEXT,
            text("已有内容的 ETag：未变则返回 304", "Entity tags of what the caller holds: a 304 where it is still so"),
        ),
        header(
            ACCEPT_DATETIME,
            HTTP_DATE,
            text("记录状态的时间（RFC 7089），无 as-of 时有效", "Time of the recorded state (RFC 7089) where no as-of names one"),
        ),
    ]
    return {str(parameter["name"]): parameter for parameter in found}


_LINK: Document = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {"href": _TEXT, "rel": _TEXT, "type": _TEXT, "title": _TEXT, "templated": {"type": "boolean"}},
}
_LINKS: Document = {"type": "array", "items": schema("link")}
_SCHEMAS: dict[str, Document] = {
    "problem": {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": _TEXT,
            "detail": _TEXT,
            "instance": _TEXT,
            "request_id": _TEXT,
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    },
    "link": _LINK,
    "feature": {
        "type": "object",
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": _TEXT,
            "geometry": {"type": "object", "nullable": True, "required": ["type"], "properties": {"type": _TEXT}},
            "properties": {"type": "object"},
            "links": _LINKS,
        },
    },
    "featureCollection": {
        "type": "object",
        "required": ["type", "features", "links", "numberReturned"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": schema("feature")},
            "links": _LINKS,
            "numberReturned": {"type": "integer", "minimum": 0},
            "numberMatched": {"type": "integer", "minimum": 0},
            "timeStamp": {"type": "string", "format": "date-time"},
            "commit": {"type": "integer", "minimum": 0},
        },
    },
    "collection": {
        "type": "object",
        "required": ["id", "links"],
        "properties": {
            "id": _TEXT,
            "title": _TEXT,
            "description": _TEXT,
            "links": _LINKS,
            "extent": {"type": "object"},
            "itemType": _TEXT,
            "crs": {"type": "array", "items": _TEXT},
            "storageCrs": _TEXT,
        },
    },
    "collections": {
        "type": "object",
        "required": ["collections", "links"],
        "properties": {"collections": {"type": "array", "items": schema("collection")}, "links": _LINKS},
    },
    "landingPage": {"type": "object", "required": ["links"], "properties": {"title": _TEXT, "description": _TEXT, "links": _LINKS}},
    "conformance": {
        "type": "object",
        "required": ["conformsTo"],
        "properties": {"conformsTo": {"type": "array", "items": _TEXT}},
    },
    "jsonSchema": {
        "type": "object",
        "required": ["$schema", "$id", "type", "properties"],
        "properties": {"$schema": _TEXT, "$id": _TEXT, "type": {"type": "string", "enum": ["object"]}, "properties": {"type": "object"}},
    },
}
