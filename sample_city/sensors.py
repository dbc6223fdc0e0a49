"""Sensors in shafts, on buildings and beside streets: what a city of this size has of each kind is decided by shares of its own.

No source of the plans counts sensors; the shares follow what a pilot installs: levels in one shaft of thirty, and so on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sample_city.buildings import Building
from sample_city.pipes import SurveyPoint
from sample_city.seeding import hash_unit, rng_at
from sample_city.streets import StreetGrid
from sample_city.town import TownBlock

_SUBJECT_SENSOR = 66
_STATES = (("在线", 0.93), ("离线", 0.04), ("故障", 0.02), ("维护中", 0.01))
_FIRST_DAY = dt.date(2021, 3, 1)
_DAYS = 1700
_BELOW_COVER_M = 0.6
_POLE_M, _POLE_FROM_JUNCTION_M = 3.5, 8.2


@dataclass(frozen=True, slots=True)
class _Model:
    letters: str
    kind: str
    unit: str
    interval_s: int
    department: str


_LEVEL = _Model("YW", "液位", "m", 300, "常州市排水管理处")
_PRESSURE = _Model("YL", "压力", "MPa", 60, "常州通用自来水有限公司")
_GAS_LEAK = _Model("RQ", "燃气泄漏", "%LEL", 60, "常州港华燃气有限公司")
_COVER = _Model("JG", "井盖状态", "", 3600, "常州市城市管理局")
_SETTLEMENT = _Model("CJ", "沉降", "mm", 3600, "常州市住房和城乡建设局")
_INCLINATION = _Model("QX", "倾斜", "°", 600, "常州市住房和城乡建设局")
_ENERGY = _Model("NH", "能耗", "kWh", 900, "常州市机关事务管理局")
_AIR = _Model("KQ", "空气质量", "μg/m³", 3600, "常州市生态环境局")
_NOISE = _Model("ZS", "噪声", "dB(A)", 1, "常州市生态环境局")
_WEATHER = _Model("QC", "气象", "°C", 600, "常州市气象局")
_FLOODING = _Model("JS", "积水", "cm", 60, "常州市城市管理局")
_SHAFTS: dict[tuple[str, str | None], tuple[tuple[_Model, float], ...]] = {
    ("YS", "检查井"): ((_LEVEL, 0.035), (_COVER, 0.02)),
    ("WS", "检查井"): ((_LEVEL, 0.03), (_COVER, 0.02)),
    ("JP", "阀门井"): ((_PRESSURE, 0.05),),
    ("TR", "阀门井"): ((_GAS_LEAK, 0.12),),
    ("TR", "调压箱"): ((_GAS_LEAK, 0.8),),
    ("YS", "雨水箅"): ((_FLOODING, 0.02),),
}
"""By kind of pipe and appurtenance: what is measured there, and in what share of them."""
_STREETS = ((_AIR, 0.04), (_NOISE, 0.05), (_WEATHER, 0.012))
"""Beside junctions of the town."""
_TALL_FLOORS, _OLD_YEAR = 26, 1975


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor; ``height_m`` is its 1985 height. Empty ``unit``: it reports a state, not a quantity."""

    sensor_id: str
    name: str
    kind: str
    building_id: str | None
    node_id: str | None
    unit: str | None
    interval_s: int
    state: str
    department: str
    installed_on: dt.date
    e: float
    n: float
    height_m: float


def sensors_in_shafts(points: Iterable[SurveyPoint], seed: int) -> Iterator[Sensor]:
    """Yield the sensors in shafts and cabinets of the pipe networks."""
    candidates = [point for point in points if (point.kind, point.appurtenance) in _SHAFTS]
    east, north = (np.array([round(place * 1000) for place in places], dtype=np.int64) for places in _places(candidates))
    for point, draw in zip(candidates, hash_unit(seed, _SUBJECT_SENSOR, east, north).tolist(), strict=True):
        model = _chosen(_SHAFTS[point.kind, point.appurtenance], draw)
        if model is not None:
            height = round(point.ground_m - (_BELOW_COVER_M if point.well_depth_m else -1.0), 3)
            at = (point.e, point.n, height)
            yield _sensor(seed, model, point.point_id, f"{point.street}{point.point_id}", at, node=point.point_id)


def _places(points: list[SurveyPoint]) -> tuple[list[float], list[float]]:
    return [point.e for point in points], [point.n for point in points]


def _chosen(models: tuple[tuple[_Model, float], ...], draw: float) -> _Model | None:
    """Return the model whose share a draw between 0 and 1 falls into."""
    for model, share in models:
        if draw < share:
            return model
        draw -= share
    return None


def sensors_on_buildings(buildings: Iterable[Building], seed: int) -> Iterator[Sensor]:
    """Yield the sensors on high, old and public buildings."""
    for building in buildings:
        model = _model_on(building)
        if model is not None:
            place = building.footprint.representative_point()
            height = building.plinth_m + 1.0 if model is _ENERGY else building.eaves_m
            at = (round(place.x, 3), round(place.y, 3), round(height, 3))
            yield _sensor(seed, model, building.building_id, building.name, at, building=building.building_id)


def _model_on(building: Building) -> _Model | None:
    if building.floors_above >= _TALL_FLOORS:
        return _INCLINATION
    if building.year_built <= _OLD_YEAR and building.floors_above >= 2:
        return _SETTLEMENT
    return _ENERGY if building.usage == "行政办公" else None


def sensors_beside_streets(grid: StreetGrid, block: TownBlock) -> Iterator[Sensor]:
    """Yield what stands at the south-western junction of a block."""
    e, n = (round(float(place) + _POLE_FROM_JUNCTION_M, 3) for place in grid.junctions[block.cell])
    model = _chosen(_STREETS, float(rng_at(grid.relief.seed, _SUBJECT_SENSOR, *block.cell).random()))
    if model is not None:
        at = (e, n, round(grid.relief.height_m(e, n) + _POLE_M, 3))
        where = f"{grid.horizontal_name(*block.cell)}路口"
        yield _sensor(grid.relief.seed, model, f"{block.cell[0]:04d}{block.cell[1]:04d}", where, at)


def _sensor(
    seed: int,
    model: _Model,
    place: str,
    where: str,
    at: tuple[float, float, float],
    building: str | None = None,
    node: str | None = None,
) -> Sensor:
    rng = rng_at(seed, _SUBJECT_SENSOR, round(at[0] * 1000), round(at[1] * 1000), 1)
    return Sensor(
        sensor_id=f"CG{model.letters}{place}",
        name=f"{where}{model.kind}监测",
        kind=model.kind,
        building_id=building,
        node_id=node,
        unit=model.unit or None,
        interval_s=model.interval_s,
        state=str(rng.choice([state for state, _ in _STATES], p=[share for _, share in _STATES])),
        department=model.department,
        installed_on=_FIRST_DAY + dt.timedelta(days=int(rng.integers(_DAYS))),
        e=at[0],
        n=at[1],
        height_m=at[2],
    )
