"""Query parameters → values, strictly: an unknown, repeated or malformed parameter is a 400 (OGC API - Features 7.5, 7.6)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from ogc import cursors
from twin.crs import OutputCrs, output_crs
from twin.crs.output import CRS84_URI, CRS84H_URI
from twin.errors import BadRequestError
from twin.featuretypes.json_schema import ID_NAME
from twin.query import filter_ast as ast
from twin.query.area import Area, bbox_area
from twin.query.collection import Collection
from twin.query.feature_query import Boundary, FeatureQuery, SortKey, Validity
from twin.query.filter_build import build_filter, build_tree, literal
from twin.query.filter_target import FilterTarget
from twin.query.order import sortables
from twin.query.written import written_day, written_instant, written_numbers

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
MOST_NUMBER = 10**18 - 1
"""No number of a commit, a feature or an act is greater, and the database takes it as a bigint."""
EVERYWHERE = frozenset({"f", "lang"})
ITEM = EVERYWHERE | {"crs", "as-of", "profile"}
ITEMS = ITEM | {
    "limit", "bbox", "bbox-crs", "datetime", "filter", "filter-lang", "filter-crs", "properties", "skipGeometry", "sortby", "cursor",
    "resulttype",
}  # fmt: skip
FILTER = frozenset({"filter", "filter-lang", "filter-crs"})
TILE = EVERYWHERE | FILTER | {"as-of", "datetime", "properties", "color-by"}
DATASET_TILE = EVERYWHERE | {"as-of", "datetime", "collections"}
FILTER_LANGUAGES = ("cql2-text", "cql2-json")

_DIGITS = re.compile(r"[0-9]{1,18}")
_CRS84 = OutputCrs(CRS84_URI, 4326, xy=True, height="none")

Moment = int | dt.datetime


@dataclass(frozen=True, slots=True)
class ItemsRequest:
    """What a request for items asks, before an as-of time is looked up."""

    query: FeatureQuery
    as_of: Moment | None
    """Commit number or time, None for the current state."""
    hits: bool = False
    """Only how many there are."""


def single_values(pairs: Iterable[tuple[str, str]], allowed: Iterable[str]) -> dict[str, str]:
    """Return the parameters by name; BadRequestError for one that is not ``allowed``, is given twice or holds a NUL."""
    known = set(allowed)
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise _bad("unknown-parameter", f"there is no parameter {name[:40]!r} here", f"此处没有参数 {name[:40]!r}")
        if name in found:
            raise _bad("bad-parameter", f"parameter {name!r} is given twice", f"参数 {name!r} 重复")
        if "\x00" in value:
            raise _bad("bad-parameter", f"parameter {name!r} holds a NUL character", f"参数 {name!r} 含 NUL 字符")
        found[name] = value
    return found


def items_request(pairs: Iterable[tuple[str, str]], collection: Collection) -> ItemsRequest:
    """Return what the query parameters of ``/items`` ask of a collection."""
    properties = frozenset(name for name in (ID_NAME, *collection.value_types) if name not in ITEMS)
    given = single_values(pairs, ITEMS | properties)
    order, descending_fid = order_of(given.get("sortby"), collection)
    at, boundary = _state(given, order)
    query = FeatureQuery(
        collection=collection,
        crs=asked_crs(given, "crs", collection),
        order=order,
        descending_fid=descending_fid,
        boundary=boundary,
        area=area_of(given, collection.crs, collection.storage_srid),
        validity=validity_of(given.get("datetime")),
        filter=filter_of(given, collection, properties),
        properties=property_names(given.get("properties"), collection),
        with_geometry=not flag(given, "skipGeometry"),
        limit=page_limit(given.get("limit")),
    )
    return ItemsRequest(query, at, hits=_hits(given.get("resulttype")))


def whole_number(text: str, most: int = MOST_NUMBER) -> int | None:
    """Return the number that ``text`` writes in decimal digits alone; None where it writes none, or one above ``most``."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if number <= most else None


def asked_crs(given: Mapping[str, str], name: str, collection: Collection) -> OutputCrs:
    """Return the CRS that parameter ``name`` asks for, the collection's default without it."""
    return asked_crs_of(given.get(name), collection.crs)


def asked_crs_of(text: str | None, offered: tuple[OutputCrs, ...]) -> OutputCrs:
    """Return the offered CRS that ``text`` names, the first without it."""
    return output_crs(text, offered) if text is not None else offered[0]


def moment(text: str | None) -> Moment | None:
    """Return what ``as-of`` says: a commit number or an RFC 3339 time."""
    if text is None:
        return None
    commit = whole_number(text)
    if commit is not None:
        return commit
    time = written_instant(text)
    if time is None:
        # A plus sign that was not percent-encoded arrives as a space: say so by refusing, never by guessing.
        raise _bad(
            "bad-as-of", "as-of is a commit number or an RFC 3339 time with its offset", "as-of 应为提交编号或带时区的 RFC 3339 时间"
        )
    return time


def _state(given: Mapping[str, str], order: tuple[SortKey, ...]) -> tuple[Moment | None, Boundary | None]:
    if "cursor" not in given:
        return moment(given.get("as-of")), None
    if "as-of" in given:
        raise cursors.bad_cursor()
    return cursors.read(given["cursor"], order)


def order_of(text: str | None, collection: Collection) -> tuple[tuple[SortKey, ...], bool]:
    """Return the sort keys of ``sortby`` and whether ids descend: names with ``-`` descend, with ``+`` or nothing ascend (24-030, 7.3).

    Whatever follows ``id`` orders nothing any more. BadRequestError with code ``bad-sortby`` for what is not sortable.
    """
    known = sortables(collection)
    keys: list[SortKey] = []
    for term in text.split(",") if text is not None else ():
        # A plus sign that was not percent-encoded arrives as a space.
        name, descending = term.lstrip("+- "), term.startswith("-")
        if name == ID_NAME:
            return tuple(keys), descending
        if name not in known or len(term) - len(name) > 1 or any(key.name == name for key in keys):
            raise _bad("bad-sortby", f"the collection cannot be sorted by {term[:40]!r}", f"该集合不能按 {term[:40]!r} 排序")
        keys.append(SortKey(name, known[name], descending))
    return tuple(keys), False


def _hits(text: str | None) -> bool:
    if text not in {None, "results", "hits"}:
        raise _bad("bad-parameter", "resulttype is results or hits", "resulttype 应为 results 或 hits")
    return text == "hits"


def page_limit(text: str | None) -> int:
    """Return how many features ``limit`` asks for, the default without it."""
    if text is None:
        return DEFAULT_LIMIT
    limit = whole_number(text)
    if limit is None or limit < 1:
        raise _bad("bad-limit", f"limit is a whole number from 1; above {MAX_LIMIT} it counts as {MAX_LIMIT}", "limit 应为不小于 1 的整数")
    return min(limit, MAX_LIMIT)


def area_of(given: Mapping[str, str], offered: tuple[OutputCrs, ...], storage_srid: int) -> Area | None:
    """Return what ``bbox`` and ``bbox-crs`` ask for, in one of the CRSs that are offered."""
    text = given.get("bbox")
    if text is None:
        if "bbox-crs" in given:
            raise _bad("bad-bbox", "bbox-crs without bbox", "有 bbox-crs 而无 bbox")
        return None
    bounds = written_numbers(text)
    if "bbox-crs" in given:
        crs = output_crs(given["bbox-crs"], offered)
    else:
        high = [c for c in offered if c.uri == CRS84H_URI]
        crs = high[0] if len(bounds) == 6 and high else _CRS84
    return bbox_area(bounds, crs, storage_srid)


def validity_of(text: str | None) -> Validity | None:
    """Return what ``datetime`` asks for: days, of which one end may be open."""
    if text is None:
        return None
    ends = text.split("/")
    if len(ends) == 1:
        day = _day(text)
        return Validity(day, day)
    if len(ends) != 2:
        raise _bad_datetime()
    first, last = (None if end in {"", ".."} else _day(end) for end in ends)
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        raise _bad_datetime()
    return Validity(first, last)


def _day(text: str) -> dt.date:
    # Validity is in civil days: a time counts as the day that is written in it.
    day, time = written_day(text), written_instant(text)
    if time is not None:
        return time.date()
    if day is None:
        raise _bad_datetime()
    return day


def filter_of(given: Mapping[str, str], target: FilterTarget, properties: frozenset[str] = frozenset()) -> ast.Predicate | None:
    """Return what ``filter`` and the ``properties`` among the parameters ask for, None without any."""
    parts = [_equal(target, name, given[name]) for name in given if name in properties]
    if "filter" in given:
        language = given.get("filter-lang", FILTER_LANGUAGES[0])
        if language not in FILTER_LANGUAGES:
            raise _bad("bad-filter", f"filter-lang is {' or '.join(FILTER_LANGUAGES)}", f"filter-lang 应为 {' 或 '.join(FILTER_LANGUAGES)}")
        crs = output_crs(given["filter-crs"], target.crs) if "filter-crs" in given else _CRS84
        parts.append(build_filter(given["filter"], language, crs, target))
    elif "filter-lang" in given or "filter-crs" in given:
        raise _bad("bad-filter", "filter-lang and filter-crs need a filter", "有 filter-lang 或 filter-crs 而无 filter")
    return reduce(lambda left, right: ast.And((left, right)), parts) if parts else None


def _equal(target: FilterTarget, name: str, text: str) -> ast.Predicate:
    if name == ID_NAME:
        return build_tree({"op": "=", "args": [{"property": ID_NAME}, text]}, _CRS84, target)
    kind = target.value_types[name]
    return ast.Comparison("=", ast.Property(name, kind), literal(text, kind))


def property_names(text: str | None, collection: Collection) -> tuple[str, ...] | None:
    """Return the properties that ``properties`` asks for, None without it."""
    if text is None:
        return None
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        _require_property(name, collection)
    return names


def color_field(text: str | None, collection: Collection) -> str | None:
    """Return the property that ``color-by`` names, None without it."""
    if text is not None:
        _require_property(text, collection)
    return text


def _require_property(name: str, collection: Collection) -> None:
    if name not in collection.properties:
        raise _bad("unknown-property", f"the collection has no property {name[:40]!r}", f"该集合没有属性 {name[:40]!r}")


def flag(given: Mapping[str, str], name: str) -> bool:
    """Return what a parameter that is true or false says, false without it."""
    value = given.get(name, "false")
    if value not in {"true", "false"}:
        raise _bad("bad-parameter", f"{name} is true or false", f"{name} 应为 true 或 false")
    return value == "true"


def bad_parameter(name: str) -> BadRequestError:
    """Return the error of a parameter whose value makes no sense."""
    return _bad("bad-parameter", f"parameter {name!r} is not valid", f"参数 {name!r} 无效")


def _bad_datetime() -> BadRequestError:
    return _bad(
        "bad-datetime",
        "datetime is an RFC 3339 date or time, or an interval start/end of which one end may be open (..)",
        "datetime 应为 RFC 3339 日期、时间，或区间 起/止（一端可为 ..）",
    )


def _bad(code: str, en: str, zh: str) -> BadRequestError:
    return BadRequestError(en, zh=zh).with_code(code)
