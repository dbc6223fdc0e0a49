"""Paths of writing: Part 4 on every collection that is written feature by feature, and transactions."""

from __future__ import annotations

from ogc.json_fg.profile import MEDIA_TYPES as JSON_FG_TYPES
from ogc.openapi.build import (
    GEOJSON,
    JSON,
    WRITE_PROBLEMS,
    Described,
    Document,
    Part,
    answer,
    body,
    content,
    header,
    named,
    operation,
    schema,
)
from ogc.writing.bodies import PATCH_TYPES, is_read_only
from ogc.writing.items import is_writable
from ogc.writing.preferences import REASON_HEADER
from twin.featuretypes.validity import validity_fields
from twin.model import Field, FieldType
from twin.query.collection import Collection

_TEXT: Document = {"type": "string"}
_ADDRESS: Document = {"type": "string", "format": "uri"}
_SECURED: Document = {"security": [{"token": []}]}
_TYPES: dict[FieldType, Document] = {
    "string": {"type": "string"},
    "code": {"type": "string"},
    "integer": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
_JSON_FG: Document = {
    "type": "object",
    "properties": {"place": {"type": "object", "nullable": True}, "time": {"type": "object", "nullable": True}},
}
"""A feature as JSON-FG has it; docs/ogc-writing.md says what of it is taken."""
_GEOMETRIES = {"Point": ["Point"], "LineString": ["LineString"], "MultiPolygon": ["Polygon", "MultiPolygon"]}


def writing_paths(described: Described) -> Part:
    """Return the writing operations; without a writer only those that say that nothing is written here."""
    paths: dict[str, Document] = {}
    schemas: dict[str, Document] = {}
    for collection in described.collections.values():
        paths |= _paths(described, collection)
        if described.can.writes and is_writable(collection):
            schemas[f"{collection.slug}.toWrite"] = _feature(collection, described.language)
    paths["/transactions"] = {"options": _options("transactions.options", described, None)}
    if described.can.writes:
        schemas["transaction"] = _TRANSACTION
        paths["/transactions"]["post"] = _transaction(described)
    return Part(paths, _parameters(described), schemas)


def _paths(described: Described, collection: Collection) -> dict[str, Document]:
    slug = collection.slug
    items: Document = {"options": _options(f"{slug}.items.options", described, slug)}
    item: Document = {"options": _options(f"{slug}.item.options", described, slug, "item")}
    if described.can.writes and is_writable(collection):
        items["post"] = _create(described, collection)
        item |= {method: _change(described, collection, method) for method in ("put", "patch", "delete")}
    return {f"/collections/{slug}/items": items, f"/collections/{slug}/items/{{item}}": item}


def _create(described: Described, collection: Collection) -> Document:
    of, text = schema(f"{collection.slug}.toWrite"), described.text
    several: Document = {"type": "object", "required": ["type", "features"], "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]}, "features": {"type": "array", "minItems": 1, "items": of}}}  # fmt: skip
    made = answer(text("已创建", "Created"), content(GEOJSON, JSON), {"Location": _ADDRESS, "ETag": _TEXT, "Preference-Applied": _TEXT})
    return operation(
        f"{collection.slug}.create",
        text(f"新建要素：{collection.dataset.title.zh}", f"Create a feature: {collection.dataset.title.en}"),
        {201: made},
        tag=collection.slug,
        parameters=named("lang", "Content-Crs", "Prefer", REASON_HEADER),
        request_body=body(content(GEOJSON, JSON, value={"oneOf": [of, several]}) | content(JSON_FG_TYPES[0], value=_JSON_FG)),
        problems=WRITE_PROBLEMS,
    ) | _SECURED  # fmt: skip


def _change(described: Described, collection: Collection, method: str) -> Document:
    slug, text = collection.slug, described.text
    what = {
        "put": text("替换要素", "Replace a feature"),
        "patch": text("修改要素", "Change a feature (RFC 7396)"),
        "delete": text("删除要素", "Delete a feature"),
    }
    changed = {200: answer("OK", content(GEOJSON), {"ETag": _TEXT, "Preference-Applied": _TEXT})} if method != "delete" else {}
    bodies = {
        "put": body(content(GEOJSON, JSON, value=schema(f"{slug}.toWrite")) | content(JSON_FG_TYPES[0], value=_JSON_FG)),
        "patch": body(content(PATCH_TYPES[0]) | content(JSON_FG_TYPES[0], value=_JSON_FG)),
    }
    names = ("item", "lang", "If-Match", REASON_HEADER, *(("Content-Crs", "Prefer") if method != "delete" else ()))
    return (
        operation(
            f"{slug}.{method}",
            f"{what[method]}：{collection.dataset.title.in_language(described.language)}",
            {204: answer(text("已完成", "Done"), headers={"ETag": _TEXT} if method != "delete" else None), **changed},
            tag=slug,
            parameters=named(*names),
            request_body=bodies.get(method),
            problems=WRITE_PROBLEMS,
        )
        | _SECURED
    )


def _transaction(described: Described) -> Document:
    result: Document = {
        "type": "object",
        "required": ["commit", "results"],
        "properties": {"commit": {"type": "integer", "nullable": True}, "results": {"type": "array", "items": {"type": "object"}}},
    }
    return (
        operation(
            "transactions.post",
            described.text("多个要素的原子写入", "Several features, in one commit or none"),
            {200: answer("OK", content(JSON, value=result))},
            parameters=named("lang", "Content-Crs", "Prefer", REASON_HEADER),
            request_body=body(content(JSON, value=schema("transaction"))),
            problems=WRITE_PROBLEMS,
        )
        | _SECURED
    )


def _options(operation_id: str, described: Described, tag: str | None, *path_names: str) -> Document:
    headers: dict[str, Document] = {"Allow": _TEXT, "Accept-Post": _TEXT, "Accept-Patch": _TEXT}
    summary = described.text("此处允许的方法", "What this caller may do here")
    return operation(operation_id, summary, {200: answer("OK", headers=headers)}, tag=tag, parameters=named(*path_names, "lang"))


def _feature(collection: Collection, language: str) -> Document:
    kind = collection.feature_type
    fields = [f for f in (*kind.fields, *validity_fields()) if not is_read_only(kind, f.name)]
    geometry: Document = {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"type": "string", "enum": _GEOMETRIES[kind.geometry_type]}, "coordinates": {"type": "array", "items": {}}},
    }
    return {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": geometry,
            "properties": {
                "type": "object",
                "required": [f.name for f in fields if f.required],
                "properties": {f.name: _property(f, language) for f in fields},
                "additionalProperties": False,
            },
        },
    }


def _property(field: Field, language: str) -> Document:
    bounds = {"minimum": field.minimum, "maximum": field.maximum, "maxLength": field.max_length}
    made = _TYPES[field.type] | {"title": field.title.in_language(language)} | {n: v for n, v in bounds.items() if v is not None}
    return made if field.required else made | {"nullable": True}


def _parameters(described: Described) -> dict[str, Document]:
    text = described.text
    found = [
        header(
            "If-Match",
            _TEXT,
            text("所依据状态的 ETag，* 为任意状态；必须给出", "ETag of the state you have seen, * for any; 428 without it"),
        ),
        header("Content-Crs", _TEXT, text("请求体坐标的坐标参考系", "CRS of the positions in the body")),
        header("Prefer", _TEXT, "return=representation"),
        header(REASON_HEADER, _TEXT, text("修改原因（百分号编码的 UTF-8）", "Why, percent-encoded UTF-8: kept with the commit")),
    ]
    return {str(parameter["name"]): parameter for parameter in found}


_TRANSACTION: Document = {
    "type": "object",
    "required": ["actions"],
    "additionalProperties": False,
    "properties": {
        "reason": {"type": "string", "maxLength": 1000},
        "actions": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["action", "collection"],
                "additionalProperties": False,
                "properties": {
                    "action": {"type": "string", "enum": ["insert", "replace", "update", "delete"]},
                    "collection": _TEXT,
                    "id": _TEXT,
                    "ifMatch": _TEXT,
                    "feature": {"type": "object"},
                },
            },
        },
    },
}
