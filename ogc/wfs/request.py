"""GetFeature as a value, whether it came as parameters or as XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ogc.ows import OwsError
from ogc.parameters import Moment, moment, whole_number
from ogc.wfs.fes import Filter, property_name, read_filter
from ogc.wfs.names import GEOMETRY, Srs, fid_of, offered_srs, srs_named, type_named
from ogc.wfs.xml_body import Element, children, local_name, parse_xml, text_of
from twin.query.area import Area, bbox_area
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery, SortKey
from twin.query.filter_ast import Predicate
from twin.query.order import sortables

DEFAULT_COUNT = 10_000
"""Features of an answer, without ``count`` and at most: the next ones are behind its link ``next``."""
GET_FEATURE_BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"
GML_FORMAT = "application/gml+xml; version=3.2"
GEOJSON_FORMAT = "application/geo+json"
_GML_NAMES = frozenset({GML_FORMAT, "text/xml; subtype=gml/3.2", "text/xml; subtype=gml/3.2.1", "gml32", "text/xml"})
_JSON_NAMES = frozenset({GEOJSON_FORMAT, "application/json", "json", "geojson"})
_MOST_COUNTED = 10**12


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a GetFeature as it was written."""

    types: str | None = None
    srs: str | None = None
    properties: tuple[str, ...] = ()
    filter: Element | None = None
    bbox: str | None = None
    resources: tuple[str, ...] = ()
    sort_by: str | None = None
    stored: str | None = None
    stored_id: str | None = None
    count: str | None = None
    start: str | None = None
    hits: bool = False
    form: str | None = None
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class GetFeature:
    """A GetFeature that was understood."""

    query: FeatureQuery
    srs: Srs
    form: Literal["gml", "geojson"]
    start: int
    count: int
    hits: bool
    alone: bool
    """Whether the one feature is the answer itself, as GetFeatureById has it."""
    as_of: Moment | None
    """Commit or time whose recorded state is asked for, None for the current one."""

    @property
    def collection(self) -> Collection:
        """The features' collection."""
        return self.query.collection


def asked_by_parameters(given: Mapping[str, str]) -> Asked:
    """Return what parameters, their names in lower case, ask for."""
    spatial = [name for name in ("filter", "bbox", "resourceid") if name in given]
    if len(spatial) > 1:
        raise _bad(spatial[1], f"{spatial[0]} and {spatial[1]} exclude each other", f"{spatial[0]} 与 {spatial[1]} 不能同时使用")
    text = given.get("filter")
    stored = given.get("storedquery_id")
    return Asked(
        types=given.get("typenames", given.get("typename")),
        srs=given.get("srsname"),
        properties=tuple(n for n in given.get("propertyname", "").strip("()").split(",") if n),
        filter=None if text is None else parse_xml(text.encode("utf-8", "surrogatepass"), "filter"),
        bbox=given.get("bbox"),
        resources=tuple(r for r in given.get("resourceid", "").split(",") if r),
        sort_by=given.get("sortby"),
        stored=stored,
        stored_id=given.get("id") if stored else None,
        count=given.get("count", given.get("maxfeatures")),
        start=given.get("startindex"),
        hits=_is_hits(given.get("resulttype", "results")),
        form=given.get("outputformat"),
        as_of=given.get("as-of"),
    )


def asked_by_xml(root: Element) -> Asked:
    """Return what a ``wfs:GetFeature`` element asks for."""
    queries = [part for part in children(root) if local_name(part) in {"Query", "StoredQuery"}]
    if len(queries) != 1:
        raise OwsError("OptionNotSupported", "Query", "a request has one query", "一次请求只含一个 Query")
    query = queries[0]
    parts = {local_name(part): part for part in children(query)}
    stored = query.get("id") if local_name(query) == "StoredQuery" else None
    identifiers = [text_of(p) for p in children(query) if local_name(p) == "Parameter" and (p.get("name") or "").lower() == "id"]
    names = tuple(text_of(part) for part in children(query) if local_name(part) == "PropertyName")
    return Asked(
        types=query.get("typeNames") or query.get("typeName"),
        srs=query.get("srsName"),
        properties=names,
        filter=parts.get("Filter"),
        sort_by=_sort_text(parts["SortBy"]) if "SortBy" in parts else None,
        stored=stored,
        stored_id=identifiers[0] if stored and identifiers else None,
        count=root.get("count"),
        start=root.get("startIndex"),
        hits=_is_hits(root.get("resultType") or "results"),
        form=root.get("outputFormat"),
    )


def get_feature(asked: Asked, visible: Mapping[str, Collection]) -> GetFeature:
    """Return what is asked for, names and values checked; OwsError or BadRequestError where it cannot be."""
    resources = asked.resources
    if asked.stored is not None:
        resources = (_stored_id(asked),)
    filtered: Filter | None = None
    if asked.types is None:
        collection = _of_resources(resources, visible)
    else:
        if any(mark in asked.types for mark in (",", "(", " ")):
            raise OwsError(
                "OptionNotSupported",
                "typeNames",
                "a query has one feature type: there are no joins",
                "一个 Query 只含一个要素类型，不支持连接",
            )
        collection = type_named(asked.types, visible)
    srs, form = _srs(asked, collection), _form(asked.form)
    if asked.filter is not None:
        filtered = read_filter(asked.filter, collection, offered_srs(collection)[0] if asked.srs is None else srs)
        resources = resources or filtered.resources
    names = tuple(property_name(name) for name in asked.properties)
    query = FeatureQuery(
        collection=collection,
        # GeoJSON has east first, whatever its CRS.
        crs=replace(srs.crs, xy=True) if form == "geojson" else srs.crs,
        fids=_fids(resources, collection, visible) if resources else None,
        area=None if asked.bbox is None else _area(asked.bbox, collection),
        filter=_condition(filtered),
        properties=_properties(names, collection) if names else None,
        with_geometry=not names or GEOMETRY in names,
        order=_order(asked.sort_by, collection) if asked.sort_by else (),
    )
    count = DEFAULT_COUNT if asked.count is None else min(_whole(asked.count, "count"), DEFAULT_COUNT)
    start = 0 if asked.start is None else _whole(asked.start, "startIndex")
    return GetFeature(query, srs, form, start, count, asked.hits, asked.stored is not None, moment(asked.as_of))


def _condition(filtered: Filter | None) -> Predicate | None:
    return None if filtered is None else filtered.condition


def _stored_id(asked: Asked) -> str:
    if asked.stored not in {GET_FEATURE_BY_ID, "http://www.opengis.net/def/query/OGC-WFS/0/GetFeatureById"}:
        raise _bad("storedquery_id", "there is no such stored query", "没有该存储查询")
    if not asked.stored_id:
        raise OwsError("MissingParameterValue", "id", "parameter id is missing", "缺少参数 id")
    return asked.stored_id


def _of_resources(resources: tuple[str, ...], visible: Mapping[str, Collection]) -> Collection:
    if not resources:
        raise OwsError("MissingParameterValue", "typeNames", "parameter typeNames is missing", "缺少参数 typeNames")
    slug = resources[0].partition(".")[0]
    if slug not in visible:
        raise OwsError("NotFound", "resourceId", "there is no such feature", "没有该要素", 404)
    return visible[slug]


def _fids(resources: tuple[str, ...], collection: Collection, visible: Mapping[str, Collection]) -> tuple[int, ...]:
    found = [fid_of(resource, visible) for resource in resources]
    if any(one is not None and one[0] is not collection for one in found):
        raise OwsError("OptionNotSupported", "resourceId", "all features of a query are of one type", "一次查询的要素应属同一类型")
    return tuple(one[1] for one in found if one is not None)


def _srs(asked: Asked, collection: Collection) -> Srs:
    if asked.srs is not None:
        return srs_named(asked.srs, collection.crs)
    if _form(asked.form) == "geojson":
        return srs_named("urn:ogc:def:crs:OGC:1.3:CRS84", collection.crs)
    return offered_srs(collection)[0]


def _area(text: str, collection: Collection) -> Area:
    words = text.split(",")
    named = words.pop() if len(words) in {5, 7} else None
    try:
        bounds = tuple(float(word) for word in words)
    except ValueError:
        raise _bad("bbox", "bbox takes 4 numbers and perhaps a CRS", "bbox 应为 4 个数值，可附坐标参考系") from None
    srs = offered_srs(collection)[0] if named is None else srs_named(named, collection.crs, "bbox")
    return bbox_area(bounds, srs.crs, collection.storage_srid)


def _properties(names: tuple[str, ...], collection: Collection) -> tuple[str, ...]:
    unknown = [name for name in names if name not in {*collection.properties, GEOMETRY}]
    if unknown:
        raise _bad("propertyName", f"the feature type has no property {unknown[0][:40]!r}", f"该要素类型没有属性 {unknown[0][:40]!r}")
    return tuple(name for name in names if name != GEOMETRY)


def _order(text: str, collection: Collection) -> tuple[SortKey, ...]:
    known = sortables(collection)
    made: dict[str, SortKey] = {}
    for part in text.split(","):
        name, _, direction = part.strip().replace("+", " ").partition(" ")
        named, turn = property_name(name), direction.strip().upper()
        if named not in known or turn not in {"", "A", "ASC", "D", "DESC"}:
            raise _bad("sortBy", f"features are not sorted by {part[:40]!r}", f"不能按 {part[:40]!r} 排序")
        made.setdefault(named, SortKey(named, known[named], descending=turn.startswith("D")))  # named again it orders nothing
    return tuple(made.values())


def _sort_text(element: Element) -> str:
    made = []
    for part in children(element):
        texts = {local_name(inner): text_of(inner).strip() for inner in children(part)}
        made.append(f"{texts.get('ValueReference', '')} {texts.get('SortOrder', '')}")
    return ",".join(made)


def _form(text: str | None) -> Literal["gml", "geojson"]:
    if text is None or text.replace("+", " ").lower() in _GML_NAMES or text.lower() == GML_FORMAT:
        return "gml"
    if text.partition(";")[0].strip().lower().replace(" ", "+") in _JSON_NAMES:
        return "geojson"
    raise _bad("outputFormat", f"outputFormat is {GML_FORMAT} or {GEOJSON_FORMAT}", f"outputFormat 应为 {GML_FORMAT} 或 {GEOJSON_FORMAT}")


def _is_hits(text: str) -> bool:
    if text.lower() not in {"hits", "results"}:
        raise _bad("resultType", "resultType is hits or results", "resultType 应为 hits 或 results")
    return text.lower() == "hits"


def _whole(text: str, locator: str) -> int:
    number = whole_number(text, _MOST_COUNTED)
    if number is None:
        raise _bad(locator, f"{locator} is a whole number", f"{locator} 应为整数")
    return number


def _bad(locator: str, en: str, zh: str) -> OwsError:
    return OwsError("InvalidParameterValue", locator, en, zh)
