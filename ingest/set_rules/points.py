"""Rules over the points of a pipe survey (P01…P05)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.set_rules.codes import NONE, Mask
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.feature_codes import CODE_PREFIXES
from ingest.set_rules.findings import finding, finding_at, has_fields, row_in_source, title_of_code
from ingest.set_rules.grouping import Columns, like_in, millimetres, repeats
from ingest.set_rules.survey import Numbers, Survey
from ingest.staging import columns
from twin.db import load_queries
from twin.errors import Text
from twin.model import Finding, Severity

_QUERIES = load_queries("ingest.set_rules", "points.sql")
_NUMBERS_AT_A_TIME = 500_000
"""Repeated numbers of points that PostgreSQL is asked about together, each time in a scan of the staged rows."""


def map_numbers(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points whose number on the map is not that of the survey (P01).

    A survey of which more than ``separate_share`` differ numbers its maps apart: then one note says so and no point is named.
    """
    points = context.survey.points
    given, differs = np.zeros((2, len(points)), dtype=bool)
    for block in context.survey.blocks(len(points)):
        number, own = points.map_number[block], points.part[block] == context.staging.part
        given[block] = own & _true(pc.not_equal(number, ""))
        differs[block] = own & _true(pc.not_equal(number, points.number[block])) & (points.node[block] != NONE)
    if differs.sum() > check.number("separate_share") * given.sum():
        zh, en = (
            f"{given.sum()} 个图上点号中有 {differs.sum()} 个与管线点编号不同，按单独编号处理",
            f"{differs.sum()} of {given.sum()} map numbers are not those of the survey: a numbering of its own",
        )
        yield Finding(check.rule.id, Severity.INFO, None, Text(zh=zh, en=en))
        return
    for index in np.flatnonzero(given & differs).tolist():
        number, key = points.map_number[index].as_py(), points.key[index].as_py()
        message = Text(zh=f"图上点号 {number} 与管线点编号 {key} 不同", en=f"map number {number} is not point number {key}")
        yield finding_at(check, points, index, message, number)


def repeated_points(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points whose number an earlier row has, saying whether they are otherwise the same (P02).

    In order of rows, half a million numbers at a time.
    """
    points = context.survey.points
    is_known, is_repeated = np.zeros((2, context.survey.names.end + 1), dtype=bool)
    for own in points.blocks(context.staging.part):
        node, count = np.unique(points.node[own], return_counts=True)
        is_repeated[node] |= is_known[node] | (count > 1)
        is_known[node] = True
    is_repeated[NONE] = False
    query = _QUERIES["repeated_points"].format(staging=context.staging.table, attributes=columns(context.staging.attributes))
    repeated = np.flatnonzero(is_repeated)
    batches = (repeated[start : start + _NUMBERS_AT_A_TIME].tolist() for start in range(0, len(repeated), _NUMBERS_AT_A_TIME))
    for row in chain.from_iterable(context.rows(query, {"numbers": [context.survey.names.at(code) for code in some]}) for some in batches):
        earlier = row_in_source(row[4])
        zh, en = ("内容相同", "the same content") if row[5] else ("内容不同", "other content")
        message = Text(zh=f"点号 {row[1]} 与第 {earlier} 行重复，{zh}", en=f"point number {row[1]} repeats row {earlier}, with {en}")
        yield finding(check, row, message, row[1])


def feature_or_appurtenance(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points that have both a feature (特征) and an appurtenance (附属物), or neither where others have one (P03)."""
    if not has_fields(context, "feature", "appurtenance"):
        return
    points, part = context.survey.points, context.staging.part
    if all((points.feature[own] == NONE).all() and (points.appurtenance[own] == NONE).all() for own in points.blocks(part)):
        return  # a survey that has neither column says nothing of either
    both = (own[(points.feature[own] == NONE) == (points.appurtenance[own] == NONE)] for own in points.blocks(part))
    for index in chain.from_iterable(wrong.tolist() for wrong in both):
        if points.feature[index] == NONE:
            yield finding_at(check, points, index, Text(zh="特征和附属物均为空", en="neither a feature nor an appurtenance"))
        else:
            words = (("feature", points.feature[index]), ("appurtenance", points.appurtenance[index]))
            titles = [title_of_code(context, name, context.survey.words.at(code)) for name, code in words]
            zh, en = "、".join(t.zh for t in titles), " and ".join(t.en for t in titles)
            yield finding_at(check, points, index, Text(zh=f"同时填写了特征和附属物：{zh}", en=f"both a feature and an appurtenance: {en}"))


def points_at_one_place(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points that lie, to the millimetre, where an earlier one of their kind lies (P04).

    Pipes of different kinds may lie one above the other on the shelves of a tunnel.
    """
    points = context.survey.points

    def kinds_and_places(of: Numbers) -> list[Columns]:
        return [points.kind[of], *(millimetres(axis[of]) for axis in (points.x, points.y, points.z))]

    own = partial(points.blocks, context.staging.part)
    for index, earlier in repeats(own, like_in(kinds_and_places), context.survey.files.work):
        node = points.node[earlier]
        other = context.survey.names.at(node) if node != NONE else None
        message = Text(zh=f"X、Y、高程与点 {other} 完全相同", en=f"X, Y and elevation are those of point {other}")
        yield finding_at(check, points, index, message, other)


def feature_codes(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points whose eight-digit feature code is that of another kind of pipe or of another kind of point (P05)."""
    if not has_fields(context, "feature_code", "kind", "feature", "appurtenance"):
        return
    points, words = context.survey.points, context.survey.words
    for own in points.blocks(context.staging.part):
        for index in _with_codes_of_others(context.survey, own):
            code = words.at(points.feature_code[index])
            message = Text(
                zh=f"要素代码 {code} 与管类、特征或附属物不符", en=f"feature code {code} does not fit kind, feature or appurtenance"
            )
            yield finding_at(check, points, index, message, code)


def _with_codes_of_others(survey: Survey, own: Numbers) -> list[int]:
    points, words = survey.points, survey.words
    own = own[(points.feature_code[own] != NONE) & words.among(points.kind[own], CODE_PREFIXES)]
    if not len(own):
        return []
    said = [points.feature_code[own], points.kind[own], points.feature[own] != NONE, points.appurtenance[own] != NONE]
    combinations, which = np.unique(np.stack(said, axis=1), axis=0, return_inverse=True)
    fits = np.array([_fits(words.at(c), CODE_PREFIXES[words.at(k)], bool(f), bool(a)) for c, k, f, a in combinations], dtype=bool)
    wrong: list[int] = own[~fits[which.ravel()]].tolist()
    return wrong


def _fits(code: str, prefix: str, has_feature: bool, has_appurtenance: bool) -> bool:
    """Digits: 5, class, subclass (2), element (2: point), kind of point (1: feature, 2: appurtenance), sequence (2)."""
    if len(code) != 8 or not code.startswith("5") or not (code.isascii() and code.isdigit()):
        return True  # a code of another system
    wrong_kind = {"1": has_appurtenance and not has_feature, "2": has_feature and not has_appurtenance}
    return code.startswith(prefix) and code[4] == "2" and not wrong_kind.get(code[5], False)


def _true(told: pa.ChunkedArray) -> Mask:
    """Return where something is true, not false or unknown."""
    found: Mask = pc.fill_null(told, False).to_numpy()
    return found
