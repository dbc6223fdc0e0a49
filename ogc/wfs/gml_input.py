"""Geometries of GML 3.2 (and the positions of 3.1 and 2) that a filter holds, as GeoJSON geometries in the axis order they are in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from ogc.ows import OwsError
from ogc.wfs.xml_body import Element, children, local_name

_EXTERIORS, _INTERIORS = frozenset({"exterior", "outerBoundaryIs"}), frozenset({"interior", "innerBoundaryIs"})
Position = list[float]
Geometry = dict[str, object]


def srs_names(element: Element) -> set[str]:
    """Return the names of CRSs in a geometry and in what it consists of."""
    return {str(name) for part in element.iter() if isinstance(part.tag, str) and (name := part.get("srsName"))}


def bounds(envelope: Element) -> list[float]:
    """Return the four numbers of an Envelope or Box; OwsError when it has none."""
    corners = _positions(envelope)
    if len(corners) != 2:
        raise _bad("an Envelope has two corners", "Envelope 应有两个角点")
    return [*corners[0], *corners[1]]


def geometry(element: Element) -> Geometry:
    """Return a geometry; OwsError for an element that is none."""
    read = _READERS.get(local_name(element))
    if read is None:
        raise _bad(f"{local_name(element)[:40]} is not a geometry that is taken here", f"此处不接受几何类型 {local_name(element)[:40]}")
    return read(element)


def is_geometry(element: Element) -> bool:
    """Return whether an element is a geometry or an Envelope."""
    return local_name(element) in _READERS or local_name(element) in {"Envelope", "Box"}


def _point(element: Element) -> Geometry:
    positions = _positions(element)
    if len(positions) != 1:
        raise _bad("a Point has one position", "Point 应有一个坐标位置")
    return {"type": "Point", "coordinates": positions[0]}


def _line(element: Element) -> Geometry:
    return {"type": "LineString", "coordinates": _positions(element)}


def _polygon(element: Element) -> Geometry:
    rings: dict[bool, list[Sequence[Position]]] = {True: [], False: []}
    for part in _outermost(element, _EXTERIORS | _INTERIORS):
        rings[local_name(part) in _EXTERIORS].append(_positions(part))
    if len(rings[True]) != 1:
        raise _bad("a Polygon has one exterior", "Polygon 应有一个外环")
    return {"type": "Polygon", "coordinates": [*rings[True], *rings[False]]}


def _several(kind: str, one: Callable[[Element], Geometry], names: frozenset[str]) -> Callable[[Element], Geometry]:
    def read(element: Element) -> Geometry:
        parts = [one(part) for part in _outermost(element, names)]
        return {"type": kind, "coordinates": [part["coordinates"] for part in parts]}

    return read


_READERS: Mapping[str, Callable[[Element], Geometry]] = MappingProxyType(
    {
        "Point": _point,
        "LineString": _line,
        "Curve": _line,
        "Polygon": _polygon,
        "Surface": _polygon,
        "MultiPoint": _several("MultiPoint", _point, frozenset({"Point"})),
        "MultiLineString": _several("MultiLineString", _line, frozenset({"LineString"})),
        "MultiCurve": _several("MultiLineString", _line, frozenset({"LineString", "Curve"})),
        "MultiPolygon": _several("MultiPolygon", _polygon, frozenset({"Polygon"})),
        "MultiSurface": _several("MultiPolygon", _polygon, frozenset({"Polygon", "Surface"})),
    }
)


def _outermost(element: Element, names: frozenset[str]) -> Iterator[Element]:
    """Yield the elements of some names below another, none within one that was yielded: what is nested is read once."""
    for child in children(element):
        if local_name(child) in names:
            yield child
        else:
            yield from _outermost(child, names)


def _positions(element: Element) -> list[Position]:
    dimension = _dimension(element)
    return [p for part in element.iter() if isinstance(part.tag, str) for p in _own_positions(part, dimension)]


def _own_positions(element: Element, dimension: int) -> Iterator[Position]:
    """Yield the positions that are the text of an element, in the plane."""
    name, text = local_name(element), element.text or ""
    if name in {"pos", "lowerCorner", "upperCorner"}:
        yield _numbers(text.split())[:2]
    elif name == "posList":
        numbers = _numbers(text.split())
        step = int(element.get("srsDimension", "0")) if element.get("srsDimension", "").isdigit() else dimension
        if step < 2 or len(numbers) % step:
            raise _bad("a posList holds whole positions", "posList 的数值个数应为维数的整数倍")
        yield from (numbers[i : i + 2] for i in range(0, len(numbers), step))
    elif name == "coordinates":
        yield from (_numbers(pair.split(","))[:2] for pair in text.split())
    elif name == "coord":
        yield _numbers([part.text or "" for part in children(element)])[:2]


def _dimension(element: Element) -> int:
    for part in (element, *element.iterancestors(), *element.iter()):
        stated = part.get("srsDimension", "") if isinstance(part.tag, str) else ""
        if stated in {"2", "3"}:
            return int(stated)
    return 2


def _numbers(words: Sequence[str]) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise _bad("a position consists of numbers", "坐标应为数值") from None
    if len(numbers) < 2 or not all(map(math.isfinite, numbers)):
        raise _bad("a position consists of finite numbers", "坐标应为有限数值")
    return numbers


def _bad(en: str, zh: str) -> OwsError:
    return OwsError("OperationParsingFailed", "filter", en, zh)
