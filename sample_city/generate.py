"""Writes the whole hand-over of a small Chinese city: the one place that knows every delivery."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pyproj import Transformer

from sample_city.city import STORAGE_CRS, City, plan_city
from sample_city.deliver_admin import deliver_units
from sample_city.deliver_base_map import deliver_base_map
from sample_city.deliver_buildings import deliver_buildings
from sample_city.deliver_cameras import deliver_cameras
from sample_city.deliver_elevation import deliver_elevation
from sample_city.deliver_grids import deliver_grids
from sample_city.deliver_housing import deliver_housing
from sample_city.deliver_imagery import deliver_imagery
from sample_city.deliver_land_use import deliver_land_use
from sample_city.deliver_pipes import deliver_pipes
from sample_city.deliver_plans import deliver_plans
from sample_city.deliver_roofs import deliver_roofs
from sample_city.deliver_second_survey import deliver_second_survey
from sample_city.deliver_underground import deliver_underground
from sample_city.handover import HandOver
from sample_city.manifest import Manifest
from sample_city.streets import StreetGrid

SMALLEST_SCALE = 500
_DELIVERIES: tuple[Callable[[City, HandOver], None], ...] = (
    deliver_elevation,
    deliver_units,
    deliver_buildings,
    deliver_housing,
    deliver_roofs,
    deliver_second_survey,
    deliver_base_map,
    deliver_land_use,
    deliver_underground,
    deliver_pipes,
    deliver_plans,
    deliver_grids,
    deliver_cameras,
    deliver_imagery,
)
"""Each writes its files and notes sources, faults, facts and updates. None reads what another wrote: their order is that of the manifest's
faults and facts only."""


def generate(folder: Path, scale: int = 3000, seed: int = 4549) -> Manifest:
    """Write the files of a city of ``scale`` buildings into ``folder`` and return what was written and planted.

    Equal arguments give equal files. The folder is made; files of an earlier run are replaced. ValueError for a scale below 500.
    """
    if scale < SMALLEST_SCALE:
        raise ValueError(f"scale {scale}: a sample city has at least {SMALLEST_SCALE} buildings")
    folder.mkdir(parents=True, exist_ok=True)
    city = plan_city(folder, scale, seed)
    handover = HandOver()
    with closing(city.later_blocks):
        for deliver in _DELIVERIES:
            deliver(city, handover)
    manifest = Manifest(
        city="常州（样例城市）",
        seed=seed,
        scale=scale,
        storage_crs=STORAGE_CRS,
        extent_deg=_extent_deg(city.grid),
        sources=handover.sources(),
        updates=tuple(handover.updates),
        faults=tuple(handover.faults),
        facts=tuple(handover.facts),
    )
    manifest.write(folder)
    return manifest


def _extent_deg(grid: StreetGrid) -> tuple[float, float, float, float]:
    to_degrees = Transformer.from_crs(STORAGE_CRS, "EPSG:4490", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.extent_m())
    return round(west, 6), round(south, 6), round(east, 6), round(north, 6)
