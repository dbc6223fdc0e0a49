"""Cases of the rules about one geometry in plan, and about its heights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from rules.case import Case
from rules.rows import Rows, area, line, row_findings

from twin.model import Finding

HOUSE = ((0, 0), (20, 0), (20, 10), (0, 10))


def water(geometry: shapely.Geometry | None, **more: object) -> Rows:
    return Rows("water", [geometry], {"water_id": ["w1"]}, **more)


def road(*vertices: tuple[float, ...]) -> Rows:
    return Rows("road", [line(*vertices)], {"road_id": ["r1"]})


def pipe(*vertices: tuple[float, ...], start: float | None = None, end: float | None = None) -> Rows:
    columns = {"segment_id": ["s1"], "start_node": ["a"], "end_node": ["b"], "kind": ["YS"], "outer_diameter_mm": [300.0]}
    return Rows("pipe_segment", [line(*vertices)], columns | {"start_elevation_m": [start], "end_elevation_m": [end]})


def hole(side: float) -> Sequence[Sequence[tuple[float, float]]]:
    return [[(5, 5), (5 + side, 5), (5 + side, 5 + side), (5, 5 + side)]]


def notched(tip_deg: float) -> Rows:
    """A notch whose tip is so far north of the middle of 19 m of a parallel; in the plane that edge runs 5 µm north of its middle."""
    lon, lat = 119.974, 31.811
    ring = [(lon, lat), (lon + 2e-4, lat), (lon + 2e-4, lat + 1e-4), (lon + 1e-4, lat + tip_deg), (lon, lat + 1e-4)]
    return Rows("water", [shapely.MultiPolygon([shapely.Polygon(ring)])], {"water_id": ["w1"]}, crs="EPSG:4490")


CASES = (
    Case("geometry-empty", water(None), water(area(*HOUSE))),
    Case("geometry-empty", water(shapely.MultiPolygon()), water(area(*HOUSE)), "of no part"),
    Case("geometry-type", water(line((0, 0), (1, 1))), water(area(*HOUSE))),
    Case(
        "geometry-type",
        Rows("road", [shapely.MultiLineString([line((0, 0), (1, 1)), line((5, 5), (6, 6))])], {"road_id": ["r1"]}),
        road((0, 0), (9, 9)),
        "of two parts",
    ),
    Case("geometry-finite", water(area((0, 0), (20, np.inf), (20, 10), (0, 10))), water(area(*HOUSE))),
    Case("geometry-limit", water(area(*HOUSE), vertices=4), water(area(*HOUSE), vertices=5)),
    Case("geometry-valid", water(area((0, 0), (20, 10), (20, 0), (0, 10))), water(area(*HOUSE))),
    Case("geometry-valid", water(area(*HOUSE, holes=[[(30, 1), (31, 1), (31, 2)]])), water(area(*HOUSE, holes=hole(2))), "hole outside"),
    Case("geometry-noded", notched(1e-11), notched(1e-6)),
    Case("area-of-use", water(area((5e6, 0), (5e6 + 20, 0), (5e6, 10))), water(area(*HOUSE))),
    Case(
        "repeated-vertex",
        water(area((0, 0), (20, 0), (20, 0.0005), (20, 10), (0, 10))),
        water(area((0, 0), (20, 0), (20, 0.0015), (20, 10), (0, 10))),
    ),
    Case("repeated-vertex", road((0, 0), (0, 0), (9, 9)), road((0, 0), (9, 9)), "of a line"),
    Case(
        "repeated-vertex",
        pipe((0, 0, 3), (5, 0, 3), (5, 0, 3), (9, 0, 3)),
        pipe((0, 0, 3), (5, 0, 3), (5, 0, 1), (9, 0, 1), start=3.0, end=1.0),
        "but not where a pipe drops",
    ),
    Case(
        "short-segment",
        water(area((0, 0), (20, 0), (20, 0.009), (20, 10), (0, 10))),
        water(area((0, 0), (20, 0), (20, 0.011), (20, 10), (0, 10))),
    ),
    Case(
        "spike",
        water(area((0, 0), (20, 0), (20, 10), (20.02, 15), (19.98, 10), (0, 10))),
        water(area((0, 0), (20, 0), (20, 10), (19.5, 15), (19, 10), (0, 10))),
    ),
    Case(
        "spike",
        water(area((0, 0), (40, 0.02), (5, 0.05), (0, 10))),
        water(area((0, 0), (40, 2), (5, 5), (0, 10))),
        "with neighbours far off",
    ),
    Case(
        "spike",
        water(area((20.02, 15), (19.98, 10), (0, 10), (0, 0), (20, 0), (20, 10))),
        water(area((19.5, 15), (19, 10), (0, 10), (0, 0), (20, 0), (20, 10))),
        "at the vertex a ring begins with",
    ),
    Case("spike", road((0, 0), (10, 0), (1, 0)), road((0, 0), (10, 0), (10, 9)), "of a line that goes back"),
    Case("sliver", water(area((0, 0), (20, 0), (20, 0.09), (0, 0.09))), water(area((0, 0), (20, 0), (20, 0.11), (0, 0.11)))),
    Case("tiny-hole", water(area(*HOUSE, holes=hole(0.09))), water(area(*HOUSE, holes=hole(0.11)))),
    Case("self-touching-line", road((0, 0), (10, 0), (10, 10), (5, -5)), road((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))),
    Case("height-missing", pipe((0, 0), (9, 0)), pipe((0, 0, 3), (9, 0, 3))),
    Case("height-missing", pipe((0, 0), (9, 0), start=3.0), pipe((0, 0), (9, 0), start=3.0, end=2.9), "at one end"),
    Case("no-value", pipe((0, 0, -9999), (9, 0, -9999), start=3.0, end=3.0), pipe((0, 0, 3), (9, 0, 3), start=3.0, end=3.0)),
    Case("height-differs", pipe((0, 0, 8), (9, 0, 8), start=3.0, end=3.0), pipe((0, 0, 3), (9, 0, 3), start=3.0, end=3.0)),
)


def findings(_rule: str, given: object, _city: object) -> Sequence[Finding]:
    """Read the rows."""
    return row_findings(given)
