"""Cases of the rules over pipe surveys: small networks of points and lines, each right but for one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import shapely
from integration.surveys import ORIGIN, Row
from rules.case import Case
from rules.staged import GROUND_M, City, Staged

from twin.model import Finding

Place = tuple[float, float]
Point = tuple[Place, Mapping[str, object]]


def at(east_m: float, north_m: float = 0.0, **fields: object) -> Point:
    """A point with a manhole, unless its fields say what it is."""
    fields = {"kind": "WS"} | fields
    return (east_m, north_m), fields if fields.keys() & {"feature", "appurtenance"} else fields | {"appurtenance": "manhole"}


def survey(points: Mapping[str, Point], *lines: Mapping[str, object]) -> Staged:
    """A survey whose lines name their ends by ``a`` and ``b`` and lie at elevation 3 m, or from ``high`` down to ``low``; asked whole."""
    rows = [
        Row(
            shapely.Point(ORIGIN[0] + place[0], ORIGIN[1] + place[1], GROUND_M),
            {"node_id": number, "map_number": number, "ground_elevation_m": GROUND_M} | dict(fields),
        )
        for number, (place, fields) in points.items()
    ]
    segments = [_segment(points, dict(line)) for line in lines]
    return Staged({"case_points": ("pipe_node", rows), "case_lines": ("pipe_segment", segments)})


def _segment(points: Mapping[str, Point], line: dict[str, object]) -> Row:
    a, b = str(line.pop("a")), str(line.pop("b"))
    high, low = float(line.pop("high", 3.0)), float(line.pop("low", 3.0))  # type: ignore[arg-type]
    ends = [(*points[n][0], z) for n, z in ((a, high), (b, low))]
    geometry = shapely.LineString([(ORIGIN[0] + e, ORIGIN[1] + n, z) for e, n, z in ends])
    fields = {"segment_id": f"{a}-{b}", "start_node": a, "end_node": b, "kind": "WS", "outer_diameter_mm": 300.0, "flow_direction": "+"}
    return Row(geometry, fields | {"start_elevation_m": high, "end_elevation_m": low} | line)


def two(first: Mapping[str, object] | None = None, second: Mapping[str, object] | None = None, **line: object) -> Staged:
    """Two points 30 m apart and a line between them, with what differs."""
    return survey({"A": at(0, **(first or {})), "B": at(30, **(second or {}))}, {"a": "A", "b": "B"} | line)


def three(middle: Mapping[str, object] | None = None, first: Mapping[str, object] | None = None, **second: object) -> Staged:
    """Three points in a row and two lines, 30 m each."""
    points = {"A": at(0), "B": at(30, **(middle or {})), "C": at(60)}
    return survey(points, {"a": "A", "b": "B"} | dict(first or {}), {"a": "B", "b": "C"} | second)


def listed_twice(number: str) -> Staged:
    """Two points, the first called A and the second ``number``."""
    rows = [Row(shapely.Point(*ORIGIN, GROUND_M), {"node_id": name, "kind": "WS"}) for name in ("A", number)]
    return Staged({"case_points": ("pipe_node", rows)})


PLAIN = {"kind": "JP", "feature": "straight"}
WATER = {"kind": "JP", "flow_direction": None}
GAS = {"kind": "TR", "flow_direction": None}
INVERT, TOP = {"z_reference": "invert"}, {"z_reference": "top"}
BOX = {"outer_diameter_mm": None, "width_mm": 400.0, "section_height_mm": 300.0}

CASES = (
    Case("P01", two(first={"map_number": "1"}), two()),
    Case("P02", listed_twice("A"), listed_twice("B")),
    Case("P03", two(first={"feature": "straight", "appurtenance": "manhole"}), two(first={"feature": "straight"})),
    Case("P04", survey({"A": at(0), "B": at(0)}), survey({"A": at(0), "B": at(0, 0.002)})),
    Case("P05", two(first={"feature_code": "52012205"}), two(first={"feature_code": "52022205"})),
    Case("P05", two(first={"feature_code": "52021205"}), two(first={"feature_code": "M-17"}), "kind of point"),
    Case("L01", three(end_node=None), three()),
    Case("L02", two(end_node="A"), two()),
    Case("L03", survey({"A": at(0), "B": at(9)}, {"a": "A", "b": "B"}, {"a": "B", "b": "A"}), two(), "reversed"),
    Case(
        "L03",
        survey({"A": at(0), "B": at(9)}, {"a": "A", "b": "B"}, {"a": "A", "b": "B"}),
        survey({"A": at(0), "B": at(9)}, {"a": "A", "b": "B"}, {"a": "A", "b": "B", "high": 2.5, "low": 2.5}),
        "two pipes one above the other",
    ),
    Case(
        "L03",
        survey({"A": at(0), "B": at(9)}, {"a": "A", "b": "B", "segment_id": "7"}, {"a": "A", "b": "B", "segment_id": "7"}),
        survey({"A": at(0), "B": at(9)}, {"a": "A", "b": "B", "segment_id": "7"}, {"a": "A", "b": "B", "segment_id": "8"}),
        "two pumps side by side",
    ),
    Case("L04", two(start_depth_m=21.0), two(start_depth_m=2.1)),
    Case("L05", three(PLAIN, WATER, **WATER, high=2.6, low=2.6), three(PLAIN, WATER, **WATER, low=2.6), "height"),
    Case("L05", three(PLAIN, WATER | {"material": "PE"}, **WATER, material="G"), three({"kind": "JP"}, WATER, **WATER), "material"),
    Case(
        "L05",
        three(PLAIN, WATER, **WATER, outer_diameter_mm=100.0),
        three(PLAIN | {"feature": "diameter_change"}, WATER, **WATER, outer_diameter_mm=100.0),
        "size",
    ),
    Case("L05", three(PLAIN, WATER | BOX, **WATER), three(PLAIN, WATER, **WATER, outer_diameter_mm=None), "size of one is unknown"),
    Case(
        "L05",
        three(PLAIN, WATER | BOX, **WATER | BOX | {"section_height_mm": 500.0}),
        three(PLAIN, WATER | BOX, **WATER | BOX | {"section_height_mm": None}),
        "height of one box is unknown",
    ),
    Case("J02", survey({"A": at(0), "B": at(9), "C": at(20)}, {"a": "A", "b": "B"}), two()),
    Case("J03", two(start_depth_m=2.06), two(start_depth_m=2.05, end_depth_m=2.0)),
    Case("J04", survey({"A": at(0), "B": at(76)}, {"a": "A", "b": "B"}), survey({"A": at(0), "B": at(75)}, {"a": "A", "b": "B"})),
    Case("J04", survey({"A": at(0), "B": at(0.04)}, {"a": "A", "b": "B"}), two(), "too short"),
    Case("J05", two(high=3.0, low=-3.0), two(high=3.0, low=-2.0)),
    Case("J06", three({"feature": "tee"}), three({"feature": "straight"})),
    Case("gravity-uphill", two(high=2.0, low=2.1), two(high=2.0, low=2.1, flow_direction="-")),
    Case("gravity-uphill", two(high=2.0, low=2.1), two(high=2.0, low=2.1, pressure="0.2MPa"), "rising main"),
    Case("diameter-shrinks", three(first={"outer_diameter_mm": 600.0}), three(first={"outer_diameter_mm": 500.0})),
    Case("cover", two(**INVERT, high=4.3, low=4.2), two(**INVERT, high=4.14, low=4.1), "a sewer, whose top is its diameter higher"),
    Case("cover", two(**WATER, **TOP, high=4.5, low=4.0), two(**WATER, **TOP, high=4.44, low=4.0), "the top of a water pipe"),
    Case("cover", two(**GAS, high=5.2, low=4.0), two(**GAS, high=5.2, low=4.0, embedding="JK"), "bare"),
    Case(
        "cover",
        two(**GAS, second={"feature": "bend"}, high=4.0, low=5.2),
        two(**GAS, second={"feature": "surfacing"}, high=4.0, low=5.2),
        "comes out of the ground at its end",
    ),
    Case("cover", two(kind="LD", high=5.2, low=5.2, embedding="GM"), two(kind="LD", high=4.9, low=4.9, embedding="GM"), "no least for it"),
    Case(
        "manhole-spacing",
        survey({"A": at(0), "B": at(40, feature="straight"), "C": at(80)}, {"a": "A", "b": "B"}, {"a": "B", "b": "C"}),
        survey({"A": at(0), "B": at(40), "C": at(80)}, {"a": "A", "b": "B"}, {"a": "B", "b": "C"}),
    ),
    Case(
        "manhole-spacing",
        survey({"A": at(0), "B": at(110)}, {"a": "A", "b": "B", "outer_diameter_mm": 1000.0}),
        survey({"A": at(0), "B": at(110)}, {"a": "A", "b": "B", "outer_diameter_mm": 1200.0}),
        "of a large sewer",
    ),
    Case("connectivity", two(), two(second={"feature": "outfall"})),
    Case("SEP01", three(kind="YS"), three(first={"flow_direction": "-"}, kind="YS")),
    Case(
        "turn-angle",
        survey({"A": at(0), "B": at(30), "C": at(10, 9)}, {"a": "A", "b": "B"}, {"a": "B", "b": "C", "outer_diameter_mm": 400.0}),
        survey({"A": at(0), "B": at(30), "C": at(30, 9)}, {"a": "A", "b": "B"}, {"a": "B", "b": "C", "outer_diameter_mm": 400.0}),
    ),
)


def findings(rule: str, given: object, city: Callable[[], City]) -> Sequence[Finding]:
    """Ask the rule about a staged survey."""
    return city().ask(rule, given)  # type: ignore[arg-type]
