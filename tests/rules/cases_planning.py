"""Cases of the rules over areas that tile the ground, control lines, land-use codes and administrative units."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shapely
from integration.surveys import Parts, Row, square
from rules.case import Case
from rules.staged import City, Staged

from twin.model import Finding

ALLOWED = {
    "on-farmland": ("farmland", "0102"),
    "in-ecological-red-line": ("ecology", "0301"),
    "in-green-line": ("green", "1401"),
    "in-blue-line": ("blue", "1701"),
    "in-yellow-line": ("yellow", "1302"),
    "in-purple-line": ("purple", "1401"),
    "on-road-red-line": ("road", "1207"),
}
"""Rule → kind of line, and a use that may lie in it."""


def flat(x: float, y: float, side: float = 10.0) -> shapely.Geometry:
    return shapely.force_2d(square(x, y, side))


def parcels(*places: tuple[float, float]) -> Parts:
    return {"case_parcels": ("parcel", [Row(flat(*place), {"parcel_id": f"p{k}"}) for k, place in enumerate(places)])}


def plot(code: str, x: float = 2.0) -> Row:
    return Row(flat(x, 2, 5), {"plot_id": f"k{code}", "plan_id": "g", "land_use_code": code, "state": "approved"})


def planned(kind: str, code: str, x: float = 2.0, state: str = "approved") -> Staged:
    line = Row(flat(0, 0, 20), {"line_id": "l1", "kind": kind})
    row = plot(code, x)
    parts = {"case_plots": ("plan_plot", [Row(row.geometry, dict(row.fields) | {"state": state})]), "case_lines": ("control_line", [line])}
    return Staged(parts, asked="case_plots")


def units(*rows: tuple[str, str, str | None, float, float]) -> Parts:
    """Units as (code, level, parent, place along x, side)."""
    return {
        "case_units": (
            "admin_unit",
            [Row(flat(x, 0, side), {"code": c, "name": c, "level": level, "parent_code": up}) for c, level, up, x, side in rows],
        )
    }


DISTRICT = ("320402", "district", None, 0.0, 100.0)
TOWN = ("320402001", "town", "320402", 10.0, 20.0)

CASES = (
    Case("coverage-overlap", parcels((0, 0), (9, 0)), parcels((0, 0), (10, 0))),
    Case("coverage-overlap", parcels((0, 0), (0, 9)), parcels((0, 0), (9.999, 0)), "thinner than rounding"),
    Case("coverage-gap", parcels((0, 0), (10.4, 0)), parcels((0, 0), (10, 0))),
    Case("coverage-gap", parcels((0, 0), (10.4, 0)), parcels((0, 0), (14, 0)), "a street between"),
    *(Case(rule, planned(kind, "0701"), planned(kind, use)) for rule, (kind, use) in ALLOWED.items()),
    Case("on-farmland", planned("farmland", "0701"), planned("farmland", "0701", state="repealed"), "repealed"),
    Case("on-farmland", planned("farmland", "0701", 16), planned("farmland", "0701", 20), "beside it"),
    Case("outside-urban-growth", planned("urban_growth", "0701", 18), planned("urban_growth", "0701", 15)),
    Case("land-use-level", {"case_plots": ("plan_plot", [plot("07")])}, {"case_plots": ("plan_plot", [plot("0701")])}),
    Case("admin-code", units(("320402001", "district", None, 0, 10)), units(TOWN)),
    Case("admin-code", units(("320404001", "town", "320402", 0, 10)), units(TOWN), "another parent's"),
    Case("admin-parent", units(DISTRICT, ("320404001", "town", "320404", 10, 20)), units(DISTRICT, TOWN)),
    Case("admin-parent", units(DISTRICT, ("320404001", "town", "320404", 10, 20)), units(TOWN), "no districts at all"),
    Case("admin-inside", units(DISTRICT, ("320402001", "town", "320402", 95, 20)), units(DISTRICT, TOWN)),
)


def findings(rule: str, given: object, city: Callable[[], City]) -> Sequence[Finding]:
    """Ask the rule about staged areas."""
    return city().ask(rule, given)  # type: ignore[arg-type]
