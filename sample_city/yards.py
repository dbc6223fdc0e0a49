"""Where pipes run inside a block: a branch from the lane in the west behind every row of buildings, and a connection to each building.

Buildings whose extents overlap from south to north form a row. The branch lies north of the whole row, so nothing stands in its way, and
comes from the lane west of the block, whose mains lie in the order gas, foul sewer, storm sewer, water as seen from the block: a branch
of the foul sewer has only gas to pass under.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon

from sample_city.buildings import Building
from sample_city.hydrants import hydrant_shares
from sample_city.pipes import Site, Spot, Stretch, even_shares
from sample_city.services import STORM_SEWER, YARDS, Yard

_ROOM_BEHIND_ROW_M = 6.2
_STEP_M = 1.0
"""How far a branch is moved on where its tap would be too close to something else."""
_FROM_JUNCTION_M = 26.0
_FROM_OTHERS_M = 5.0
"""Along the lane, from the tap of a branch to hydrants and gullies."""
_INSIDE_RED_LINE_M = 0.8
_CLEAR_OF_BUILDINGS_M = 0.8
_BETWEEN_CONNECTIONS_M = 5.0
_LONGEST_LEG_M = 70.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stop:
    """A point of a branch; ``entry`` is where the connection that leaves there enters a building."""

    spot: Spot
    entry: Spot | None
    building_id: str | None


@dataclass(frozen=True, slots=True)
class Branch:
    """One service behind one row of buildings, from the main in the lane inwards. ``tap_share`` is where along the stretch it leaves."""

    yard: Yard
    stretch: Stretch
    tap_share: float
    tap: Spot
    edge: Spot
    stops: tuple[Stop, ...]
    year: int


@dataclass(frozen=True, slots=True)
class _Row:
    """Buildings in the block's frame: x along its south side, y across."""

    buildings: tuple[Building, ...]
    shapes: tuple[Polygon, ...]
    top: float
    room: float


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a branch runs in the block's frame, and where along the lane it leaves."""

    y: float
    tap_share: float


@dataclass(frozen=True, slots=True)
class _Frame:
    origin: Floats
    axes: Floats
    """Columns: unit vectors along x and y."""

    def local(self, places: Floats) -> Floats:
        return np.asarray((places - self.origin) @ self.axes, dtype=np.float64)

    def spot(self, number: str, x: float, y: float) -> Spot:
        e, n = self.origin + self.axes @ np.array([x, y])
        return Spot(number, round(float(e), 3), round(float(n), 3))


def plan_branches(site: Site, stretch: Stretch, buildings: list[Building]) -> list[Branch]:
    """Return the branches of all services in the block east of a lane that runs northwards; rows without room behind them get none."""
    grid, cell = site.grid, stretch.start
    corners = shapely.get_coordinates(grid.block(cell, grid.town_edges(cell)).exterior)[:4]
    across = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    frame = _Frame(corners[0], np.column_stack([across, [-across[1], across[0]]]))
    local = frame.local(corners)
    found: list[Branch] = []
    for number, row in enumerate(_rows(frame, buildings, float(min(local[2, 1], local[3, 1])))):
        connected = _connectable(row)
        if not connected:
            continue
        for further in np.arange(0.0, row.room - _ROOM_BEHIND_ROW_M, _STEP_M).tolist():
            ways = [_Way(y := row.top + further + yard.behind_m, _tap_share(site, stretch, frame, yard, y)) for yard in YARDS]
            if all(_tap_fits(site, stretch, way.tap_share) for way in ways):
                found += [_branch(site, stretch, frame, local, yard, way, connected, number) for yard, way in zip(YARDS, ways, strict=True)]
                break
    return found


def _rows(frame: _Frame, buildings: list[Building], north: float) -> Iterator[_Row]:
    """Yield the rows from south to north, each with the room between it and the next one or the block's north side."""
    shapes: list[Polygon] = [shapely.transform(b.footprint, frame.local) for b in buildings]
    order = sorted(range(len(shapes)), key=lambda k: (shapes[k].bounds[1], k))
    groups: list[list[int]] = []
    top = -math.inf
    for k in order:
        if shapes[k].bounds[1] >= top:
            groups.append([])
        groups[-1].append(k)
        top = max(top, shapes[k].bounds[3])
    for place, group in enumerate(groups):
        row_top = max(shapes[k].bounds[3] for k in group)
        beyond = min(shapes[k].bounds[1] for k in groups[place + 1]) if place + 1 < len(groups) else north
        yield _Row(tuple(buildings[k] for k in group), tuple(shapes[k] for k in group), row_top, beyond - row_top)


def _connectable(row: _Row) -> list[tuple[Building, float, dict[str, float]]]:
    """Return from west to east the buildings that no other one hides from the branch: x, and by service y of the wall it enters."""
    found: list[tuple[Building, float, dict[str, float]]] = []
    for k in sorted(range(len(row.shapes)), key=lambda k: row.shapes[k].centroid.x):
        x = float(row.shapes[k].centroid.x)
        walls = {yard.service.prefix: _wall(row, k, x + yard.beside_m) for yard in YARDS}
        if (not found or x - found[-1][1] >= _BETWEEN_CONNECTIONS_M) and all(w is not None for w in walls.values()):
            found.append((row.buildings[k], x, {prefix: w for prefix, w in walls.items() if w is not None}))
    return found


def _wall(row: _Row, k: int, x: float) -> float | None:
    """Return y of the northernmost wall of building ``k`` at x, None where it has none or another building is in the way."""
    crossing = row.shapes[k].intersection(LineString([(x, row.shapes[k].bounds[1] - 1), (x, row.top + 1)]))
    if crossing.is_empty:
        return None
    y = float(crossing.bounds[3])
    way = LineString([(x, y), (x, row.top + _CLEAR_OF_BUILDINGS_M)])
    others = [shape for place, shape in enumerate(row.shapes) if place != k]
    return y if all(way.distance(shape) > _CLEAR_OF_BUILDINGS_M for shape in others) else None


def _branch(
    site: Site,
    stretch: Stretch,
    frame: _Frame,
    corners: Floats,
    yard: Yard,
    way: _Way,
    connected: list[tuple[Building, float, dict[str, float]]],
    number: int,
) -> Branch:
    y = way.y
    prefix = f"{yard.service.prefix}{site.number(stretch.start)}Y{number}"
    side = (y - corners[0, 1]) / (corners[3, 1] - corners[0, 1])
    edge_x = float(corners[0, 0] + side * (corners[3, 0] - corners[0, 0])) + _INSIDE_RED_LINE_M
    stops: list[Stop] = []
    west = edge_x
    for building, middle, walls in connected:
        x = middle + yard.beside_m
        legs = max(1, math.ceil((x - west) / _LONGEST_LEG_M))
        for leg in range(1, legs):
            stops.append(Stop(frame.spot(f"{prefix}W{len(stops) + 1}", west + (x - west) * leg / legs, y), None, None))
        place = f"{len(stops) + 1}"
        entry = frame.spot(f"{prefix}H{place}", x, walls[yard.service.prefix])
        stops.append(Stop(frame.spot(f"{prefix}W{place}", x, y), entry, building.building_id))
        west = x
    return Branch(
        yard=yard,
        stretch=stretch,
        tap_share=way.tap_share,
        tap=site.along(yard.service, stretch, way.tap_share, f"T{number}"),
        edge=frame.spot(f"{prefix}E", edge_x, y),
        stops=tuple(stops),
        year=max(1985, min(building.year_built for building, _, _ in connected)),
    )


def _tap_share(site: Site, stretch: Stretch, frame: _Frame, yard: Yard, y: float) -> float:
    """Return where along the lane its main meets a branch at y."""
    main = frame.local(np.array([(s.e, s.n) for s in (site.at_junction(yard.service, j) for j in (stretch.start, stretch.end))]))
    return float((y - main[0, 1]) / (main[1, 1] - main[0, 1]))


def _tap_fits(site: Site, stretch: Stretch, share: float) -> bool:
    length = site.length_m(stretch)
    along = share * length
    others = [*hydrant_shares(length), *even_shares(length, STORM_SEWER.spacing_m)]
    from_others = [abs(along - other * length) for other in others]
    return _FROM_JUNCTION_M <= along <= length - _FROM_JUNCTION_M and min(from_others) >= _FROM_OTHERS_M
