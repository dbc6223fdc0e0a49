"""Lays the ground of a scene: yards, lawns and lanes of the blocks, streets with their markings, the river, and trees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from shapely import LineString, MultiLineString, Polygon

from sample_city.aerial_noise import value_noise
from sample_city.aerial_scene import PIXEL_M, Bytes, Cover, Scene, Window, roofed
from sample_city.city import City, SurveyedBlock
from sample_city.river import REACH_M, reach
from sample_city.seeding import rng_at
from sample_city.streets import StreetGrid, half_width_m, is_arterial
from sample_city.waters import park_lake
from sample_city.zoning import COMMERCE, ESTATE, GOVERNMENT, HOSPITAL, INDUSTRY, OFFICES, PARK, SCHOOL, TOWERS, VILLAGE, WAREHOUSES

_SIDE_M, _SIDE_OF_SMALL_CITY_M, _SMALL_CITY = 768.0, 384.0, 2000
_SUBJECT_LAWN, _SUBJECT_TREES = 96, 97
_PAVEMENT_M, _PAVEMENT_OF_ARTERIAL_M = 2.5, 4.5
_DASH_M, _GAP_M, _LANE_M, _LINE_M = 4.0, 6.0, 3.5, 0.5
_LANE_FROM_EDGE_M, _INNER_LANE_M, _PATH_M = 4.0, 3.5, 3.0
_STREET_TREE_EVERY_M = 9.0
_TREES_A_M2 = 1 / 38.0
_TREES_ON = {Cover.LAWN: 0.6, Cover.FIELD: 0.03, Cover.PAVED: 0.06, Cover.SOIL: 0.12}
_CROWN_M = (1.6, 3.6)
_YARDS = {INDUSTRY.name: Cover.CONCRETE, WAREHOUSES.name: Cover.CONCRETE, VILLAGE.name: Cover.SOIL}
_INNER_LANES = frozenset(zone.name for zone in (ESTATE, TOWERS, INDUSTRY, WAREHOUSES, SCHOOL, HOSPITAL, OFFICES, GOVERNMENT, COMMERCE))


def window_of(city: City) -> Window:
    """Return the window around the middle of the city."""
    side = _SIDE_M if city.scale >= _SMALL_CITY else _SIDE_OF_SMALL_CITY_M
    return Window(city.grid.relief.origin_e - side / 2, city.grid.relief.origin_n + side / 2, round(side / PIXEL_M))


def blocks_in(city: City, window: Window) -> list[SurveyedBlock]:
    """Return the blocks of which something can be seen; the middle of a city is among its first blocks."""
    outline = window.outline
    return [found for found in city.first_blocks if outline.intersects(Polygon(city.grid.cell_corners(found[0].cell)))]


def build_scene(city: City, window: Window, blocks: list[SurveyedBlock]) -> Scene:
    """Return the scene as the building survey has it."""
    cover = np.full((window.size, window.size), Cover.FIELD, dtype=np.uint8)
    _lay_blocks(city.grid, window, blocks, cover)
    _lay_parks(city, window, blocks, cover)
    _lay_river(city.grid, window, cover)
    _lay_streets(city.grid, window, blocks, cover)
    scene = Scene(window, cover, window.ground_m(city.grid.relief), np.zeros(cover.shape, dtype=np.int32), np.ones(cover.shape, np.float32))
    scene = roofed(scene, (b for _, buildings in blocks for b in buildings))
    _plant_trees(city.grid, scene, blocks)
    return scene


def _lay_blocks(grid: StreetGrid, window: Window, blocks: list[SurveyedBlock], cover: Bytes) -> None:
    window.burn(cover, [(Polygon(grid.cell_corners(block.cell)), Cover.PAVEMENT) for block, _ in blocks])
    lawn_pct = np.zeros_like(cover)
    window.burn(lawn_pct, [(land, block.zone.green_ratio_pct) for block, _ in blocks for land in block.land])
    window.burn(cover, [(land, _YARDS.get(block.zone.name, Cover.PAVED)) for block, _ in blocks for land in block.land])
    patches = value_noise(rng_at(grid.relief.seed, _SUBJECT_LAWN), window.size, (64, 16))
    # twice the share: houses and lanes take their part of the lawn
    cover[(patches * 0.9 + 0.5) * 100 < 2.0 * lawn_pct.astype(np.float32) - 12] = Cover.LAWN
    lanes = [
        land.buffer(-_LANE_FROM_EDGE_M).difference(land.buffer(-_LANE_FROM_EDGE_M - _INNER_LANE_M))
        for block, _ in blocks
        if block.zone.name in _INNER_LANES
        for land in block.land
    ]
    window.burn(cover, [(lane, Cover.CONCRETE) for lane in lanes])


def _lay_parks(city: City, window: Window, blocks: list[SurveyedBlock], cover: Bytes) -> None:
    for block, _ in blocks:
        if block.zone is PARK and block.land:
            a, b, c, d = shapely.get_coordinates(shapely.minimum_rotated_rectangle(block.land[0]))[:4]
            paths = MultiLineString([[a, c], [b, d], [(a + b) / 2, (c + d) / 2]]).buffer(_PATH_M / 2)
            lake = park_lake(city, block)
            shore = lake.shape.buffer(_PATH_M) if lake else Polygon()
            window.burn(cover, [(paths.intersection(block.land[0]), Cover.PAVED), (shore, Cover.PAVED)])
            window.burn(cover, [(lake.shape if lake else Polygon(), Cover.WATER)])


def _lay_river(grid: StreetGrid, window: Window, cover: Bytes) -> None:
    west, south, east, north = window.outline.bounds
    low, high = grid.relief.river_index([south, north])
    for river in range(int(low), int(high) + 1):
        for number in range(int(west // REACH_M), int(east // REACH_M) + 1):
            bank, water, other_bank = reach(grid.relief, river, number)
            window.burn(cover, [(bank, Cover.LAWN), (other_bank, Cover.LAWN), (water, Cover.WATER)])


def _lay_streets(grid: StreetGrid, window: Window, blocks: list[SurveyedBlock], cover: Bytes) -> None:
    streets = list(carriageways(grid, blocks))
    window.burn(cover, [(line.buffer(half, cap_style="square"), Cover.ASPHALT) for line, half in streets])
    # crossings carry no lines: a line begins where the other street's carriageway ends
    lines = [marking for line, half in streets for marking in _markings(line, half)]
    window.burn(cover, [(marking.buffer(_LINE_M / 2, cap_style="flat"), Cover.MARKING) for marking in lines])


def carriageways(grid: StreetGrid, blocks: list[SurveyedBlock]) -> Iterator[tuple[LineString, float]]:
    """Yield every stretch of street at the blocks once: its centre line and half the width between the kerbs."""
    seen: set[tuple[str, int, int]] = set()
    for block, _ in blocks:
        (i, j), corners = block.cell, grid.cell_corners(block.cell)
        for side, is_street in enumerate(grid.town_edges(block.cell)):
            key = (("h", i + side // 2, j), ("v", i, j + (side == 1)))[side % 2]
            if is_street and key not in seen:
                seen.add(key)
                line = key[1] if key[0] == "h" else key[2]
                pavement = _PAVEMENT_OF_ARTERIAL_M if is_arterial(line) else _PAVEMENT_M
                yield LineString(corners[[side, (side + 1) % 4]]), half_width_m(line) - pavement


def _markings(line: LineString, half_m: float) -> Iterator[MultiLineString]:
    """Yield the lane lines of a street, clear of its crossings: a whole one in the middle of a wide street, the others dashed."""
    lanes = int(half_m // _LANE_M)
    inner = shapely.ops.substring(line, 16.0, line.length - 16.0) if line.length > 40.0 else line
    for lane in range(1 - lanes, lanes):
        offset = inner.parallel_offset(abs(lane) * _LANE_M, "left" if lane > 0 else "right") if lane else inner
        if lane == 0 and lanes > 2:
            yield MultiLineString([offset])
        else:
            starts = np.arange(0.0, offset.length - _DASH_M, _DASH_M + _GAP_M)
            yield MultiLineString([shapely.ops.substring(offset, s, s + _DASH_M) for s in starts])


def _plant_trees(grid: StreetGrid, scene: Scene, blocks: list[SurveyedBlock]) -> None:
    """Plant rows of trees along the streets and loose ones where the ground is open; a tree is a round crown, lit from the south-east."""
    rng = rng_at(grid.relief.seed, _SUBJECT_TREES)
    places = np.concatenate([_along_streets(grid, scene.window, blocks), _in_the_open(scene, rng)])
    radius = rng.uniform(*_CROWN_M, len(places))
    stamps: dict[int, tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]] = {}
    for (column, row), r in zip(np.round(places).astype(int), radius, strict=True):
        size = round(float(r) / PIXEL_M)
        if size not in stamps:
            stamps[size] = _crown(size)
        inside, light, height = stamps[size]
        if size <= row < scene.window.size - size and size <= column < scene.window.size - size:
            here = np.s_[row - size : row + size + 1, column - size : column + size + 1]
            grown = inside & (scene.cover[here] != Cover.ROOF)
            top = scene.height_m[here].min() + height
            scene.cover[here][grown] = Cover.TREE
            scene.crown[here][grown] = light[grown]
            scene.height_m[here][grown] = np.maximum(scene.height_m[here], top)[grown]


def _along_streets(grid: StreetGrid, window: Window, blocks: list[SurveyedBlock]) -> NDArray[np.float64]:
    rows = []
    for line, half in carriageways(grid, blocks):
        for side in ("left", "right"):
            kerb = line.parallel_offset(half + 1.2, side)
            distance = np.arange(20.0, kerb.length - 20.0, _STREET_TREE_EVERY_M)
            rows.append(shapely.get_coordinates(shapely.line_interpolate_point(kerb, distance)).reshape(-1, 2))
    places = np.concatenate(rows) if rows else np.empty((0, 2))
    return np.column_stack([(places[:, 0] - window.west) / PIXEL_M, (window.north - places[:, 1]) / PIXEL_M])


def _in_the_open(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    size = scene.window.size
    count = round((size * PIXEL_M) ** 2 * _TREES_A_M2)
    places = rng.uniform(0, size, (count, 2))
    column, row = places.astype(int).T
    chance = np.zeros(len(Cover))
    for cover, share in _TREES_ON.items():
        chance[cover] = share
    kept: NDArray[np.float64] = places[rng.random(count) < chance[scene.cover[row, column]]]
    return kept


def _crown(size: int) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """Return which pixels of a square a crown covers, how bright they are, and how high above the ground."""
    south, east = np.mgrid[-size : size + 1, -size : size + 1] / max(size, 1)
    inside = south**2 + east**2 <= 1.0
    dome = np.sqrt(np.clip(1.0 - south**2 - east**2, 0.0, 1.0))
    light = 0.62 + 0.42 * dome + 0.30 * (south + east) / 2
    return inside, light.astype(np.float32), (2.5 * size * PIXEL_M * (0.5 + 0.5 * dome)).astype(np.float32)
