"""What is built under the ground besides pipes: basements, car parks, civil defence shelters, an arcade, and a metro station."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiPolygon, Polygon

from sample_city.buildings import BASEMENT_STOREY_M, Building
from sample_city.relief import CORRIDOR_HALF_WIDTH_M
from sample_city.streets import ARTERIAL_EVERY, StreetGrid
from sample_city.town import TownBlock
from sample_city.zoning import COMMERCE, GOVERNMENT, HOSPITAL, OFFICES, TOWERS, Zone

BASEMENT, CAR_PARK, SHELTER, ARCADE, STATION, RAIL_TUNNEL = "地下室", "地下车库", "人防工程", "地下街", "轨道站", "轨道区间"
_SLAB_M = 0.10
_SMALLEST_PARK_M2 = 1500.0
_PARK_INSIDE_M, _PARK_FROM_HOUSES_M = 7.0, 0.3
_SOIL_ON_PARK_M = 1.5
_SHELTER_SHARE = 0.3
_M2_A_CAR, _M2_A_PERSON = 34.0, 1.6
_STATION_LENGTH_M, _STATION_WIDTH_M, _STATION_TOP_M, _STATION_HEIGHT_M = 186.0, 21.4, 8.6, 13.2
_TUBE_FROM_AXIS_M, _TUBE_WIDTH_M, _TUBE_HEIGHT_M = 6.6, 6.0, 6.0
_TUBE_ABOVE_STATION_FLOOR_M = 1.2
_LEAST_FROM_RIVER_M = CORRIDOR_HALF_WIDTH_M + 60.0


@dataclass(frozen=True, slots=True)
class UndergroundSpace:
    """One space between two elevations (1985 heights); ``shape`` is EPSG:4549 without heights. ``capacity`` counts cars or persons."""

    space_id: str
    name: str
    kind: str
    building_id: str | None
    bottom_m: float
    top_m: float
    area_m2: float
    capacity: int | None
    shape: MultiPolygon

    @property
    def height_m(self) -> float:
        """From the bottom to the top."""
        return round(self.top_m - self.bottom_m, 3)


def underground_of_block(grid: StreetGrid, block: TownBlock, buildings: list[Building]) -> Iterator[UndergroundSpace]:
    """Yield the basements of a block's buildings, and the car park between the towers of an estate."""
    for building in buildings:
        yield from _basements(block.zone, building)
    if block.zone is TOWERS and buildings:
        yield from _car_park(grid, block, buildings)


def _basements(zone: Zone, building: Building) -> Iterator[UndergroundSpace]:
    outline = Polygon(building.footprint.exterior)
    top = building.plinth_m - _SLAB_M
    for level in range(1, building.floors_below + 1):
        kind = _kind(zone, level, building.floors_below)
        area = round(outline.area, 2)
        yield UndergroundSpace(
            space_id=f"DX{building.building_id}B{level}",
            name=f"{building.name}{kind}B{level}",
            kind=kind,
            building_id=building.building_id,
            bottom_m=round(top - level * BASEMENT_STOREY_M, 3),
            top_m=round(top - (level - 1) * BASEMENT_STOREY_M, 3),
            area_m2=area,
            capacity=_capacity(kind, area),
            shape=MultiPolygon([outline]),
        )


def _kind(zone: Zone, level: int, levels: int) -> str:
    """The lowest level of public buildings is a shelter, a second one under shops and offices a car park."""
    if zone in (HOSPITAL, GOVERNMENT) and level == levels:
        return SHELTER
    if zone is COMMERCE and levels > 1 and level == 1:
        return ARCADE
    if zone in (COMMERCE, OFFICES) and level > 1:
        return CAR_PARK
    return BASEMENT


def _capacity(kind: str, area_m2: float) -> int | None:
    return {CAR_PARK: int(area_m2 / _M2_A_CAR), SHELTER: int(area_m2 / _M2_A_PERSON)}.get(kind)


def _car_park(grid: StreetGrid, block: TownBlock, buildings: list[Building]) -> Iterator[UndergroundSpace]:
    """Under the whole yard, around the basements; its southern part is a shelter in war (平战结合)."""
    houses = shapely.union_all([b.footprint.buffer(_PARK_FROM_HOUSES_M, join_style="mitre") for b in buildings])
    yard = block.land[0].buffer(-_PARK_INSIDE_M, join_style="mitre").difference(houses)
    west, south, east, north = yard.bounds if not yard.is_empty else (0.0, 0.0, 0.0, 0.0)
    border = south + (north - south) * _SHELTER_SHARE
    corners = shapely.get_coordinates(yard)
    if yard.area < _SMALLEST_PARK_M2:
        return
    top = round(float(grid.relief.ground_m(corners[:, 0], corners[:, 1]).min()) - _SOIL_ON_PARK_M, 2)
    number = f"{block.rank + 1:06d}"
    estate = buildings[-1].name.rstrip("0123456789幢")
    for kind, letter, part in (
        (SHELTER, "R", shapely.box(west, south, east, border)),
        (CAR_PARK, "C", shapely.box(west, border, east, north)),
    ):
        shape = _polygons(yard.intersection(part))
        area = round(shape.area, 2)
        yield UndergroundSpace(
            f"DX{letter}{number}", f"{estate}{kind}", kind, None, round(top - BASEMENT_STOREY_M, 3), top, area, _capacity(kind, area), shape
        )


def metro(grid: StreetGrid) -> Iterator[UndergroundSpace]:
    """Yield the station under the arterial that runs northwards nearest the centre, and its two running tunnels on either side of it.

    The station lies below all sewers, the tunnels below the utility tunnels that they cross.
    """
    column = round(grid.columns / 2 / ARTERIAL_EVERY) * ARTERIAL_EVERY
    row = _station_row(grid, column)
    start, end = grid.junctions[row, column], grid.junctions[row + 1, column]
    along = (end - start) / np.linalg.norm(end - start)
    middle = (start + end) / 2
    ends = [middle - along * _STATION_LENGTH_M / 2, middle + along * _STATION_LENGTH_M / 2]
    top = round(float(min(grid.relief.height_m(*place) for place in ends)) - _STATION_TOP_M, 2)
    floor = round(top - _STATION_HEIGHT_M, 3)
    name = f"{grid.vertical_name(row, column)[:2]}路站"
    yield _box("DXM01", f"{name}（轨道交通2号线）", STATION, LineString(ends).buffer(_STATION_WIDTH_M / 2, cap_style="flat"), floor, top)
    for heading, (rows, place) in {"N": (range(row + 1, row + 4), ends[1]), "S": (range(row, row - 3, -1), ends[0])}.items():
        junctions = [grid.junctions[k, column] for k in rows if 0 <= k <= grid.rows]
        axis = LineString([place, *(j for j in junctions if math.dist(j, middle) > _STATION_LENGTH_M / 2 + 1)])
        for side, letter in ((_TUBE_FROM_AXIS_M, "L"), (-_TUBE_FROM_AXIS_M, "R")):
            tube = axis.offset_curve(side, join_style="mitre").buffer(_TUBE_WIDTH_M / 2, cap_style="flat", join_style="mitre")
            bottom = round(floor + _TUBE_ABOVE_STATION_FLOOR_M, 3)
            line = f"{name}{'北' if heading == 'N' else '南'}侧区间{'左' if letter == 'L' else '右'}线"
            yield _box(f"DXM01{heading}{letter}", line, RAIL_TUNNEL, tube, bottom, round(bottom + _TUBE_HEIGHT_M, 3))


def _station_row(grid: StreetGrid, column: int) -> int:
    """Return the row nearest the middle where a station keeps clear of the river and of the arterial roads that cross."""
    rows = [k for k in range(1, grid.rows - 1) if k % ARTERIAL_EVERY == 1]
    dry = [k for k in rows if _distance_to_river_m(grid, k, column) > _LEAST_FROM_RIVER_M + _STATION_LENGTH_M / 2]
    return min(dry or rows, key=lambda k: (abs(k - grid.rows / 2), k))


def _distance_to_river_m(grid: StreetGrid, row: int, column: int) -> float:
    e, n = (grid.junctions[row, column] + grid.junctions[row + 1, column]) / 2
    return float(grid.relief.river_distance_m(e, n))


def _box(number: str, name: str, kind: str, shape: Polygon, bottom: float, top: float) -> UndergroundSpace:
    rounded = shapely.transform(shape, _to_mm)
    return UndergroundSpace(number, name, kind, None, bottom, top, round(rounded.area, 2), None, _polygons(rounded))


def _polygons(shape: shapely.Geometry) -> MultiPolygon:
    rounded = shapely.transform(shape, _to_mm)
    return MultiPolygon([p for p in shapely.get_parts(rounded) if isinstance(p, Polygon) and p.area > 1.0])


def _to_mm(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(places, 3)
