"""Delivers the land use plan: 用地规划.zip."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sample_city import write_shapefile
from sample_city.city import City
from sample_city.faults import plant_in_plots
from sample_city.handover import HandOver
from sample_city.landuse import Plot, plan_land_use


def deliver_land_use(city: City, handover: HandOver) -> None:
    """Write the plots of the whole grid."""
    file, layer = write_shapefile.FILE_NAME, write_shapefile.LAYER
    count = 0

    def plots() -> Iterator[Plot]:
        nonlocal count
        every = plan_land_use(city.grid, city.town)
        planted = plant_in_plots(list(itertools.islice(every, 40)))
        handover.faults += planted.faults(file, layer, 1, [p.plot_id for p in planted.rows])
        for plot in itertools.chain(planted.rows, every):
            count += 1
            yield plot

    write_shapefile.write_plots(city.folder, plots())
    handover.wrote(file, layer, "land_use_plan", count, "无 .cpg；废止地块与现行地块重叠 / no .cpg; repealed plots overlap", encoding="GBK")
