"""Lines that the survey located but nobody claimed (不明管线): short pieces at the edge of lanes."""

from __future__ import annotations

from sample_city.pipes import PipeSurvey, Site, Spot, Stretch, SurveyLine, SurveyPoint
from sample_city.seeding import rng_at
from sample_city.services import JUNCTION_FEATURES, Service

_UNKNOWN = Service("BM", "BM", -8.6, 0.0, 0.80, "G", "ZM", "不明")
_SHARE = 0.06
_FROM_M, _TO_M = 22.0, 32.0
"""Beyond the services that cross at the junction, before the first hydrant."""
_SUBJECT = 64


def find_unknown_lines(site: Site, stretches: list[Stretch]) -> PipeSurvey:
    """Return the unknown lines of one quarter: two ends each, joined to nothing."""
    points: list[SurveyPoint] = []
    lines: list[SurveyLine] = []
    for stretch in stretches:
        draw = rng_at(site.grid.relief.seed, _SUBJECT, *stretch.start, *stretch.end).random()
        if not stretch.arterial and draw < _SHARE:
            length = site.length_m(stretch)
            ends = [site.along(_UNKNOWN, stretch, at / length, str(k)) for k, at in enumerate((_FROM_M, _TO_M), start=1)]
            ground, depth = site.ground(ends), site.depths(ends, _UNKNOWN.cover_m)
            points += [_point(spot, ground[spot.point_id], stretch) for spot in ends]
            lines.append(_line(ends, ground, depth, stretch))
    return PipeSurvey(tuple(points), tuple(lines))


def _point(spot: Spot, ground_m: float, stretch: Stretch) -> SurveyPoint:
    return SurveyPoint(
        point_id=spot.point_id,
        kind=_UNKNOWN.kind,
        e=spot.e,
        n=spot.n,
        ground_m=ground_m,
        feature=JUNCTION_FEATURES[1],
        appurtenance=None,
        well_depth_m=None,
        well_diameter_mm=None,
        well_material=None,
        feature_code=None,
        street=stretch.name,
        owner=_UNKNOWN.owner,
        year=stretch.year,
    )


def _line(ends: list[Spot], ground: dict[str, float], depth: dict[str, float], stretch: Stretch) -> SurveyLine:
    start, end = (spot.point_id for spot in ends)
    return SurveyLine(
        start_id=start,
        end_id=end,
        kind=_UNKNOWN.kind,
        size="100",
        material=_UNKNOWN.material,
        embedding=_UNKNOWN.embedding,
        start_depth_m=depth[start],
        end_depth_m=depth[end],
        start_elevation_m=round(ground[start] - depth[start], 3),
        end_elevation_m=round(ground[end] - depth[end], 3),
        flow=None,
        pressure=None,
        voltage_kv=None,
        cables=None,
        holes=None,
        holes_used=None,
        street=stretch.name,
        owner=_UNKNOWN.owner,
        year=stretch.year,
        state="其他",
    )
