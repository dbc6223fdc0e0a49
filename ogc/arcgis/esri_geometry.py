"""Geometries in Esri's JSON: those that a query holds, and those of an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from twin.errors import BadRequestError
from twin.model import GeometryType
from twin.query.condition_grammar import too_complex
from twin.query.filter_build import MAX_VERTICES

GEOMETRY_TYPES: Mapping[GeometryType, str] = MappingProxyType(
    {
        "Point": "esriGeometryPoint",
        "LineString": "esriGeometryPolyline",
        "MultiPolygon": "esriGeometryPolygon",
        "coverage": "esriGeometryPolygon",
    }
)
_WEB_MERCATOR = frozenset({102100, 102113, 900913, 3857})
Position = Sequence[float]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InputGeometry:
    """A geometry of a query: a box of four numbers, or a GeoJSON geometry; x first."""

    box: tuple[float, float, float, float] | None
    shape: Mapping[str, object] | None
    wkid: int | None
    """Its spatial reference, None where it does not say."""


def input_geometry(text: str, kind: str) -> InputGeometry:
    """Return the geometry of parameter ``geometry``, as JSON or in the short form of points and envelopes; BadRequestError otherwise."""
    if not text.lstrip().startswith("{"):
        return _short(text, kind)
    try:
        given = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        raise _bad("geometry is not JSON", "geometry 不是合法的 JSON") from None
    return of_json(given)


def of_json(given: object) -> InputGeometry:
    """Return the geometry of an object of Esri's JSON."""
    if not isinstance(given, dict):
        raise _bad("geometry is not an object", "geometry 不是对象")
    wkid = wkid_of(given.get("spatialReference"))
    try:
        if "xmin" in given:
            x, y, east, north = (_finite(given[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
            return InputGeometry((x, y, east, north), None, wkid)
        return InputGeometry(None, _shape(given), wkid)
    except (KeyError, TypeError, IndexError, ValueError):
        raise _bad("geometry is not a geometry of Esri's JSON", "geometry 不是 Esri JSON 几何图形") from None


def wkid_of(given: object) -> int | None:
    """Return the EPSG code of a spatial reference, as a number, a text or an object; None without one."""
    if isinstance(given, dict):
        given = given.get("latestWkid", given.get("wkid"))
    if given is None or given == "":
        return None
    try:
        number = int(str(given).removesuffix(".0"))
    except ValueError:
        raise _bad("a spatial reference is a wkid", "空间参考应为 wkid") from None
    return 3857 if number in _WEB_MERCATOR else number


def spatial_reference(srid: int) -> dict[str, int]:
    """Return a spatial reference; Esri calls web mercator by a number of its own."""
    return {"wkid": 102100, "latestWkid": 3857} if srid == 3857 else {"wkid": srid, "latestWkid": srid}


def esri_geometry(shape: Json | None) -> dict[str, object] | None:
    """Return a GeoJSON geometry in Esri's JSON: exterior rings clockwise, interior ones the other way."""
    if shape is None:
        return None
    return _WRITERS[shape["type"]](shape["coordinates"])


def _point(position: Any) -> dict[str, object]:  # noqa: ANN401 - coordinates of JSON
    return dict(zip("xyz", position, strict=False))


def _polygons(polygons: Any) -> dict[str, object]:  # noqa: ANN401
    rings = [_turned(ring, clockwise=place == 0) for polygon in polygons for place, ring in enumerate(polygon)]
    return {"rings": rings} | _z(rings)


def _paths(paths: Any) -> dict[str, object]:  # noqa: ANN401
    return {"paths": paths} | _z(paths)


def _z(parts: Sequence[Sequence[Position]]) -> dict[str, object]:
    return {"hasZ": True} if parts and parts[0] and len(parts[0][0]) > 2 else {}


_WRITERS: Mapping[str, Callable[[Any], dict[str, object]]] = MappingProxyType(
    {
        "Point": _point,
        "LineString": lambda path: _paths([path]),
        "MultiLineString": _paths,
        "Polygon": lambda rings: _polygons([rings]),
        "MultiPolygon": _polygons,
    }
)


def _turned(ring: Sequence[Position], *, clockwise: bool) -> Sequence[Position]:
    x0, y0 = ring[0][:2]  # from the first vertex: coordinates of a city grid have no digits left for products
    twice_area = sum((a[0] - x0) * (b[1] - y0) - (b[0] - x0) * (a[1] - y0) for a, b in pairwise(ring))
    return ring if (twice_area < 0) == clockwise else ring[::-1]


def _short(text: str, kind: str) -> InputGeometry:
    try:
        numbers = [_finite(part) for part in text.split(",")]
    except ValueError:
        raise _bad("geometry is neither JSON nor numbers", "geometry 既非 JSON 也非数值") from None
    if kind == "esriGeometryEnvelope" and len(numbers) == 4:
        return InputGeometry((numbers[0], numbers[1], numbers[2], numbers[3]), None, None)
    if kind == "esriGeometryPoint" and len(numbers) == 2:
        return InputGeometry(None, {"type": "Point", "coordinates": numbers}, None)
    raise _bad("geometry does not fit geometryType", "geometry 与 geometryType 不符")


def _shape(given: Json) -> dict[str, object]:
    if "x" in given:
        return {"type": "Point", "coordinates": [_finite(given["x"]), _finite(given["y"])]}
    if "points" in given:
        return {"type": "MultiPoint", "coordinates": _planes([given["points"]])[0]}
    if "paths" in given:
        return {"type": "MultiLineString", "coordinates": _planes(given["paths"])}
    return {"type": "MultiPolygon", "coordinates": _nested(_planes(given["rings"]))}


def _nested(rings: list[list[list[float]]]) -> list[list[list[list[float]]]]:
    """Return polygons of rings: clockwise ones begin a polygon, the others are holes of the one before."""
    polygons: list[list[list[list[float]]]] = []
    for ring in rings:
        outer = _turned(ring, clockwise=True) is ring
        if outer or not polygons:
            polygons.append([ring])
        else:
            polygons[-1].append(ring)
    return polygons


def _planes(parts: Sequence[Sequence[Position]]) -> list[list[list[float]]]:
    if sum(len(part) for part in parts) > MAX_VERTICES:  # counted before any is looked at
        raise too_complex(f"more than {MAX_VERTICES} vertices", f"顶点超过 {MAX_VERTICES} 个")
    return [_plane(part) for part in parts]


def _plane(positions: Sequence[Position]) -> list[list[float]]:
    return [[_finite(position[0]), _finite(position[1])] for position in positions]


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]  # a TypeError is met by the caller
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _bad(en: str, zh: str) -> BadRequestError:
    return BadRequestError(en, zh=zh).with_code("bad-geometry")
