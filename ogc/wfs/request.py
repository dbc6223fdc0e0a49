"""Queries of a GetFeature as values, their names and numbers checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ogc.ows import OwsError
from ogc.parameters import Moment, moment
from ogc.wfs.asked import Asked, AskedQuery, bad_value
from ogc.wfs.fes import Filter, property_name, read_filter
from ogc.wfs.names import GEOMETRY, Srs, fid_of, offered_srs, srs_named, type_named
from twin.query.area import Area, bbox_area
from twin.query.collection import Collection
from twin.query.condition_grammar import too_complex
from twin.query.feature_query import FeatureQuery, SortKey
from twin.query.filter_ast import And, Not, Or, Predicate
from twin.query.filter_build import MAX_PREDICATES
from twin.query.order import sortables
from twin.query.written import written_numbers

DEFAULT_COUNT = 10_000
"""Features of an answer, without ``count`` and at most: the next ones are behind its link ``next``."""
GET_FEATURE_BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"
GML_FORMAT = "application/gml+xml; version=3.2"
GEOJSON_FORMAT = "application/geo+json"
_GML_NAMES = frozenset({GML_FORMAT, "text/xml; subtype=gml/3.2", "text/xml; subtype=gml/3.2.1", "gml32", "text/xml"})
_JSON_NAMES = frozenset({GEOJSON_FORMAT, "application/json", "json", "geojson"})


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


def get_features(asked: Asked, visible: Mapping[str, Collection]) -> tuple[GetFeature, ...]:
    """Return what each query asks for, names and values checked; OwsError or BadRequestError where it cannot be.

    ``start`` and ``count`` of each are those of the whole answer.
    """
    found = tuple(_get_feature(query, asked, visible) for query in asked.queries)
    if sum(_predicates(one.query.filter) for one in found if one.query.filter is not None) > MAX_PREDICATES:
        raise too_complex(f"more than {MAX_PREDICATES} predicates in all queries", f"各查询的谓词合计超过 {MAX_PREDICATES} 个")
    if len(found) > 1 and found[0].form == "geojson" and len({wanted.srs for wanted in found}) > 1:
        raise OwsError("OptionNotSupported", "srsName", "features in GeoJSON are in one CRS", "GeoJSON 中的要素应为同一坐标参考系")
    return found


def _get_feature(asked: AskedQuery, whole: Asked, visible: Mapping[str, Collection]) -> GetFeature:
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
                "a query has one feature type: there are no joins; several queries are written (a)(b)",
                "一个查询只含一个要素类型，不支持连接；多个查询写作 (a)(b)",
            )
        collection = type_named(asked.types, visible)
    form = _form(whole.form)
    srs = _srs(asked, collection, form)
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
    count = DEFAULT_COUNT if whole.count is None else min(whole.count, DEFAULT_COUNT)
    alone = asked.stored is not None and len(whole.queries) == 1
    return GetFeature(query, srs, form, whole.start or 0, count, whole.hits, alone, moment(whole.as_of))


def _predicates(condition: Predicate) -> int:
    """Return how many conditions are joined in one."""
    if isinstance(condition, And | Or):
        return sum(map(_predicates, condition.of))
    return _predicates(condition.of) if isinstance(condition, Not) else 1


def _condition(filtered: Filter | None) -> Predicate | None:
    return None if filtered is None else filtered.condition


def _stored_id(asked: AskedQuery) -> str:
    if asked.stored not in {GET_FEATURE_BY_ID, "http://www.opengis.net/def/query/OGC-WFS/0/GetFeatureById"}:
        raise bad_value("storedquery_id", "there is no such stored query", "没有该存储查询")
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


def _srs(asked: AskedQuery, collection: Collection, form: str) -> Srs:
    if asked.srs is not None:
        return srs_named(asked.srs, collection.crs)
    if form == "geojson":
        return srs_named("urn:ogc:def:crs:OGC:1.3:CRS84", collection.crs)
    return offered_srs(collection)[0]


def _area(text: str, collection: Collection) -> Area:
    words = text.split(",")
    named = words.pop() if len(words) in {5, 7} else None
    bounds = written_numbers(",".join(words))
    if not bounds:
        raise bad_value("bbox", "bbox takes 4 numbers and perhaps a CRS", "bbox 应为 4 个数值，可附坐标参考系")
    srs = offered_srs(collection)[0] if named is None else srs_named(named, collection.crs, "bbox")
    return bbox_area(bounds, srs.crs, collection.storage_srid)


def _properties(names: tuple[str, ...], collection: Collection) -> tuple[str, ...]:
    unknown = [name for name in names if name not in {*collection.properties, GEOMETRY}]
    if unknown:
        raise bad_value("propertyName", f"the feature type has no property {unknown[0][:40]!r}", f"该要素类型没有属性 {unknown[0][:40]!r}")
    return tuple(name for name in names if name != GEOMETRY)


def _order(text: str, collection: Collection) -> tuple[SortKey, ...]:
    known = sortables(collection)
    made: dict[str, SortKey] = {}
    for part in text.split(","):
        name, _, direction = part.strip().replace("+", " ").partition(" ")
        named, turn = property_name(name), direction.strip().upper()
        if named not in known or turn not in {"", "A", "ASC", "D", "DESC"}:
            raise bad_value("sortBy", f"features are not sorted by {part[:40]!r}", f"不能按 {part[:40]!r} 排序")
        made.setdefault(named, SortKey(named, known[named], descending=turn.startswith("D")))  # named again it orders nothing
    return tuple(made.values())


def _form(text: str | None) -> Literal["gml", "geojson"]:
    if text is None or text.replace("+", " ").lower() in _GML_NAMES or text.lower() == GML_FORMAT:
        return "gml"
    if text.partition(";")[0].strip().lower().replace(" ", "+") in _JSON_NAMES:
        return "geojson"
    raise bad_value(
        "outputFormat", f"outputFormat is {GML_FORMAT} or {GEOJSON_FORMAT}", f"outputFormat 应为 {GML_FORMAT} 或 {GEOJSON_FORMAT}"
    )
