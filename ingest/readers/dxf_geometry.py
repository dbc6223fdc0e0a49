"""Entities of a DXF as geometries: object coordinate systems resolved, bulges, arcs, ellipses and splines in chords within a tolerance.

Sources: Autodesk DXF Reference, "Arbitrary Axis Algorithm" and the entity sections; the B-spline is ezdxf's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely
from ezdxf.math import OCS, BSpline, Vec3, fit_points_to_cad_cv

from ingest.readers.curves import step, swept
from ingest.readers.dxf_tags import RawEntity, Tags

FloatArray = npt.NDArray[np.float64]
Kind = Literal["area", "line", "point", "text"]

_CLOSED = 1
_SPLINE_FRAME = 16
"""Flag of a vertex that only controls a fitted spline: no point of the line."""
_MESH_FLAGS = 16 | 64
"""Polygon mesh, polyface mesh: POLYLINEs that are no lines."""
_MAX_DEGREE, _MAX_CONTROL_POINTS = 11, 20_000
_LARGEST_WEIGHT = 1e6
_FINEST = 1e-6
"""How far a chord of a spline may lie from it as a share of its size, where that is more than the tolerance: bounds its vertices."""
_LARGEST = 1e15
_SAME_M = 1e-6


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an entity draws: vertices (n, 3) in world coordinates and what they are; ``is_closed`` lines are areas, too."""

    kind: Kind
    vertices: FloatArray
    is_closed: bool = False

    def geometry(self, *, as_line: bool = False) -> shapely.Geometry:
        """Return the geometry, flat when it is drawn at height 0 throughout; a closed line is a polygon unless asked for ``as_line``."""
        vertices = self.vertices if np.any(self.vertices[:, 2]) else self.vertices[:, :2]
        if self.kind in ("point", "text"):
            return shapely.points(vertices[0])
        if not self.is_closed:
            return shapely.linestrings(vertices)
        ring = vertices if np.array_equal(vertices[0], vertices[-1]) else np.concatenate([vertices, vertices[:1]])
        return shapely.linestrings(ring) if as_line else shapely.Polygon(ring)


def kind_of(entity: RawEntity) -> Kind | None:
    """Return what an entity draws, without drawing it; None for drawing aids and bodies, which are not read."""
    match entity.kind:
        case "POINT" | "INSERT":
            return "point"
        case "TEXT" | "MTEXT":
            return "text"
        case "CIRCLE" | "3DFACE" | "SOLID" | "TRACE":
            return "area"
        case "ARC" | "LINE":
            return "line"
        case "ELLIPSE":
            return "area" if _is_whole(entity) else "line"
        case "POLYLINE" if _flags(entity.tags) & _MESH_FLAGS:
            return None
        case "LWPOLYLINE" | "POLYLINE" | "SPLINE":
            return "area" if _is_closed(entity) else "line"
        case _:
            return None


def drawn(entity: RawEntity, tolerance: float) -> Drawn:
    """Return what an entity draws; ValueError when its numbers do not make it up."""
    kind = kind_of(entity)
    if kind is None:
        raise ValueError(entity.kind)
    vertices = _VERTICES[entity.kind](entity, tolerance)
    if len(vertices) == 0 or (kind == "line" and len(vertices) < 2) or (kind == "area" and len(vertices) < 3):
        raise ValueError(f"{len(vertices)} vertices")
    return Drawn(kind, vertices, is_closed=kind == "area")


def _float(value: bytes) -> float:
    """Return a number of the file; ValueError for one that no place, angle or factor has."""
    parsed = float(value)
    if not abs(parsed) <= _LARGEST:
        raise ValueError(value.decode("ascii", "replace")[:40])
    return parsed


def number(tags: Tags, code: int, default: float = 0.0) -> float:
    """Return the first value of a group code as a number."""
    return next((_float(value) for c, value in tags if c == code), default)


def _point(tags: Tags, code: int = 10) -> FloatArray:
    if not any(c == code for c, _ in tags):
        raise ValueError(f"no group {code}")
    return np.array([number(tags, code), number(tags, code + 10), number(tags, code + 20)])


def _flags(tags: Tags) -> int:
    return int(number(tags, 70))


def _in_world(vertices: FloatArray, tags: Tags) -> FloatArray:
    """Return vertices of an object coordinate system in the world's (arbitrary axis algorithm)."""
    extrusion = Vec3(number(tags, 210), number(tags, 220), number(tags, 230, 1.0))
    if extrusion.isclose((0, 0, 1)):
        return vertices
    ocs = OCS(extrusion)
    return np.array([tuple(p) for p in ocs.points_to_wcs(Vec3(v) for v in vertices)])


def _line(entity: RawEntity, _tolerance: float) -> FloatArray:
    return np.stack([_point(entity.tags), _point(entity.tags, 11)])


def _place(entity: RawEntity, _tolerance: float) -> FloatArray:
    """Return a POINT or MTEXT, which are in world coordinates."""
    return _point(entity.tags)[None]


def _placed(entity: RawEntity, _tolerance: float) -> FloatArray:
    """Return where an INSERT or TEXT stands."""
    return _in_world(_point(entity.tags)[None], entity.tags)


def _face(entity: RawEntity, _tolerance: float) -> FloatArray:
    corners = [_point(entity.tags, code) for code in (10, 11, 12, 13) if any(c == code for c, _ in entity.tags)]
    return _without_repeats(np.stack(corners))


def _solid(entity: RawEntity, _tolerance: float) -> FloatArray:
    """Return a SOLID: its third and fourth corners stand crosswise."""
    codes = [c for c in (10, 11, 13, 12) if any(code == c for code, _ in entity.tags)]
    return _in_world(_without_repeats(np.stack([_point(entity.tags, c) for c in codes])), entity.tags)


def _without_repeats(vertices: FloatArray) -> FloatArray:
    kept = [i for i in range(len(vertices)) if i == 0 or not np.array_equal(vertices[i], vertices[i - 1])]
    return vertices[kept]


def _circle(entity: RawEntity, tolerance: float) -> FloatArray:
    return _about(entity, 0.0, 2 * np.pi, tolerance)


def _arc(entity: RawEntity, tolerance: float) -> FloatArray:
    start, end = np.radians(number(entity.tags, 50)), np.radians(number(entity.tags, 51))
    sweep = (end - start) % (2 * np.pi)
    return _about(entity, start, sweep or 2 * np.pi, tolerance)


def _about(entity: RawEntity, start: float, sweep: float, tolerance: float) -> FloatArray:
    centre, radius = _point(entity.tags), number(entity.tags, 40)
    first, last = (centre + radius * np.array([np.cos(a), np.sin(a), 0.0]) for a in (start, start + sweep))
    return _in_world(swept(first, last, centre[:2], sweep, tolerance), entity.tags)


def _ellipse(entity: RawEntity, tolerance: float) -> FloatArray:
    """Return an ELLIPSE, whose centre and major axis are in world coordinates."""
    tags = entity.tags
    centre, major, ratio = _point(tags), _point(tags, 11), number(tags, 40, 1.0)
    normal = np.array([number(tags, 210), number(tags, 220), number(tags, 230, 1.0)])
    minor = np.cross(normal / (np.linalg.norm(normal) or 1.0), major) * ratio
    start, end = number(tags, 41), number(tags, 42, 2 * np.pi)
    sweep = (end - start) % (2 * np.pi) or 2 * np.pi
    count = max(2, int(np.ceil(sweep / step(float(np.linalg.norm(major)), tolerance))))
    angles = start + sweep * np.linspace(0.0, 1.0, count + 1)[:, None]
    vertices: FloatArray = centre + np.cos(angles) * major + np.sin(angles) * minor
    if _is_whole(entity):
        vertices[-1] = vertices[0]
    return vertices


def _is_whole(entity: RawEntity) -> bool:
    span = number(entity.tags, 42, 2 * np.pi) - number(entity.tags, 41)
    return bool(abs(abs(span) - 2 * np.pi) < 1e-9)


def _light_polyline(entity: RawEntity, tolerance: float) -> FloatArray:
    """Return an LWPOLYLINE: vertices as runs of groups 10, 20 and, for an arc to the next, 42."""
    rows: list[list[float]] = []
    elevation = number(entity.tags, 38)
    for code, value in entity.tags:
        if code == 10:
            rows.append([_float(value), 0.0, elevation, 0.0])
        elif code in (20, 42) and rows:
            rows[-1][1 if code == 20 else 3] = _float(value)
    return _in_world(_bulged(rows, tolerance, is_closed=bool(_flags(entity.tags) & _CLOSED)), entity.tags)


def _polyline(entity: RawEntity, tolerance: float) -> FloatArray:
    """Return a POLYLINE with its VERTEX entities; its curve-fitting vertices count, its spline frame does not."""
    kept = [v for v in entity.followers if not _flags(v) & _SPLINE_FRAME]
    rows = [[*_point(v), number(v, 42)] for v in kept]
    is_3d = bool(_flags(entity.tags) & 8)
    if not is_3d:
        elevation = number(entity.tags, 30)
        rows = [[x, y, elevation or z, bulge] for x, y, z, bulge in rows]
    vertices = _bulged(rows, tolerance, is_closed=bool(_flags(entity.tags) & _CLOSED))
    return vertices if is_3d else _in_world(vertices, entity.tags)


def _bulged(rows: Sequence[Sequence[float]], tolerance: float, *, is_closed: bool) -> FloatArray:
    """Return vertices (x, y, z, bulge) as (n, 3) with the arcs between them; a bulge is the tangent of a quarter of its angle."""
    corners = np.array(rows, dtype=np.float64).reshape(-1, 4)
    if not corners[:, 3].any():
        return corners[:, :3]
    around = [*rows, rows[0]] if is_closed else rows
    pieces = [corners[:1, :3]]
    pieces += [_bulge(np.array(a), np.array(b), tolerance)[1:] for a, b in pairwise(around)]
    return np.concatenate(pieces)


def _bulge(start: FloatArray, end: FloatArray, tolerance: float) -> FloatArray:
    bulge = float(start[3])
    chord = end[:2] - start[:2]
    if bulge == 0.0 or not chord.any():
        return np.stack([start[:3], end[:3]])
    centre = (start[:2] + end[:2]) / 2 + np.array([-chord[1], chord[0]]) * (1 - bulge * bulge) / (4 * bulge)
    return swept(start[:3], end[:3], centre, 4 * float(np.arctan(bulge)), tolerance)


def _spline(entity: RawEntity, tolerance: float) -> FloatArray:
    """Return a SPLINE by its control points, or through its fit points where it has no others."""
    knots = [_float(v) for c, v in entity.tags if c == 40]
    weights = [_float(v) for c, v in entity.tags if c == 41]
    control, fit = list(_positions(entity.tags, 10)), list(_positions(entity.tags, 11))
    degree = int(number(entity.tags, 71, 3.0))
    points = control or fit
    if not 1 <= degree <= _MAX_DEGREE or not 2 <= len(points) <= _MAX_CONTROL_POINTS:
        raise ValueError(f"a spline of degree {degree} with {len(points)} points")
    if any(not 1 / _LARGEST_WEIGHT <= w <= _LARGEST_WEIGHT for w in weights) or knots != sorted(knots):
        raise ValueError("weights or knots")
    if not control and len(fit) == 2:
        return np.array(fit)
    spline = BSpline(control, order=degree + 1, knots=knots or None, weights=weights or None) if control else fit_points_to_cad_cv(fit)
    size = float(np.ptp(np.array(points), axis=0).max())
    return np.array([tuple(p) for p in spline.flattening(max(tolerance, _FINEST * size))])


def _positions(tags: Tags, code: int) -> Iterator[tuple[float, float, float]]:
    xs, ys, zs = ([_float(v) for c, v in tags if c == k] for k in (code, code + 10, code + 20))
    yield from zip(xs, ys, zs or [0.0] * len(xs), strict=True)


def _is_closed(entity: RawEntity) -> bool:
    """Return whether a line ends where it began, by its flag or by its vertices."""
    if _flags(entity.tags) & _CLOSED:
        return True
    parts = entity.followers if entity.kind == "POLYLINE" else (entity.tags,)
    xs = [_float(v) for tags in parts for c, v in tags if c == 10]
    ys = [_float(v) for tags in parts for c, v in tags if c == 20]
    return len(xs) > 3 and abs(xs[0] - xs[-1]) <= _SAME_M and abs(ys[0] - ys[-1]) <= _SAME_M


_VERTICES: Mapping[str, Callable[[RawEntity, float], FloatArray]] = {
    "POINT": _place, "MTEXT": _place, "INSERT": _placed, "TEXT": _placed, "LINE": _line, "CIRCLE": _circle, "ARC": _arc,
    "ELLIPSE": _ellipse, "3DFACE": _face, "SOLID": _solid, "TRACE": _solid, "LWPOLYLINE": _light_polyline, "POLYLINE": _polyline,
    "SPLINE": _spline,
}  # fmt: skip
