"""GetFeature and GetPropertyValue as they were written, by parameters or in XML, and written again as parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from ogc.ows import OwsError
from ogc.parameters import whole_number
from ogc.wfs.xml_body import Element, children, local_name, parse_xml, text_of

MOST_QUERIES = 20
_MOST_COUNTED = 10**12 - 1
_LISTED = ("typenames", "srsname", "propertyname", "filter", "bbox", "resourceid", "sortby")
"""Parameters that have a list in brackets for each query, where there are several (09-025r2, 6.2.5.3)."""


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One query as it was written."""

    types: str | None = None
    srs: str | None = None
    properties: tuple[str, ...] = ()
    filter: Element | None = None
    bbox: str | None = None
    resources: tuple[str, ...] = ()
    sort_by: str | None = None
    stored: str | None = None
    stored_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: its queries, and which part of their features in which form."""

    queries: tuple[AskedQuery, ...] = (AskedQuery(),)
    count: int | None = None
    start: int | None = None
    hits: bool = False
    form: str | None = None
    as_of: str | None = None


def asked_by_parameters(given: Mapping[str, str]) -> Asked:
    """Return what parameters, their names in lower case, ask for."""
    _require_resolvable(given)
    known = {"typenames": given["typename"], **given} if "typename" in given else given
    listed = {name: _lists(known[name]) for name in _LISTED if name in known}
    number = max(map(len, listed.values()), default=1)
    if number > MOST_QUERIES or any(len(values) not in {1, number} for values in listed.values()):
        raise bad_value(
            "typeNames", f"lists in brackets are as many, {MOST_QUERIES} at most", f"各参数的括号列表数应一致，至多 {MOST_QUERIES} 个"
        )
    stored = {name: known[name] for name in ("storedquery_id", "id") if known.get("storedquery_id") and name in known}
    return Asked(
        queries=tuple(_query({name: values[place % len(values)] for name, values in listed.items()} | stored) for place in range(number)),
        count=_whole(given.get("count", given.get("maxfeatures")), "count"),
        start=_whole(given.get("startindex"), "startIndex"),
        hits=_is_hits(given.get("resulttype", "results")),
        form=given.get("outputformat"),
        as_of=given.get("as-of"),
    )


def asked_by_xml(root: Element) -> Asked:
    """Return what a ``wfs:GetFeature`` or ``wfs:GetPropertyValue`` element asks for."""
    _require_resolvable({str(name).lower(): str(value) for name, value in root.attrib.items()})
    queries = [part for part in children(root) if local_name(part) in {"Query", "StoredQuery"}]
    if not 1 <= len(queries) <= MOST_QUERIES:
        raise OwsError(
            "OptionNotSupported", "Query", f"a request has 1 to {MOST_QUERIES} queries", f"一次请求含 1 至 {MOST_QUERIES} 个查询"
        )
    return Asked(
        queries=tuple(map(_query_of_xml, queries)),
        count=_whole(root.get("count"), "count"),
        start=_whole(root.get("startIndex"), "startIndex"),
        hits=_is_hits(root.get("resultType") or "results"),
        form=root.get("outputFormat"),
    )


def as_parameters(asked: Asked) -> list[tuple[str, str]]:
    """Return the parameters by which what was asked in XML is asked for again, without those of its part and its state."""
    written = [_written(query) for query in asked.queries]
    pairs = []
    for name in ("typeNames", "srsName", "propertyName", "filter", "resourceId", "sortBy"):
        values = [query.get(name, "") for query in written]
        if any(values):
            pairs.append((name, values[0] if len(values) == 1 else "".join(f"({value})" for value in values)))
    return [*pairs, ("outputFormat", asked.form)] if asked.form is not None else pairs


def bad_value(locator: str, en: str, zh: str) -> OwsError:
    """Return the error of a parameter whose value is none that it takes."""
    return OwsError("InvalidParameterValue", locator, en, zh)


def _query(given: Mapping[str, str]) -> AskedQuery:
    """Return the query of parameters that have one value each; an empty one is left out."""
    known = {name: value for name, value in given.items() if value}
    spatial = [name for name in ("filter", "bbox", "resourceid") if name in known]
    if len(spatial) > 1:
        raise bad_value(spatial[1], f"{spatial[0]} and {spatial[1]} exclude each other", f"{spatial[0]} 与 {spatial[1]} 不能同时使用")
    text = known.get("filter")
    return AskedQuery(
        types=known.get("typenames"),
        srs=known.get("srsname"),
        properties=tuple(n for n in known.get("propertyname", "").split(",") if n),
        filter=None if text is None else parse_xml(text.encode("utf-8", "surrogatepass"), "filter"),
        bbox=known.get("bbox"),
        resources=tuple(r for r in known.get("resourceid", "").split(",") if r),
        sort_by=known.get("sortby"),
        stored=known.get("storedquery_id"),
        stored_id=known.get("id"),
    )


def _query_of_xml(query: Element) -> AskedQuery:
    if local_name(query) == "StoredQuery":
        identifiers = [text_of(p) for p in children(query) if local_name(p) == "Parameter" and (p.get("name") or "").lower() == "id"]
        return AskedQuery(srs=query.get("srsName"), stored=query.get("id") or "", stored_id=next(iter(identifiers), None))
    parts = {local_name(part): part for part in children(query)}
    return AskedQuery(
        types=query.get("typeNames") or query.get("typeName"),
        srs=query.get("srsName"),
        properties=tuple(text_of(part) for part in children(query) if local_name(part) == "PropertyName"),
        filter=parts.get("Filter"),
        sort_by=_sort_text(parts["SortBy"]) if "SortBy" in parts else None,
    )


def _written(query: AskedQuery) -> dict[str, str]:
    made = {
        "typeNames": query.types,
        "srsName": query.srs,
        "propertyName": ",".join(query.properties),
        # no ")(" in it, which would end the list of this query
        "filter": None
        if query.filter is None
        else etree.tostring(query.filter, encoding="unicode", with_tail=False).replace(")(", ")&#40;"),
        # A stored query gives a feature by its id; no id has a mark that would make it two or end the list.
        "resourceId": re.sub("[,()]", "-", query.stored_id or ""),
        "sortBy": query.sort_by,
    }
    return {name: value for name, value in made.items() if value}


def _lists(text: str) -> list[str]:
    return text[1:-1].split(")(") if text.startswith("(") and text.endswith(")") else [text]


def _sort_text(element: Element) -> str:
    made = []
    for part in children(element):
        texts = {local_name(inner): text_of(inner).strip() for inner in children(part)}
        made.append(f"{texts.get('ValueReference', '')} {texts.get('SortOrder', '')}")
    return ",".join(made)


def _whole(text: str | None, locator: str) -> int | None:
    number = None if text is None else whole_number(text, _MOST_COUNTED)
    if text is not None and number is None:
        raise bad_value(locator, f"{locator} is a whole number", f"{locator} 应为整数")
    return number


def _is_hits(text: str) -> bool:
    if text.lower() not in {"hits", "results"}:
        raise bad_value("resultType", "resultType is hits or results", "resultType 应为 hits 或 results")
    return text.lower() == "hits"


def _require_resolvable(given: Mapping[str, str]) -> None:
    """Refuse what would have references of other servers resolved (09-025r2, 7.6.4); features here hold none."""
    resolve = given.get("resolve", "none").lower()
    if resolve in {"remote", "all"}:
        raise OwsError("OptionNotSupported", "resolve", "resources of other servers are not resolved", "不支持解析其他服务器的资源")
    if resolve not in {"none", "local"}:
        raise bad_value("resolve", "resolve is none, local, remote or all", "resolve 应为 none、local、remote 或 all")
    for name, others in (("resolvedepth", {"*"}), ("resolvetimeout", set[str]())):
        value = given.get(name, "1")
        if value not in others and whole_number(value) is None:
            raise bad_value(name, f"{name} is a whole number", f"{name} 应为整数")
