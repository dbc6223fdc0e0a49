"""Cases of the rules over what other datasets have published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shapely
from integration.surveys import ORIGIN, Parts, Row, square
from rules.case import Case
from rules.staged import City, Staged

from twin.model import Finding

BUILDINGS: Parts = {"case_published_buildings": ("building", [Row(square(3000, 0), {"building_id": "b1", "height_m": 9.0})])}


def buildings(x: float) -> Staged:
    row = Row(square(x, 0), {"building_id": "n1", "height_m": 9.0})
    return Staged({"case_buildings": ("building", [row])}, published=BUILDINGS)


def road(number: str, first: float, last: float, road_class: str = "arterial") -> Row:
    geometry = shapely.LineString([(ORIGIN[0] + x, ORIGIN[1]) for x in (first, last)])
    return Row(geometry, {"road_id": number, "road_class": road_class})


def roads(first: float, road_class: str = "arterial") -> Staged:
    ours = {"case_roads": ("road", [road("r2", first, first + 40, road_class)])}
    return Staged(ours, published={"case_published_roads": ("road", [road("r1", 3000, 3050)])})


CASES = (
    Case("published-duplicate", buildings(3000.01), buildings(3000.2)),
    Case("edge-match", roads(3050.2), roads(3050.0), "missed"),
    Case("edge-match", roads(3050.0, "secondary"), roads(3050.0), "another class"),
    Case("edge-match", roads(3050.2), roads(3051.0), "farther than it reaches"),
)


def findings(rule: str, given: object, city: Callable[[], City]) -> Sequence[Finding]:
    """Ask the rule about rows beside what is published."""
    found = city().ask(rule, given)  # type: ignore[arg-type]
    for finding in found if rule == "edge-match" else ():
        where, values = f"对方端点在 ({ORIGIN[0] + 3050:.3f}, {ORIGIN[1]:.3f})", "本文件 secondary，对方 arterial"
        assert (where in finding.message.zh) != (values in finding.message.zh), "what to mend it to is said"
    return found
