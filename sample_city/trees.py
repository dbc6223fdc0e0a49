"""The trees of the streets and parks, each standing on the elevation model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from sample_city.relief import WATER_HALF_WIDTH_M, Relief
from sample_city.roads import BRANCH, SECONDARY, Road
from sample_city.seeding import rng_at
from sample_city.town import TownBlock
from sample_city.zoning import OLD_TOWN, PARK

_SUBJECT_STREET, _SUBJECT_PARK = 105, 106
_SPACING_M, _FROM_JUNCTION_M, _FROM_RED_LINE_M, _FROM_WATER_M = 24.0, 27.0, 3.2, 6.0
_TREES_A_HECTARE = 14.0
_OLD_TREE_SHARE = 0.25
_YEAR = 2026
_EVERGREEN, _DECIDUOUS, _CONIFER, _BARE_CONIFER = "常绿阔叶树", "落叶阔叶树", "常绿针叶树", "落叶针叶树"
_STREET_SPECIES = (("香樟", _EVERGREEN), ("二球悬铃木", _DECIDUOUS), ("银杏", _DECIDUOUS), ("栾树", _DECIDUOUS), ("广玉兰", _EVERGREEN))
_PARK_SPECIES = (
    ("香樟", _EVERGREEN), ("桂花", _EVERGREEN), ("垂柳", _DECIDUOUS), ("水杉", _BARE_CONIFER), ("雪松", _CONIFER), ("朴树", _DECIDUOUS),
    ("榉树", _DECIDUOUS), ("银杏", _DECIDUOUS),
)  # fmt: skip
_TALLEST_M = {"桂花": 6.0, "垂柳": 12.0, "广玉兰": 14.0, "栾树": 15.0, "香樟": 18.0, "朴树": 18.0}


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree; ``place`` is easting, northing and the 1985 height of the ground at its foot."""

    plant_id: str
    kind: str
    species: str
    height_m: float
    crown_m: float
    trunk_mm: int
    planted_year: int
    heritage: str | None
    place: tuple[float, float, float]


def street_trees(relief: Relief, road: Road) -> Iterator[Tree]:
    """Yield the trees on both sides of an arterial road, of one species; none along lanes."""
    if road.road_class in {SECONDARY, BRANCH}:
        return
    start, end = shapely.get_coordinates(road.shape)
    length = float(np.hypot(*(end - start)))
    along = (end - start) / length
    aside = np.array([-along[1], along[0]]) * (road.width_m / 2 - _FROM_RED_LINE_M)
    runs = np.arange(_FROM_JUNCTION_M, length - _FROM_JUNCTION_M, _SPACING_M)
    if not len(runs):
        return
    places = np.concatenate([start + runs[:, None] * along + side * aside for side in (1.0, -1.0)])
    places = places[relief.river_distance_m(places[:, 0], places[:, 1]) > WATER_HALF_WIDTH_M + _FROM_WATER_M]
    rng = rng_at(relief.seed, _SUBJECT_STREET, *road.start, *road.end)
    # A whole street is planted alike: its species and year follow from its grid line.
    line = rng_at(relief.seed, _SUBJECT_STREET, road.start[0] if road.start[0] == road.end[0] else -road.start[1])
    species = _STREET_SPECIES[int(line.integers(0, len(_STREET_SPECIES)))]
    planted = int(line.integers(1978, 2018))
    years = np.where(rng.random(len(places)) < 0.06, rng.integers(2018, 2025, len(places)), planted)
    yield from _planted(relief, road.road_id.replace("DL", "XDS"), places, [species] * len(places), years, rng)


def block_trees(relief: Relief, block: TownBlock, water: Polygon | None) -> Iterator[Tree]:
    """Yield the trees of a park, clear of its pavilions and its lake, and the old tree of some old quarters."""
    rng = rng_at(relief.seed, _SUBJECT_PARK, *block.cell)
    if not block.land or block.zone not in (PARK, OLD_TOWN):
        return
    taken = [f.buffer(3.5) for f in block.footprints] + ([water.buffer(1.5)] if water is not None else [])
    free = block.land[0].buffer(-2.5).difference(shapely.union_all(taken))
    number = f"{block.cell[0]:04d}{block.cell[1]:04d}"
    if free.is_empty:  # little land beside its houses and its lake
        return
    if block.zone is PARK:
        places = _scattered(free, round(free.area / 10_000 * _TREES_A_HECTARE), rng)
        species = [_PARK_SPECIES[int(k)] for k in rng.integers(0, len(_PARK_SPECIES), len(places))]
        yield from _planted(relief, f"GYS{number}", places, species, rng.integers(1982, 2022, len(places)), rng)
    if float(rng.random()) < _OLD_TREE_SHARE:
        place = shapely.get_coordinates(shapely.point_on_surface(free))
        year = _YEAR - int(rng.integers(105, 420))
        yield from _planted(relief, f"GS{number}", place, [("银杏", _DECIDUOUS)], np.array([year]), rng)


def _scattered(free: shapely.Geometry, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    west, south, east, north = free.bounds
    places = rng.uniform((west, south), (east, north), (3 * count, 2))
    return np.asarray(places[shapely.contains_xy(free, places)][:count], dtype=np.float64)


def _planted(
    relief: Relief,
    number: str,
    places: NDArray[np.float64],
    species: list[tuple[str, str]],
    years: NDArray[np.int64],
    rng: np.random.Generator,
) -> Iterator[Tree]:
    places = np.round(places, 3)
    ground = np.round(relief.ground_m(places[:, 0], places[:, 1]), 3)
    vigour = rng.uniform(0.85, 1.15, len(places))
    for k, ((name, kind), year) in enumerate(zip(species, years, strict=True)):
        age = _YEAR - int(year)
        # A young tree comes three metres tall from the nursery and levels off at its kind's height.
        tallest = _TALLEST_M.get(name, 22.0)
        height = (3.0 + (tallest - 3.0) * (1 - math.exp(-age / 22))) * float(vigour[k])
        yield Tree(
            plant_id=f"{number}{k + 1:03d}",
            kind=kind,
            species=name,
            height_m=round(height, 1),
            crown_m=round(0.55 * height, 1),
            trunk_mm=round((70 + 11 * min(age, 60) + 3 * max(0, age - 60)) * float(vigour[k])),
            planted_year=int(year),
            heritage=_heritage(age),
            place=(float(places[k, 0]), float(places[k, 1]), float(ground[k])),
        )


def _heritage(age: int) -> str | None:
    """Return the grade of an old tree by its age: 100, 300, 500 years."""
    for years, grade in ((500, "一级古树"), (300, "二级古树"), (100, "三级古树")):
        if age >= years:
            return grade
    return None
