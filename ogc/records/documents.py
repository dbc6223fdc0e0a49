"""Records, the catalogue they are in, and facets, as documents (20-004r1, clauses 7.2 and 7.3; facets as in draft Part 2); pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ogc import answers, links
from ogc.records.record import FRESHNESS, SHARING, Record, cycle_title, rfc3339
from ogc.records.request import Facet
from twin.crs.output import CRS84_URI
from twin.errors import Text
from twin.featuretypes.json_schema import Json, queryables
from twin.model import Deployment
from twin.query.images import is_imagery
from twin.query.records import CATALOGUE, record_type

CONFORMS_TO = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core"
_WORLD = [-180.0, -90.0, 180.0, 90.0]
_LANGUAGES = ({"code": "zh-Hans", "name": "中文"}, {"code": "en", "name": "English"})


def catalogue_collection(deployment: Deployment, base: str, language: str) -> Json:
    """Return the description of the collection of records."""
    address, zh = f"{base}/collections/{CATALOGUE}", language == "zh"
    relations = (
        ("items", "items", answers.GEOJSON, "记录" if zh else "Records"),
        ("schema", "http://www.opengis.net/def/rel/ogc/1.0/schema", answers.SCHEMA, "结构" if zh else "Schema"),
        ("queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", answers.SCHEMA, "可查询属性" if zh else "Queryables"),
        ("sortables", "http://www.opengis.net/def/rel/ogc/1.0/sortables", answers.SCHEMA, "可排序属性" if zh else "Sortables"),
    )
    return {
        "id": CATALOGUE,
        "type": "Collection",
        "itemType": "record",
        "title": record_type().title.in_language(language),
        "description": (
            "全市空间数据目录：所属部门、数据来源平台、更新周期、共享属性、时效、质量和来源。"
            if zh
            else "The city's spatial datasets: who answers for them, how new and how good they are, and where they come from."
        ),
        "conformsTo": [CONFORMS_TO],
        "languages": list(_LANGUAGES),
        "defaultSortOrder": [{"field": "id", "direction": "asc"}],
        "extent": {"spatial": {"bbox": [list(deployment.extent_deg or _WORLD)], "crs": CRS84_URI}},
        "crs": [CRS84_URI],
        "storageCrs": CRS84_URI,
        "links": [
            *links.self_and_alternate(address, [], "json", answers.JSON, language),
            *(links.link(f"{address}/{name}", relation, media_type, title) for name, relation, media_type, title in relations),
            links.link(f"{base}/dcat", "alternate", "application/ld+json", "DCAT"),
        ],
    }


def record_schema(address: str, language: str, *, names: Sequence[str] = (), with_geometry: bool = True) -> Json:
    """Return the JSON Schema of what records are asked for by, or ordered by (``names``)."""
    whole = queryables(record_type(), language)
    properties = whole["properties"]
    known = {f.name for f in record_type().fields} | ({"geometry"} if with_geometry else set())
    kept = {n: v for n, v in properties.items() if n in known and (not names or n in names)} if isinstance(properties, dict) else {}
    return whole | {"$id": address, "properties": kept}


def record_document(record: Record, base: str, language: str) -> Json:
    """Return a record as a GeoJSON feature whose properties are the standard's and the portal's."""
    dataset, kind, facts = record.collection.dataset, record.collection.feature_type, record.facts
    properties: Json = {
        "type": "dataset",
        "title": dataset.title.in_language(language),
        "description": kind.description.in_language(language),
        "created": rfc3339(facts.first),
        "updated": rfc3339(facts.last),
        "keywords": record.keywords(language),
        "language": _LANGUAGES[0 if language == "zh" else 1],
        "languages": list(_LANGUAGES),
        "resourceLanguages": list(_LANGUAGES),
        "themes": [{"scheme": "CJJ/T 315", "concepts": [{"id": kind.cim_class, "title": kind.cim_class}]}] if kind.cim_class else None,
        "externalIds": [{"scheme": "urn:oid", "value": record.collection.oid_prefix.rstrip(".")}],
        "formats": [{"name": name, "mediaType": media_type} for name, media_type in _formats(record, language)],
        "contacts": _contacts(record),
        "license": dataset.licence or None,
        "rights": SHARING[dataset.sharing].in_language(language),
        **{name: value for name, value in record.queryable_row(language).items() if name in _PORTAL},
        "sharing_title": SHARING[dataset.sharing].in_language(language),
        "update_cycle_title": cycle_title(dataset.update_cycle, language),
        "freshness_title": FRESHNESS[record.freshness].in_language(language),
        "quality": _quality(record),
        "lineage": _lineage(record),
    }
    return {
        "type": "Feature",
        "id": record.id,
        "conformsTo": [CONFORMS_TO],
        "geometry": _geometry(record.collection.revision.extent_deg),
        "time": _time(record),
        "properties": {name: value for name, value in properties.items() if value is not None or name in _PORTAL},
        "links": _links(record, base, language),
    }


def facet_documents(rows: Sequence[Mapping[str, object]], wanted: Sequence[Facet], language: str) -> Json:
    """Return how many of ``rows`` have each value of the properties asked for, the commonest first unless asked otherwise."""
    made: Json = {}
    for facet in wanted:
        counted = Counter(str(row[facet.property]) for row in rows if row[facet.property] is not None)
        by_value = facet.order.startswith("value")
        ordered = sorted(
            counted.items(), key=lambda pair: pair[0] if by_value else (pair[1], pair[0]), reverse=facet.order.endswith("desc")
        )
        made[facet.property] = {
            "type": "term",
            "property": facet.property,
            "buckets": [
                {"value": value, "title": _value_title(facet.property, value, language), "count": count}
                for value, count in ordered[: facet.most]
            ],
            "more": len(ordered) > facet.most,
        }
    return made


def _value_title(name: str, value: str, language: str) -> str:
    """Return what a value of a property is called."""
    if name == "update_cycle":
        return cycle_title(value, language) or value
    known: Mapping[str, Text] = {"sharing": SHARING, "freshness": FRESHNESS}.get(name, {})  # type: ignore[assignment]  # keys are texts
    return known[value].in_language(language) if value in known else value


_PORTAL = (
    "owner_department", "steward", "source_platform", "licence", "sharing", "update_cycle", "freshness", "next_due", "feature_type",
    "cim_class", "cim_level", "revision", "count", "errors", "warnings",
)  # fmt: skip


def _formats(record: Record, language: str) -> list[tuple[str, str]]:
    """Return what the dataset is really had in: title and media type."""
    found = [("GeoJSON", answers.GEOJSON), *((f.title.in_language(language), f.media_type) for f in record.files)]
    if not record.collection.is_coverage:
        found.append(("Mapbox Vector Tiles", answers.MVT))
    if is_imagery(record.collection):
        found.append(("Cloud Optimized GeoTIFF", "image/tiff; application=geotiff; profile=cloud-optimized"))
    if record.volume is not None:
        is_terrain = record.volume.kind == "terrain"
        found.append(("quantized-mesh", "application/vnd.quantized-mesh") if is_terrain else ("3D Tiles", "application/3dtiles+json"))
    return found


def _time(record: Record) -> Json | None:
    """Return the temporal extent of what the dataset holds (20-004r1, 7.2.3)."""
    span = record.span
    if span is None:
        return None
    return {"interval": [".." if day is None else day.isoformat() for day in (span.first, span.last)]}


def _contacts(record: Record) -> list[Json] | None:
    dataset = record.collection.dataset
    found: list[Json] = []
    if dataset.owner_department:
        found.append({"organization": dataset.owner_department, "roles": ["owner"]})
    if dataset.steward:
        found.append({"name": dataset.steward, "roles": ["custodian", "pointOfContact"]})
    return found or None


def _quality(record: Record) -> Json:
    facts = record.facts
    rejected = record.collection.revision.lineage.get("rejected")
    return {
        "submission": facts.submission,
        "checked_at": rfc3339(facts.checked_at),
        "findings": {f.severity: record.findings(f.severity) for f in facts.findings if not f.waived},
        "waived": record.waived,
        "rejected_rows": rejected if isinstance(rejected, int) else 0,
    }


def _lineage(record: Record) -> Json:
    lineage, revision = record.collection.revision.lineage, record.collection.revision
    said = ("file", "layer", "format", "crs", "operation", "accuracy_m", "encoding")
    return {
        "commit": revision.commit,
        "revisions": record.facts.revisions,
        "inserted": revision.inserted,
        "updated": revision.updated,
        "deleted": revision.deleted,
        "rolled_back_to": lineage.get("rolled_back_to"),
        "files": [{name: entry.get(name) for name in ("name", "size", "sha256")} for entry in _entries(lineage.get("files"))],
        "sources": [{name: entry[name] for name in said if entry.get(name) is not None} for entry in _entries(lineage.get("sources"))],
    }


def _entries(value: Any) -> list[Mapping[str, object]]:  # noqa: ANN401 - as a revision's lineage has it
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _geometry(extent: tuple[float, float, float, float] | None) -> Json | None:
    if extent is None:
        return None
    west, south, east, north = extent
    return {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}


def _links(record: Record, base: str, language: str) -> list[links.Link]:
    zh, slug = language == "zh", record.id
    address, own = f"{base}/collections/{CATALOGUE}", f"{base}/collections/{slug}"
    kind = record.collection.feature_type
    found = [
        *links.self_and_alternate(f"{address}/items/{slug}", [], "json", answers.GEOJSON, language),
        links.link(address, "collection", answers.JSON, record_type().title.in_language(language)),
        links.link(f"{base}/dcat/{slug}", "alternate", "application/ld+json", "DCAT"),
        links.link(own, "describes", answers.JSON, "集合" if zh else "The collection"),
        links.link(f"{own}/items", "item", answers.GEOJSON, "要素" if zh else "Features"),
        links.link(f"{own}/styles", "http://www.opengis.net/def/rel/ogc/1.0/styles", answers.JSON, "样式" if zh else "Styles"),
        links.link(f"{own}/versions", "version-history", answers.JSON, "历次版本" if zh else "Revisions"),
    ]
    if not record.collection.is_coverage:
        relation = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
        found.append(links.link(f"{own}/tiles", relation, answers.JSON, "矢量瓦片" if zh else "Vector tiles"))
    if kind.recipe == "imagery":
        relation = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"
        found.append(links.link(f"{own}/map/tiles", relation, answers.JSON, "地图瓦片" if zh else "Map tiles"))
        found.append(links.link(f"{base}/stac/collections/{slug}", "alternate", answers.JSON, "STAC"))
    download, revision = f"{own}/download", str(record.collection.revision.commit)
    for file in record.files:
        href = links.with_parameters(download, [("f", file.name), ("as-of", revision)])
        found.append(links.link(href, "enclosure", file.media_type, file.title.in_language(language)))
    if record.facts.submission is not None:
        findings = f"{base}/collections/findings/items?submission={record.facts.submission}"
        found.append(links.link(findings, "related", answers.GEOJSON, "检查问题" if zh else "Findings of the last check"))
    return found
