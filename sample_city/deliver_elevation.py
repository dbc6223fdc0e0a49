"""Delivers the elevation model: 高程.tif."""

from __future__ import annotations

from sample_city import write_dem
from sample_city.city import City
from sample_city.handover import HandOver


def deliver_elevation(city: City, handover: HandOver) -> None:
    """Write the elevation model of the whole extent."""
    write_dem.write_elevation(city.folder, city.grid.relief, city.grid.extent_m())
    handover.wrote(write_dem.FILE_NAME, write_dem.LAYER, "terrain", 1, "1985国家高程基准 / 1985 heights, metres", encoding="")
