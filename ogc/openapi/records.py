"""Paths of OGC API - Records, and of the same catalogue in DCAT."""

from __future__ import annotations

from ogc.dcat import JSON_LD
from ogc.openapi.build import GEOJSON, HTML, JSON, SCHEMA, Described, Document, Part, content, named, path, query, read, schema
from ogc.records.request import FACETS, MOST_OFFSET, QUERYABLES, SORTABLES
from twin.query.records import CATALOGUE, record_type

_TEXT: Document = {"type": "string"}
_LIST: Document = {"type": "array", "items": _TEXT}
_TYPES: dict[str, Document] = {
    "string": _TEXT,
    "integer": {"type": "number"},  # compared as a number: 0.5 is less than 1, and equal to none
    "datetime": {"type": "string", "format": "date-time"},
}


def records_paths(described: Described) -> Part:
    """Return the paths of the catalogue."""
    text, own = described.text, f"/collections/{CATALOGUE}"
    title = record_type().title.in_language(described.language)
    described_by = content(SCHEMA, HTML, value=schema("jsonSchema"))
    dataset = path("dataset", {"type": "string", "enum": list(described.collections)}) if described.collections else path("dataset", _TEXT)
    return Part(
        {
            own: read("catalogue", title, tag=CATALOGUE, of=content(JSON, HTML, value=schema("collection"))),
            f"{own}/schema": read("catalogue.schema", title, tag=CATALOGUE, of=described_by),
            f"{own}/queryables": read("catalogue.queryables", title, tag=CATALOGUE, of=described_by),
            f"{own}/sortables": read("catalogue.sortables", title, tag=CATALOGUE, of=described_by),
            f"{own}/items": read(
                "catalogue.items",
                text("记录", "Records"),
                tag=CATALOGUE,
                parameters=[*named("f", "lang", "limit", "bbox", "datetime", "filter", "filter-lang", "filter-crs"), *_own(described)],
                of=content(GEOJSON, HTML, value=schema("featureCollection")),
            ),
            f"{own}/items/{{item}}": read(
                "catalogue.item",
                text("记录", "A record"),
                tag=CATALOGUE,
                parameters=named("item", "f", "lang"),
                of=content(GEOJSON, HTML, value=schema("feature")),
            ),
            "/dcat": read("dcat", text("数据目录（DCAT）", "The catalogue in DCAT"), of=content(JSON_LD), parameters=named("lang")),
            "/dcat/{dataset}": read(
                "dcat.dataset", text("数据集（DCAT）", "A dataset in DCAT"), of=content(JSON_LD), parameters=[dataset, *named("lang")]
            ),
        }
    )


def _own(described: Described) -> list[Document]:
    text = described.text
    facet: Document = {"type": "string", "enum": [*FACETS]}
    found = [
        query("q", _LIST, text("关键词，命中其一即可", "Words, of which one is enough")),
        query("type", _LIST, text("资源类型", "Types of resource")),
        query("ids", _LIST, text("数据集标识", "Datasets")),
        query("externalIds", _LIST, text("外部标识", "Identifiers given by others, with or without scheme:")),
        query("sortby", _LIST, text(f"排序：{'、'.join(SORTABLES)}", f"Order, - for descending: {', '.join(SORTABLES)}")),
        query("facets", {"type": "array", "items": facet}, text("分面统计：属性[:个数[:顺序]]", "Facets: property[:count[:order]]")),
        query("offset", {"type": "integer", "minimum": 0, "maximum": MOST_OFFSET, "default": 0}),
    ]
    fields = (field for field in record_type().fields if field.name in QUERYABLES)
    return [*found, *(query(f.name, _TYPES[f.type], f.title.in_language(described.language)) for f in fields)]
