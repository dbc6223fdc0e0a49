"""Cameras on poles at crossings and on the walls of buildings, as many to a building as Changzhou has: 46,000 for 4.7 million people.

Every fifth is one of the 9,198 that recognise what they see (卡口). The table names no person; the departments are those that run them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_city.buildings import Building
from sample_city.city import SurveyedBlock
from sample_city.seeding import rng_at
from sample_city.streets import StreetGrid
from sample_city.town import TownBlock

CAMERAS_A_BUILDING = 0.046
_SUBJECT_CAMERA = 95
_SMART_EVERY = 5
_POLE_SHARE = 0.65
_FROM_RED_LINE_M, _FROM_WALL_M = 1.5, 0.3


@dataclass(frozen=True, slots=True)
class _Model:
    """A kind of camera: horizontal field of view and range as (least, most)."""

    kind: str
    fov_deg: tuple[float, float]
    range_m: tuple[float, float]


_DOME, _BULLET, _HALF_DOME = (
    _Model("球机", (55.0, 65.0), (100.0, 200.0)),
    _Model("枪机", (40.0, 90.0), (40.0, 90.0)),
    _Model("半球", (85.0, 110.0), (15.0, 35.0)),
)
_CHECKPOINT, _PANORAMIC = _Model("卡口", (28.0, 40.0), (30.0, 60.0)), _Model("全景相机", (180.0, 180.0), (40.0, 80.0))


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera; ``e`` and ``n`` are EPSG:4549, ``height_m`` is the 1985 height of the lens, azimuth clockwise from grid north."""

    camera_id: str
    name: str
    kind: str
    azimuth_deg: float
    tilt_deg: float
    fov_deg: float
    range_m: float
    mount_height_m: float
    state: str
    department: str
    installed_on: dt.date
    e: float
    n: float
    height_m: float


@dataclass(frozen=True, slots=True)
class _Mount:
    place: NDArray[np.float64]
    towards: NDArray[np.float64]
    height_m: float
    label: str
    on_pole: bool


def cameras(grid: StreetGrid, blocks: Iterator[SurveyedBlock]) -> Iterator[Camera]:
    """Yield the cameras block after block; a block gets as many as its buildings have earned."""
    owed = 0.0
    number = 0
    for block, buildings in blocks:
        rng = rng_at(grid.relief.seed, _SUBJECT_CAMERA, *block.cell)
        owed += CAMERAS_A_BUILDING * len(buildings)
        while owed >= 1.0 and buildings:
            owed -= 1.0
            number += 1
            mount = _mount(grid, block, buildings, rng)
            yield _camera(grid, number, mount, rng)


def _mount(grid: StreetGrid, block: TownBlock, buildings: list[Building], rng: np.random.Generator) -> _Mount:
    streets = grid.town_edges(block.cell)
    corners = [k for k in range(4) if streets[k] and streets[k - 1]]
    if corners and rng.random() < _POLE_SHARE:
        return _pole(grid, block, corners[int(rng.integers(0, len(corners)))], rng)
    return _wall(buildings[int(rng.integers(0, len(buildings)))], rng)


def _pole(grid: StreetGrid, block: TownBlock, corner: int, rng: np.random.Generator) -> _Mount:
    """A pole stands on the pavement before the corner of a block and looks over the crossing."""
    red_line = shapely.get_coordinates(grid.block(block.cell, grid.town_edges(block.cell)).exterior)[corner]
    to_crossing = grid.cell_corners(block.cell)[corner] - red_line
    place = red_line + to_crossing / np.linalg.norm(to_crossing) * _FROM_RED_LINE_M
    street, other = (grid.street_of_side(block.cell, side) for side in (corner, (corner + 3) % 4))
    return _Mount(place, to_crossing, float(rng.uniform(6.0, 8.0)), f"{street}{other}口", on_pole=True)


def _wall(building: Building, rng: np.random.Generator) -> _Mount:
    """A camera in the middle of a building's longest wall looks away from it."""
    ring = shapely.get_coordinates(building.footprint.exterior)
    sides = np.diff(ring, axis=0)
    longest = int(np.argmax(np.hypot(sides[:, 0], sides[:, 1])))
    along = sides[longest] / np.linalg.norm(sides[longest])
    outwards = np.array([along[1], -along[0]])
    if not building.footprint.exterior.is_ccw:
        outwards = -outwards
    place = (ring[longest] + ring[longest + 1]) / 2 + outwards * _FROM_WALL_M
    height = float(rng.uniform(2.8, min(5.0, building.storey_m * building.floors_above)))
    return _Mount(place, outwards, height, building.name, on_pole=False)


def _camera(grid: StreetGrid, number: int, mount: _Mount, rng: np.random.Generator) -> Camera:
    model = _model(number, mount, rng)
    range_m = round(float(rng.uniform(*model.range_m)), 0)
    azimuth = math.degrees(math.atan2(mount.towards[0], mount.towards[1])) + float(rng.uniform(-25.0, 25.0))
    # the middle of the picture lies on the ground at four tenths of the range
    tilt = math.degrees(math.atan2(mount.height_m, 0.4 * range_m))
    e, n = (round(float(c), 3) for c in mount.place)
    state = float(rng.random())
    return Camera(
        camera_id=f"3204000000{132 if model in (_BULLET, _CHECKPOINT) else 131}0{number:06d}",
        name=f"{mount.label}{model.kind}",
        kind=model.kind,
        azimuth_deg=round(azimuth % 360.0, 1) % 360.0,
        tilt_deg=round(tilt, 1),
        fov_deg=round(float(rng.uniform(*model.fov_deg)), 0),
        range_m=range_m,
        mount_height_m=round(mount.height_m, 1),
        state="在线" if state > 0.07 else "离线" if state > 0.03 else "故障",
        department=_department(model, mount),
        installed_on=dt.date(2016, 1, 1) + dt.timedelta(days=int(rng.integers(0, 3500))),
        e=e,
        n=n,
        height_m=round(float(grid.relief.ground_m(e, n)) + round(mount.height_m, 1), 2),
    )


def _model(number: int, mount: _Mount, rng: np.random.Generator) -> _Model:
    if number % _SMART_EVERY == 0:
        return _CHECKPOINT if mount.on_pole else _BULLET
    if mount.on_pole:
        return _PANORAMIC if rng.random() < 0.08 else _DOME if rng.random() < 0.5 else _BULLET
    return _HALF_DOME if rng.random() < 0.4 else _BULLET


def _department(model: _Model, mount: _Mount) -> str:
    if model is _CHECKPOINT:
        return "公安局交警支队"
    if model is _PANORAMIC:
        return "城市管理局"
    return "公安局" if mount.on_pole else "物业服务企业"
