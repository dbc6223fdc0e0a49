"""The pipe services of the city: where in the street, how deep, what they are made of, whose they are.

Kinds, materials and embeddings are the letter codes of CJJ 61-2017. Every service has a depth of its own, so that at crossings the lower
one passes at least 0.15 m below the upper one: lighting, industrial gas, telecommunication, heating, power, gas, water, storm sewer, foul
sewer. Side by side they keep the clearances of GB 50289-2016 table 4.1.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

JUNCTION_FEATURES = {1: "起讫点", 2: "直通点", 3: "三通点", 4: "四通点"}
STRAIGHT, BEND, REDUCER, ENTRY, STUB, EDGE_OF_SURVEY, OUTFALL = "直通点", "转折点", "变径点", "进出户点", "预留口", "出测区点", "出水口"
HYDRANT, GULLY = "消防栓", "雨水箅"
FEATURES = frozenset({*JUNCTION_FEATURES.values(), BEND, REDUCER, ENTRY, STUB, EDGE_OF_SURVEY, OUTFALL})
"""Every other word for a point is an appurtenance (附属物)."""
WELLS = frozenset({"检查井", "化粪池", "泵站", GULLY, "阀门井", "水表井", "凝水井", "电力井", "人孔", "手孔", "热力小室"})
"""Appurtenances with a shaft."""


class Where(Enum):
    """The streets that carry a service."""

    STREETS = "every street"
    ARTERIALS = "arterial roads"
    HEATED = "lanes of the quarters with district heating"
    INDUSTRIAL = "lanes beside industry"
    TUNNELS = "the utility tunnels under arterial roads"


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of pipe line. ``offset_m`` is from the street's axis, north or east positive; ``cover_m`` is to the top of the pipe.

    Numbers of its points begin with ``prefix``.
    """

    kind: str
    prefix: str
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
    """A service that follows the ground. ``along`` names its points between two junctions, in turn; ``at_junction`` is None for a joint."""

    where: Where
    arterial_size: str
    lane_size: str
    along: tuple[str, ...]
    at_junction: str | None = None
    well_margin_m: float = 0.7
    """How far the floor of its chambers lies below the top of the pipe."""
    pressure: str | None = None
    voltage_kv: float | None = None
    cables: int | None = None
    holes: int | None = None


@dataclass(frozen=True, slots=True)
class Yard:
    """A service within a block: a branch behind a row of buildings, and from it a connection to each of them.

    ``behind_m`` is from the row to the branch, ``beside_m`` along the building from its middle to the connection, ``cover_m`` to the top.
    """

    service: Service
    behind_m: float
    beside_m: float
    cover_m: float
    branch_mm: int
    connection_mm: int
    at_edge: str
    """What stands where the branch enters the block."""
    pressure: str | None = None


STORM_SEWER = Sewer(
    "YS", "YS", -2.0, 62.0, 2.82, "T", "ZM", "常州市排水管理处",
    diameters=((0.0, 400), (450.0, 600), (1100.0, 800), (2000.0, 1000), (3200.0, 1200), (4600.0, 1500)), slope_times_mm=0.70,
)  # fmt: skip
FOUL_SEWER = Sewer(
    "WS", "WS", 2.0, 62.0, 2.82, "PE", "ZM", "常州市排水管理处",
    diameters=((0.0, 300), (1500.0, 400), (3500.0, 500), (6000.0, 600), (9000.0, 800)), slope_times_mm=0.60,
)  # fmt: skip
WATER = Conduit(
    "JP", "JP", -5.0, 70.0, 2.19, "QM", "ZM", "常州通用自来水有限公司",
    where=Where.STREETS, arterial_size="400", lane_size="200", along=("阀门井",), pressure="0.35MPa",
)  # fmt: skip
GAS = Conduit(
    "TR", "TR", 5.5, 70.0, 1.71, "PE", "ZM", "常州港华燃气有限公司",
    where=Where.STREETS, arterial_size="250", lane_size="160", along=("阀门井", STRAIGHT, "凝水井"), pressure="中压A",
)  # fmt: skip
POWER = Conduit(
    "GD", "GD", -7.2, 70.0, 1.20, "TZ", "GK", "国网江苏省电力有限公司常州供电分公司",
    where=Where.ARTERIALS, arterial_size="500X300", lane_size="500X300", along=("电力井", "变压器", "电力井", "接线箱"),
    at_junction="电力井", voltage_kv=10.0, cables=4, holes=8,
)  # fmt: skip
TELECOM = Conduit(
    "XX", "XX", 7.4, 70.0, 0.64, "GX", "GK", "中国电信股份有限公司常州分公司",
    where=Where.ARTERIALS, arterial_size="350X250", lane_size="350X250", along=("手孔", "人孔"), at_junction="人孔", cables=4, holes=9,
)  # fmt: skip
LIGHTING = Conduit(
    "LD", "LD", -15.6, 36.0, 0.38, "TZ", "GM", "常州市城市照明管理处",
    where=Where.ARTERIALS, arterial_size="50", lane_size="50", along=("路灯杆",), voltage_kv=0.4, cables=1,
)  # fmt: skip
HEATING = Conduit(
    "RS", "RS", -7.4, 70.0, 0.95, "G", "ZM", "常州市热力有限公司",
    where=Where.HEATED, arterial_size="300", lane_size="300", along=(STRAIGHT, "热力小室"), pressure="1.6MPa",
)  # fmt: skip
NITROGEN = Conduit(
    "DQ", "DQ", 7.4, 70.0, 0.58, "G", "ZM", "常州工业气体有限公司",
    where=Where.INDUSTRIAL, arterial_size="100", lane_size="100", along=("阀门", STRAIGHT), pressure="0.8MPa",
)  # fmt: skip
TUNNEL_TRUNKS = (
    Conduit(
        "SS", "SSL", 10.6, 70.0, 10.2, "G", "ZH", "常州通用自来水有限公司",
        where=Where.TUNNELS, arterial_size="800", lane_size="800", along=(STRAIGHT, "阀门"), pressure="0.6MPa",
    ),
    Conduit(
        "RS", "RSL", 12.2, 70.0, 10.4, "G", "ZH", "常州市热力有限公司",
        where=Where.TUNNELS, arterial_size="500", lane_size="500", along=(STRAIGHT,), pressure="1.6MPa",
    ),
    Conduit(
        "GD", "GDL", 14.2, 70.0, 9.4, "TZ", "ZH", "国网江苏省电力有限公司常州供电分公司",
        where=Where.TUNNELS, arterial_size="600X400", lane_size="600X400", along=(STRAIGHT,), voltage_kv=110.0, cables=6,
    ),
    Conduit(
        "XX", "XXL", 14.2, 70.0, 10.6, "GX", "ZH", "中国电信股份有限公司常州分公司",
        where=Where.TUNNELS, arterial_size="400X200", lane_size="400X200", along=(STRAIGHT,), cables=12,
    ),
)  # fmt: skip
"""Trunk lines in the utility tunnels; where a tunnel ends they leave the surveyed area."""
SEWERS = (STORM_SEWER, FOUL_SEWER)
CONDUITS = (WATER, GAS, POWER, TELECOM, LIGHTING, HEATING, NITROGEN, *TUNNEL_TRUNKS)
FOUL_YARD = Yard(FOUL_SEWER, 2.75, -1.3, 1.17, 200, 150, "检查井")
WATER_YARD = Yard(WATER, 4.0, 0.0, 0.86, 100, 50, "水表井", "0.30MPa")
GAS_YARD = Yard(GAS, 5.1, 1.2, 0.60, 63, 32, "调压箱", "低压")
YARDS = (FOUL_YARD, WATER_YARD, GAS_YARD)
