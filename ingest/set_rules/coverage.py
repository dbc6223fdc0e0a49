"""Rules over areas that should tile the ground: overlaps and gaps, found square by square so that memory does not grow with the file.

Edges that no neighbour matches are found by GEOS's validation of coverages (shapely.coverage_invalid_edges); only areas with such edges are
overlaid. Everything here is valid geometry already: nothing is repaired.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from psycopg import sql

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.places import QUERIES
from ingest.staging import columns
from twin.errors import Text
from twin.model import Finding

_AREAS_PER_TILE = 4000
_SMALLEST_TILE_M = 50.0
_ON_EDGE_M = 1e-3
_ENCLOSED_SHARE = 0.9
"""Of the outline of a gap: what is open along more of it is a bay between areas, not a gap."""
Geometries = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Tile:
    """The areas of one group that touch one square; half open, so that every place lies in one square."""

    box: tuple[float, float, float, float]
    rows: Sequence[int]
    keys: Sequence[str | None]
    shapes: Geometries

    def has(self, x: float, y: float) -> bool:
        west, south, east, north = self.box
        return west <= x < east and south <= y < north

    def finding(self, check: SetCheck, one: int, other: int, place: shapely.Geometry, message: Text, area_m2: float) -> Finding:
        """Return a finding at the later of two rows."""
        late = max(one, other, key=lambda k: self.rows[k])
        point = place.representative_point()
        return Finding(
            rule=check.rule.id,
            severity=check.severity,
            row=self.rows[late],
            key=self.keys[late],
            message=message,
            place=(point.x, point.y),
            value=f"{area_m2:.2f}",
        )

    def names(self, one: int, other: int) -> tuple[str, str]:
        """Return the keys (row numbers where there are none) of the earlier and the later row."""
        early, late = sorted((one, other), key=lambda k: self.rows[k])
        return tuple(self.keys[k] or f"#{self.rows[k]}" for k in (early, late))  # type: ignore[return-value]


def overlapping_areas(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield pairs of areas that share more than ``tolerance_m2``, among those with the same values of the fields ``within``.

    What is thinner than ``thin_m`` on average is rounding and no overlap, however long it is.
    """
    least, thin = check.number("tolerance_m2"), check.number("thin_m")
    for tile in _tiles(context, check.names("within")):
        tree = shapely.STRtree(tile.shapes)
        unmatched = np.flatnonzero(~shapely.is_empty(shapely.coverage_invalid_edges(tile.shapes)))
        first, second = tree.query(tile.shapes[unmatched], predicate="intersects")
        pairs = np.unique(np.sort(np.column_stack([unmatched[first], second]), axis=1), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        for one, other in pairs[_in_tile(tile, pairs)].tolist():
            shared = shapely.intersection(tile.shapes[one], tile.shapes[other])
            if shared.area > least and _width_m(shared) > thin:
                early, late = tile.names(one, other)
                zh, en = f"{late} 与 {early} 重叠 {shared.area:.2f} m²", f"{late} overlaps {early} by {shared.area:.2f} m²"
                yield tile.finding(check, one, other, shared, Text(zh=zh, en=en), shared.area)


def gaps_between_areas(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield gaps between areas of one group that are narrower than ``width_m``, larger than ``tolerance_m2`` and wider than ``thin_m``."""
    width, least, thin = (check.number(name) for name in ("width_m", "tolerance_m2", "thin_m"))
    for tile in _tiles(context, check.names("within")):
        beside = np.flatnonzero(~shapely.is_empty(shapely.coverage_invalid_edges(tile.shapes, gap_width=width)))
        if len(beside) < 2:
            continue
        tree = shapely.STRtree(tile.shapes)
        for gap in _narrow(tile.shapes[beside], width):
            around = np.sort(tree.query(gap, predicate="dwithin", distance=_ON_EDGE_M))
            left = shapely.difference(gap, shapely.union_all(tile.shapes[around]))
            if left.area <= least or _width_m(left) <= thin or not tile.has(*left.bounds[:2]):
                continue
            if len(around) < 2 or not _is_enclosed(left, tile.shapes[around]):
                continue
            one, other = around[:2].tolist()
            early, late = tile.names(one, other)
            zh, en = f"{early} 与 {late} 之间有 {left.area:.2f} m² 空隙", f"a gap of {left.area:.2f} m² between {early} and {late}"
            yield tile.finding(check, one, other, left, Text(zh=zh, en=en), left.area)


def _width_m(strip: shapely.Geometry) -> float:
    """Return how wide a strip is on average."""
    return 2 * float(strip.area) / float(strip.length)


def _narrow(shapes: Geometries, width_m: float) -> Iterator[shapely.Geometry]:
    """Yield what closing by ``width_m`` adds to the union of some areas."""
    union = shapely.union_all(shapes)
    grown = shapely.buffer(union, width_m / 2, join_style="mitre")
    added = shapely.difference(shapely.buffer(grown, -width_m / 2, join_style="mitre"), union)
    yield from (part for part in shapely.get_parts(added) if part.geom_type == "Polygon")


def _is_enclosed(gap: shapely.Geometry, around: Geometries) -> bool:
    outline = shapely.boundary(gap)
    walls = shapely.buffer(shapely.union_all(shapely.boundary(around)), _ON_EDGE_M)
    return bool(shapely.intersection(outline, walls).length >= _ENCLOSED_SHARE * outline.length)


def _in_tile(tile: _Tile, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which pairs are this square's: where their extents overlap, the lower left corner lies in one square only."""
    bounds = shapely.bounds(tile.shapes)
    corner = np.maximum(bounds[pairs[:, 0], :2], bounds[pairs[:, 1], :2])
    west, south, east, north = tile.box
    return (corner[:, 0] >= west) & (corner[:, 0] < east) & (corner[:, 1] >= south) & (corner[:, 1] < north)


def _tiles(context: SetContext, within: Sequence[str]) -> Iterator[_Tile]:
    """Yield the staged areas in force square by square, and in each group by group."""
    connection, staging = context.connection, context.staging
    found = connection.execute(QUERIES["extent"].format(staging=staging.table)).fetchone()
    if found is None or found[0] < 2:
        return
    count, west, south, east, north = found
    size = max(max(east - west, north - south) / math.ceil(math.sqrt(count / _AREAS_PER_TILE)), _SMALLEST_TILE_M)
    query = QUERIES["areas_by_tile"].format(staging=staging.table, within=columns(within) if within else sql.SQL("NULL::text"))
    with connection.cursor(name="areas_by_tile") as cursor:
        cursor.itersize = _AREAS_PER_TILE
        cursor.execute(query, {"west": west, "south": south, "size_m": size}, binary=True)
        for (i, j), rows in itertools.groupby(cursor, key=lambda row: (row[0], row[1])):
            box = (west + i * size, south + j * size, west + (i + 1) * size, south + (j + 1) * size)
            yield from _groups(box, list(rows))


def _groups(box: tuple[float, float, float, float], rows: list[tuple[Any, ...]]) -> Iterator[_Tile]:
    rows.sort(key=lambda row: str(row[5]))
    for _, group in itertools.groupby(rows, key=lambda row: row[5]):
        members = list(group)
        if len(members) > 1:
            shapes = shapely.from_wkb(np.array([m[4] for m in members], dtype=object))
            yield _Tile(box, [m[2] for m in members], [m[3] for m in members], shapes)
