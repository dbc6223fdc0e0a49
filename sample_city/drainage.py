"""Which way every street of a drainage area drains, and where the manholes of its sewers stand."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from sample_city.pipes import Site, Spot, Stretch, even_shares
from sample_city.services import Sewer
from sample_city.streets import Cell
from sample_city.yards import Branch

_HEAD_GAP_M = 20.0
"""A pipe that does not come out of the junction behind it starts this far from it."""
_OUTLET_LENGTH_M = 24.0
_DETOUR_PER_CLIMB = 150.0
"""A way may be this much longer if it spares the sewer a metre of digging deeper."""
_CLEAR_OF_TAP_M = 3.0


@dataclass(frozen=True, slots=True)
class Run:
    """A row of manholes down one stretch, from its upper to its lower end; the lower end is a junction."""

    stretch: Stretch
    spots: list[Spot]
    lower: Cell
    upper: Cell | None
    """The junction it comes out of; None for a run with a head of its own."""


@dataclass(slots=True)
class Drainage:
    """Which way every junction drains. ``distance`` is metres to the outlet and a toll for climbing ground; it falls along ``below``."""

    outlets: list[Cell] = field(default_factory=list)
    distance: dict[Cell, float] = field(default_factory=dict)
    below: dict[Cell, Cell] = field(default_factory=dict)


def find_drainage(site: Site, stretches: list[Stretch]) -> Drainage:
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
    drainage = Drainage()
    for junction in by_river:
        if junction not in drainage.distance:
            drainage.outlets.append(junction)
            _shortest_ways(junction, neighbours, drainage)
    return drainage


def _shortest_ways(root: Cell, neighbours: dict[Cell, list[tuple[Cell, float]]], drainage: Drainage) -> None:
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


def plan_run(site: Site, service: Sewer, stretch: Stretch, drainage: Drainage, branches: list[Branch]) -> Run:
    """Lay a stretch's manholes downhill. It carries on from its upper junction only where that junction drains this way."""
    distance = drainage.distance
    downhill_to_start = not stretch.within or (distance[stretch.start], stretch.start) < (distance[stretch.end], stretch.end)
    lower, upper = (stretch.start, stretch.end) if downhill_to_start else (stretch.end, stretch.start)
    between = _between(site, service, stretch, [branch for branch in branches if branch.stretch == stretch])
    down = [*(between[::-1] if downhill_to_start else between), site.at_junction(service, lower)]
    if stretch.within and drainage.below[upper] == lower:
        return Run(stretch, [site.at_junction(service, upper), *down], lower, upper)
    gap = _HEAD_GAP_M / site.length_m(stretch)
    return Run(stretch, [site.along(service, stretch, 1 - gap if downhill_to_start else gap, "0"), *down], lower, None)


def _between(site: Site, service: Sewer, stretch: Stretch, branches: list[Branch]) -> list[Spot]:
    """Return the manholes between two junctions: those where branches come in, and others at even distances."""
    length = site.length_m(stretch)
    found = [(branch.tap_share, branch.tap) for branch in branches]
    taps = [branch.tap_share for branch in branches]
    for k, share in enumerate(even_shares(length, service.spacing_m), start=1):
        if all(abs(share - tap) * length >= _CLEAR_OF_TAP_M for tap in taps):
            found.append((share, site.along(service, stretch, share, str(k))))
    return [spot for _, spot in sorted(found, key=lambda place: place[0])]


def upper_distance_m(run: Run, drainage: Drainage) -> float:
    """Runs with a head of their own come first; the others from the farthest junction down."""
    return math.inf if run.upper is None else drainage.distance[run.upper]


def outlet_of(site: Site, service: Sewer, junction: Cell) -> Spot | None:
    """Return the outlet beyond a lowest junction: where no street goes on, best towards the river.

    None where streets lead on in every direction: then a pumping station stands in the junction.
    """
    root = site.at_junction(service, junction)
    axis, _ = site.grid.relief.river_axis_n(site.grid.relief.river_index(root.n), root.e)
    north = 1 if float(axis) > root.n else -1
    here = site.grid.junctions[junction]
    for i, j in ((north, 0), (0, 1), (0, -1), (-north, 0)):
        beyond = (junction[0] + i, junction[1] + j)
        if 0 <= beyond[0] <= site.grid.rows and 0 <= beyond[1] <= site.grid.columns and not site.has_street(junction, beyond):
            way = site.grid.junctions[beyond] - here
            e, n = _OUTLET_LENGTH_M * way / np.linalg.norm(way)
            return Spot(root.point_id + "C", round(root.e + float(e), 3), round(root.n + float(n), 3))
    return None
