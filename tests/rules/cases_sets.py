"""Cases of rules that need all rows at once: repeated values and values that name nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import shapely
from integration.surveys import ORIGIN, Parts, Row, square
from rules.case import Case
from rules.staged import City, Staged

from twin.model import Finding

X, Y = ORIGIN


def building(key: str, parcel_id: str | None = None, x: float = 0.0) -> Row:
    return Row(square(x, 0), {"building_id": key, "height_m": 9.0, "parcel_id": parcel_id})


def node(key: str, x: float) -> Row:
    return Row(shapely.Point(X + x, Y, 5.0), {"node_id": key, "kind": "YS", "depth_m": 2.0})


def segment(start: str, end: str) -> Row:
    fields = {"segment_id": f"{start}-{end}", "start_node": start, "end_node": end, "kind": "YS", "outer_diameter_mm": 300.0}
    return Row(shapely.LineString([(X, Y, 3.0), (X + 10, Y, 2.9)]), fields)


NODES = ("pipe_node", [node("Y1", 0), node("Y2", 10)])
PARCEL = ("parcel", [Row(square(0, 0, 20), {"parcel_id": "p1", "right_type": "state_granted"})])


def parcels(*keys: str) -> Parts:
    rows = [Row(square(30 * k, 0, 20), {"parcel_id": key, "right_type": "state_granted"}) for k, key in enumerate(keys)]
    return {"lost_parcels": ("parcel", rows)}


def replaced(parcel: str, buildings: Parts | None = None) -> Staged:
    """Return parcels of which only one is left, where a building was published that stands on p2."""
    standing: Parts = {"lost_buildings": ("building", [building("b1", "p2")])}
    return Staged(parcels(parcel) | (buildings or {}), published=parcels("p1", "p2") | standing, asked="lost_parcels")


def dated(day: int) -> Parts:
    return {
        "dated_buildings": ("building", [Row(square(0, 0), {"building_id": "b1", "height_m": 9.0, "valid_from": dt.date(2026, 3, day)})])
    }


CASES = (
    Case("older-than-published", Staged(dated(1), published=dated(2)), Staged(dated(2), published=dated(2))),
    Case("older-than-published", Staged(dated(1), published=dated(2)), Staged(dated(3), published=dated(2))),
    Case(
        "unique",
        {"cases_unique": ("building", [building("b1"), building("b1", x=50)])},
        {"cases_unique": ("building", [building("b1"), building("b2", x=50)])},
    ),
    Case(
        "duplicate-geometry",
        {"cases_same": ("building", [building("b1"), building("b2")])},
        {"cases_same": ("building", [building("b1"), building("b2", x=0.001)])},
    ),
    Case(
        "node-exists",
        {"cases_pipes": ("pipe_segment", [segment("Y1", "Y3")]), "cases_nodes": NODES},
        {"cases_pipes": ("pipe_segment", [segment("Y1", "Y2")]), "cases_nodes": NODES},
    ),
    Case(
        "reference",
        {"cases_referring": ("building", [building("b1", "p2")]), "cases_parcels": PARCEL},
        {"cases_referring": ("building", [building("b1", "p1")]), "cases_parcels": PARCEL},
    ),
    Case("reference-lost", replaced("p1"), replaced("p2"), "deleted"),
    Case("reference-lost", replaced("p1"), replaced("p1", {"lost_buildings": ("building", [building("b1", "p1")])}), "and renamed"),
)


def findings(rule: str, given: object, city: Callable[[], City]) -> Sequence[Finding]:
    """Ask the rule about staged rows."""
    return city().ask(rule, given)
