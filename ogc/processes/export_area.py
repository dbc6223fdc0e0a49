"""The inputs of the process ``export-area``, as values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ogc.formats import Format, Formats
from ogc.parameters import Moment, moment
from twin.crs import OutputCrs, output_crs
from twin.crs.output import CRS84_URI
from twin.errors import BadRequestError
from twin.query.area import Area, bbox_area, polygon_area
from twin.query.collection import Collection

EXPORT_AREA = "export-area"
DEFAULT_FORMAT = "gpkg"
MOST_COLLECTIONS = 100
MOST_VERTICES = 10_000
POLYGONS = frozenset({"Polygon", "MultiPolygon"})
"""What an area may be."""

_INPUTS = frozenset({"area", "collections", "format", "crs", "asOf"})


@dataclass(frozen=True, slots=True)
class ExportArea:
    """Inputs of ``export-area`` that were checked; ``document`` is what they are kept as."""

    collections: tuple[Collection, ...]
    form: Format
    crs: OutputCrs
    area: Area
    as_of: Moment | None
    document: Mapping[str, object]
    """The inputs as JSON."""


def export_area(given: Mapping[str, object], visible: Mapping[str, Collection], formats: Formats) -> ExportArea:
    """Return what the inputs of an execution ask for.

    ``visible``: the collections the caller may see; any other is one that does not exist. BadRequestError ``bad-input`` says what is
    wrong, with further codes for a CRS, a bbox or an as-of that cannot be.
    """
    unknown = sorted(set(given) - _INPUTS)
    if unknown:
        raise bad_input(f"there is no input {unknown[0][:40]!r}", f"没有输入 {unknown[0][:40]!r}")
    for needed in ("area", "collections"):
        if needed not in given:
            raise bad_input(f"input {needed!r} is missing", f"缺少输入 {needed!r}")
    document = {name: _inline(value) for name, value in given.items()}
    collections = _collections(document["collections"], visible)
    return ExportArea(
        collections=collections,
        form=_form(document.get("format", DEFAULT_FORMAT), collections, formats),
        crs=_output_crs(document.get("crs"), collections),
        area=_area(document["area"], collections[0]),
        as_of=_as_of(document.get("asOf")),
        document=document,
    )


def bad_input(en: str, zh: str) -> BadRequestError:
    """Return the error of an input that cannot be taken."""
    return BadRequestError(en, zh=zh).with_code("bad-input")


def _inline(value: object) -> object:
    """Return the value of an input, qualified or not; what lies at an address is never fetched."""
    if isinstance(value, dict) and "href" in value:
        raise bad_input("inputs are given by value: nothing is fetched from an address", "输入须直接给值，不从地址读取")
    if isinstance(value, dict) and "value" in value:
        return cast("object", value["value"])
    return value


def _collections(value: object, visible: Mapping[str, Collection]) -> tuple[Collection, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_COLLECTIONS or len(set(map(str, value))) != len(value):
        raise bad_input(
            f"collections is a list of 1 to {MOST_COLLECTIONS} ids", f"collections 应为 1 至 {MOST_COLLECTIONS} 个不同的集合标识"
        )
    for slug in value:
        if not isinstance(slug, str) or slug not in visible:
            raise bad_input(f"there is no collection {str(slug)[:60]!r}", f"没有集合 {str(slug)[:60]!r}")
        if visible[slug].is_coverage:
            raise bad_input(f"{slug!r} is a coverage and has no features", f"{slug!r} 为栅格覆盖，没有要素")
    return tuple(visible[slug] for slug in value)


def _form(name: object, collections: Sequence[Collection], formats: Formats) -> Format:
    if not isinstance(name, str):
        raise bad_input("format is a text", "format 应为文本")
    for collection in collections:
        found = formats.of(name, collection)
    return found


def _output_crs(value: object, collections: Sequence[Collection]) -> OutputCrs:
    if value is None:
        return next(c for c in collections[0].crs if c.srid == collections[0].storage_srid)
    for collection in collections:
        found = output_crs(_text(value, "crs"), collection.crs)
    return found


def _area(value: object, collection: Collection) -> Area:
    if not isinstance(value, dict):
        raise bad_input("area is a bbox or a polygon", "area 应为矩形或多边形")
    crs = output_crs(_crs_name(value.get("crs")), collection.crs)
    if "bbox" in value and "type" not in value:
        bounds = value["bbox"]
        if not isinstance(bounds, list) or not all(type(b) in {int, float} for b in bounds):
            raise bad_input("bbox takes 4 or 6 numbers", "bbox 应为 4 个或 6 个数值")
        return bbox_area(tuple(map(float, bounds)), crs, collection.storage_srid)
    return polygon_area(_polygon(value), crs, collection.storage_srid)


def _polygon(value: Mapping[str, object]) -> BaseGeometry:
    if value.get("type") == "Feature" and isinstance(value.get("geometry"), dict):
        value = cast("Mapping[str, object]", value["geometry"])
    if str(value.get("type")) not in POLYGONS:
        raise bad_input("area is a bbox or a Polygon or MultiPolygon of GeoJSON", "area 应为矩形或 GeoJSON 的 Polygon、MultiPolygon")
    if _are_too_many(value.get("coordinates")):
        raise bad_input(f"area has more than {MOST_VERTICES} vertices", f"area 的顶点超过 {MOST_VERTICES} 个")
    try:
        made = shapely.force_2d(shape(value))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, GEOSException):
        raise bad_input("area is no geometry of GeoJSON", "area 不是 GeoJSON 几何图形") from None
    if made.is_empty or not all(math.isfinite(b) for b in made.bounds) or not shapely.is_valid(made):
        raise bad_input("area is no valid polygon", "area 不是有效的多边形")
    return made


def _are_too_many(coordinates: object) -> bool:
    """Return whether coordinates hold more than :data:`MOST_VERTICES` positions, however they are nested; nothing is converted."""
    count, left = 0, [coordinates]
    while left and count <= MOST_VERTICES:
        part = left.pop()
        within = [inner for inner in part if isinstance(inner, list)] if isinstance(part, list) else []
        left += within
        count += not within
    return count > MOST_VERTICES


def _crs_name(value: object) -> str:
    """Return the CRS that an area names, as a URI or in the manner of GeoJSON before RFC 7946."""
    if value is None:
        return CRS84_URI
    if isinstance(value, dict):
        properties = value.get("properties")
        value = properties.get("name") if isinstance(properties, dict) else None
    return _text(value, "crs")


def _as_of(value: object) -> Moment | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise bad_input("asOf is a commit's number or an RFC 3339 time", "asOf 应为提交编号或 RFC 3339 时间")
    return moment(str(value))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise bad_input(f"{name} is a text", f"{name} 应为文本")
    return value
