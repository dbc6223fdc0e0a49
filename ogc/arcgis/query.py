"""Parameters of a FeatureServer's ``query`` as values."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ogc.arcgis.esri_geometry import InputGeometry, input_geometry, wkid_of
from ogc.arcgis.groups import Groups, asked_groups
from ogc.arcgis.layers import MAX_RECORDS, OBJECT_ID, OID
from ogc.arcgis.parameters import field_names, flag, refused, whole
from ogc.arcgis.pbf import Steps, asked_steps
from ogc.arcgis.where import parse_where
from ogc.parameters import whole_number
from twin.crs import OutputCrs
from twin.query import filter_ast as ast
from twin.query.area import Area, bbox_area
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery, SortKey, Validity
from twin.query.filter_build import build_tree
from twin.query.order import sortables

MOST_IDS = 10_000
ALL_IDS = 2_000_000
"""How many ids ``returnIdsOnly`` gives: Esri's clients ask for all of them at once."""
Form = Literal["json", "geojson", "pbf"]
_FORMS: Mapping[str, Form] = MappingProxyType({"json": "json", "pjson": "json", "geojson": "geojson", "pbf": "pbf"})
Wanted = Literal["features", "count", "ids", "extent"]
_UNDERSTOOD = frozenset(
    {
        "f", "where", "objectids", "geometry", "geometrytype", "insr", "spatialrel", "outfields", "returngeometry", "outsr",
        "returnidsonly", "returncountonly", "returnextentonly", "orderbyfields", "resultoffset", "resultrecordcount", "returnz",
        "historicmoment", "time", "lang", "outstatistics", "groupbyfieldsforstatistics", "returndistinctvalues",
    }
)  # fmt: skip
_CHANGES_NOTHING = frozenset(
    {
        "token", "returnm", "geometryprecision", "maxallowableoffset", "quantizationparameters", "resulttype", "sqlformat", "cachehint",
        "returncentroid", "returntruecurves", "featureencoding", "datumtransformation", "gdbversion", "returnexceededlimitfeatures",
        "multipatchoption", "applyvcsprojection", "timereferenceunknownclient", "_ts", "nocache", "units", "relationparam",
        "returnuniqueidsonly", "rangevalues", "parametervalues", "layerdefs", "defaultsr", "lod", "lodtype", "collation", "returnenvelope",
        "returnquerygeometry", "returnlastediteddate", "returngeodetic", "maxrecordcountfactor", "rollbackonfailure", "async", "callback",
        "dt", "_",
    }
)  # fmt: skip
"""What Esri's clients send along and answers may leave aside; who asks for a callback gets the JSON without one."""
_REFUSED = frozenset({"having", "distance", "text", "fulltext", "uniqueids"})
"""What would change the answer and is not done here: it may only be empty, false or 0."""
PARAMETERS = _UNDERSTOOD | _CHANGES_NOTHING | _REFUSED
# The search geometry stands first in Esri's relations, the feature in ours.
_RELATIONS: Mapping[str, str] = MappingProxyType(
    {
        "esriSpatialRelIntersects": "s_intersects",
        "esriSpatialRelEnvelopeIntersects": "s_intersects",
        "esriSpatialRelIndexIntersects": "s_intersects",
        "esriSpatialRelContains": "s_within",
        "esriSpatialRelWithin": "s_contains",
        "esriSpatialRelCrosses": "s_crosses",
        "esriSpatialRelOverlaps": "s_overlaps",
        "esriSpatialRelTouches": "s_touches",
    }
)
_FID = MappingProxyType({OBJECT_ID: ast.Property("fid", "number")})


@dataclass(frozen=True, slots=True)
class LayerQuery:
    """A query that was understood."""

    query: FeatureQuery
    wanted: Wanted
    form: Form
    fields: tuple[str, ...]
    """The attributes of the answer, in order."""
    start: int
    count: int
    historic: dt.datetime | None
    groups: Groups | None = None
    """What is asked of groups of the features, None where the features are."""
    steps: Steps | None = None
    """The grid on which positions of a pbf are to lie, None for one of its own."""


def named_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters by name in lower case; BadRequestError for one that is not known or would change the answer and is not done."""
    found: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        if name not in PARAMETERS:
            raise refused("unknown-parameter", f"there is no parameter {given[:40]!r} here", f"此处没有参数 {given[:40]!r}")
        if name in _REFUSED and value.strip().lower() not in {"", "false", "0", "[]", "null"}:
            raise refused("not-supported", f"{given} is not supported", f"不支持 {given}")
        if "\x00" in value:
            raise refused("bad-parameter", f"parameter {given!r} holds a NUL character", f"参数 {given!r} 含 NUL 字符")
        found[name] = value
    return {name: value for name, value in found.items() if value.strip()}


def layer_query(given: Mapping[str, str], collection: Collection, now: dt.datetime) -> LayerQuery:
    """Return what the parameters ask of a collection."""
    form = _FORMS.get(given.get("f", "json"))
    if form is None:
        listed = ", ".join(_FORMS)
        raise refused("bad-format", f"f is one of {listed}", f"f 应为 {listed} 之一")
    start, count = whole(given, "resultoffset", 0), max(1, min(whole(given, "resultrecordcount", MAX_RECORDS), MAX_RECORDS))
    groups = asked_groups(given, collection, distinct=flag(given, "returndistinctvalues"), start=start, count=count)
    fields = _fields(given.get("outfields", ""), collection)
    query = FeatureQuery(
        collection=collection,
        crs=_out_crs(given, collection, form),
        fids=_object_ids(given.get("objectids")),
        validity=_validity(given.get("time")),
        properties=tuple(name for name in fields if name not in {OBJECT_ID, OID}),
        with_geometry=flag(given, "returngeometry", default="true"),
    )
    if groups is None:
        query = _ordered(query, given.get("orderbyfields", ""))
    area, tree = _spatial(given, collection)
    parts = [tree] if tree is not None else []
    if "where" in given:
        types = collection.value_types
        condition = parse_where(given["where"], {**types, OBJECT_ID: "number"}, now)
        parts.append(build_tree(condition, _in_crs(given, None, collection), collection, _FID))
    predicate = ast.And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
    return LayerQuery(
        query=dataclasses.replace(query, area=area, filter=predicate),
        wanted=_wanted(given, groups),
        form=form,
        fields=fields,
        start=start,
        count=count,
        historic=_moment(given.get("historicmoment")),
        groups=groups,
        steps=asked_steps(given.get("quantizationparameters")) if form == "pbf" else None,
    )


def _wanted(given: Mapping[str, str], groups: Groups | None) -> Wanted:
    extent, ids = flag(given, "returnextentonly"), flag(given, "returnidsonly")
    if groups is not None and (extent or ids):
        raise refused("not-supported", "groups have neither ids nor an extent", "分组没有 ID 和范围")
    if extent:
        return "extent"
    if flag(given, "returncountonly"):
        return "count"
    return "ids" if ids else "features"


def _fields(text: str, collection: Collection) -> tuple[str, ...]:
    """Return the attributes of features: the object id is always among them."""
    return tuple(dict.fromkeys([OBJECT_ID, *field_names(text, collection)]))


def _spatial(given: Mapping[str, str], collection: Collection) -> tuple[Area | None, ast.Predicate | None]:
    """Return a box that the features meet, or another condition on their geometry."""
    if "geometry" not in given:
        return None, None
    relation = _RELATIONS.get(given.get("spatialrel", "esriSpatialRelIntersects"))
    if relation is None:
        raise refused("bad-parameter", "spatialRel is not supported", "不支持该 spatialRel")
    geometry = input_geometry(given["geometry"], given.get("geometrytype", "esriGeometryEnvelope"))
    crs = _in_crs(given, geometry, collection)
    if geometry.box is not None and relation == "s_intersects":
        return bbox_area(geometry.box, crs, collection.storage_srid), None
    shape: object = geometry.shape if geometry.box is None else {"bbox": list(geometry.box)}
    return None, build_tree({"op": relation, "args": [{"property": "geometry"}, shape]}, crs, collection)


def _in_crs(given: Mapping[str, str], geometry: InputGeometry | None, collection: Collection) -> OutputCrs:
    wkid = geometry.wkid if geometry is not None and geometry.wkid is not None else wkid_of(_maybe_json(given.get("insr")))
    return _crs(collection.storage_srid if wkid is None else wkid, collection)


def _out_crs(given: Mapping[str, str], collection: Collection, form: str) -> OutputCrs:
    default = 4326 if form == "geojson" else collection.storage_srid
    wkid = wkid_of(_maybe_json(given.get("outsr")))
    wanted = _crs(default if wkid is None else wkid, collection)
    z = flag(given, "returnz") and collection.feature_type.has_z
    return dataclasses.replace(wanted, height="gravity" if z else "none")


def _crs(wkid: int, collection: Collection) -> OutputCrs:
    for offered in collection.crs:
        if offered.srid == wkid and offered.height != "ellipsoidal":
            return dataclasses.replace(offered, xy=True, height="none")
    raise refused("crs-not-offered", f"wkid {wkid} is not offered here", f"此处不提供 wkid {wkid}")


def _maybe_json(text: str | None) -> object:
    if text is None or not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise refused("bad-parameter", "a spatial reference is a wkid", "空间参考应为 wkid") from None


def _ordered(query: FeatureQuery, text: str) -> FeatureQuery:
    known = {name.lower(): (name, kind) for name, kind in sortables(query.collection).items()}
    keys: dict[str, SortKey] = {}
    descending_fid = False
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, direction = part.partition(" ")
        down = direction.strip().upper() == "DESC"
        if direction.strip().upper() not in {"", "ASC", "DESC"} or (name.lower() != OBJECT_ID and name.lower() not in known):
            raise refused("bad-parameter", f"features are not ordered by {part[:40]!r}", f"不能按 {part[:40]!r} 排序")
        if name.lower() == OBJECT_ID:
            descending_fid = down
            break  # no two have the same: what follows orders nothing
        column, kind = known[name.lower()]
        keys.setdefault(column, SortKey(column, kind, descending=down))  # named again it orders nothing
    return dataclasses.replace(query, order=tuple(keys.values()), descending_fid=descending_fid)


def _object_ids(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    numbers = [number for word in text.split(",") if (number := whole_number(word.strip())) is not None]
    if len(numbers) > MOST_IDS or len(numbers) <= text.count(","):
        raise refused("bad-parameter", f"objectIds are at most {MOST_IDS} whole numbers", f"objectIds 应为至多 {MOST_IDS} 个整数")
    return tuple(numbers)


def _validity(text: str | None) -> Validity | None:
    """Return the days of ``time``: an instant or ``from,to`` in milliseconds since 1970, ``null`` for an open end."""
    if text is None:
        return None
    ends = [part.strip().lower() for part in text.split(",")]
    try:
        days = [None if end == "null" else _time(end).date() for end in ends]
    except (ValueError, OverflowError, OSError):
        days = []
    if not 1 <= len(days) <= 2:
        raise refused("bad-datetime", "time is one or two times in milliseconds since 1970", "time 应为一个或两个 1970 年以来的毫秒数")
    first, last = days[0], days[-1]
    if first is not None and last is not None and first > last:
        raise refused("bad-datetime", "time ends before it begins", "time 的结束早于开始")
    return None if first is None and last is None else Validity(first, last)


def _time(milliseconds: str) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(milliseconds))


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return _time(text)
    except (ValueError, OverflowError, OSError):
        raise refused("bad-as-of", "historicMoment is in milliseconds since 1970", "historicMoment 应为 1970 年以来的毫秒数") from None
