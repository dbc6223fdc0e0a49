"""Paths of OGC API - Features for every collection: its description, schema and queryables, its items."""

from __future__ import annotations

from collections.abc import Sequence

from ogc.openapi.build import GEOJSON, HTML, JSON, SCHEMA, Described, Document, Part, content, named, query, read, schema
from ogc.openapi.components import ACCEPT_DATETIME, CRS_HEADER, STATE_HEADERS
from ogc.openapi.exports import file_contents, form_parameter, option_parameters, profile_parameter
from ogc.parameters import ITEM, ITEMS
from twin.crs import OutputCrs
from twin.featuretypes.json_schema import queryables
from twin.query.collection import Collection

CRS_NAMES = ("crs", "bbox-crs", "filter-crs")
_OF_A_COLLECTION = {"f", "profile", *CRS_NAMES}
"""Parameters whose values differ from collection to collection."""
_ITEM_NAMES, _ITEMS_NAMES = (sorted(names - _OF_A_COLLECTION) for names in (ITEM, ITEMS))
_ITEM_FORM = [query("f", {"type": "string", "enum": ["json", "html", "jsonfg"]})]
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


_FUNCTIONS: Document = {
    "type": "object",
    "required": ["functions"],
    "properties": {"functions": {"type": "array", "items": {"type": "object", "required": ["name", "returns"]}}},
}


def features_paths(described: Described) -> Part:
    """Return the paths of every collection of features."""
    paths: dict[str, Document] = {}
    for collection in described.collections.values():
        paths |= _collection_paths(described, collection)
    text = described.text
    paths["/functions"] = read("functions", text("过滤函数", "Functions of filters"), of=content(JSON, HTML, value=_FUNCTIONS))
    return Part(paths)


def crs_parameters(offered: Sequence[OutputCrs], *names: str) -> list[Document]:
    """Return parameters that name one of the CRSs that are offered."""
    return [query(name, {"type": "string", "format": "uri", "enum": [crs.uri for crs in offered]}) for name in names]


def _collection_paths(described: Described, collection: Collection) -> dict[str, Document]:
    language = described.language
    slug, title = collection.slug, collection.dataset.title.in_language(language)
    own = f"/collections/{slug}"
    described_by = content(SCHEMA, HTML, value=schema("jsonSchema"))
    return {
        own: read(slug, title, tag=slug, of=content(JSON, HTML, value=schema("collection"))),
        f"{own}/schema": read(f"{slug}.schema", title, tag=slug, of=described_by),
        f"{own}/queryables": read(f"{slug}.queryables", title, tag=slug, of=described_by),
        f"{own}/sortables": read(f"{slug}.sortables", title, tag=slug, of=described_by),
        f"{own}/items": read(
            f"{slug}.items",
            title,
            tag=slug,
            parameters=[
                *form_parameter(described, collection),
                *named(*_ITEMS_NAMES, ACCEPT_DATETIME),
                *option_parameters(described, collection),
                *profile_parameter(described),
                *crs_parameters(collection.crs, *CRS_NAMES),
                *_queryable_parameters(collection, language),
            ],
            of=content(GEOJSON, HTML, value=schema("featureCollection")) | file_contents(described, collection),
            headers=CRS_HEADER | STATE_HEADERS,
        ),
        f"{own}/items/{{item}}": read(
            f"{slug}.item",
            title,
            tag=slug,
            parameters=[
                *named("item"),
                *_ITEM_FORM,
                *named(*_ITEM_NAMES, ACCEPT_DATETIME),
                *profile_parameter(described),
                *crs_parameters(collection.crs, "crs"),
            ],
            of=content(GEOJSON, HTML, value=schema("feature")),
            headers=CRS_HEADER | STATE_HEADERS,
        ),
    }


def _queryable_parameters(collection: Collection, language: str) -> list[Document]:
    properties = queryables(collection.feature_type, language)["properties"]
    found: list[Document] = []
    for name, value in properties.items() if isinstance(properties, dict) else ():
        if value.get("type") not in _SCALARS or name in ITEMS:
            continue
        kept = {key: value[key] for key in ("type", "format", "title") if key in value}
        if kept["type"] == "integer":
            kept["type"] = "number"  # 0.5 may be asked for, it just equals nothing
        found.append(query(name, kept, value.get("title", name)))
    return found
