"""What the catalogue says of datasets: their history and the findings of the last check, and which records a filter means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from twin.crs import OutputCrs
from twin.crs.output import CRS84_URI
from twin.db import load_queries
from twin.errors import Text
from twin.model import FeatureType, Field, FieldType, Style
from twin.query.collection import VALUE_TYPES
from twin.query.feature_query import Statement
from twin.query.filter_ast import Predicate
from twin.query.filter_sql import filter_sql
from twin.query.filter_target import PlainTarget
from twin.query.parameters import Parameters

CATALOGUE = "catalogue"
"""Id of the collection of records; no dataset may have it."""
_QUERIES = load_queries("twin.query", "records.sql")
_CRS84 = OutputCrs(CRS84_URI, 4326, xy=True, height="none")


@dataclass(frozen=True, slots=True)
class FindingCount:
    """How many findings of one severity a check had, let pass by a reviewer (``waived``) or not."""

    severity: str
    waived: bool
    count: int


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """The history of a dataset, and how the last submission that was published into it fared."""

    revisions: int
    first: dt.datetime | None
    last: dt.datetime | None
    submission: str | None
    checked_at: dt.datetime | None
    findings: tuple[FindingCount, ...]


def facts_statement(slugs: Sequence[str]) -> Statement:
    """Return the statement of the facts of datasets, one row read by :func:`facts_of`."""
    return Statement(sql.Composed([_QUERIES["facts"]]), {"slugs": list(slugs)})


def facts_of(row: tuple[Any, ...]) -> dict[str, DatasetFacts]:
    """Return the facts by dataset."""
    return {
        entry["slug"]: DatasetFacts(
            revisions=entry["revisions"],
            first=_time(entry["first"]),
            last=_time(entry["last"]),
            submission=entry["submission"],
            checked_at=_time(entry["checked_at"]),
            findings=tuple(FindingCount(*counted) for counted in entry["findings"]),
        )
        for entry in row[0] or ()
    }


def matching_records(rows: Sequence[Mapping[str, object]], predicate: Predicate) -> Statement:
    """Return the statement of the ids of those ``rows`` that a filter means: one row with one array of texts.

    A row has the fields of :func:`record_type` and the edges of its extent (``west``, ``south``, ``east``, ``north``), degrees or None.
    """
    parameters = Parameters()
    condition = filter_sql(predicate, parameters, 4326)
    values = parameters.values | {"records": Jsonb([dict(row) for row in rows])}
    return Statement(sql.Composed([_QUERIES["matching"].format(condition=condition)]), values)


def filter_target() -> PlainTarget:
    """Return what a filter may say of records; places are in degrees."""
    return PlainTarget({f.name: VALUE_TYPES[f.type] for f in record_type().fields}, (_CRS84,), 4326)


def record_type() -> FeatureType:
    """Return the properties of a record by which it can be asked for, as a FeatureType without a table."""
    title = Text("数据目录", "Catalogue")
    return FeatureType(
        name="record",
        version=1,
        title=title,
        description=title,
        cim_class="",
        cim_level="",
        geometry_type="MultiPolygon",
        has_z=False,
        fields=tuple(Field(name, kind, Text(zh, en)) for name, kind, zh, en in _FIELDS),
        natural_key=("id",),
        checks=(),
        recipe="none",
        recipe_fields={},
        style=Style(None, "#0b6bcb", (), {}),
    )


_FIELDS: tuple[tuple[str, FieldType, str, str], ...] = (
    ("id", "string", "数据集标识", "Dataset"),
    ("type", "string", "资源类型", "Type of resource"),
    ("title", "string", "名称", "Title"),
    ("description", "string", "摘要", "Description"),
    ("created", "datetime", "首次发布时间", "First published"),
    ("updated", "datetime", "最近更新时间", "Last updated"),
    ("owner_department", "string", "所属部门", "Owner department"),
    ("steward", "string", "管理责任人", "Steward"),
    ("source_platform", "string", "数据来源平台", "Source platform"),
    ("licence", "string", "使用许可", "Licence"),
    ("sharing", "string", "共享属性", "Sharing class"),
    ("update_cycle", "string", "更新周期", "Update cycle"),
    ("freshness", "string", "时效", "Freshness"),
    ("next_due", "datetime", "下次应更新时间", "Next revision due"),
    ("feature_type", "string", "要素类型", "FeatureType"),
    ("cim_class", "string", "CIM 数据类", "CIM class"),
    ("cim_level", "string", "CIM 级别", "CIM level"),
    ("revision", "integer", "版本", "Revision"),
    ("count", "integer", "要素数", "Number of features"),
    ("errors", "integer", "检查错误数", "Errors found by the last check"),
    ("warnings", "integer", "检查警告数", "Warnings of the last check"),
)


def _time(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
