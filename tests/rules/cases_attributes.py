"""Cases of the rules about one row's values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from rules.case import Case
from rules.rows import Rows, area, row_findings

from twin.model import Finding

TODAY = dt.datetime.now(dt.UTC).date()
HOUSE = area((0, 0), (20, 0), (20, 10), (0, 10))


def building(**values: object) -> Rows:
    row = {"building_id": "b1", "height_m": 9.0} | values
    return Rows("building", [HOUSE], {name: [value] for name, value in row.items()})


def parcel(**values: object) -> Rows:
    row = {"parcel_id": "p1", "right_type": "state_granted"} | values
    return Rows("parcel", [HOUSE], {name: [value] for name, value in row.items()})


CASES = (
    Case("type", building(height_m="twelve"), building(height_m="12 m")),
    Case("type", parcel(registered_on="2019-13-01"), parcel(registered_on="2019-12-01"), "of a date"),
    Case("required", parcel(parcel_id=None), parcel()),
    Case("required", parcel(parcel_id="  "), parcel(), "blank"),
    Case("range", building(height_m=1e6), building(height_m=500.0)),
    Case("code", building(structure="cheese"), building(structure="砖混结构")),
    Case("max-length", building(building_id="b" * 1000), building(building_id="b" * 10)),
    Case("date-order", building(valid_from="2020-01-02", valid_to="2020-01-02"), building(valid_from="2020-01-01", valid_to="2020-01-02")),
    Case("future-date", parcel(registered_on=TODAY + dt.timedelta(days=3)), parcel(registered_on=TODAY)),
    Case("future-date", building(year_built=TODAY.year + 1), building(year_built=TODAY.year - 1), "of a year"),
)


def findings(_rule: str, given: Rows, _city: object) -> Sequence[Finding]:
    """Read the rows."""
    return row_findings(given)
