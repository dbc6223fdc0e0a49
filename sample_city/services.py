"""The pipe services that lie in the streets: where in the street, how deep, what they are made of, whose they are.

Kinds, materials and embeddings are the letter codes of CJJ 61-2017.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of pipe line. ``offset_m`` is from the street's axis, north or east positive; ``cover_m`` is to the top of the pipe."""

    kind: str
    offset_m: float
    spacing_m: float
    cover_m: float
    material: str
    embedding: str
    owner: str


@dataclass(frozen=True, slots=True)
class Sewer(Service):
    """A service that falls: (upstream length in metres, diameter in millimetres), rising."""

    diameters: tuple[tuple[float, int], ...]
    slope_times_mm: float
    """Slope of a pipe × its diameter in mm: big pipes lie flatter."""


@dataclass(frozen=True, slots=True)
class Conduit(Service):
    """A service that follows the ground: sizes and details in arterials and in lanes; None where it is not laid."""

    arterial_size: str
    lane_size: str | None
    appurtenance: str
    well_margin_m: float
    """How far the floor of its chambers lies below the top of the pipe."""
    pressure: str | None = None
    voltage_kv: float | None = None
    cables: int | None = None
    holes: int | None = None


STORM_SEWER = Sewer(
    "YS", -2.0, 62.0, 1.50, "T", "ZM", "常州市排水管理处",
    diameters=((0.0, 400), (450.0, 600), (1100.0, 800), (2000.0, 1000), (3200.0, 1200), (4600.0, 1500)), slope_times_mm=0.95,
)  # fmt: skip
FOUL_SEWER = Sewer(
    "WS", 2.0, 66.0, 1.90, "PE", "ZM", "常州市排水管理处",
    diameters=((0.0, 300), (900.0, 400), (2000.0, 500), (3600.0, 600), (6000.0, 800)), slope_times_mm=0.90,
)  # fmt: skip
WATER = Conduit(
    "JP", -5.0, 115.0, 1.00, "QM", "ZM", "常州通用自来水有限公司",
    arterial_size="500", lane_size="200", appurtenance="阀门井", well_margin_m=0.9, pressure="0.35MPa",
)  # fmt: skip
GAS = Conduit(
    "TR", 5.5, 130.0, 0.95, "PE", "ZM", "常州港华燃气有限公司",
    arterial_size="315", lane_size="160", appurtenance="阀门井", well_margin_m=0.7, pressure="中压A",
)  # fmt: skip
POWER = Conduit(
    "GD", -7.2, 95.0, 0.70, "TZ", "GK", "国网江苏省电力有限公司常州供电分公司",
    arterial_size="800X600", lane_size=None, appurtenance="电力井", well_margin_m=1.2, voltage_kv=10.0, cables=6, holes=12,
)  # fmt: skip
TELECOM = Conduit(
    "XX", 7.4, 95.0, 0.65, "GX", "GK", "中国电信股份有限公司常州分公司",
    arterial_size="400X300", lane_size=None, appurtenance="人孔", well_margin_m=1.1, cables=4, holes=9,
)  # fmt: skip
SEWERS = (STORM_SEWER, FOUL_SEWER)
CONDUITS = (WATER, GAS, POWER, TELECOM)
