"""Geometry elements of KML as geometries; a height counts where it is absolute (OGC 12-007r2 §9.20)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import shapely
from lxml import etree

from twin.errors import Text

NAMESPACES = frozenset(
    {
        "http://www.opengis.net/kml/2.2",
        "http://www.opengis.net/kml/2.3",
        "http://earth.google.com/kml/2.0",
        "http://earth.google.com/kml/2.1",
        "http://earth.google.com/kml/2.2",
    }
)
_TUPLE = re.compile(r"[\s]*,[\s]*")
_MAX_DEPTH = 16


def local_name(element: etree._Element | None) -> str:
    """Return an element's name without its namespace; "" for a comment or a processing instruction."""
    tag = element.tag if element is not None else ""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def geometry_of(placemark: etree._Element) -> tuple[shapely.Geometry | None, Text | None]:
    """Return the geometry of a placemark and what is wrong with it; (None, None) when it has none."""
    for child in placemark:
        if local_name(child) in _SHAPES:
            try:
                return _shape(child, 0), None
            except (ValueError, IndexError, shapely.errors.GEOSException) as error:
                reason = f"{local_name(child)}: {error}"[:200]
                return None, Text(zh=f"几何无法读取：{reason}", en=f"the geometry cannot be read: {reason}")
    return None, None


def _shape(element: etree._Element, depth: int) -> shapely.Geometry:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if local_name(element) == "MultiGeometry":
        return _together([_shape(child, depth + 1) for child in element if local_name(child) in _SHAPES])
    return _SHAPES[local_name(element)](element)


def _together(parts: list[shapely.Geometry]) -> shapely.Geometry:
    """Return the parts as one geometry: of one kind where they are of one kind."""
    kinds = {part.geom_type for part in parts}
    makers: Mapping[str, Callable[[list[shapely.Geometry]], shapely.Geometry]] = {
        "Point": shapely.MultiPoint, "LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon,
    }  # fmt: skip
    kind = next(iter(kinds)) if len(kinds) == 1 else ""
    return makers.get(kind, shapely.GeometryCollection)(parts)


def _point(element: etree._Element) -> shapely.Geometry:
    return shapely.points(_positions(element)[0])


def _line(element: etree._Element) -> shapely.Geometry:
    return shapely.linestrings(_positions(element))


def _polygon(element: etree._Element) -> shapely.Geometry:
    is_absolute = _is_absolute(element)
    rings: dict[str, list[npt.NDArray[np.float64]]] = {"outerBoundaryIs": [], "innerBoundaryIs": []}
    for boundary in element:
        for ring in boundary if local_name(boundary) in rings else ():
            rings[local_name(boundary)].append(_closed(_positions(ring, is_absolute=is_absolute)))
    return shapely.Polygon(rings["outerBoundaryIs"][0], rings["innerBoundaryIs"])


def _track(element: etree._Element) -> shapely.Geometry:
    """Return a gx:Track as the line of its positions, which are separated by spaces."""
    texts = [(c.text or "").split() for c in element if local_name(c) == "coord"]
    return shapely.linestrings(_rows(texts, is_absolute=_is_absolute(element)))


def _tracks(element: etree._Element) -> shapely.Geometry:
    return shapely.MultiLineString([_track(c) for c in element if local_name(c) == "Track"])


def _model(element: etree._Element) -> shapely.Geometry:
    """Return the place of a 3D model."""
    location = next(c for c in element if local_name(c) == "Location")
    values = {local_name(c): c.text or "" for c in location}
    texts = [[values["longitude"], values["latitude"], values.get("altitude", "0")]]
    return shapely.points(_rows(texts, is_absolute=_is_absolute(element))[0])


_SHAPES: Mapping[str, Callable[[etree._Element], shapely.Geometry]] = {
    "Point": _point, "LineString": _line, "LinearRing": _line, "Polygon": _polygon,
    "MultiGeometry": _point, "Track": _track, "MultiTrack": _tracks, "Model": _model,
}  # fmt: skip


def _positions(element: etree._Element, *, is_absolute: bool | None = None) -> npt.NDArray[np.float64]:
    text = next((c.text or "" for c in element if local_name(c) == "coordinates"), "")
    rows = [position.split(",") for position in _TUPLE.sub(",", text).split()]
    return _rows(rows, is_absolute=_is_absolute(element) if is_absolute is None else is_absolute)


def _rows(rows: list[list[str]], *, is_absolute: bool) -> npt.NDArray[np.float64]:
    """Return positions as (n, 3) where their heights count and all have one, else (n, 2); ValueError when there are none."""
    if not rows:
        raise ValueError("no coordinates")
    short = next((row for row in rows if len(row) < 2), None)
    if short is not None:
        raise ValueError(",".join(short))
    width = 3 if is_absolute and all(len(row) > 2 for row in rows) else 2
    return np.array([[float(value) for value in row[:width]] for row in rows])


def _closed(ring: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return ring if np.array_equal(ring[0], ring[-1]) else np.concatenate([ring, ring[:1]])


def _is_absolute(element: etree._Element) -> bool:
    return any(local_name(c) == "altitudeMode" and (c.text or "").strip() == "absolute" for c in element)
