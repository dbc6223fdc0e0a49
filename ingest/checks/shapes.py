"""Shape rules: what a valid geometry should not look like, found over whole batches of coordinates in the storage CRS (metres).

A row is named once by a rule, at the first place, with the number of places. The geometries are valid, of one kind and not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ingest.readers.source import Geometries
from ingest.rings import Rings, rings_of
from twin.errors import Text

FloatArray = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6
Parameters = Callable[[str, str], float]
"""(rule, parameter) → its value for the FeatureType."""


@dataclass(frozen=True, slots=True)
class ShapeFault:
    """What one rule says of one geometry: its position in the batch, why, where, and the number that was too small or too large."""

    rule: str
    index: int
    message: Text
    place: tuple[float, float]
    value: str


@dataclass(frozen=True, slots=True)
class _Edges:
    """Every edge of a batch: its end points' coordinates by position, its owner, and the edge before it in the same ring or line."""

    xy: FloatArray
    start: Index
    """Position in ``xy`` of the vertex it begins at; it ends at the next."""
    owner: Index
    before: Index
    """Which edge comes before it, -1 at the begin of a line; rings go round."""
    vector: FloatArray
    length_m: FloatArray


def shape_faults(geometry: Geometries, parameter: Parameters) -> Iterator[ShapeFault]:
    """Yield what the shape rules find, rule by rule."""
    kinds = frozenset(shapely.get_type_id(geometry).tolist())
    if not kinds or kinds == {_POINT}:
        return
    rings = rings_of(geometry) if kinds <= {_POLYGON, _MULTIPOLYGON} else None
    edges = _edges(geometry, rings)
    repeated = _repeated(geometry, edges, parameter)
    yield from _repeated_vertices(edges, repeated)
    yield from _short_segments(edges, parameter)
    yield from _spikes(edges, repeated, parameter)
    if rings is None:
        yield from _touching_lines(geometry)
    else:
        yield from _slivers(geometry, parameter)
        if (rings.of_polygon > 1).any():
            yield from _tiny_holes(edges, rings, parameter)


def _edges(geometry: Geometries, rings: Rings | None) -> _Edges:
    """Return the edges of areas by their rings, without them those of lines."""
    xy = shapely.get_coordinates(geometry)
    if rings is None:
        sizes, rows = shapely.get_num_coordinates(geometry).astype(np.int64), np.arange(len(geometry))
    else:
        sizes, rows = rings.vertices, rings.rows()
    ends = np.cumsum(sizes)
    has_edge = np.ones(len(xy), dtype=bool)
    has_edge[ends - 1] = False
    start = np.flatnonzero(has_edge)
    first = ends - sizes - np.arange(len(ends))
    before = np.arange(len(start)) - 1
    before[first] = -1 if rings is None else first + sizes - 2
    vector = xy[start + 1] - xy[start]
    return _Edges(xy, start, np.repeat(rows, sizes - 1), before, vector, np.hypot(vector[:, 0], vector[:, 1]))


def _before_repeats(edges: _Edges, repeated: Mask) -> Index:
    """Return the edge before each, past edges that lead nowhere; in a ring of nothing else it is one of them."""
    at = np.flatnonzero(repeated)
    if not len(at):
        return edges.before
    before = edges.before.copy()
    for _ in range(len(at).bit_length()):  # every round goes past twice as many
        onto = before[at]
        more = (onto >= 0) & repeated[onto]
        before[at[more]] = before[onto[more]]
    after = np.flatnonzero(repeated[before] & (before >= 0) & ~repeated)
    before[after] = before[before[after]]
    return before


def _repeated(geometry: Geometries, edges: _Edges, parameter: Parameters) -> Mask:
    """Return which edges lead nowhere. A vertical piece of a line has two vertices at one place in plan: it is none of these."""
    hit = edges.length_m < parameter("repeated-vertex", "tolerance_m")
    if hit.any() and shapely.has_z(geometry).any():
        z = shapely.get_coordinates(geometry, include_z=True)[:, 2]
        hit &= ~(np.abs(z[edges.start + 1] - z[edges.start]) >= parameter("repeated-vertex", "tolerance_m"))
    return hit


def _repeated_vertices(edges: _Edges, repeated: Mask) -> Iterator[ShapeFault]:
    zh, en = "{count} 处顶点重复", "vertices that repeat the one before: {count}"
    yield from _by_row("repeated-vertex", edges, repeated, edges.length_m, (zh, en))


def _short_segments(edges: _Edges, parameter: Parameters) -> Iterator[ShapeFault]:
    hit = (edges.length_m >= parameter("repeated-vertex", "tolerance_m")) & (edges.length_m < parameter("short-segment", "length_m"))
    zh, en = "{count} 条边过短，首条 {value:.4f} 米", "very short edges: {count}, the first of {value:.4f} m"
    yield from _by_row("short-segment", edges, hit, edges.length_m, (zh, en))


def _spikes(edges: _Edges, repeated: Mask, parameter: Parameters) -> Iterator[ShapeFault]:
    """A spike is a vertex where the way goes back nearly as it came, both ways longer than a slip of the pen. No vertex repeats another."""
    into = _before_repeats(edges, repeated)
    long_enough = (edges.length_m >= parameter("spike", "length_m")) & ~repeated
    dot = (edges.vector * edges.vector[into]).sum(axis=1)
    product = edges.length_m * edges.length_m[into]
    limit = np.cos(np.radians(parameter("spike", "angle_deg")))
    hit = (into >= 0) & long_enough & long_enough[into] & (dot < -limit * product)
    angle_deg = np.zeros(len(dot))
    angle_deg[hit] = np.degrees(np.arccos(np.clip(-dot[hit] / product[hit], -1.0, 1.0)))
    zh, en = "{count} 处尖刺，首处夹角 {value:.2f}°", "spikes: {count}, the first of {value:.2f}°"
    yield from _by_row("spike", edges, hit, angle_deg, (zh, en))


def _by_row(rule: str, edges: _Edges, hit: Mask, value: FloatArray, text: tuple[str, str]) -> Iterator[ShapeFault]:
    """Yield a fault for each row with an edge that is hit: the first of them, and how many there are."""
    found = np.flatnonzero(hit)
    rows, first, counts = np.unique(edges.owner[found], return_index=True, return_counts=True)
    for row, edge, count in zip(rows.tolist(), found[first].tolist(), counts.tolist(), strict=True):
        x, y = edges.xy[edges.start[edge]].tolist()
        said = Text(*(t.format(count=count, value=value[edge]) for t in text))
        yield ShapeFault(rule, row, said, (x, y), f"{value[edge]:.4f}")


def _slivers(geometry: Geometries, parameter: Parameters) -> Iterator[ShapeFault]:
    """The mean width is twice the area by the perimeter: that of a long rectangle is its width."""
    area, perimeter = shapely.area(geometry), shapely.length(geometry)
    width_m = np.divide(2.0 * area, perimeter, out=np.zeros(len(geometry)), where=perimeter > 0)
    for index in np.flatnonzero(width_m < parameter("sliver", "width_m")).tolist():
        width, square = width_m[index], area[index]
        said = Text(
            zh=f"面过于狭长：平均宽 {width:.3f} 米，面积 {square:.3f} 平方米",
            en=f"a sliver: {width:.3f} m wide on average, of {square:.3f} m2",
        )
        yield ShapeFault("sliver", index, said, _first_vertex(geometry[index]), f"{width:.4f}")


def _tiny_holes(edges: _Edges, rings: Rings, parameter: Parameters) -> Iterator[ShapeFault]:
    """The area of a ring is half the sum of the cross products of its edges with its first vertex as the origin."""
    sizes = rings.vertices - 1
    first = np.cumsum(sizes) - sizes
    corner = edges.xy[edges.start]
    local, vector = corner - np.repeat(corner[first], sizes, axis=0), edges.vector
    area = np.abs(np.add.reduceat(local[:, 0] * vector[:, 1] - local[:, 1] * vector[:, 0], first)) / 2.0
    is_hole = np.ones(len(sizes), dtype=bool)
    is_hole[np.cumsum(rings.of_polygon) - rings.of_polygon] = False
    tiny = np.flatnonzero(is_hole & (area < parameter("tiny-hole", "area_m2")))
    found, position, counts = np.unique(rings.rows()[tiny], return_index=True, return_counts=True)
    for row, hole, count in zip(found.tolist(), tiny[position].tolist(), counts.tolist(), strict=True):
        said = Text(zh=f"{count} 个极小的洞，首个面积 {area[hole]:.4f} 平方米", en=f"tiny holes: {count}, the first of {area[hole]:.4f} m2")
        x, y = corner[first[hole]].tolist()
        yield ShapeFault("tiny-hole", row, said, (x, y), f"{area[hole]:.4f}")


def _touching_lines(geometry: Geometries) -> Iterator[ShapeFault]:
    """A line of up to two edges meets itself nowhere that `_spikes` does not see."""
    bent = np.flatnonzero(shapely.get_num_coordinates(geometry) > 3)
    for index in bent[~shapely.is_simple(geometry[bent])].tolist():
        x, y = _crossing(geometry[index])
        said = Text(zh="线与自身相交或重叠", en="the line crosses or overlaps itself")
        yield ShapeFault("self-touching-line", index, said, (x, y), "")


def _crossing(line: shapely.Geometry) -> tuple[float, float]:
    """Return a place where a line that is not simple meets itself: a node of it that more than two edges share."""
    pieces = shapely.get_parts(shapely.node(shapely.force_2d(line)))
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(pieces, at)) for at in (0, -1)])
    places, counts = np.unique(ends, axis=0, return_counts=True)
    x, y = places[np.argmax(counts)].tolist()
    return x, y


def _first_vertex(geometry: shapely.Geometry) -> tuple[float, float]:
    x, y = shapely.get_coordinates(geometry)[0].tolist()
    return x, y
