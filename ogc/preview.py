"""A small SVG map of features, drawn on the server: the pages need no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twin.query.collection import Collection

WIDTH, HEIGHT = 640, 360
_MARGIN = 12
_POINT_RADIUS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """One feature on the map: a path in pixels, filled or only stroked, and where it leads."""

    path: str
    filled: bool
    oid: str


def drawing(features: Sequence[Mapping[str, Any]], collection: Collection, crs_uri: str | None = None) -> list[Shape]:
    """Return the shapes of GeoJSON features whose positions are in ``crs_uri`` (the collection's default without it)."""
    crs = next((c for c in collection.crs if c.uri == crs_uri), collection.crs[0])
    lines = [(feature["id"], *_lines(feature["geometry"], crs.xy)) for feature in features if feature.get("geometry")]
    points = [point for _, _, parts in lines for part in parts for point in part]
    if not points:
        return []
    degrees = all(abs(x) <= 180 and abs(y) <= 90 for x, y in points)
    stretch = math.cos(math.radians(points[0][1])) if degrees else 1.0
    west, east = min(x for x, _ in points) * stretch, max(x for x, _ in points) * stretch
    south, north = min(y for _, y in points), max(y for _, y in points)
    span = max((east - west) / (WIDTH - 2 * _MARGIN), (north - south) / (HEIGHT - 2 * _MARGIN)) or (1e-5 if degrees else 1.0)
    left, top = (WIDTH - (east - west) / span) / 2, (HEIGHT - (north - south) / span) / 2

    def pixel(point: tuple[float, float]) -> str:
        return f"{left + (point[0] * stretch - west) / span:.1f} {top + (north - point[1]) / span:.1f}"

    return [Shape("".join(_path(part, pixel) for part in parts), filled, oid) for oid, filled, parts in lines]


def _path(part: list[tuple[float, float]], pixel: Callable[[tuple[float, float]], str]) -> str:
    if len(part) == 1:
        x, y = map(float, pixel(part[0]).split())
        r = _POINT_RADIUS
        return f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0"
    return "M" + "L".join(pixel(point) for point in part)


def _lines(geometry: Mapping[str, Any], xy: bool) -> tuple[bool, list[list[tuple[float, float]]]]:
    kind = geometry["type"]
    return kind != "LineString", [[(p[0], p[1]) if xy else (p[1], p[0]) for p in part] for part in _parts(kind, geometry["coordinates"])]


def _parts(kind: str, coordinates: Any) -> Iterator[Iterable[Sequence[float]]]:  # noqa: ANN401 - as deep as the kind says
    if kind == "Point":
        yield [coordinates]
    elif kind == "LineString":
        yield coordinates
    elif kind == "MultiPolygon":
        for polygon in coordinates:
            yield from polygon
