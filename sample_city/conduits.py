"""Water, gas, power, telecommunication, heating and industrial gas: services that follow the ground at a steady cover."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sample_city.hydrants import hydrant_shares
from sample_city.pipes import PipeSurvey, Site, Spot, Stretch, SurveyLine, SurveyPoint, even_shares
from sample_city.services import (
    EDGE_OF_SURVEY,
    ENTRY,
    FEATURES,
    HYDRANT,
    JUNCTION_FEATURES,
    REDUCER,
    STRAIGHT,
    WATER,
    WELLS,
    Conduit,
    Where,
)
from sample_city.streets import Cell, is_arterial
from sample_city.tunnels import tunnel_id
from sample_city.yards import Branch

_TEE = JUNCTION_FEATURES[3]
_HYDRANT_BESIDE_M = -3.2
_HYDRANT_MM = "100"
_VALVE_FROM_JUNCTION_M = 15.0
_CLEAR_OF_TAP_M = 4.0
_VALVE_CHAMBER = "阀门井"
_STEEL_WALLS_MM = {"300": 8.0, "500": 9.0, "800": 10.0}
"""Of welded steel pipes; nobody notes the walls of others."""
_STATIONS = {"JP": "泵站", "TR": "调压箱"}
_FEATURE_CODES = {HYDRANT: "51042202"}


@dataclass(frozen=True, slots=True)
class _Joint:
    """A point of a service on a stretch, with its feature or appurtenance."""

    spot: Spot
    word: str
    stretch: Stretch
    year: int
    building_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Pipe:
    start: Spot
    end: Spot
    size: str
    stretch: Stretch
    year: int
    pressure: str | None


@dataclass(slots=True)
class _Plan:
    """What is laid of a service in one quarter, before it has heights. ``yard_spots`` lie at the cover of the yards."""

    joints: dict[str, _Joint] = field(default_factory=dict)
    met: dict[str, Spot] = field(default_factory=dict)
    """Spots at junctions that are listed with another stretch."""
    pipes: list[_Pipe] = field(default_factory=list)
    yard_spots: list[Spot] = field(default_factory=list)


def lay_conduit(site: Site, service: Conduit, stretches: list[Stretch], branches: list[Branch]) -> PipeSurvey:
    """Return a service in the streets of one quarter. A point at a junction is listed with the first stretch that meets there."""
    plan = _Plan()
    for stretch in stretches:
        if site.carries(service, stretch):
            _lay_main(site, service, stretch, [b for b in branches if b.stretch == stretch], plan)
    for branch in branches:
        _lay_branch(service, branch, plan)
    _set_stations(site, service, plan)
    spots = [joint.spot for joint in plan.joints.values()] + list(plan.met.values())
    ground = site.ground(spots)
    depth = site.depths(spots, service.cover_m)
    if branches:
        depth |= site.depths(plan.yard_spots, branches[0].yard.cover_m)
    return PipeSurvey(
        points=tuple(_point(service, joint, ground, depth) for joint in plan.joints.values()),
        lines=tuple(_line(service, pipe, ground, depth) for pipe in plan.pipes),
    )


def _lay_main(site: Site, service: Conduit, stretch: Stretch, branches: list[Branch], plan: _Plan) -> None:
    start, end = (site.at_junction(service, junction) for junction in (stretch.start, stretch.end))
    between = [_Joint(spot, word, stretch, stretch.year) for spot, word in _between(site, service, stretch, branches)]
    for junction, spot in ((stretch.start, start), (stretch.end, end)):
        meeting = site.meeting(service, junction)
        if meeting[0] == (stretch.start, stretch.end):
            plan.joints[spot.point_id] = _Joint(spot, _word_at_junction(service, meeting), stretch, stretch.year)
        else:
            plan.met[spot.point_id] = spot
    plan.joints |= {joint.spot.point_id: joint for joint in between}
    size = _size(service, stretch.arterial)
    for a, b in itertools.pairwise([start, *(joint.spot for joint in between), end]):
        plan.pipes.append(_Pipe(a, b, size, stretch, stretch.year, service.pressure))
    for joint in between:
        if service is WATER and joint.word == _TEE and joint.spot.point_id not in {b.tap.point_id for b in branches}:
            hydrant = site.beside(joint.spot, stretch, "X", _HYDRANT_BESIDE_M)
            plan.joints[hydrant.point_id] = _Joint(hydrant, HYDRANT, stretch, stretch.year)
            plan.pipes.append(_Pipe(joint.spot, hydrant, _HYDRANT_MM, stretch, stretch.year, service.pressure))


def _set_stations(site: Site, service: Conduit, plan: _Plan) -> None:
    """Let water and gas come from somewhere: the first valve chamber of a quarter is a pumping station or a pressure regulator.

    Where the edge of the survey or the river parts the streets of a quarter, each part has its own.
    """
    word = _STATIONS.get(service.kind)
    if word is None:
        return
    served: set[int] = set()
    for number, joint in plan.joints.items():
        part = int(site.part[joint.stretch.start])
        if joint.word == _VALVE_CHAMBER and part not in served:
            served.add(part)
            plan.joints[number] = replace(joint, word=word)


def _size(service: Conduit, arterial: bool) -> str:
    return service.arterial_size if arterial else service.lane_size


def _lies_in_arterial(street: tuple[Cell, Cell]) -> bool:
    """Return whether the street between two junctions is an arterial road: by its row if it runs eastwards, else by its column."""
    start, end = street
    return is_arterial(start[0] if start[0] == end[0] else start[1])


def _word_at_junction(service: Conduit, meeting: list[tuple[Cell, Cell]]) -> str:
    """Mains in all streets and trunk lines go on where the survey ends; where two meet of different sizes the diameter changes."""
    if service.where in {Where.TUNNELS, Where.STREETS} and len(meeting) == 1:
        return EDGE_OF_SURVEY
    sizes = {_size(service, _lies_in_arterial(street)) for street in meeting}
    if service.at_junction is None and len(meeting) == 2 and len(sizes) > 1:
        return REDUCER
    return service.at_junction or JUNCTION_FEATURES[len(meeting)]


def _between(site: Site, service: Conduit, stretch: Stretch, branches: list[Branch]) -> Iterator[tuple[Spot, str]]:
    """Yield the points between two junctions in order: taps of branches, tees of hydrants, and what else stands along the service."""
    length = site.length_m(stretch)
    fixed = [(branch.tap_share, branch.tap, _TEE) for branch in branches]
    if service is WATER:
        shares = hydrant_shares(length)
        fixed += [(share, site.along(service, stretch, share, f"{k}"), _TEE) for k, share in enumerate(shares, start=1)]
        places = [_VALVE_FROM_JUNCTION_M / length, *(k / len(shares) for k in range(1, len(shares)))]
    else:
        places = even_shares(length, service.spacing_m)
    for k, share in enumerate(places, start=1):
        if all(abs(share - other) * length >= _CLEAR_OF_TAP_M for other, _, _ in fixed[: len(branches)]):
            spot = site.along(service, stretch, share, f"{k}V" if service is WATER else f"{k}")
            fixed.append((share, spot, service.along[(k - 1) % len(service.along)]))
    for _, spot, word in sorted(fixed, key=lambda place: place[0]):
        yield spot, word


def _lay_branch(service: Conduit, branch: Branch, plan: _Plan) -> None:
    yard, stretch, year = branch.yard, branch.stretch, branch.year
    plan.joints[branch.edge.point_id] = _Joint(branch.edge, yard.at_edge, stretch, year)
    plan.pipes.append(_Pipe(branch.tap, branch.edge, str(yard.branch_mm), stretch, year, service.pressure))
    plan.yard_spots.append(branch.edge)
    before = branch.edge
    for stop in branch.stops:
        last = stop is branch.stops[-1]
        word = STRAIGHT if stop.entry is None else REDUCER if last else _TEE
        plan.joints[stop.spot.point_id] = _Joint(stop.spot, word, stretch, year)
        plan.pipes.append(_Pipe(before, stop.spot, str(yard.branch_mm), stretch, year, yard.pressure))
        plan.yard_spots.append(stop.spot)
        before = stop.spot
        if stop.entry is not None:
            plan.joints[stop.entry.point_id] = _Joint(stop.entry, ENTRY, stretch, year, stop.building_id)
            plan.pipes.append(_Pipe(stop.spot, stop.entry, str(yard.connection_mm), stretch, year, yard.pressure))
            plan.yard_spots.append(stop.entry)


def _line(service: Conduit, pipe: _Pipe, ground: dict[str, float], depth: dict[str, float]) -> SurveyLine:
    start, end = pipe.start.point_id, pipe.end.point_id
    return SurveyLine(
        start_id=start,
        end_id=end,
        kind=service.kind,
        size=pipe.size,
        material="PE" if service is WATER and int(pipe.size) <= 100 else service.material,
        embedding=service.embedding,
        start_depth_m=depth[start],
        end_depth_m=depth[end],
        start_elevation_m=round(ground[start] - depth[start], 3),
        end_elevation_m=round(ground[end] - depth[end], 3),
        flow=None,
        pressure=pipe.pressure,
        voltage_kv=service.voltage_kv,
        cables=service.cables,
        holes=service.holes,
        holes_used=None if service.holes is None else service.holes // 2,
        street=pipe.stretch.name,
        owner=service.owner,
        year=pipe.year,
        tunnel_id=tunnel_id(pipe.stretch.start) if service.where is Where.TUNNELS else None,
        wall_mm=_STEEL_WALLS_MM.get(pipe.size) if service.material == "G" else None,
    )


def _point(service: Conduit, joint: _Joint, ground: dict[str, float], depth: dict[str, float]) -> SurveyPoint:
    number, word = joint.spot.point_id, joint.word
    well = word in WELLS
    return SurveyPoint(
        point_id=number,
        kind=service.kind,
        e=joint.spot.e,
        n=joint.spot.n,
        ground_m=ground[number],
        feature=word if word in FEATURES else None,
        appurtenance=None if word in FEATURES else word,
        well_depth_m=round(depth[number] + service.well_margin_m, 2) if well else None,
        well_diameter_mm=1200 if well else None,
        well_material="混凝土" if well else None,
        feature_code=_FEATURE_CODES.get(word),
        street=joint.stretch.name,
        owner=service.owner,
        year=joint.year,
        building_id=joint.building_id,
    )
