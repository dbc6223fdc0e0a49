"""Delivers the land use plan: 用地规划.zip."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sample_city import write_shapefile
from sample_city.city import City
from sample_city.control_lines import ControlLine, ControlLinePlanner
from sample_city.deliver_plans import IN_HERITAGE
from sample_city.faults import plant_in_plots
from sample_city.handover import HandOver
from sample_city.landuse import GREEN, Plot, plan_land_use
from sample_city.manifest import Fault
from sample_city.plans import REPEALED

_TOUCHES_M2 = 1.0


def deliver_land_use(city: City, handover: HandOver) -> None:
    """Write the plots of the whole grid."""
    file, layer = write_shapefile.FILE_NAME, write_shapefile.LAYER
    count = 0
    historic = ControlLinePlanner(city.grid, city.town).historic

    def plots() -> Iterator[Plot]:
        nonlocal count
        every = plan_land_use(city.grid, city.town)
        planted = plant_in_plots(list(itertools.islice(every, 40)))
        handover.faults += planted.faults(file, layer, 1, [p.plot_id for p in planted.rows])
        for plot in itertools.chain(planted.rows, every):
            count += 1
            if plot.plan_state != REPEALED and plot.land_use != GREEN and _reaches_into(plot, historic):
                handover.faults.append(Fault(file, layer, count, plot.plot_id, "in-purple-line", "review", IN_HERITAGE))
            yield plot

    write_shapefile.write_plots(city.folder, plots())
    handover.wrote(file, layer, "land_use_plan", count, "无 .cpg；废止地块与现行地块重叠 / no .cpg; repealed plots overlap", encoding="GBK")


def _reaches_into(plot: Plot, lines: tuple[ControlLine, ...]) -> bool:
    return any(float(line.shape.intersection(plot.shape).area) > _TOUCHES_M2 for line in lines)
