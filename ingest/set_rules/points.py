"""Rules over the points of a pipe survey (P01…P05)."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.feature_codes import CODE_PREFIXES
from ingest.set_rules.network import among_rows, finding, has_fields, row_in_source, title_of_code
from ingest.staging import columns
from twin.errors import Text
from twin.model import Finding, Severity


def map_numbers(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points whose number on the map is not that of the survey (P01).

    A survey of which more than ``separate_share`` differ numbers its maps apart: then one note says so and no point is named.
    """
    if not has_fields(context, "map_number"):
        return
    different, given = next(among_rows(context, "own_map_numbers"))
    if different > check.number("separate_share") * given:
        zh, en = (
            f"{given} 个图上点号中有 {different} 个与管线点编号不同，按单独编号处理",
            f"{different} of {given} map numbers are not those of the survey: a numbering of its own",
        )
        yield Finding(check.rule.id, Severity.INFO, None, Text(zh=zh, en=en))
        return
    for row in among_rows(context, "map_numbers_that_differ"):
        yield finding(
            check,
            row,
            Text(zh=f"图上点号 {row[4]} 与管线点编号 {row[1]} 不同", en=f"map number {row[4]} is not point number {row[1]}"),
            row[4],
        )


def repeated_points(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points whose number an earlier row has, saying whether they are otherwise the same (P02)."""
    for row in among_rows(context, "repeated_points", attributes=columns(context.staging.attributes)):
        earlier = row_in_source(row[4])
        zh, en = ("内容相同", "the same content") if row[5] else ("内容不同", "other content")
        message = Text(zh=f"点号 {row[1]} 与第 {earlier} 行重复，{zh}", en=f"point number {row[1]} repeats row {earlier}, with {en}")
        yield finding(check, row, message, row[1])


def feature_or_appurtenance(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points that have both a feature (特征) and an appurtenance (附属物), or neither where others have one (P03)."""
    if not has_fields(context, "feature", "appurtenance"):
        return
    for row in among_rows(context, "feature_and_appurtenance"):
        if row[4] is None:
            yield finding(check, row, Text(zh="特征和附属物均为空", en="neither a feature nor an appurtenance"))
        else:
            titles = [title_of_code(context, name, code) for name, code in (("feature", row[4]), ("appurtenance", row[5]))]
            zh, en = "、".join(t.zh for t in titles), " and ".join(t.en for t in titles)
            yield finding(check, row, Text(zh=f"同时填写了特征和附属物：{zh}", en=f"both a feature and an appurtenance: {en}"))


def points_at_one_place(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points that lie, to the millimetre, where an earlier one of their kind lies (P04)."""
    for row in among_rows(context, "points_at_one_place"):
        yield finding(
            check, row, Text(zh=f"X、Y、高程与点 {row[4]} 完全相同", en=f"X, Y and elevation are those of point {row[4]}"), row[4]
        )


def feature_codes(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points whose eight-digit feature code is that of another kind of pipe or of another kind of point (P05)."""
    if not has_fields(context, "feature_code", "kind", "feature", "appurtenance"):
        return
    values = {"kinds": list(CODE_PREFIXES), "prefixes": list(CODE_PREFIXES.values())}
    for row in among_rows(context, "codes_that_do_not_fit", values):
        message = Text(
            zh=f"要素代码 {row[4]} 与管类、特征或附属物不符", en=f"feature code {row[4]} does not fit kind, feature or appurtenance"
        )
        yield finding(check, row, message, row[4])
