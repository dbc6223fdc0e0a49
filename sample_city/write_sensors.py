"""Writes the register of sensors: 感知设备.gpkg."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from shapely import Point

from sample_city.city import City
from sample_city.handover import HandOver
from sample_city.manifest import Fault, Severity
from sample_city.sensors import Sensor, sensors_beside_streets, sensors_on_buildings
from sample_city.write_layers import DATE, INTEGER, TEXT, GeoPackage, Layer

FILE_NAME = "感知设备.gpkg"
SENSORS = Layer(
    "传感器", "Point Z",
    {
        "设备编号": TEXT, "名称": TEXT, "监测类型": TEXT, "建筑编号": TEXT, "管线点编号": TEXT, "计量单位": TEXT, "采集周期": INTEGER,
        "设备状态": TEXT, "主管部门": TEXT, "安装日期": DATE,
    },
)  # fmt: skip
_NO_NODE = "YS9999Z9"


def write_sensors(city: City, handover: HandOver, in_shafts: Iterable[Sensor]) -> None:
    """Write the sensors in shafts and those of every block, a few of them faulty."""
    with GeoPackage(city.folder / FILE_NAME, SENSORS) as package:
        for s in itertools.chain(_with_faults(in_shafts, handover), _of_blocks(city)):
            package.add(
                SENSORS, Point(s.e, s.n, s.height_m), s.sensor_id or None, s.name, s.kind, s.building_id, s.node_id, s.unit,
                s.interval_s, s.state, s.department, s.installed_on,
            )  # fmt: skip
    handover.wrote(FILE_NAME, SENSORS.name, "sensor", package.rows(SENSORS), "关联管线点或建筑物 / in a pipe node or on a building")


def _of_blocks(city: City) -> Iterator[Sensor]:
    for block, buildings in city.blocks():
        yield from sensors_on_buildings(buildings, city.seed)
        yield from sensors_beside_streets(city.grid, block)


def _with_faults(sensors: Iterable[Sensor], handover: HandOver) -> Iterator[Sensor]:
    """Yield the sensors, the first three of them among faulty rows; all as they are when there are fewer."""
    every = iter(sensors)
    head = list(itertools.islice(every, 3))
    if len(head) < 3:
        yield from head
        return
    first, second, third = head
    planted: tuple[tuple[Sensor, str, Severity, str], ...] = (
        (first, "unique", "error", "设备编号与上一行重复 / same number as the row above"),
        (dataclasses.replace(first, sensor_id=""), "required", "error", "缺设备编号 / no number"),
        (dataclasses.replace(second, node_id=_NO_NODE), "reference", "warning", "管线点不存在 / no such pipe node"),
        (dataclasses.replace(third, kind="占卜"), "code", "warning", "监测类型不在代码表中 / unknown kind"),
    )
    yield first
    for row, (sensor, rule, severity, note) in enumerate(planted, start=2):
        handover.faults.append(Fault(FILE_NAME, SENSORS.name, row, sensor.sensor_id, rule, severity, note))
        yield sensor
    yield from every
