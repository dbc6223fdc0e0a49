"""Administrative units of Changzhou: real codes and names (code list of 2024), invented boundaries.

Each town or street owns the ground nearest to a hand-set point within an invented outline; a district is the union of its towns, the city
of its districts. The points are only roughly where the towns lie: good for a sample, not for work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

CITY_CODE, CITY_NAME = "320400", "常州市"
_DEGREE_DECIMALS = 7

_OUTLINE = (
    (119.15, 31.42), (119.24, 31.28), (119.38, 31.16), (119.55, 31.19), (119.62, 31.33), (119.72, 31.52), (119.90, 31.52), (120.02, 31.42),
    (120.12, 31.50), (120.16, 31.62), (120.20, 31.74), (120.17, 31.86), (120.05, 31.97), (119.92, 32.01), (119.76, 32.05), (119.72, 31.92),
    (119.60, 31.88), (119.44, 31.86), (119.33, 31.75), (119.30, 31.62), (119.19, 31.56),
)  # fmt: skip

# code of the district: name, then (last three digits, name, longitude, latitude) of its streets and towns
_DISTRICTS: dict[str, tuple[str, tuple[tuple[str, str, float, float], ...]]] = {
    "320402": ("天宁区", (
        ("001", "雕庄街道", 120.021, 31.772), ("002", "青龙街道", 120.008, 31.812), ("003", "茶山街道", 119.990, 31.757),
        ("004", "红梅街道", 119.981, 31.803), ("005", "天宁街道", 119.983, 31.784), ("006", "兰陵街道", 119.966, 31.764),
        ("109", "郑陆镇", 120.092, 31.822),
    )),
    "320404": ("钟楼区", (
        ("001", "五星街道", 119.927, 31.785), ("002", "永红街道", 119.933, 31.764), ("003", "北港街道", 119.902, 31.786),
        ("004", "西林街道", 119.896, 31.756), ("005", "南大街街道", 119.957, 31.781), ("006", "荷花池街道", 119.956, 31.799),
        ("007", "新闸街道", 119.880, 31.812), ("116", "邹区镇", 119.832, 31.772),
    )),
    "320411": ("新北区", (
        ("002", "三井街道", 119.966, 31.827), ("003", "龙虎塘街道", 119.998, 31.853), ("004", "春江街道", 119.992, 31.930),
        ("005", "魏村街道", 119.927, 31.958), ("006", "新桥街道", 119.952, 31.871), ("101", "孟河镇", 119.792, 31.988),
        ("103", "薛家镇", 119.903, 31.840), ("104", "罗溪镇", 119.848, 31.868), ("105", "西夏墅镇", 119.836, 31.925),
        ("122", "奔牛镇", 119.806, 31.838),
    )),
    "320412": ("武进区", (
        ("001", "戚墅堰街道", 120.062, 31.736), ("002", "丁堰街道", 120.042, 31.752), ("003", "潞城街道", 120.075, 31.764),
        ("100", "湖塘镇", 119.951, 31.722), ("102", "牛塘镇", 119.898, 31.712), ("103", "洛阳镇", 120.082, 31.642),
        ("104", "遥观镇", 120.046, 31.702), ("105", "横林镇", 120.112, 31.702), ("106", "横山桥镇", 120.118, 31.752),
        ("110", "雪堰镇", 120.062, 31.532), ("113", "前黄镇", 119.908, 31.602), ("114", "礼嘉镇", 120.002, 31.642),
        ("119", "嘉泽镇", 119.782, 31.682), ("120", "湟里镇", 119.712, 31.632),
    )),
    "320413": ("金坛区", (
        ("001", "西城街道", 119.552, 31.732), ("100", "金城镇", 119.602, 31.756), ("104", "儒林镇", 119.642, 31.642),
        ("106", "直溪镇", 119.482, 31.792), ("108", "朱林镇", 119.472, 31.692), ("109", "薛埠镇", 119.382, 31.712),
        ("112", "指前镇", 119.562, 31.622),
    )),
    "320481": ("溧阳市", (
        ("001", "昆仑街道", 119.502, 31.452), ("002", "溧城街道", 119.482, 31.408), ("003", "古县街道", 119.536, 31.398),
        ("101", "埭头镇", 119.562, 31.482), ("102", "上黄镇", 119.582, 31.532), ("103", "戴埠镇", 119.532, 31.282),
        ("106", "天目湖镇", 119.422, 31.318), ("107", "别桥镇", 119.472, 31.532), ("109", "上兴镇", 119.272, 31.532),
        ("111", "竹箦镇", 119.362, 31.522), ("114", "南渡镇", 119.372, 31.432), ("116", "社渚镇", 119.292, 31.348),
    )),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AdminUnit:
    """One unit; ``shape`` is CRS84 (longitude, latitude) to 7 decimals, counter-clockwise outside as RFC 7946 asks."""

    code: str
    name: str
    level: str
    parent_code: str | None
    shape: Polygon | MultiPolygon


def admin_units() -> list[AdminUnit]:
    """Return the city, its six districts and their 58 streets and towns. Neighbours share their vertices exactly."""
    towns = _towns()
    shapes = dict(zip((t.code for t in towns), (t.shape for t in towns), strict=True))
    districts = [
        AdminUnit(code, name, "区县", CITY_CODE, _union([shapes[code + last] for last, *_ in members]))
        for code, (name, members) in _DISTRICTS.items()
    ]
    city = AdminUnit(CITY_CODE, CITY_NAME, "地级市", None, _union([d.shape for d in districts]))
    return [city, *districts, *towns]


def _towns() -> list[AdminUnit]:
    rows = [(code, *member) for code, (_, members) in _DISTRICTS.items() for member in members]
    seeds = shapely.points(np.array([(row[3], row[4]) for row in rows]))
    outline = Polygon(_OUTLINE)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(list(seeds)), extend_to=outline))
    cells = shapely.set_precision(shapely.intersection(cells, outline), 10.0**-_DEGREE_DECIMALS)
    tree = shapely.STRtree(cells)
    owner = {int(seed): int(cell) for seed, cell in tree.query(seeds, predicate="within").T}
    return [
        AdminUnit(code + last, name, "街道" if name.endswith("街道") else "镇", code, _outward(cells[owner[k]]))
        for k, (code, last, name, _, _) in enumerate(rows)
    ]


def _union(shapes: list[Polygon | MultiPolygon]) -> Polygon | MultiPolygon:
    return _outward(shapely.union_all(shapes, grid_size=10.0**-_DEGREE_DECIMALS))


def _outward(shape: shapely.Geometry) -> Polygon | MultiPolygon:
    if not isinstance(shape, Polygon | MultiPolygon):
        raise TypeError(shape.geom_type)
    return shapely.orient_polygons(shape)
