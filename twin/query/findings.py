"""Findings of checks as GeoJSON features with the places where they are: what a map shows of what is wrong with a file on its way."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from twin.crs import OutputCrs
from twin.db import load_queries
from twin.errors import Text
from twin.model import Principal, Severity, SubmissionState
from twin.query.area import Area
from twin.query.feature_query import Statement
from twin.query.filter_ast import Predicate
from twin.query.filter_sql import filter_sql
from twin.query.filter_target import PlainTarget
from twin.query.parameters import Parameters
from twin.query.positions import StoredPositions, geojson_in

COLLECTION_ID = "findings"
PROPERTIES: Mapping[str, tuple[str, Text]] = {
    "submission": ("string", Text("提交编号", "submission")),
    "state": ("string", Text("提交状态", "state of the submission")),
    "dataset": ("string", Text("数据集", "dataset")),
    "rule": ("string", Text("规则", "rule")),
    "severity": ("string", Text("级别", "severity")),
    "file": ("string", Text("文件", "file")),
    "layer": ("string", Text("图层", "layer")),
    "row": ("integer", Text("行号", "row")),
    "key": ("string", Text("编号", "key")),
    "message_zh": ("string", Text("说明（中文）", "message (zh)")),
    "message_en": ("string", Text("说明（英文）", "message (en)")),
    "value": ("string", Text("值", "value")),
    "proposal": ("string", Text("建议值", "proposal")),
    "waived": ("string", Text("豁免原因", "waived because")),
    "waived_by": ("string", Text("复核人", "waived by")),
}
"""Properties of a finding: JSON type and title."""
QUERYABLE = ("submission", "state", "dataset", "rule", "severity")
_QUERIES = load_queries("twin.query", "findings.sql")
_EVERYTHING = sql.SQL("true")
_UNDER_WAY_OR_CURRENT = sql.SQL("n.state <> 'withdrawn' AND (n.state <> 'published' OR n.id IN (SELECT id FROM last))")
_CURRENT = sql.SQL("(seen.state <> 'published' OR f.part IS NULL OR seen.datasets[f.part + 1] = ANY (seen.current))")


@dataclass(frozen=True, slots=True)
class FindingQuery:
    """Which findings are wanted, in ascending number from ``after`` on.

    Where neither a number, a submission nor a state is asked for, those of what is withdrawn, or published and followed by another
    submission in their dataset, are left out. Those of a check of the command line, which published nothing, always are.
    """

    crs: OutputCrs
    storage_srid: int
    limit: int
    after: int = 0
    number: int | None = None
    submission: uuid.UUID | None = None
    state: SubmissionState | None = None
    dataset: str | None = None
    rule: str | None = None
    severity: Severity | None = None
    area: Area | None = None
    filter: Predicate | None = None
    """Of :func:`filter_target`."""


@dataclass(frozen=True, slots=True)
class FindingsPage:
    """One page: its features joined by commas, and where the next page begins."""

    features: bytes
    count: int
    last: int | None
    more: bool


def findings_statement(query: FindingQuery, principal: Principal) -> Statement:
    """Return the statement of a page, one row read by :func:`findings_page`; findings the caller may not see are not there."""
    values: dict[str, object] = {
        "classes": sorted(c.value for c in principal.classes),
        "after": query.after,
        "limit": query.limit,
    }
    conditions: list[sql.Composable] = []
    for name, column, value in (
        ("number", sql.SQL("f.number"), query.number),
        ("rule", sql.SQL("f.rule"), query.rule),
        ("state", sql.SQL("seen.state"), query.state and query.state.value),
        ("severity", sql.SQL("f.severity"), query.severity and query.severity.value),
        ("dataset", sql.SQL("seen.datasets[f.part + 1]"), query.dataset),
    ):
        if value is not None:
            values[name] = value
            conditions.append(sql.SQL("{} = {}").format(column, sql.Placeholder(name)))
    if query.area is not None and query.area.region is not None:
        values["region"] = query.area.region
        place = sql.SQL("ST_Intersects(ST_SetSRID(ST_MakePoint(f.x, f.y), {srid}), ST_GeomFromWKB(%(region)s, {srid}))")
        conditions.append(place.format(srid=sql.Literal(query.storage_srid)))
    submission: sql.Composable = _EVERYTHING
    if query.submission is not None:
        values["submission"] = query.submission
        submission = sql.SQL("s.id = %(submission)s")
    is_open = query.number is None and query.submission is None and query.state is None
    if is_open:
        conditions.append(_CURRENT)
    geometry = geojson_in(query.crs, StoredPositions(query.storage_srid, has_z=False, vertical="none"))
    text = _QUERIES["page"].format(
        submission=submission,
        state=_UNDER_WAY_OR_CURRENT if is_open else _EVERYTHING,
        srid=sql.Literal(query.storage_srid),
        filter=_EVERYTHING if query.filter is None else _filter(query.filter, query.storage_srid, values),
        conditions=sql.SQL(" AND ").join(conditions) if conditions else _EVERYTHING,
        feature=_QUERIES["feature"].format(geometry=geometry),
    )
    return Statement(text, values)


def filter_target(offered: tuple[OutputCrs, ...], storage_srid: int) -> PlainTarget:
    """Return what a filter may say of findings, positions in it in one of the CRSs ``offered``."""
    return PlainTarget(dict.fromkeys(QUERYABLE, "text"), offered, storage_srid)


def _filter(predicate: Predicate, storage_srid: int, values: dict[str, object]) -> sql.Composable:
    parameters = Parameters()
    made = filter_sql(predicate, parameters, storage_srid)
    values |= parameters.values
    return made


def findings_page(row: tuple[Any, ...], limit: int) -> FindingsPage:
    """Return what the one row of :func:`findings_statement` says."""
    features, count, last = row
    return FindingsPage(bytes(features), min(count, limit), last, more=count > limit)
