"""The OpenAPI 3.0 definition of the door, derived from the same names the parsers use; pure."""

from __future__ import annotations

from collections.abc import Mapping

from ogc.findings import ITEM_NAMES, ITEMS_NAMES, offered_crs
from ogc.parameters import DEFAULT_LIMIT, FILTER_LANGUAGES, MAX_LIMIT
from twin.crs import OutputCrs
from twin.featuretypes.json_schema import queryables
from twin.model import Deployment
from twin.query.collection import Collection
from twin.query.findings import COLLECTION_ID, QUERYABLE
from twin.query.tile import DEEPEST_LEVEL

Document = dict[str, object]
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
_ITEM_NAMES = ("f", "lang", "crs", "as-of")
_ITEMS_NAMES = (
    *_ITEM_NAMES, "bbox", "bbox-crs", "datetime", "limit", "filter", "filter-lang", "filter-crs", "properties", "skipGeometry", "cursor",
)  # fmt: skip
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


def openapi_document(deployment: Deployment, collections: Mapping[str, Collection], base_url: str, language: str) -> Document:
    """Return the definition with one set of paths per collection, so that its properties and CRSs are named."""
    zh = language == "zh"
    paths: Document = {
        "/": _get("landing", "首页" if zh else "Landing page"),
        "/conformance": _get("conformance", "符合性" if zh else "Conformance classes"),
        "/openapi": _get("openapi", "接口定义" if zh else "This definition", media_type=MEDIA_TYPE),
        "/collections": _get("collections", "全部集合" if zh else "All collections"),
        "/tileMatrixSets": _get("tileMatrixSets", "瓦片矩阵集" if zh else "Tile matrix sets"),
        "/tileMatrixSets/WebMercatorQuad": _get("tileMatrixSet", "WebMercatorQuad"),
    }
    for collection in collections.values():
        paths |= _collection_paths(collection, language)
    paths |= _findings_paths(offered_crs(deployment), language)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"{deployment.name} · OGC API",
            "version": "1.0.0",
            "description": "要素与矢量瓦片，可按提交回溯" if zh else "Features and vector tiles, as of any commit",
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": slug, "description": c.dataset.title.in_language(language)} for slug, c in collections.items()],
        "paths": paths,
        "components": {"parameters": _parameters(), "schemas": {"problem": _PROBLEM}, "responses": _responses()},
    }


def _collection_paths(collection: Collection, language: str) -> Document:
    slug, title = collection.slug, collection.dataset.title.in_language(language)
    own = f"/collections/{slug}"
    crs = [c.uri for c in collection.crs]
    items = _get(f"{slug}.items", title, slug, _ITEMS_NAMES, "application/geo+json")
    one = _get(f"{slug}.item", title, slug, _ITEM_NAMES, "application/geo+json", path_names=("item",))
    _with_crs(items, crs)
    _with_crs(one, crs)
    _operation(items)["parameters"] += _queryable_parameters(collection, language)  # type: ignore[operator]  # a list by _get
    made: Document = {
        own: _get(slug, title, slug),
        f"{own}/schema": _get(f"{slug}.schema", title, slug, media_type="application/schema+json"),
        f"{own}/queryables": _get(f"{slug}.queryables", title, slug, media_type="application/schema+json"),
        f"{own}/items": items,
        f"{own}/items/{{item}}": one,
    }
    if not collection.is_coverage:
        made[f"{own}/tiles"] = _get(f"{slug}.tilesets", title, slug)
        made[f"{own}/tiles/WebMercatorQuad"] = _get(f"{slug}.tileset", title, slug)
        tile = _get(
            f"{slug}.tile", title, slug, ("as-of",), "application/vnd.mapbox-vector-tile", path_names=("tileMatrix", "tileRow", "tileCol")
        )
        responses = _operation(tile)["responses"]
        if isinstance(responses, dict):
            responses["204"] = {"description": "nothing lies in this tile"}
        made[f"{own}/tiles/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"] = tile
    return made


def _findings_paths(offered: tuple[OutputCrs, ...], language: str) -> Document:
    title = "检查问题" if language == "zh" else "Findings of checks"
    own, crs = f"/collections/{COLLECTION_ID}", [c.uri for c in offered]
    items = _get("findings.items", title, COLLECTION_ID, ITEMS_NAMES, "application/geo+json")
    one = _get("findings.item", title, COLLECTION_ID, ITEM_NAMES, "application/geo+json", path_names=("item",))
    _with_crs(items, crs)
    _with_crs(one, crs)
    _operation(items)["parameters"] += [_query(name, {"type": "string"}) for name in QUERYABLE]  # type: ignore[operator]  # a list by _get
    return {
        own: _get("findings", title, COLLECTION_ID),
        f"{own}/schema": _get("findings.schema", title, COLLECTION_ID, media_type="application/schema+json"),
        f"{own}/queryables": _get("findings.queryables", title, COLLECTION_ID, media_type="application/schema+json"),
        f"{own}/items": items,
        f"{own}/items/{{item}}": one,
    }


def _get(
    operation_id: str,
    summary: str,
    tag: str | None = None,
    names: tuple[str, ...] = ("f", "lang"),
    media_type: str = "application/json",
    path_names: tuple[str, ...] = (),
) -> Document:
    binary = media_type == "application/vnd.mapbox-vector-tile"
    content: Document = {media_type: {"schema": {"type": "string", "format": "binary"} if binary else {"type": "object"}}}
    if not binary:
        content["text/html"] = {"schema": {"type": "string"}}
    operation: Document = {
        "operationId": operation_id,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in (*path_names, *names)],
        "responses": {
            "200": {"description": "OK", "content": content},
            "304": {"description": "not modified"},
            "400": {"$ref": "#/components/responses/problem"},
            "404": {"$ref": "#/components/responses/problem"},
            "503": {"$ref": "#/components/responses/problem"},
        },
    }
    if tag:
        operation["tags"] = [tag]
    return {"get": operation}


def _operation(path: Document) -> Document:
    operation = path["get"]
    return operation if isinstance(operation, dict) else {}


def _with_crs(path: Document, uris: list[str]) -> None:
    """Name the CRSs of this collection in place of the general parameters."""
    operation = _operation(path)
    listed = operation["parameters"]
    if not isinstance(listed, list):
        return
    crs_names = ("crs", "bbox-crs", "filter-crs")
    own = [p["$ref"].rsplit("/", 1)[1] for p in listed if p["$ref"].rsplit("/", 1)[1] in crs_names]
    kept = [p for p in listed if p["$ref"].rsplit("/", 1)[1] not in crs_names]
    operation["parameters"] = kept + [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string", "format": "uri", "enum": uris}} for name in own
    ]


def _queryable_parameters(collection: Collection, language: str) -> list[Document]:
    properties = queryables(collection.feature_type, language)["properties"]
    found: list[Document] = []
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        if schema.get("type") not in _SCALARS or name in _ITEMS_NAMES:
            continue
        kept = {key: schema[key] for key in ("type", "format", "title") if key in schema}
        found.append({"name": name, "in": "query", "required": False, "description": schema.get("title", name), "schema": kept})
    return found


def _parameters() -> Document:
    text: Document = {"type": "string"}
    bbox: Document = {
        "type": "array",
        "items": {"type": "number"},
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    }
    level: Document = {"type": "integer", "minimum": 0}
    return {
        "f": _query("f", {"type": "string", "enum": ["json", "html"]}),
        "lang": _query("lang", {"type": "string", "enum": ["zh", "en"]}),
        "crs": _query("crs", text),
        "as-of": _query("as-of", text, "Recorded state: a commit number or an RFC 3339 time"),
        "cursor": _query("cursor", text, "Where the page begins and at which commit: taken from a next link"),
        "bbox": _query("bbox", bbox) | {"style": "form", "explode": False},
        "bbox-crs": _query("bbox-crs", text),
        "datetime": _query("datetime", text, "Real-world validity: an RFC 3339 date, time or interval"),
        "limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT})
        | {"style": "form", "explode": False},
        "filter": _query("filter", text, "CQL2"),
        "filter-lang": _query("filter-lang", {"type": "string", "enum": list(FILTER_LANGUAGES), "default": FILTER_LANGUAGES[0]}),
        "filter-crs": _query("filter-crs", text),
        "properties": _query("properties", {"type": "array", "items": {"type": "string"}}) | {"style": "form", "explode": False},
        "skipGeometry": _query("skipGeometry", {"type": "boolean", "default": False}),
        "item": _path("item", text),
        "tileMatrix": _path("tileMatrix", level | {"maximum": DEEPEST_LEVEL}),
        "tileRow": _path("tileRow", level),
        "tileCol": _path("tileCol", level),
    }


def _query(name: str, schema: Document, description: str = "") -> Document:
    made: Document = {"name": name, "in": "query", "required": False, "schema": schema}
    return made | {"description": description} if description else made


def _path(name: str, schema: Document) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _responses() -> Document:
    return {
        "problem": {
            "description": "RFC 9457 problem document",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}},
        }
    }


_PROBLEM: Document = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
}
