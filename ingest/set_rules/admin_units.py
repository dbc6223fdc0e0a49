"""Rules over administrative units: their codes, their parents, and whether they lie in them."""

from __future__ import annotations

from collections.abc import Iterator

import shapely

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding
from ingest.set_rules.places import QUERIES, features_of
from twin.errors import Text
from twin.model import Finding


def unit_codes(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield units whose code is not as long as their level has it, or does not begin with their parent's (``admin-code``)."""
    levels = check.table("levels")
    values = {"levels": [str(row[0]) for row in levels], "lengths": [int(row[1] or 0) for row in levels]}
    query = QUERIES["unit_codes_that_do_not_fit"].format(staging=context.staging.table)
    for row in context.connection.execute(query, values):
        parent, level = row[5] or "—", row[6] or "—"
        zh = f"代码 {row[4]} 与级别 {level} 或上级代码 {parent} 不符"
        yield finding(check, row, Text(zh=zh, en=f"code {row[4]} does not fit level {level} or parent {parent}"), row[4])


def units_without_their_parent(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield units whose parent is not there though others like it are (``admin-parent``)."""
    units = features_of(context, "admin_unit", ("code", "level"))
    for row in context.connection.execute(QUERIES["units_without_their_parent"].format(staging=context.staging.table, units=units)):
        yield finding(check, row, Text(zh=f"没有上级行政区 {row[4]}", en=f"there is no parent unit {row[4]}"), row[4])


def units_outside_their_parent(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield units of whose area more than ``outside_share`` lies outside their parent (``admin-inside``)."""
    units = features_of(context, "admin_unit", ("code", "geom", "valid_to"))
    query = QUERIES["units_and_their_parents"].format(staging=context.staging.table, units=units)
    with context.connection.cursor(name="units") as cursor:
        cursor.itersize = 100
        cursor.execute(query, binary=True)
        for row, key, unit_wkb, parent, parent_wkb in cursor:
            unit = shapely.from_wkb(unit_wkb)
            beyond = shapely.difference(unit, shapely.from_wkb(parent_wkb))
            if beyond.area > check.number("outside_share") * unit.area:
                share, point = 100 * beyond.area / unit.area, beyond.representative_point()
                message = Text(
                    zh=f"{share:.1f}% 的面积在上级行政区 {parent} 之外", en=f"{share:.1f} % of it lies outside its parent {parent}"
                )
                yield finding(check, (row, key, point.x, point.y), message, f"{share:.1f}")
