"""Small networks beside the survey, each sound but for one planted fault that a row alone does not show.

They lie in open country, each in a lane of its own, so that nothing meets them. All are published: surveyors are told, not stopped.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sample_city.faults import Planted
from sample_city.manifest import Severity
from sample_city.pipes import SurveyLine, SurveyPoint
from sample_city.services import BEND, EDGE_OF_SURVEY, FEATURES, JUNCTION_FEATURES, OUTFALL, STRAIGHT

_LANES_APART_M = 8.0
_STREET = "城郊试验路"
_MANHOLE, _PUMP = "检查井", "泵站"
_TEE, _END = JUNCTION_FEATURES[3], JUNCTION_FEATURES[1]
_MATERIAL = {"WS": "T", "YS": "T", "JP": "QM"}
_OWNER = {"WS": "常州市排水管理处", "YS": "常州市排水管理处", "JP": "常州通用自来水有限公司"}
_COVER_M, _FALL = 2.0, 0.01
Ground = Callable[[float, float], float]
Mark = tuple[str, Severity, str]


@dataclass(slots=True)
class _Networks:
    """The networks so far. Places are metres east and north of the corner; ``like`` gives what no fault is about."""

    corner: tuple[float, float]
    ground_m: Ground
    like: SurveyPoint
    points: Planted[SurveyPoint] = field(default_factory=lambda: Planted([], []))
    lines: Planted[SurveyLine] = field(default_factory=lambda: Planted([], []))
    lane: int = 0

    def begin(self) -> None:
        self.lane += 1

    def point(
        self, kind: str, east_m: float, word: str, mark: Mark | None = None, *, north_m: float = 0.0, **changes: object
    ) -> SurveyPoint:
        e = round(self.corner[0] + east_m, 3)
        n = round(self.corner[1] + self.lane * _LANES_APART_M + north_m, 3)
        is_feature = word in FEATURES
        point = dataclasses.replace(
            self.like,
            point_id=f"CX{len(self.points.rows) + 1:04d}",
            kind=kind,
            e=e,
            n=n,
            ground_m=round(self.ground_m(e, n), 3),
            feature=word if is_feature else None,
            appurtenance=None if is_feature else word,
            well_depth_m=None,
            well_diameter_mm=None,
            well_material=None,
            feature_code=None,
            building_id=None,
            street=_STREET,
            owner=_OWNER[kind],
        )
        point = dataclasses.replace(point, **changes)  # type: ignore[arg-type]
        self.points.rows.append(point)
        self.points.marks.append(mark)
        return point

    def line(
        self, a: SurveyPoint, b: SurveyPoint, size: str, tops_m: tuple[float, float], mark: Mark | None = None, kind: str = ""
    ) -> SurveyLine:
        """Add a line whose ends lie at two elevations, flowing from the first to the second point."""
        kind = kind or a.kind
        line = SurveyLine(
            start_id=a.point_id,
            end_id=b.point_id,
            kind=kind,
            size=size,
            material=_MATERIAL[kind],
            embedding="ZM",
            start_depth_m=round(a.ground_m - tops_m[0], 2),
            end_depth_m=round(b.ground_m - tops_m[1], 2),
            start_elevation_m=round(tops_m[0], 3),
            end_elevation_m=round(tops_m[1], 3),
            flow=None if kind == "JP" else "+",
            pressure="0.35MPa" if kind == "JP" else None,
            voltage_kv=None,
            cables=None,
            holes=None,
            holes_used=None,
            street=_STREET,
            owner=_OWNER[kind],
            year=self.like.year,
        )
        self.lines.rows.append(line)
        self.lines.marks.append(mark)
        return line

    def sewer(
        self, kind: str, stops: Sequence[tuple[float, str]], sizes: Sequence[str], marks: Sequence[Mark | None] = ()
    ) -> list[SurveyPoint]:
        """Lay a sewer that falls evenly through stops (metres east, word), one size for each of its lines."""
        self.begin()
        points = [self.point(kind, east, word) for east, word in stops]
        lowest = min(p.ground_m for p in points) - _COVER_M
        for (a, b), size, mark in itertools.zip_longest(itertools.pairwise(points), sizes, marks):
            self.line(a, b, size, (lowest - _FALL * (a.e - self.corner[0]), lowest - _FALL * (b.e - self.corner[0])), mark)
        return points

    def main(self, *stops: tuple[float, str]) -> list[SurveyPoint]:
        """Set the points of a water main that comes from outside the survey."""
        self.begin()
        return [self.point("JP", east, word) for east, word in stops]

    def top(self, points: Sequence[SurveyPoint]) -> float:
        """Return an elevation below the ground at all of some points."""
        return round(min(p.ground_m for p in points) - _COVER_M, 3)


def plant_networks(corner: tuple[float, float], ground_m: Ground, like: SurveyPoint) -> tuple[Planted[SurveyPoint], Planted[SurveyLine]]:
    """Return points and lines of all the networks, ``corner`` being the easting and northing of their south-west corner."""
    networks = _Networks(corner, ground_m, like)
    for plant in (_points, _places, _lengths, _heights, _joints, _sewers, _turns, _systems):
        plant(networks)
    return networks.points, networks.lines


def _points(networks: _Networks) -> None:
    """Attributes of points that do not fit each other."""
    points = networks.sewer("WS", [(0, _MANHOLE), (30, _MANHOLE), (60, _MANHOLE), (90, OUTFALL)], ["300"] * 3)
    first = len(networks.points.rows) - len(points)
    faults: tuple[tuple[int, Mark, dict[str, str]], ...] = (
        (0, ("P01", "review", "图上点号与点号不同 / another number on the map"), {"map_number": "T1024"}),
        (1, ("P03", "warning", "同时有特征和附属物 / both a feature and an appurtenance"), {"feature": STRAIGHT}),
        (2, ("P05", "review", "污水井用了雨水井的代码 / a code of storm sewers on a sewage manhole"), {"feature_code": "52012205"}),
    )
    for k, mark, changes in faults:
        networks.points.rows[first + k] = dataclasses.replace(points[k], **changes)  # type: ignore[arg-type]
        networks.points.marks[first + k] = mark


def _places(networks: _Networks) -> None:
    """Two points of one kind at one place, each the end of a main of its own."""
    a, b = networks.main((0, EDGE_OF_SURVEY), (30, _END))
    c = networks.point("JP", 30, _END, ("P04", "warning", "与前面的点坐标、高程相同 / where an earlier point is"))
    d = networks.point("JP", 60, EDGE_OF_SURVEY)
    top = networks.top([a, b, c, d])
    networks.line(a, b, "200", (top, top))
    networks.line(c, d, "200", (top, top))


def _lengths(networks: _Networks) -> None:
    """Lines too long, too deep, too shallow and too steep."""
    a, b = networks.main((0, EDGE_OF_SURVEY), (90, _END))
    top = networks.top([a, b])
    networks.line(a, b, "200", (top, top), ("J04", "review", "管段长 90 m / a line of 90 m"))
    a, b = networks.main((0, EDGE_OF_SURVEY), (40, _END))
    networks.line(a, b, "200", (a.ground_m - 21.5, b.ground_m - 21.5), ("L04", "review", "埋深 21.5 m / 21.5 m deep"))
    a, b = networks.main((0, EDGE_OF_SURVEY), (40, _END))
    networks.line(a, b, "200", (a.ground_m - 0.3, b.ground_m - 0.3), ("cover", "review", "覆土 0.3 m / 0.3 m of soil over it"))
    a, b, c = networks.main((0, EDGE_OF_SURVEY), (3, BEND), (30, _END))
    top = networks.top([a, b, c])
    networks.line(a, b, "200", (top, top - 3.0), ("J05", "review", "坡度 45° / a slope of 45°"))
    networks.line(b, c, "200", (top - 3.0, top - 3.0))


def _heights(networks: _Networks) -> None:
    """Two mains that meet at a point 0.3 m one above the other."""
    a, b, c = networks.main((0, EDGE_OF_SURVEY), (30, STRAIGHT), (60, _END))
    top = networks.top([a, b, c])
    networks.line(a, b, "200", (top, top))
    networks.line(b, c, "200", (top - 0.3, top - 0.3), ("L05", "warning", "同点两管高程差 0.3 m / 0.3 m off at the point they share"))


def _joints(networks: _Networks) -> None:
    """A tee at which two lines meet."""
    networks.begin()
    a = networks.point("JP", 0, EDGE_OF_SURVEY)
    b = networks.point("JP", 30, _TEE, ("J06", "warning", "三通点只连两条管线 / a tee of two lines"))
    c = networks.point("JP", 60, _END)
    top = networks.top([a, b, c])
    networks.line(a, b, "200", (top, top))
    networks.line(b, c, "200", (top, top))


def _sewers(networks: _Networks) -> None:
    """Sewers that rise, narrow, have too few manholes, or lead nowhere."""
    networks.begin()
    a, b, c = (networks.point("WS", east, word) for east, word in ((0, _MANHOLE), (30, _MANHOLE), (60, OUTFALL)))
    low = networks.top([a, b, c])
    networks.line(a, b, "300", (low - 0.6, low - 0.3), ("gravity-uphill", "warning", "沿流向升高 0.3 m / rises by 0.3 m"))
    networks.line(b, c, "300", (low - 0.3, low - 0.6))
    narrow: Mark = ("diameter-shrinks", "review", "上游 600，下游 300 / 600 above, 300 below")
    networks.sewer("WS", [(0, _MANHOLE), (30, _MANHOLE), (60, OUTFALL)], ["600", "300"], [None, narrow])
    far: Mark = ("manhole-spacing", "warning", "检查井间距 100 m / manholes 100 m apart")
    networks.sewer("WS", [(0, _MANHOLE), (50, STRAIGHT), (100, _MANHOLE), (130, OUTFALL)], ["300"] * 3, [far])
    points = networks.sewer("WS", [(0, _MANHOLE), (30, _MANHOLE)], ["300"])
    networks.points.marks[-len(points)] = ("connectivity", "review", "没有出口 / there is no outlet")


def _turns(networks: _Networks) -> None:
    """A sewer that turns back in a manhole."""
    networks.begin()
    a, b = networks.point("WS", 0, _MANHOLE), networks.point("WS", 30, _MANHOLE)
    c = networks.point("WS", 12, OUTFALL, north_m=4.0)
    low = networks.top([a, b, c])
    networks.line(a, b, "400", (low, low - 0.2), ("turn-angle", "warning", "水流急转 / the water turns back"))
    networks.line(b, c, "400", (low - 0.2, low - 0.4))


def _systems(networks: _Networks) -> None:
    """Sewage that flows into a storm sewer; both systems have a pumping station there."""
    networks.begin()
    a = networks.point("WS", 0, _MANHOLE)
    b, c = networks.point("YS", 30, _PUMP), networks.point("YS", 60, OUTFALL)
    low = networks.top([a, b, c])
    networks.line(a, b, "300", (low, low - 0.3), ("SEP01", "warning", "污水接入雨水管 / sewage flows into a storm sewer"))
    networks.line(b, c, "400", (low - 0.3, low - 0.6))
