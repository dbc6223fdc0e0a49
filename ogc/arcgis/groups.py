"""``outStatistics`` and ``returnDistinctValues`` of an ArcGIS query: what they ask for, and the tables that answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

import orjson

from ogc.arcgis.layers import OBJECT_ID, OID, Document, fields
from ogc.arcgis.parameters import field_names, refused
from ogc.arcgis.values import writer
from twin.featuretypes.validity import validity_fields
from twin.model import FieldType
from twin.query.collection import Collection
from twin.query.grouping import FID, Aggregate, AggregateKind, Grouping

MOST_STATISTICS = 50
_LONGEST_NAME = 128
_KINDS: Mapping[str, AggregateKind] = MappingProxyType({kind: kind for kind in get_args(AggregateKind)})
_OF_NUMBERS = frozenset({"sum", "avg", "stddev", "var"})
_TYPES: Mapping[str, str] = MappingProxyType({"count": "esriFieldTypeInteger"} | dict.fromkeys(_OF_NUMBERS, "esriFieldTypeDouble"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer: a field as it is, or a statistic of one under a name of its own."""

    name: str
    field: str
    statistic: AggregateKind | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """A query for a table of groups: what the query core is asked, and the columns that come of it."""

    grouping: Grouping
    columns: tuple[Column, ...]


def asked_groups(given: Mapping[str, str], collection: Collection, *, distinct: bool, start: int, count: int) -> Groups | None:
    """Return the groups that are asked for, None where features are; a group more than ``count``, to know that there are more."""
    statistics = _statistics(given.get("outstatistics"), collection)
    named = given.get("groupbyfieldsforstatistics")
    if distinct and not statistics:
        keys = field_names(given.get("outfields", ""), collection)
    elif statistics and not distinct:
        keys = field_names(named or "", collection)
    elif named or statistics:
        raise refused("bad-parameter", "groups go with outStatistics alone", "分组字段仅与 outStatistics 同用")
    else:
        return None
    if distinct and not keys:
        raise refused("bad-parameter", "outFields names what is distinct", "outFields 应给出取唯一值的字段")
    columns = (*(Column(name, name) for name in keys), *statistics)
    if len({column.name.lower() for column in columns}) < len(columns):
        raise refused("bad-parameter", "two columns have the same name", "两列同名")
    grouping = Grouping(
        keys=tuple(map(_stored, keys)),
        aggregates=tuple(Aggregate(c.statistic, _stored(c.field)) for c in statistics if c.statistic is not None),
        order=_order(given.get("orderbyfields", ""), columns),
        offset=start,
        limit=count + 1,
    )
    return Groups(grouping, columns)


def group_table(groups: Groups, rows: Sequence[Sequence[Any]], collection: Collection, language: str) -> Document:
    """Return groups as a FeatureSet without geometries."""
    count = groups.grouping.limit - 1
    described = {str(entry["name"]): entry for entry in fields(collection, language)}
    head: Document = {
        "displayFieldName": "",
        "fieldAliases": {column.name: column.name for column in groups.columns},
        "fields": [_described(column, described) for column in groups.columns],
    }
    if len(rows) > count:
        head["exceededTransferLimit"] = True
    return {**head, "features": [{"attributes": attributes} for attributes in _attributes(groups, rows[:count], collection)]}


def group_geojson(groups: Groups, rows: Sequence[Sequence[Any]], collection: Collection) -> Document:
    """Return groups as GeoJSON features without geometries."""
    count = groups.grouping.limit - 1
    made = [{"type": "Feature", "geometry": None, "properties": values} for values in _attributes(groups, rows[:count], collection)]
    more = {"exceededTransferLimit": True, "properties": {"exceededTransferLimit": True}} if len(rows) > count else {}
    return {"type": "FeatureCollection", "features": made} | more


def _attributes(groups: Groups, rows: Sequence[Sequence[Any]], collection: Collection) -> list[Document]:
    kinds = _kinds(collection)

    def value(column: Column, found: object) -> object:
        if found is None or column.statistic not in {None, "min", "max"}:
            return found
        if column.field == OID:
            return f"{collection.oid_prefix}{found}"
        write = writer(kinds.get(column.field))
        return found if write is None else write(found)

    return [{c.name: value(c, found) for c, found in zip(groups.columns, row, strict=True)} for row in rows]


def _described(column: Column, described: Mapping[str, Document]) -> Document:
    field = described[column.field]
    if column.statistic is None:
        return field
    kind = _TYPES.get(column.statistic, str(field["type"]))
    made: Document = {"name": column.name, "type": "esriFieldTypeDouble" if kind == "esriFieldTypeOID" else kind, "alias": column.name}
    return made | {"domain": None} | ({"length": field["length"]} if "length" in field and kind == "esriFieldTypeString" else {})


def _statistics(text: str | None, collection: Collection) -> tuple[Column, ...]:
    if text is None:
        return ()
    try:
        listed = orjson.loads(text)  # which takes no half characters and no depth without end
    except ValueError:
        raise refused("bad-parameter", "outStatistics is not JSON", "outStatistics 不是合法的 JSON") from None
    if listed is None:
        return ()
    if not isinstance(listed, list) or len(listed) > MOST_STATISTICS or not all(isinstance(one, dict) for one in listed):
        en = f"outStatistics is a list of at most {MOST_STATISTICS} objects"
        raise refused("bad-parameter", en, f"outStatistics 应为至多 {MOST_STATISTICS} 个对象的数组")
    return tuple(_statistic(one, collection) for one in listed)


def _statistic(given: Mapping[str, object], collection: Collection) -> Column:
    kind = _KINDS.get(str(given.get("statisticType", "")).lower())
    if kind is None:
        listed = ", ".join(_KINDS)
        raise refused("not-supported", f"statisticType is one of {listed}", f"statisticType 应为 {listed} 之一")
    names = field_names(str(given.get("onStatisticField", "")), collection)
    if len(names) != 1:
        raise refused("bad-parameter", "onStatisticField names one field", "onStatisticField 应给出一个字段")
    (name,) = names
    if kind != "count" and _kinds(collection).get(name, "string" if name == OID else "integer") not in _taken(kind):
        raise refused("bad-parameter", f"there is no {kind} of {name}", f"{name} 不能求 {kind}")
    called = str(given.get("outStatisticFieldName") or f"{kind}_{name}")
    if len(called) > _LONGEST_NAME or "\x00" in called:
        raise refused("bad-parameter", "outStatisticFieldName is too long", "outStatisticFieldName 过长")
    return Column(called, name, kind)


def _taken(kind: AggregateKind) -> frozenset[FieldType]:
    numbers: frozenset[FieldType] = frozenset({"integer", "number"})
    return numbers if kind in _OF_NUMBERS else numbers | {"string", "code", "date", "datetime"}


def _order(text: str, columns: Sequence[Column]) -> tuple[tuple[int, bool], ...]:
    places = {column.name.lower(): number for number, column in enumerate(columns)}
    order: dict[int, bool] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, direction = part.rpartition(" ") if part.upper().endswith((" ASC", " DESC")) else (part, "", "")
        place = places.get(name.strip().strip('"').lower())
        if place is None:
            raise refused("bad-parameter", f"groups are not ordered by {part[:40]!r}", f"不能按 {part[:40]!r} 排序")
        order.setdefault(place, direction.upper() == "DESC")
    return tuple(order.items())


def _kinds(collection: Collection) -> dict[str, FieldType]:
    return {f.name: f.type for f in (*collection.feature_type.fields, *validity_fields())}


def _stored(name: str) -> str:
    return FID if name in {OBJECT_ID, OID} else name
