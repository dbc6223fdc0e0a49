"""Water, gas, power and telecommunication: services that follow the ground at a steady cover."""

from __future__ import annotations

import itertools
import math

import numpy as np

from sample_city.pipes import PipeSurvey, Site, Spot, Stretch, SurveyLine, SurveyPoint, deepen_cm
from sample_city.seeding import hash_unit
from sample_city.services import WATER, Conduit
from sample_city.streets import Cell, is_arterial

_SUBJECT_COVER = 81
_COVER_SPREAD_M = 0.15
_FEATURES = {1: "起讫点", 2: "直通点", 3: "三通点", 4: "四通点"}
_HYDRANT = "消防栓"


def lay_conduit(site: Site, service: Conduit, stretches: list[Stretch]) -> PipeSurvey:
    """Return a service in the streets of one quarter. A point at a junction is listed with the first stretch that meets there."""
    served = [stretch for stretch in stretches if _size(service, stretch) is not None]
    rows = {stretch: _row(site, service, stretch) for stretch in served}
    spots = {spot.point_id: spot for row in rows.values() for spot in row}
    ground = site.ground(list(spots.values()))
    depth = _depths(site, list(spots.values()), service)
    lines = [_line(service, stretch, a, b, ground, depth) for stretch, row in rows.items() for a, b in itertools.pairwise(row)]
    points: list[SurveyPoint] = []
    for stretch, row in rows.items():
        for place, spot in enumerate(row):
            junction = {0: stretch.start, len(row) - 1: stretch.end}.get(place)
            meeting = [] if junction is None else _meeting(site, service, junction)
            if junction is None or meeting[0] == (stretch.start, stretch.end):
                fitting = _fitting(service, len(meeting), place)
                points.append(_point(service, stretch, spot, fitting, ground[spot.point_id], depth[spot.point_id]))
    return PipeSurvey(tuple(points), tuple(lines))


def _size(service: Conduit, stretch: Stretch) -> str | None:
    return service.arterial_size if stretch.arterial else service.lane_size


def _row(site: Site, service: Conduit, stretch: Stretch) -> list[Spot]:
    count = max(1, math.ceil(site.length_m(stretch) / service.spacing_m))
    between = [site.along(service, stretch, k / count, k) for k in range(1, count)]
    return [site.at_junction(service, stretch.start), *between, site.at_junction(service, stretch.end)]


def _depths(site: Site, spots: list[Spot], service: Conduit) -> dict[str, float]:
    """A point has one depth, whichever line ends in it: the cover of its service, give or take a trench."""
    east = np.array([round(spot.e * 1000) for spot in spots], dtype=np.int64)
    north = np.array([round(spot.n * 1000) for spot in spots], dtype=np.int64)
    spread = hash_unit(site.grid.relief.seed, _SUBJECT_COVER, east, north) * _COVER_SPREAD_M
    return {spot.point_id: deepen_cm(service.cover_m + float(s)) for spot, s in zip(spots, spread, strict=True)}


def _line(service: Conduit, stretch: Stretch, start: Spot, end: Spot, ground: dict[str, float], depth: dict[str, float]) -> SurveyLine:
    start_depth, end_depth = depth[start.point_id], depth[end.point_id]
    return SurveyLine(
        start_id=start.point_id,
        end_id=end.point_id,
        kind=service.kind,
        size=_size(service, stretch) or "",
        material=service.material,
        embedding=service.embedding,
        start_depth_m=start_depth,
        end_depth_m=end_depth,
        start_elevation_m=round(ground[start.point_id] - start_depth, 3),
        end_elevation_m=round(ground[end.point_id] - end_depth, 3),
        flow=None,
        pressure=service.pressure,
        voltage_kv=service.voltage_kv,
        cables=service.cables,
        holes=service.holes,
        holes_used=None if service.holes is None else service.holes // 2,
        street=stretch.name,
        owner=service.owner,
        year=stretch.year,
    )


def _point(
    service: Conduit, stretch: Stretch, spot: Spot, fitting: tuple[str | None, str | None], ground_m: float, depth_m: float
) -> SurveyPoint:
    feature, appurtenance = fitting
    well = appurtenance is not None and appurtenance != _HYDRANT
    return SurveyPoint(
        point_id=spot.point_id,
        kind=service.kind,
        e=spot.e,
        n=spot.n,
        ground_m=ground_m,
        feature=feature,
        appurtenance=appurtenance,
        well_depth_m=round(depth_m + service.well_margin_m, 2) if well else None,
        well_diameter_mm=1200 if well else None,
        well_material="混凝土" if well else None,
        feature_code="51042202" if appurtenance == _HYDRANT else None,
        street=stretch.name,
        owner=service.owner,
        year=stretch.year,
    )


def _fitting(service: Conduit, meeting: int, place: int) -> tuple[str | None, str | None]:
    """Cables have chambers everywhere; water and gas have fittings at junctions, valves and hydrants in between."""
    if service.lane_size is None:
        return None, service.appurtenance
    if meeting:
        return _FEATURES[meeting], None
    return None, _HYDRANT if service is WATER and place % 2 == 0 else service.appurtenance


def _meeting(site: Site, service: Conduit, junction: Cell) -> list[tuple[Cell, Cell]]:
    """Return the stretches with this service that meet at a junction: from the south and west, then to the east and north."""
    i, j = junction
    horizontal, vertical = site.streets.horizontal, site.streets.vertical
    along, across = (service.lane_size is not None or is_arterial(line) for line in (i, j))
    found: list[tuple[Cell, Cell]] = []
    if across and i > 0 and vertical[i - 1, j]:
        found.append(((i - 1, j), junction))
    if along and j > 0 and horizontal[i, j - 1]:
        found.append(((i, j - 1), junction))
    if along and j < horizontal.shape[1] and horizontal[i, j]:
        found.append((junction, (i, j + 1)))
    if across and i < vertical.shape[0] and vertical[i, j]:
        found.append((junction, (i + 1, j)))
    return found
