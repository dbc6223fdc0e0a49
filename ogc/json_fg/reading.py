"""JSON-FG features that callers write (21-045r1, clauses 7 and 8) → GeoJSON features and the CRS of their positions; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ogc.json_fg.document import CONFORMANCE, EGM96_HEIGHT, is_lonlat
from ogc.json_fg.prisms import Prism, prism_of, takes_prisms
from ogc.json_fg.profile import MEDIA_TYPES
from ogc.writing.writer import WriteFault, WriteRefusedError
from twin.crs import OutputCrs, output_crs
from twin.errors import BadRequestError, Text, TwinError
from twin.query.collection import Collection
from twin.query.written import written_day

Json = dict[str, Any]
_SIMPLE = frozenset({"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"})
_OPEN = ".."
_ALWAYS: Mapping[str, str | None] = {"valid_from": None, "valid_to": None}
_NO_PLACE = Text("去掉几何请写 geometry: null", "that a feature has no geometry any more is said by geometry: null")


def is_json_fg(media_type: str, body: Mapping[str, Any]) -> bool:
    """Tell whether a body is JSON-FG: by its media type or, being GeoJSON as well, by what it says it conforms to."""
    said = body.get("conformsTo")
    return media_type in MEDIA_TYPES or (isinstance(said, list) and any(isinstance(c, str) and c.startswith(CONFORMANCE) for c in said))


def is_solid(place: object) -> bool:
    """Tell whether a ``place`` is one of the forms that only files bring."""
    return isinstance(place, dict) and place.get("type") in {"Polyhedron", "MultiPolyhedron"}


def stated_crs(root: Mapping[str, Any], feature: Mapping[str, Any], collection: Collection) -> OutputCrs | None:
    """Return the CRS that a feature, or the ``root`` it is in, says for its place; BadRequestError for one that is not offered."""
    said = feature.get("coordRefSys", root.get("coordRefSys"))
    return None if said is None else _stated_crs(said, collection)


@dataclass(frozen=True, slots=True)
class ReadFeatures:
    """Features as GeoJSON, the CRS of their positions (None where they have none), and the prisms whose bases they have, by number."""

    features: Sequence[Json]
    crs: OutputCrs | None
    prisms: Mapping[int, Prism]


def geojson_of(
    root: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    collection: Collection,
    content_crs: OutputCrs | None,
    *,
    is_patch: bool,
) -> ReadFeatures:
    """Return features as GeoJSON, those with a prism in ``place`` with its base as geometry.

    Positions of a ``place`` are in the ``coordRefSys`` of the feature or of the ``root`` it is in, else in ``content_crs``; without
    any, and those of ``geometry`` always, in longitude and latitude. ``time`` becomes the validity; in a patch null leaves it open
    at both ends. Raises BadRequestError for a CRS that is not offered, for CRSs that contradict each other and for features of another
    type, WriteRefusedError for solids and for times that are no days.
    """
    faults: list[WriteFault] = []
    made: list[Json] = []
    found, prisms = set[OutputCrs](), dict[int, Prism]()
    for number, feature in enumerate(features):
        _require_type(feature.get("featureType", root.get("featureType")), collection)
        stated = stated_crs(root, feature, collection)
        plain = {name: value for name, value in feature.items() if name not in {"place", "time"}}
        place = feature.get("place")
        if place is not None:
            if stated is not None and content_crs is not None and stated != content_crs:
                raise _bad("crs-contradicts", "coordRefSys and Content-Crs name different CRSs", "coordRefSys 与 Content-Crs 不一致")
            crs = stated or content_crs or collection.crs[0]
            found.add(crs)
            prism = prism_of(place) if takes_prisms(collection, crs) else None
            if prism is not None:
                prisms[number] = prism
            else:
                faults += _place_faults(place, number)
            plain["geometry"] = place if prism is None else prism.base
        elif plain.get("geometry") is not None:
            found.add(stated if stated is not None and is_lonlat(stated) else collection.crs[0])
        elif is_patch and "place" in feature and "geometry" not in feature:
            faults.append(WriteFault(number, "/place", "unsupported-geometry", _NO_PLACE))
        if (is_patch and "time" in feature) or feature.get("time") is not None:
            faults += _dated(plain, feature.get("time"), number)
        made.append(plain)
    if faults:
        raise WriteRefusedError(faults)
    if len(found) > 1:
        raise _bad("crs-contradicts", "the features of a request have positions in one CRS", "一次请求中的要素应为同一坐标参考系")
    return ReadFeatures(made, next(iter(found), None), prisms)


def _require_type(said: object, collection: Collection) -> None:
    names, wanted = said if isinstance(said, list) else [said], collection.feature_type.name
    if said is not None and wanted not in names and collection.slug not in names:  # GDAL names it as its layer
        raise _bad("other-type", f"features here are of type {wanted}", f"此处要素的类型为 {wanted}")


def _stated_crs(said: object, collection: Collection) -> OutputCrs:
    """Return the CRS that a coordRefSys names: a URI, a Reference without epoch, or a grid with its heights above EGM96."""
    plane, *heights = said if isinstance(said, list) and said else [said]
    uri, named = _uri(plane), [_uri(height) for height in heights]
    if uri is not None and named in ([], [EGM96_HEIGHT]):
        crs = output_crs(uri, collection.crs)
        if not named or (crs.height == "gravity" and collection.vertical == "egm96"):
            return crs
    raise _bad("crs-not-offered", "coordRefSys names no CRS that is offered here", "coordRefSys 未给出此处提供的坐标参考系")


def _uri(said: object) -> str | None:
    if isinstance(said, dict) and said.get("type") == "Reference" and said.get("epoch") is None:
        said = said.get("href")
    return said if isinstance(said, str) else None


def _place_faults(place: object, number: int) -> Iterator[WriteFault]:
    kind = place.get("type") if isinstance(place, dict) else None
    if kind not in _SIMPLE:
        reason = Text(
            "此处写入点、线、面，以及建筑物基底高程至顶部的棱柱；其他立体随文件提交",
            "what is written here are points, lines, areas and, where features have such a form, prisms with a lower and an upper end; "
            "other solids come with files",
        )
        yield WriteFault(number, "/place", "unsupported-geometry", reason, value=str(kind)[:40])


def _dated(plain: Json, time: object, number: int) -> Iterator[WriteFault]:
    """Put the days of ``time`` into the properties of a feature, none where it is None; yield what is wrong with them."""
    days = _days(time) if time is not None else _ALWAYS
    if days is None:
        reason = Text("time 应为日期或日期区间", "time is a date, or an interval of dates: what is recorded of validity are days")
        yield WriteFault(number, "/time", "bad-time", reason)
        return
    properties = plain.get("properties") or {}
    if not isinstance(properties, dict):
        return  # no Feature: said where that is looked at
    if any(name in properties and properties[name] != day for name, day in days.items()):
        yield WriteFault(
            number, "/time", "contradicts", Text("time 与属性中的有效期不一致", "time and the properties contradict each other")
        )
    plain["properties"] = {**properties, **days}


def _days(time: object) -> Mapping[str, str | None] | None:
    """Return the validity that a time means, from its first day to the one after its last, which is in it; None if it means none."""
    if not isinstance(time, dict):
        return None
    ends = time.get("interval", [time.get("date")] * 2)
    if not isinstance(ends, list) or len(ends) != 2 or "timestamp" in time or time.get("date") == _OPEN:
        return None
    read = [None if end == _OPEN else written_day(end) if isinstance(end, str) else None for end in ends]
    first, last = read
    if any(day is None and end != _OPEN for day, end in zip(read, ends, strict=True)) or last == dt.date.max:
        return None
    if "date" in time and not _is_within(time["date"], first, last):
        return None
    until = None if last is None else (last + dt.timedelta(days=1)).isoformat()
    return {"valid_from": None if first is None else first.isoformat(), "valid_to": until}


def _is_within(date: object, first: dt.date | None, last: dt.date | None) -> bool:
    day = written_day(date) if isinstance(date, str) else None
    return day is not None and (first or day) <= day <= (last or day)


def _bad(code: str, en: str, zh: str) -> TwinError:
    return BadRequestError(en, zh=zh).with_code(code)
