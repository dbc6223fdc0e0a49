"""What a building consists of: its parts, its storeys, and the rooms of a storey, which tile it without gap or overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon

from sample_city.buildings import BASEMENT_STOREY_M, Building
from sample_city.roof_types import FLAT
from sample_city.subdivision import faces_between

_SLAB_M = 0.35
_CORRIDOR_M, _CORE_M, _ROOM_M = 2.4, 7.0, 8.0
_BEYOND_M = 1.0
_PODIUM_FLOORS = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a building from ``base_m`` upwards: the podium, the tower upon it, or a low building as a whole."""

    part_id: str
    building_id: str
    name: str
    roof_type: str
    floors: int
    base_m: float
    height_m: float
    shape: Polygon


@dataclass(frozen=True, slots=True)
class Storey:
    """One storey; ``level`` counts from 1 at the ground floor upwards and from -1 downwards, there is no 0."""

    storey_id: str
    building_id: str
    level: int
    name: str
    usage: str
    floor_m: float
    height_m: float
    shape: Polygon


@dataclass(frozen=True, slots=True)
class Room:
    """One room of a storey, ``height_m`` its clear height."""

    space_id: str
    storey_id: str
    building_id: str
    name: str
    usage: str
    floor_m: float
    height_m: float
    shape: Polygon


def parts_of(building: Building) -> Iterator[Part]:
    """Yield the podium and the tower of a tall building, or the one part of a low one; they stack without a gap."""
    b, base = building, building.plinth_m
    tall = b.floors_above > _PODIUM_FLOORS + 1
    stack = (("裙房", FLAT, _PODIUM_FLOORS), ("塔楼", b.roof_type, b.floors_above - _PODIUM_FLOORS))
    for number, (name, roof, floors) in enumerate(stack if tall else (("主体", b.roof_type, b.floors_above),), 1):
        height = round(floors * b.storey_m, 3)
        yield Part(f"{b.building_id}-P{number}", b.building_id, name, roof, floors, round(base, 3), height, b.footprint)
        base += height


def storeys_of(building: Building) -> Iterator[Storey]:
    """Yield the storeys of a building from the lowest basement upwards."""
    b = building
    for level in (*range(-b.floors_below, 0), *range(1, b.floors_above + 1)):
        floor = b.plinth_m + (level * BASEMENT_STOREY_M if level < 0 else (level - 1) * b.storey_m)
        yield Storey(
            storey_id=f"{b.building_id}-{'B' if level < 0 else 'F'}{abs(level):02d}",
            building_id=b.building_id,
            level=level,
            name=f"地下{-level}层" if level < 0 else f"{level}层",
            usage="车库" if level < 0 else b.usage,
            floor_m=round(floor, 3),
            height_m=BASEMENT_STOREY_M if level < 0 else round(b.storey_m, 3),
            shape=b.footprint,
        )


def rooms_of(building: Building, storeys: list[Storey]) -> Iterator[Room]:
    """Yield the rooms of every storey above ground of a rectangular building; nothing for a building of another shape.

    Rooms lie on both sides of a corridor, the stairs in its middle.
    """
    if shapely.get_num_coordinates(building.footprint) != 5:
        return
    plan = _floor_plan(building.footprint)
    names = _NAMES.get(building.usage, ("室", "办公室"))
    for storey in storeys:
        if storey.level < 1:
            continue
        rooms = 0
        for shape, part in plan:
            rooms += part == "room"
            name = {"room": f"{storey.level}{rooms:02d}{names[0]}", "corridor": "走廊", "core": "楼电梯间"}[part]
            yield Room(
                space_id=f"{storey.storey_id}-{rooms:02d}" if part == "room" else f"{storey.storey_id}-{part}",
                storey_id=storey.storey_id,
                building_id=building.building_id,
                name=name,
                usage=names[1] if part == "room" else "交通空间",
                floor_m=storey.floor_m,
                height_m=round(storey.height_m - _SLAB_M, 3),
                shape=shape,
            )


_NAMES = {"住宅": ("室", "住宅套间"), "商业": ("号铺", "商铺"), "教育": ("教室", "教室"), "医疗": ("病房", "病房"), "旅馆": ("房", "其他")}


def _floor_plan(footprint: Polygon) -> list[tuple[Polygon, str]]:
    """Return the faces of one storey with what each is, rooms in order along the corridor."""
    corners = shapely.get_coordinates(footprint)[:4]
    if np.linalg.norm(corners[1] - corners[0]) < np.linalg.norm(corners[2] - corners[1]):
        corners = np.roll(corners, -1, axis=0)
    length, depth = float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[2] - corners[1]))
    across, up = (corners[1] - corners[0]) / length, (corners[2] - corners[1]) / depth
    low, high = (depth - _CORRIDOR_M) / 2, (depth + _CORRIDOR_M) / 2
    left, right = (length - _CORE_M) / 2, (length + _CORE_M) / 2
    bays = max(1, round(left / _ROOM_M))
    walls = [left * k / bays for k in range(1, bays + 1)]
    walls += [length - wall for wall in walls]
    cuts = [
        _line(corners[0], across, up, (-_BEYOND_M, low), (length + _BEYOND_M, low)),
        _line(corners[0], across, up, (-_BEYOND_M, high), (length + _BEYOND_M, high)),
        *(_line(corners[0], across, up, (x, -_BEYOND_M), (x, low)) for x in walls),
        *(_line(corners[0], across, up, (x, high), (x, depth + _BEYOND_M)) for x in walls),
    ]
    faces = []
    for face in faces_between(footprint, cuts):
        x, y = (shapely.get_coordinates(shapely.centroid(face))[0] - corners[0]) @ np.column_stack([across, up])
        part = "corridor" if low < y < high else "core" if left < x < right and y > high else "room"
        faces.append((y > high, float(x), face, part))
    return [(face, part) for _, _, face, part in sorted(faces, key=lambda found: found[:2])]


def _line(
    origin: NDArray[np.float64],
    across: NDArray[np.float64],
    up: NDArray[np.float64],
    start: tuple[float, float],
    end: tuple[float, float],
) -> LineString:
    return LineString([origin + x * across + y * up for x, y in (start, end)])
