"""The waters: reaches of the rivers, ponds between the fields, and ornamental lakes in parks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from sample_city.city import City
from sample_city.relief import Relief
from sample_city.river import REACH_M, reach
from sample_city.seeding import rng_at
from sample_city.streets import Cell
from sample_city.town import TownBlock, land_of
from sample_city.zoning import PARK

RIVER, POND, LAKE = "河流", "坑塘", "景观水体"
_RIVER_NAMES = ("运河", "关河", "采菱港", "北塘河", "武宜运河", "澡港河", "丁塘河", "凤凰河")
_RIVER_KEEPER, _POND_KEEPER, _PARK_KEEPER = "常州市河道湖泊管理处", "村民委员会", "常州市园林绿化管理中心"
_POND_SHARE, _SUBJECT_POND = 0.22, 103
_TOWN_MARGIN = 1.1
"""Ponds keep out of the land where the town grows next."""
_CLEAR_M = 4.0


@dataclass(frozen=True, slots=True)
class Water:
    """One water surface, EPSG:4549, with its usual level as a 1985 height in metres."""

    water_id: str
    name: str
    kind: str
    level_m: float
    keeper: str
    shape: Polygon | MultiPolygon


def river_reaches(city: City) -> Iterator[Water]:
    """Yield the reaches of all rivers within the city, each about 1 km long; neighbours share their vertices."""
    outline, relief = city.grid.outline(), city.grid.relief
    west, south, east, north = city.grid.extent_m()
    low, high = relief.river_index([south, north])
    shapely.prepare(outline)
    for river in range(int(low), int(high) + 1):
        for number in range(int(west // REACH_M), int(east // REACH_M) + 1):
            _, water, _ = reach(relief, river, number)
            inside = water if outline.contains(water) else shapely.set_precision(water.intersection(outline), 0.001)
            if isinstance(inside, Polygon | MultiPolygon) and not inside.is_empty:
                name = _RIVER_NAMES[river % len(_RIVER_NAMES)]
                yield Water(f"SXH{river % 100:02d}{number:04d}", name, RIVER, river_level_m(relief, river), _RIVER_KEEPER, inside)


def river_level_m(relief: Relief, river: int) -> float:
    """Return the usual level of a river: 1.6 m above the lowest point of its bed near the city's origin."""
    e = relief.origin_e + np.arange(-2000.0, 2001.0, 100.0)
    axis, _ = relief.river_axis_n(np.full(e.shape, river), e)
    return round(float(relief.ground_m(e, axis).min()) + 1.6, 2)


def ponds(city: City) -> Iterator[Water]:
    """Yield ponds in the fields around the town."""
    grid = city.grid
    for cell in grid.growth[round(len(city.town) * _TOWN_MARGIN) + 20 :]:
        rng = rng_at(grid.relief.seed, _SUBJECT_POND, *cell)
        if float(rng.random()) < _POND_SHARE:
            land = land_of(grid, cell, grid.town_edges(cell))
            shape = _blob(land[0], float(rng.uniform(14.0, 38.0)), rng) if land else None
            if shape is not None:
                yield _still_water(grid.relief, f"SXT{_number(cell)}", "村塘", POND, _POND_KEEPER, shape)


def park_lake(city: City, block: TownBlock) -> Water | None:
    """Return the lake of a park where it has room between the pavilions."""
    if block.zone is not PARK or not block.land:
        return None
    rng = rng_at(city.grid.relief.seed, _SUBJECT_POND, *block.cell)
    free = block.land[0].difference(shapely.union_all([f.buffer(_CLEAR_M) for f in block.footprints]))
    shape = _blob(free, float(rng.uniform(15.0, 26.0)), rng)
    if shape is None:
        return None
    return _still_water(city.grid.relief, f"SXJ{_number(block.cell)}", "公园景观湖", LAKE, _PARK_KEEPER, shape)


def _still_water(relief: Relief, water_id: str, name: str, kind: str, keeper: str, shape: Polygon) -> Water:
    places = shapely.get_coordinates(shape)
    level = float(relief.ground_m(places[:, 0], places[:, 1]).min()) - 0.5
    return Water(water_id, name, kind, round(level, 2), keeper, shape)


def _blob(land: shapely.Geometry, radius_m: float, rng: np.random.Generator) -> Polygon | None:
    """Return a rounded shape somewhere within ``land``, None where it does not fit."""
    turn = np.linspace(0.0, 2 * math.pi, 32, endpoint=False)
    phase = rng.uniform(0, 2 * math.pi, 2)
    radius = radius_m * (1 + 0.18 * np.sin(2 * turn + phase[0]) + 0.10 * np.sin(3 * turn + phase[1]))
    middle = shapely.get_coordinates(shapely.maximum_inscribed_circle(land, 2.0))[0]
    shape = Polygon(np.round(middle + radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]), 3))
    return shape if land.buffer(-_CLEAR_M).contains(shape) else None


def _number(cell: Cell) -> str:
    return f"{cell[0]:04d}{cell[1]:04d}"
