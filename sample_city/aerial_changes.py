"""What changed on the ground between two images: a new building that no survey lists, one pulled down, a resurfaced road, a filled lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
import shapely.ops
from shapely import Polygon

from sample_city.aerial_ground import carriageways
from sample_city.aerial_scene import Cover, Floats, Scene, Window, roofed
from sample_city.buildings import Building
from sample_city.city import City, SurveyedBlock
from sample_city.roof_types import FLAT
from sample_city.waters import park_lake
from sample_city.zoning import PARK

NEW_BUILDING, DEMOLISHED, RESURFACED, FILLED = "new-building", "demolished-building", "resurfaced-road", "filled-lake"
_SITE_M, _NEW_SIZE_M, _CLEAR_M, _SEARCH_STEP_M = 5.0, (30.0, 14.0), 6.0, 6.0
_DEMOLISHED_M2 = (150.0, 1800.0)
_LOW_FLOORS = 6
_MARGIN_M = 15.0
_SHADED_M = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the ground that looks different, EPSG:4549, and the key of the feature that it concerns ("" if none is known)."""

    kind: str
    ground: Polygon
    key: str = ""
    building: Building | None = None


def plan_changes(city: City, window: Window, blocks: list[SurveyedBlock]) -> tuple[Change, ...]:
    """Return one change of every kind that the window has a place for."""
    inside = window.outline.buffer(-_MARGIN_M)
    found = (_new_building(blocks, inside), _demolished(blocks, inside), _resurfaced(city, blocks, inside), _filled(city, blocks, inside))
    return tuple(change for change in found if change is not None)


def after(scene: Scene, changes: tuple[Change, ...], ground_m: Floats) -> Scene:
    """Return the scene once everything has changed."""
    changed = scene.copy()
    for change in changes:
        mask = scene.window.mask(change.ground)
        if change.kind == RESURFACED:
            changed.cover[mask & np.isin(scene.cover, (Cover.ASPHALT, Cover.MARKING))] = Cover.NEW_ASPHALT
        else:
            changed.clear(mask, Cover.SOIL, ground_m)
        if change.building is not None:
            changed = roofed(changed, [change.building])
    return changed


def _new_building(blocks: list[SurveyedBlock], inside: Polygon) -> Change | None:
    """A hall of three storeys goes up on the first open ground that has room for it."""
    length, depth = _NEW_SIZE_M
    for block, buildings in blocks:
        if not buildings or block.zone is PARK:
            continue
        standing = shapely.union_all(list(block.footprints)).buffer(_CLEAR_M)
        for land in block.land:
            roomy = land.buffer(-_SITE_M - 1.0).difference(standing).intersection(inside).buffer(-_SITE_M)
            for e, n in _places(roomy):
                shape = shapely.box(e - length / 2, n - depth / 2, e + length / 2, n + depth / 2)
                if roomy.contains(shape):
                    hall = replace(
                        buildings[0],
                        building_id="3204F9000001",
                        footprint=shape,
                        floors_above=3,
                        storey_m=4.2,
                        roof_type=FLAT,
                        usage="工业",
                    )
                    return Change(NEW_BUILDING, shape.buffer(_SITE_M, join_style="mitre"), "", hall)
    return None


def _places(shape: shapely.Geometry) -> Iterator[tuple[float, float]]:
    if not shape.is_empty:
        west, south, east, north = shape.bounds
        for n in np.arange(np.ceil(south), north, _SEARCH_STEP_M):
            for e in np.arange(np.ceil(west), east, _SEARCH_STEP_M):
                yield float(e), float(n)


def _demolished(blocks: list[SurveyedBlock], inside: Polygon) -> Change | None:
    """The oldest low building of some size goes."""
    least, most = _DEMOLISHED_M2
    low = [
        b
        for _, buildings in blocks
        for b in buildings
        if least < b.footprint.area < most and b.floors_above <= _LOW_FLOORS and inside.contains(b.footprint)
    ]
    oldest = min(low, key=lambda b: (b.year_built, b.building_id), default=None)
    return Change(DEMOLISHED, oldest.footprint, oldest.building_id) if oldest else None


def _resurfaced(city: City, blocks: list[SurveyedBlock], inside: Polygon) -> Change | None:
    """The street with the fewest tall buildings beside it is resurfaced between its crossings: no shadow hides that."""
    seen = [(line, half) for line, half in carriageways(city.grid, blocks) if inside.contains(line)]
    if not seen:
        return None
    tall = np.array([b.footprint for _, found in blocks for b in found if b.floors_above > _LOW_FLOORS], dtype=object)
    line, half = min(seen, key=lambda street: (int(shapely.dwithin(tall, street[0], _SHADED_M).sum()), -float(street[0].length)))
    between = shapely.ops.substring(line, 20.0, line.length - 20.0)
    return Change(RESURFACED, shapely.set_precision(between.buffer(half, cap_style="flat"), 0.001))


def _filled(city: City, blocks: list[SurveyedBlock], inside: Polygon) -> Change | None:
    for block, _ in blocks:
        lake = park_lake(city, block)
        if lake is not None and isinstance(lake.shape, Polygon) and inside.contains(lake.shape):
            return Change(FILLED, lake.shape, lake.water_id)
    return None
