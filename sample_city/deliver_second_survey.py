"""Delivers the building survey of the next quarter, 第二期/建筑物.gpkg: what came, went, changed and moved since 建筑物.gpkg.

Its rows stand in another order, and some untouched footprints differ by less than a surveyor can measure.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import shapely
from shapely import Polygon

from sample_city.buildings import Building
from sample_city.city import City
from sample_city.deliver_buildings import BUILDINGS, attributes
from sample_city.faults import WARNED_BUILDINGS
from sample_city.handover import HandOver
from sample_city.manifest import Fact, Update
from sample_city.seeding import rng_at
from sample_city.write_layers import GeoPackage

FILE_NAME = "第二期/建筑物.gpkg"
_SUBJECT_CHANGE, _SUBJECT_ORDER = 71, 72
_ROWS_SHUFFLED = 5000
_MOVED_M = (0.35, 1.8)
_BUILT_ON_M = 1.2
_NOISE_M = 0.0004
"""Less than the millimetre from which on a vertex counts as moved."""


def deliver_second_survey(city: City, handover: HandOver) -> None:
    """Write the survey and note how its rows compare with the first."""
    path = city.folder / FILE_NAME
    path.parent.mkdir(exist_ok=True)
    counts: Counter[str] = Counter()
    rows = itertools.chain(
        (row for _, buildings in city.blocks() for building in buildings for row in _resurveyed(city.seed, building, counts)),
        (row for _, buildings in city.coming_blocks() for row in _counted(buildings, counts)),
    )
    with GeoPackage(path, BUILDINGS) as package:
        for number, batch in enumerate(itertools.batched(rows, _ROWS_SHUFFLED)):
            for k in rng_at(city.seed, _SUBJECT_ORDER, number).permutation(len(batch)):
                package.add(BUILDINGS, batch[k].footprint, *attributes(batch[k]))
    unchanged = counts["untouched"] + counts["noisy"]
    updated = sum(counts[kind] for kind in ("corrected", *_CHANGES) if kind != "noisy")
    handover.updates.append(
        Update(FILE_NAME, BUILDINGS.name, "building", "replace", counts["new"], updated, counts["demolished"], unchanged, 0)
    )
    note = "第二期普查的变化 / how the second survey differs from the first"
    handover.facts.append(Fact("second-survey", FILE_NAME, BUILDINGS.name, "", note, dict(sorted(counts.items()))))


def _resurveyed(seed: int, building: Building, counts: Counter[str]) -> Iterator[Building]:
    """Yield a building as the second survey lists it, nothing when it has been demolished."""
    fate, rng = _fate(seed, building.building_id)
    if fate == "noisy" and building.base_height_m is None:
        # A base height taken from the elevation model may differ by a centimetre for the least move.
        fate = "untouched"
    counts[fate] += 1
    if fate != "demolished":
        yield _CHANGES[fate][1](building, rng) if fate in _CHANGES else building


def is_demolished(seed: int, building_id: str) -> bool:
    """Return whether a building of the first survey no longer stands in the second."""
    return _fate(seed, building_id)[0] == "demolished"


def _fate(seed: int, building_id: str) -> tuple[str, np.random.Generator]:
    """Return what becomes of a building by its number alone, and the draws that say how."""
    rng = rng_at(seed, _SUBJECT_CHANGE, int(building_id[-7:]))
    if building_id in WARNED_BUILDINGS:
        # What the first survey listed with a warning is right now.
        return "corrected", rng
    draw = float(rng.random())
    for fate, (share, _) in _CHANGES.items():
        draw -= share
        if draw < 0:
            return fate, rng
    return "demolished" if draw < _DEMOLISHED else "untouched", rng


def _counted(buildings: list[Building], counts: Counter[str]) -> list[Building]:
    counts["new"] += len(buildings)
    return buildings


def _moved(building: Building, rng: np.random.Generator) -> Building:
    """Measured anew: the whole footprint lies elsewhere."""
    turn, far = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(*_MOVED_M))
    return replace(building, footprint=_shifted(building.footprint, far * math.cos(turn), far * math.sin(turn)))


def _noisy(building: Building, _: np.random.Generator) -> Building:
    """Written by other software: digits differ beyond the millimetre."""
    return replace(building, footprint=_shifted(building.footprint, _NOISE_M, -_NOISE_M))


def _built_on(building: Building, _: np.random.Generator) -> Building:
    """One wall has moved out."""
    corners = shapely.get_coordinates(building.footprint.exterior)[:-1]
    along = corners[1] - corners[0]
    out = np.array([along[1], -along[0]]) / np.linalg.norm(along) * _BUILT_ON_M
    corners[[0, 1]] = np.round(corners[[0, 1]] + out, 3)
    return replace(building, footprint=Polygon(corners, [shapely.get_coordinates(r) for r in building.footprint.interiors]))


def _heightened(building: Building, _: np.random.Generator) -> Building:
    """One floor more."""
    floors = building.floors_above + 1
    height = None if building.height_m is None else round(building.height_m + building.storey_m, 1)
    return replace(building, floors_above=floors, height_m=height)


def _converted(building: Building, _: np.random.Generator) -> Building:
    """Used for something else."""
    return replace(building, usage="商业" if building.usage != "商业" else "办公")


def _renamed(building: Building, _: np.random.Generator) -> Building:
    """Under a new name."""
    return replace(building, name=building.name + "（更名）")


def _shifted(shape: Polygon, east_m: float, north_m: float) -> Polygon:
    shifted: Polygon = shapely.transform(shape, lambda places: np.round(places + np.array([east_m, north_m]), 4))
    return shifted


_CHANGES: dict[str, tuple[float, Callable[[Building, np.random.Generator], Building]]] = {
    "moved": (0.006, _moved),
    "built-on": (0.006, _built_on),
    "heightened": (0.006, _heightened),
    "converted": (0.010, _converted),
    "renamed": (0.006, _renamed),
    "noisy": (0.020, _noisy),
}
_DEMOLISHED = 0.008
