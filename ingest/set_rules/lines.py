"""Rules over the lines of a pipe survey, each line for itself or beside the others of its file (L01…L04)."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.network import among_rows, finding, has_fields, row_in_source
from twin.errors import Text
from twin.model import Finding


def lines_without_an_end(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that name no point at one of their ends, or at both, in a file whose other lines do (L01)."""
    for row in among_rows(context, "lines_without_an_end"):
        zh, en = ("起点", "start") if not row[4] else ("终点", "end")
        if not row[4] and not row[5]:
            zh, en = "起点和终点", "start and end"
        yield finding(check, row, Text(zh=f"缺少{zh}点号", en=f"there is no number of the {en} point"))


def lines_back_to_their_start(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that end where they start (L02)."""
    for row in among_rows(context, "lines_back_to_their_start"):
        yield finding(check, row, Text(zh=f"起点与终点同为 {row[4]}", en=f"start and end are both {row[4]}"), row[4])


def lines_listed_twice(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that are an earlier one again: one kind, the same points and heights, in either direction (L03).

    Lines with different numbers of their own are not the same.
    """
    for row in among_rows(context, "lines_listed_twice"):
        zh, en = ("（起止点互换）", " with its ends exchanged") if row[5] else ("", "")
        earlier = row_in_source(row[4])
        yield finding(check, row, Text(zh=f"与第 {earlier} 行为同一管段{zh}", en=f"the line of row {earlier}{en}"))


def lines_too_deep(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines of which an end lies deeper than ``deepest_m`` (L04)."""
    if not has_fields(context, "start_depth_m", "end_depth_m"):
        return
    deepest = check.number("deepest_m")
    for row in among_rows(context, "lines_too_deep", {"deepest_m": deepest}):
        yield finding(
            check, row, Text(zh=f"埋深 {row[4]:g} m 大于 {deepest:g} m", en=f"depth {row[4]:g} m is more than {deepest:g} m"), row[4]
        )
