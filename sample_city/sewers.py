"""Sewers that really fall: a tree of pipes per drainage area, laid from the heads down to the outlet.

Every pipe starts no higher than any pipe that ends in its upper manhole, falls by at least the slope its diameter asks for, keeps
its cover, and is no smaller than what flows into it.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field

from sample_city.pipes import PipeSurvey, Site, Spot, Stretch, SurveyLine, SurveyPoint, deepen_cm
from sample_city.seeding import rng_at
from sample_city.services import STORM_SEWER, Sewer
from sample_city.streets import Cell

_HEAD_GAP_M = 20.0
"""A pipe that does not come out of the junction behind it starts this far from it."""
_OUTLET_LENGTH_M = 24.0
_GULLY_OFFSET_M = (4.5, 4.0)
_GULLY_DEPTH_M = 0.8
_GULLY_SIZE_MM = 200
_GULLY_SLOPE = 0.01
_SHARE_NOTED_BACKWARDS = 0.08
_DETOUR_PER_CLIMB = 150.0
"""A way may be this much longer if it spares the sewer a metre of digging deeper."""
_BOX_ABOVE_MM = 1200
_SUBJECT_BACKWARDS = 71


@dataclass(slots=True)
class _Run:
    """A row of manholes down one stretch, from its upper to its lower end; the lower end is a junction."""

    stretch: Stretch
    spots: list[Spot]
    lower: Cell
    upper: Cell | None
    """The junction it comes out of; None for a run with a head of its own."""


@dataclass(slots=True)
class _Drainage:
    """Which way every junction drains. ``distance`` is metres to the outlet and a toll for climbing ground; it falls along ``below``."""

    outlets: list[Cell] = field(default_factory=list)
    distance: dict[Cell, float] = field(default_factory=dict)
    below: dict[Cell, Cell] = field(default_factory=dict)


@dataclass(slots=True)
class _Laying:
    """What is known while pipes are laid downstream, by manhole: depth of the deepest pipe end, upstream length, diameter so far."""

    ground: dict[str, float]
    depth: dict[str, float] = field(default_factory=dict)
    upstream_m: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    diameter_mm: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lines: list[SurveyLine] = field(default_factory=list)


def lay_sewer(site: Site, service: Sewer, stretches: list[Stretch]) -> PipeSurvey:
    """Return the sewer of one quarter: each connected part of its streets drains to one outlet."""
    drainage = _drainage(site, stretches)
    runs = [_run(site, service, stretch, drainage) for stretch in stretches]
    outlet_spots = {junction: _outlet(site, service, junction) for junction in drainage.outlets}
    gullies = _gullies(service, runs)
    spots = {s.point_id: s for run in runs for s in run.spots} | {s.point_id: s for s in outlet_spots.values()}
    spots |= {gully.point_id: gully for gully, _ in gullies}
    laying = _Laying(site.ground(list(spots.values())))
    for run in sorted(runs, key=lambda r: _upper_distance(r, drainage), reverse=True):
        for upper, lower in itertools.pairwise(run.spots):
            _lay(laying, service, upper, lower, run.stretch)
    streets = {s.point_id: run.stretch for run in runs for s in run.spots}
    for junction, spot in outlet_spots.items():
        root = site.at_junction(service, junction)
        _lay(laying, service, root, spot, streets[root.point_id])
        streets[spot.point_id] = streets[root.point_id]
    for gully, manhole in gullies:
        _lay_gully(laying, service, gully, manhole, streets[manhole.point_id])
        streets[gully.point_id] = streets[manhole.point_id]
    ends = {spot.point_id for spot in outlet_spots.values()}
    points = [_point(service, spot, laying, streets[number], outlet=number in ends) for number, spot in spots.items()]
    draws = rng_at(site.grid.relief.seed, _SUBJECT_BACKWARDS, *stretches[0].start).random(len(laying.lines))
    lines = [_backwards(s) if draw < _SHARE_NOTED_BACKWARDS else s for s, draw in zip(laying.lines, draws, strict=True)]
    return PipeSurvey(tuple(points), tuple(lines))


def _drainage(site: Site, stretches: list[Stretch]) -> _Drainage:
    """Find the shortest way down from every junction of the quarter; the outlets are the junctions nearest the river."""
    junctions = sorted({s.start for s in stretches} | {s.end for s in stretches if s.within})
    places = site.grid.junctions[tuple(zip(*junctions, strict=True))]
    ground = dict(zip(junctions, site.grid.relief.ground_m(places[:, 0], places[:, 1]).tolist(), strict=True))
    river = dict(zip(junctions, site.grid.relief.river_distance_m(places[:, 0], places[:, 1]).tolist(), strict=True))
    neighbours: dict[Cell, list[tuple[Cell, float]]] = defaultdict(list)
    for stretch in stretches:
        if stretch.within:
            length = site.length_m(stretch)
            for lower, upper in ((stretch.start, stretch.end), (stretch.end, stretch.start)):
                climb = max(0.0, ground[lower] - ground[upper])
                neighbours[lower].append((upper, length + _DETOUR_PER_CLIMB * climb))
    by_river = sorted(junctions, key=lambda j: (river[j], j))
    drainage = _Drainage()
    for junction in by_river:
        if junction not in drainage.distance:
            drainage.outlets.append(junction)
            _shortest_ways(junction, neighbours, drainage)
    return drainage


def _shortest_ways(root: Cell, neighbours: dict[Cell, list[tuple[Cell, float]]], drainage: _Drainage) -> None:
    queue = [(0.0, root, root)]
    while queue:
        way, junction, below = heapq.heappop(queue)
        if junction in drainage.distance:
            continue
        drainage.distance[junction] = way
        drainage.below[junction] = below
        for neighbour, length in neighbours[junction]:
            if neighbour not in drainage.distance:
                heapq.heappush(queue, (way + length, neighbour, junction))


def _run(site: Site, service: Sewer, stretch: Stretch, drainage: _Drainage) -> _Run:
    """Lay a stretch's manholes downhill. It carries on from its upper junction only where that junction drains this way."""
    distance = drainage.distance
    downhill_to_start = not stretch.within or (distance[stretch.start], stretch.start) < (distance[stretch.end], stretch.end)
    lower, upper = (stretch.start, stretch.end) if downhill_to_start else (stretch.end, stretch.start)
    length = site.length_m(stretch)
    count = max(1, math.ceil(length / service.spacing_m))
    shares = [k / count for k in range(1, count)]
    between = [site.along(service, stretch, share, k) for k, share in enumerate(shares, start=1)]
    down = [*(between[::-1] if downhill_to_start else between), site.at_junction(service, lower)]
    if stretch.within and drainage.below[upper] == lower:
        return _Run(stretch, [site.at_junction(service, upper), *down], lower, upper)
    gap = _HEAD_GAP_M / length
    return _Run(stretch, [site.along(service, stretch, 1 - gap if downhill_to_start else gap, 0), *down], lower, None)


def _upper_distance(run: _Run, drainage: _Drainage) -> float:
    """Runs with a head of their own come first; the others from the farthest junction down."""
    return math.inf if run.upper is None else drainage.distance[run.upper]


def _lay(laying: _Laying, service: Sewer, upper: Spot, lower: Spot, stretch: Stretch) -> None:
    length = math.hypot(lower.e - upper.e, lower.n - upper.n)
    upstream = laying.upstream_m[upper.point_id]
    diameter = max(laying.diameter_mm[upper.point_id], *(mm for start, mm in service.diameters if upstream >= start))
    least = service.cover_m + diameter / 1000
    start_depth = max(laying.depth.get(upper.point_id, 0.0), deepen_cm(least))
    start_invert = laying.ground[upper.point_id] - start_depth
    end_invert = start_invert - max(length * service.slope_times_mm / diameter, 0.02)
    end_depth = deepen_cm(max(laying.ground[lower.point_id] - end_invert, least))
    laying.depth[upper.point_id] = start_depth
    laying.depth[lower.point_id] = max(laying.depth.get(lower.point_id, 0.0), end_depth)
    laying.upstream_m[lower.point_id] += upstream + length
    laying.diameter_mm[lower.point_id] = max(laying.diameter_mm[lower.point_id], diameter)
    size = f"{diameter + 500}X{diameter}" if diameter > _BOX_ABOVE_MM else str(diameter)
    laying.lines.append(_line(laying, service, upper, lower, stretch, size, start_depth, end_depth))


def _lay_gully(laying: _Laying, service: Sewer, gully: Spot, manhole: Spot, stretch: Stretch) -> None:
    length = math.hypot(manhole.e - gully.e, manhole.n - gully.n)
    invert = laying.ground[gully.point_id] - _GULLY_DEPTH_M - length * _GULLY_SLOPE
    end_depth = deepen_cm(max(laying.ground[manhole.point_id] - invert, 0.6))
    laying.depth[gully.point_id] = _GULLY_DEPTH_M
    laying.lines.append(_line(laying, service, gully, manhole, stretch, str(_GULLY_SIZE_MM), _GULLY_DEPTH_M, end_depth))


def _line(
    laying: _Laying,
    service: Sewer,
    upper: Spot,
    lower: Spot,
    stretch: Stretch,
    size: str,
    start_depth: float,
    end_depth: float,
) -> SurveyLine:
    return SurveyLine(
        start_id=upper.point_id,
        end_id=lower.point_id,
        kind=service.kind,
        size=size,
        material="PVC" if size == str(_GULLY_SIZE_MM) else service.material,
        embedding=service.embedding,
        start_depth_m=start_depth,
        end_depth_m=end_depth,
        start_elevation_m=round(laying.ground[upper.point_id] - start_depth, 3),
        end_elevation_m=round(laying.ground[lower.point_id] - end_depth, 3),
        flow="+",
        pressure=None,
        voltage_kv=None,
        cables=None,
        holes=None,
        holes_used=None,
        street=stretch.name,
        owner=service.owner,
        year=stretch.year,
    )


def _backwards(line: SurveyLine) -> SurveyLine:
    """Some survey teams walk upstream: then start and end are swapped and the flow is noted as against the line."""
    return dataclasses.replace(
        line,
        start_id=line.end_id,
        end_id=line.start_id,
        start_depth_m=line.end_depth_m,
        end_depth_m=line.start_depth_m,
        start_elevation_m=line.end_elevation_m,
        end_elevation_m=line.start_elevation_m,
        flow="-",
    )


def _outlet(site: Site, service: Sewer, junction: Cell) -> Spot:
    """The outlet lies beyond the lowest junction, towards the river."""
    root = site.at_junction(service, junction)
    axis, _ = site.grid.relief.river_axis_n(site.grid.relief.river_index(root.n), root.e)
    north = 1.0 if float(axis) > root.n else -1.0
    return Spot(root.point_id + "C", root.e, round(root.n + north * _OUTLET_LENGTH_M, 3))


def _gullies(service: Sewer, runs: list[_Run]) -> list[tuple[Spot, Spot]]:
    """Storm sewers take a gully (雨水箅) at the lower manhole of every run."""
    if service is not STORM_SEWER:
        return []
    manholes = {run.spots[-1].point_id: run.spots[-1] for run in runs}
    east, north = _GULLY_OFFSET_M
    return [(Spot(number + "B", round(spot.e + east, 3), round(spot.n + north, 3)), spot) for number, spot in manholes.items()]


def _point(service: Sewer, spot: Spot, laying: _Laying, stretch: Stretch, *, outlet: bool) -> SurveyPoint:
    gully = spot.point_id.endswith("B")
    storm = service is STORM_SEWER
    fitting: tuple[str | None, str | None, str | None] = (None, "检查井", "52012205" if storm else "52022205")
    if outlet:
        fitting = ("出水口", None, None) if storm else (None, "泵站", None)
    elif gully:
        fitting = (None, "雨水箅", "52012204")
    feature, appurtenance, code = fitting
    diameter = 500 if gully else max(1000, laying.diameter_mm[spot.point_id] + 400)
    return SurveyPoint(
        point_id=spot.point_id,
        kind=service.kind,
        e=spot.e,
        n=spot.n,
        ground_m=laying.ground[spot.point_id],
        feature=feature,
        appurtenance=appurtenance,
        well_depth_m=laying.depth[spot.point_id] if appurtenance else None,
        well_diameter_mm=diameter if appurtenance else None,
        well_material="砖" if stretch.year < 2005 else "混凝土",
        feature_code=code,
        street=stretch.name,
        owner=service.owner,
        year=stretch.year,
    )
