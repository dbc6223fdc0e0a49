"""Paths of the search across collections."""

from __future__ import annotations

from ogc.openapi.build import (
    GEOJSON,
    HTML,
    JSON,
    SCHEMA,
    Described,
    Document,
    Part,
    answer,
    body,
    content,
    named,
    operation,
    query,
    read,
    schema,
)  # fmt: skip
from ogc.openapi.components import ACCEPT_DATETIME, BBOX, CRS_HEADER, LIMIT, STATE_HEADERS

_TEXTS: Document = {"type": "array", "items": {"type": "string"}}
_SOME: Document = _TEXTS | {"minItems": 1}
_SHARED = ("bbox", "datetime", "limit", "filter", "filter-lang", "filter-crs", "skipGeometry", "crs", "bbox-crs", "as-of")


def search_paths(described: Described) -> Part:
    """Return the paths of search and of what its filters may name."""
    text = described.text
    own = [
        query("collections", _SOME, text("要搜索的集合", "Collections to look through; all without")),
        query("ids", _TEXTS, "OID"),
        query("q", {"type": "string", "minLength": 1, "maxLength": 200}, text("文本属性中的词", "Words of text properties")),
        query("cursor", {"type": "string"}, text("取自 next 链接", "Taken from a next link")),
    ]
    title, features = text("跨集合搜索", "Search across collections"), content(GEOJSON, HTML, value=schema("featureCollection"))
    asked = [*named("f", "lang", *_SHARED, ACCEPT_DATETIME), *own]
    item = read("search", title, parameters=asked, of=features, headers=CRS_HEADER | STATE_HEADERS)
    item["post"] = operation(
        "search.post",
        title,
        {200: answer("OK", features, CRS_HEADER)},
        parameters=named("f", "lang", ACCEPT_DATETIME),
        request_body=body(content(JSON, value=_BODY)),
        problems=(400, 401, 404, 405, 406, 413, 414, 415, 429, 503),
    )
    shared = text("共有的可查询属性", "Queryables of every collection")
    return Part({"/search": item, "/queryables": read("queryables", shared, of=content(SCHEMA, HTML, value=schema("jsonSchema")))})


_BODY: Document = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "collections": _SOME,
        "ids": _TEXTS,
        "bbox": BBOX,
        "bbox-crs": {"type": "string"},
        "datetime": {"type": "string"},
        "filter": {"oneOf": [{"type": "string"}, {"type": "object"}, {"type": "boolean"}]},
        "filter-lang": {"type": "string"},
        "filter-crs": {"type": "string"},
        "q": {"type": "string"},
        "limit": LIMIT,
        "crs": {"type": "string"},
        "as-of": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        "cursor": {"type": "string"},
        "skipGeometry": {"type": "boolean"},
        "f": {"type": "string"},
        "lang": {"type": "string"},
    },
}
