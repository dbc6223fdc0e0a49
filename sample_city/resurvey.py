"""The pipe survey of the next quarter: mains with new valves and stubs, measured anew here and there, some connections gone.

What changes is decided by the number of a point or line alone, so a quarter of the area can be changed without the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sample_city.pipes import PipeSurvey, SurveyLine, SurveyPoint
from sample_city.services import GAS, JUNCTION_FEATURES, REDUCER, STRAIGHT, STUB, WATER

YEAR = 2026
_MOVABLE = {"阀门井", "凝水井", "手孔", "消防栓"}
_SHARE_MOVED, _SHARE_RENEWED, _SHARE_NEW_COVERS = 0.012, 0.008, 0.02
_SHARE_DISCONNECTED, _SHARE_STUBS, _SHARE_NEW_VALVES = 0.05, 0.05, 0.012
_MOVED_M = (0.3, 0.9)
_STUB_M = 2.5
_SHORTEST_TO_DIVIDE_M = 30.0
Ground = Callable[[float, float], float]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """How many rows of one sheet came, changed, went and stayed as they were."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0

    def __add__(self, other: Change) -> Change:
        return Change(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Resurvey:
    """The new survey of an area, and how it differs from the one before."""

    survey: PipeSurvey
    points: Change
    lines: Change
    moved: tuple[str, ...]
    """Points that have been measured at another place."""


@dataclass(slots=True)
class _Network:
    seed: int
    ground_m: Ground
    is_demolished: Callable[[str], bool]
    points: dict[str, SurveyPoint]
    lines: dict[Key, SurveyLine]
    ends: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))

    def draw(self, subject: str, number: str) -> float:
        digest = hashlib.blake2b(f"{self.seed} {subject} {number}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / 2.0**56

    def add(self, line: SurveyLine) -> None:
        key = (line.start_id, line.end_id)
        self.lines[key] = line
        for number in key:
            self.ends[number].append(key)

    def remove(self, key: Key) -> SurveyLine:
        for number in key:
            self.ends[number].remove(key)
        return self.lines.pop(key)


def resurvey(survey: PipeSurvey, seed: int, ground_m: Ground, is_demolished: Callable[[str], bool]) -> Resurvey:
    """Return what the next survey finds of a quarter; ``ground_m`` gives the ground elevation at an easting and northing.

    Buildings that are demolished in between have lost their connections.
    """
    network = _Network(seed, ground_m, is_demolished, {p.point_id: p for p in survey.points}, {})
    for line in survey.lines:
        network.add(line)
    for edit in (_measure_anew, _disconnect, _lay_stubs, _set_valves, _renew):
        edit(network)
    after = PipeSurvey(tuple(network.points.values()), tuple(network.lines.values()))
    places = {p.point_id: (p.e, p.n) for p in survey.points}
    moved = tuple(p.point_id for p in after.points if places.get(p.point_id, (p.e, p.n)) != (p.e, p.n))
    return Resurvey(after, *compare(survey, after), moved)


def compare(before: PipeSurvey, after: PipeSurvey) -> tuple[Change, Change]:
    """Return what changed of points and of lines; a line also changes when one of its ends moves."""
    points = [{p.point_id: p for p in survey.points} for survey in (before, after)]
    places = [{number: (p.e, p.n) for number, p in found.items()} for found in points]
    lines = [
        {(s.start_id, s.end_id): (s, at.get(s.start_id), at.get(s.end_id)) for s in survey.lines}
        for survey, at in zip((before, after), places, strict=True)
    ]
    return _change(points[0], points[1]), _change(lines[0], lines[1])


def _change[Number, Row](before: Mapping[Number, Row], after: Mapping[Number, Row]) -> Change:
    both = before.keys() & after.keys()
    updated = sum(before[key] != after[key] for key in both)
    return Change(len(after) - len(both), updated, len(before) - len(both), len(both) - updated)


def _measure_anew(network: _Network) -> None:
    """Move fittings between junctions by a few decimetres; depths stay, so elevations follow the ground."""
    for number, point in list(network.points.items()):
        if point.appurtenance in _MOVABLE and network.draw("moved", number) < _SHARE_MOVED:
            turn = 2 * math.pi * network.draw("bearing", number)
            distance = _MOVED_M[0] + (_MOVED_M[1] - _MOVED_M[0]) * network.draw("distance", number)
            e, n = round(point.e + distance * math.cos(turn), 3), round(point.n + distance * math.sin(turn), 3)
            network.points[number] = moved = dataclasses.replace(point, e=e, n=n, ground_m=network.ground_m(e, n))
            for key in network.ends[number]:
                line = network.lines[key]
                if line.start_id == number:
                    line = dataclasses.replace(line, start_elevation_m=round(moved.ground_m - line.start_depth_m, 3))
                else:
                    line = dataclasses.replace(line, end_elevation_m=round(moved.ground_m - line.end_depth_m, 3))
                network.lines[key] = line


def _disconnect(network: _Network) -> None:
    """Take out house connections; the tee that they left becomes a straight point, the end of a branch a stub."""
    for number, point in list(network.points.items()):
        if point.building_id is None:
            continue
        if network.is_demolished(point.building_id) or network.draw("disconnected", number) < _SHARE_DISCONNECTED:
            (key,) = network.ends[number]
            network.remove(key)
            del network.points[number]
            stop = network.points[key[0] if key[1] == number else key[1]]
            without = {JUNCTION_FEATURES[3]: STRAIGHT, REDUCER: STUB}.get(stop.feature or "", stop.feature)
            network.points[stop.point_id] = dataclasses.replace(stop, feature=without)


def _lay_stubs(network: _Network) -> None:
    """Lay short stubs of gas mains towards what will be built; the straight point they leave from becomes a tee."""
    for number, point in list(network.points.items()):
        if point.kind != GAS.kind or point.feature != STRAIGHT or network.draw("stub", number) >= _SHARE_STUBS:
            continue
        main = network.lines[network.ends[number][0]]
        if main.pressure != GAS.pressure or not {main.start_id, main.end_id} <= network.points.keys():
            continue
        a, b = network.points[main.start_id], network.points[main.end_id]
        length = math.hypot(b.e - a.e, b.n - a.n)
        side = 1.0 if abs(b.e - a.e) > abs(b.n - a.n) else -1.0
        e, n = -(b.n - a.n) / length * _STUB_M * side, (b.e - a.e) / length * _STUB_M * side
        stub = _beside(network, point, number + "S", point.e + e, point.n + n, STUB)
        depth = main.start_depth_m if main.start_id == number else main.end_depth_m
        network.points[number] = dataclasses.replace(point, feature=JUNCTION_FEATURES[3])
        network.points[stub.point_id] = stub
        network.add(_between(main, point, stub, (depth, depth), GAS.lane_size))


def _set_valves(network: _Network) -> None:
    """Divide long water mains by a new valve chamber."""
    for key, line in list(network.lines.items()):
        number = f"{key[0]}-{key[1]}"
        if line.kind != WATER.kind or not set(key) <= network.points.keys() or network.draw("valve", number) >= _SHARE_NEW_VALVES:
            continue
        a, b = network.points[key[0]], network.points[key[1]]
        if math.hypot(b.e - a.e, b.n - a.n) < _SHORTEST_TO_DIVIDE_M:
            continue
        valve = _beside(network, a, key[0] + "Z", (a.e + b.e) / 2, (a.n + b.n) / 2, None)
        depth = round((line.start_depth_m + line.end_depth_m) / 2, 2)
        valve = dataclasses.replace(
            valve, appurtenance="阀门井", well_depth_m=round(depth + WATER.well_margin_m, 2), well_diameter_mm=1200, well_material="混凝土"
        )
        network.remove(key)
        network.points[valve.point_id] = valve
        network.add(_between(line, a, valve, (line.start_depth_m, depth), line.size))
        network.add(_between(line, valve, b, (depth, line.end_depth_m), line.size))


def _renew(network: _Network) -> None:
    """Replace small water mains and brick shafts."""
    for key, line in network.lines.items():
        if line.kind == WATER.kind and line.material == WATER.material and network.draw("renewed", f"{key}") < _SHARE_RENEWED:
            network.lines[key] = dataclasses.replace(line, material="PE", year=YEAR)
    for number, point in network.points.items():
        if point.well_material == "砖" and network.draw("cover", number) < _SHARE_NEW_COVERS:
            network.points[number] = dataclasses.replace(point, well_material="混凝土", year=YEAR)


def _beside(network: _Network, near: SurveyPoint, number: str, e: float, n: float, feature: str | None) -> SurveyPoint:
    e, n = round(e, 3), round(n, 3)
    ground = network.ground_m(e, n)
    return dataclasses.replace(
        near, point_id=number, e=e, n=n, ground_m=ground, feature=feature, appurtenance=None, well_depth_m=None, well_diameter_mm=None,
        well_material=None, feature_code=None, year=YEAR, building_id=None,
    )  # fmt: skip


def _between(like: SurveyLine, start: SurveyPoint, end: SurveyPoint, depths_m: tuple[float, float], size: str) -> SurveyLine:
    return dataclasses.replace(
        like,
        start_id=start.point_id,
        end_id=end.point_id,
        size=size,
        start_depth_m=depths_m[0],
        end_depth_m=depths_m[1],
        start_elevation_m=round(start.ground_m - depths_m[0], 3),
        end_elevation_m=round(end.ground_m - depths_m[1], 3),
        year=YEAR,
    )
