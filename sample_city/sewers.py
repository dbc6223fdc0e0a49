"""Sewers that really fall: a tree of pipes per drainage area, laid from the heads down to the outlet.

Every pipe starts no higher than any pipe that ends in its upper manhole, falls by at least the slope its diameter asks for, keeps
its cover, and is no smaller than what flows into it. At junctions the foul sewer lies below the storm sewer that it crosses.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sample_city.drainage import Drainage, Run, find_drainage, outlet_of, plan_run, upper_distance_m
from sample_city.pipes import PipeSurvey, Site, Spot, Stretch, SurveyLine, SurveyPoint, deepen_cm, exchanged
from sample_city.seeding import rng_at
from sample_city.services import ENTRY, FEATURES, GULLY, OUTFALL, STORM_SEWER, WELLS, Sewer
from sample_city.streets import Cell
from sample_city.yards import Branch

_GULLIES_BESIDE_M = (-2.0, 6.0)
"""From the storm sewer to the kerbs at both sides of the carriageway."""
_GULLY_DEPTH_M = 0.8
_GULLY_SIZE_MM = 200
_GULLY_SLOPE = 0.01
_SHARE_NOTED_BACKWARDS = 0.08
_BOX_ABOVE_MM = 1200
_EGGS_BEFORE, _EGGS_MM = 2000, (600, 1200)
"""Of storm sewers laid before, the larger ones are eggs two wide and three high."""
_BELOW_CROSSED_SEWER_M = 0.38
_COVER_BELOW_GAS_M = 2.06
"""Of the last pipe of a branch, which passes under the gas main in the lane."""
_SEPTIC_TANKS_BEFORE = 2008
_PUMP = "泵站"
_FEATURE_CODES = {"YS": {"检查井": "52012205", GULLY: "52012204"}, "WS": {"检查井": "52022205"}}
_SHAFT_MM = {GULLY: 500, "化粪池": 2000}
_SUBJECT_BACKWARDS = 71


@dataclass(frozen=True, slots=True)
class _Manhole:
    """What stands at a spot: its feature or appurtenance, and the street and year it is listed with."""

    spot: Spot
    word: str
    stretch: Stretch
    year: int
    building_id: str | None = None


@dataclass(slots=True)
class _Laying:
    """What is known while pipes are laid downstream, by manhole: depth of the deepest pipe end, upstream length, diameter so far.

    ``ceiling_m`` is the elevation below which pipes at a manhole have to stay.
    """

    ground: dict[str, float]
    ceiling_m: Mapping[str, float]
    depth: dict[str, float] = field(default_factory=dict)
    upstream_m: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    diameter_mm: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lines: list[SurveyLine] = field(default_factory=list)

    def least_depth(self, number: str, diameter_mm: int, cover_m: float) -> float:
        """Return how deep the invert of a pipe lies at least at a manhole."""
        under = self.ground[number] - self.ceiling_m.get(number, math.inf)
        return max(cover_m, under) + diameter_mm / 1000


@dataclass(frozen=True, slots=True)
class LaidSewer:
    """A sewer of one quarter; ``inverts_m`` is the elevation of its lowest pipe at every junction."""

    survey: PipeSurvey
    inverts_m: Mapping[Cell, float]


def lay_sewer(
    site: Site, service: Sewer, stretches: list[Stretch], branches: list[Branch], crossed_m: Mapping[Cell, float] | None = None
) -> LaidSewer:
    """Return the sewer of one quarter: each connected part of its streets drains to one outlet.

    ``crossed_m`` are the inverts of a sewer laid before, which this one has to pass under at junctions.
    """
    drainage = find_drainage(site, stretches)
    runs = [plan_run(site, service, stretch, drainage, branches) for stretch in stretches]
    manholes = _manholes(site, service, runs, drainage, branches)
    junctions = {site.at_junction(service, junction).point_id: junction for junction in drainage.distance}
    ceiling = {n: crossed_m[j] - _BELOW_CROSSED_SEWER_M for n, j in junctions.items() if j in crossed_m} if crossed_m else {}
    laying = _Laying(site.ground([m.spot for m in manholes.values()]), ceiling)
    for branch in branches:
        _lay_branch(laying, branch)
    for run in sorted(runs, key=lambda r: upper_distance_m(r, drainage), reverse=True):
        for upper, lower in itertools.pairwise(run.spots):
            _lay(laying, service, upper, lower, run.stretch, run.stretch.year)
    for junction in drainage.outlets:
        if (outlet := outlet_of(site, service, junction)) is not None:
            at = manholes[outlet.point_id]
            _lay(laying, service, site.at_junction(service, junction), outlet, at.stretch, at.year)
    for run in runs:
        for manhole, gully in _gullies(site, service, run):
            _lay_gully(laying, service, gully, manhole, run.stretch)
    points = tuple(_point(service, manhole, laying) for manhole in manholes.values())
    draws = rng_at(site.grid.relief.seed, _SUBJECT_BACKWARDS, *stretches[0].start).random(len(laying.lines))
    lines = tuple(exchanged(s) if draw < _SHARE_NOTED_BACKWARDS else s for s, draw in zip(laying.lines, draws, strict=True))
    inverts = {j: laying.ground[n] - laying.depth[n] for n, j in junctions.items() if n in laying.depth}
    return LaidSewer(PipeSurvey(points, lines), inverts)


def _manholes(site: Site, service: Sewer, runs: list[Run], drainage: Drainage, branches: list[Branch]) -> dict[str, _Manhole]:
    found = {s.point_id: _Manhole(s, "检查井", run.stretch, run.stretch.year) for run in runs for s in run.spots}
    for junction in drainage.outlets:
        root = found[site.at_junction(service, junction).point_id]
        outlet = outlet_of(site, service, junction)
        if outlet is None:
            found[root.spot.point_id] = dataclasses.replace(root, word=_PUMP)
        else:
            found[outlet.point_id] = _Manhole(outlet, OUTFALL if service is STORM_SEWER else _PUMP, root.stretch, root.year)
    for run in runs:
        for _, gully in _gullies(site, service, run):
            found[gully.point_id] = _Manhole(gully, GULLY, run.stretch, run.stretch.year)
    for branch in branches:
        edge = "化粪池" if branch.year < _SEPTIC_TANKS_BEFORE else branch.yard.at_edge
        found[branch.edge.point_id] = _Manhole(branch.edge, edge, branch.stretch, branch.year)
        for stop in branch.stops:
            found[stop.spot.point_id] = _Manhole(stop.spot, "检查井", branch.stretch, branch.year)
            if stop.entry is not None:
                found[stop.entry.point_id] = _Manhole(stop.entry, ENTRY, branch.stretch, branch.year, stop.building_id)
    return found


def _lay_branch(laying: _Laying, branch: Branch) -> None:
    """Lay the pipes of a row of buildings from the farthest one to the tap; the last one dives below the gas main."""
    yard, stretch = branch.yard, branch.stretch
    main = yard.service
    if not isinstance(main, Sewer):
        raise TypeError(f"{main.kind} does not fall")
    lane = dataclasses.replace(main, cover_m=yard.cover_m, diameters=((0.0, yard.branch_mm),), slope_times_mm=yard.branch_mm * 0.005)
    entry = dataclasses.replace(main, cover_m=yard.cover_m, diameters=((0.0, yard.connection_mm),), slope_times_mm=1.5)
    dive = dataclasses.replace(main, cover_m=_COVER_BELOW_GAS_M, diameters=((0.0, yard.branch_mm),))
    spots = [branch.edge, *(stop.spot for stop in branch.stops)]
    for k in range(len(branch.stops), 0, -1):
        stop = branch.stops[k - 1]
        if stop.entry is not None:
            _lay(laying, entry, stop.entry, stop.spot, stretch, branch.year)
        _lay(laying, lane, spots[k], spots[k - 1], stretch, branch.year)
    _lay(laying, dive, branch.edge, branch.tap, stretch, branch.year)


def _lay(laying: _Laying, service: Sewer, upper: Spot, lower: Spot, stretch: Stretch, year: int) -> None:
    length = upper.distance_m(lower)
    upstream = laying.upstream_m[upper.point_id]
    diameter = max(laying.diameter_mm[upper.point_id], *(mm for start, mm in service.diameters if upstream >= start))
    start_depth = max(laying.depth.get(upper.point_id, 0.0), deepen_cm(laying.least_depth(upper.point_id, diameter, service.cover_m)))
    start_invert = laying.ground[upper.point_id] - start_depth
    end_invert = start_invert - max(length * service.slope_times_mm / diameter, 0.02)
    least = laying.least_depth(lower.point_id, diameter, service.cover_m)
    end_depth = deepen_cm(max(laying.ground[lower.point_id] - end_invert, least))
    laying.depth[upper.point_id] = start_depth
    laying.depth[lower.point_id] = max(laying.depth.get(lower.point_id, 0.0), end_depth)
    laying.upstream_m[lower.point_id] += upstream + length
    laying.diameter_mm[lower.point_id] = max(laying.diameter_mm[lower.point_id], diameter)
    size, shape = _section(service, diameter, year)
    laid = _line(laying, service, upper, lower, stretch, size, start_depth, end_depth, year)
    laying.lines.append(dataclasses.replace(laid, shape=shape))


def _section(service: Sewer, diameter_mm: int, year: int) -> tuple[str, str | None]:
    """Return size and shape of a sewer as high as ``diameter_mm``; no shape where it is round."""
    if diameter_mm > _BOX_ABOVE_MM:
        return f"{diameter_mm + 500}X{diameter_mm}", "矩形"
    if service is STORM_SEWER and year < _EGGS_BEFORE and diameter_mm in _EGGS_MM:
        return f"{diameter_mm * 2 // 3}X{diameter_mm}", "卵形"
    return str(diameter_mm), None


def _lay_gully(laying: _Laying, service: Sewer, gully: Spot, manhole: Spot, stretch: Stretch) -> None:
    invert = laying.ground[gully.point_id] - _GULLY_DEPTH_M - gully.distance_m(manhole) * _GULLY_SLOPE
    end_depth = deepen_cm(max(laying.ground[manhole.point_id] - invert, _GULLY_DEPTH_M))
    laying.depth[gully.point_id] = _GULLY_DEPTH_M
    laying.lines.append(_line(laying, service, gully, manhole, stretch, str(_GULLY_SIZE_MM), _GULLY_DEPTH_M, end_depth, stretch.year))


def _line(
    laying: _Laying,
    service: Sewer,
    upper: Spot,
    lower: Spot,
    stretch: Stretch,
    size: str,
    start_depth: float,
    end_depth: float,
    year: int,
) -> SurveyLine:
    return SurveyLine(
        start_id=upper.point_id,
        end_id=lower.point_id,
        kind=service.kind,
        size=size,
        material="PVC" if int(size.split("X", maxsplit=1)[0]) <= _GULLY_SIZE_MM else service.material,
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
        year=year,
    )


def _gullies(site: Site, service: Sewer, run: Run) -> list[tuple[Spot, Spot]]:
    """Return (manhole, gully) for the gullies (雨水箅) of a storm sewer: at both kerbs by every other manhole between junctions."""
    if service is not STORM_SEWER:
        return []
    return [
        (manhole, site.beside(manhole, run.stretch, letter, distance))
        for manhole in run.spots[1:-1:2]
        for letter, distance in zip("AB", _GULLIES_BESIDE_M, strict=True)
    ]


def _point(service: Sewer, manhole: _Manhole, laying: _Laying) -> SurveyPoint:
    number, word = manhole.spot.point_id, manhole.word
    well = word in WELLS
    pipe_mm = laying.diameter_mm[number]
    diameter = _SHAFT_MM.get(word) or max(700 if pipe_mm <= _GULLY_SIZE_MM else 1000, pipe_mm + 400)
    return SurveyPoint(
        point_id=number,
        kind=service.kind,
        e=manhole.spot.e,
        n=manhole.spot.n,
        ground_m=laying.ground[number],
        feature=word if word in FEATURES else None,
        appurtenance=None if word in FEATURES else word,
        well_depth_m=laying.depth[number] if well else None,
        well_diameter_mm=diameter if well else None,
        well_material=("砖" if manhole.year < 2005 else "混凝土") if well else None,
        feature_code=_FEATURE_CODES[service.kind].get(word),
        street=manhole.stretch.name,
        owner=service.owner,
        year=manhole.year,
        building_id=manhole.building_id,
    )
