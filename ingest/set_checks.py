"""Checks that need all rows at once: uniqueness within the file and ends that meet a node. They run on staged rows, in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from psycopg import sql

from ingest.staging import Staging, columns
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.errors import Text
from twin.model import Check, Finding, Severity

_KEY_SEPARATOR = "\u001f"


def reject_repeated_keys(connection: Connection, staging: Staging) -> Iterator[Finding]:
    """Remove every row whose natural key an earlier row of the file has, and say so (rule ``unique``)."""
    yield from _reject_repeated(connection, staging, sql.SQL("natural_key"), staging.feature_type.natural_key)


def reject_repeated_values(connection: Connection, staging: Staging, check: Check) -> Iterator[Finding]:
    """Remove rows that repeat the value of the fields a ``unique`` check names."""
    names = _names(check.parameters.get("fields"))
    if not names or names == staging.feature_type.natural_key:
        return
    value = columns(names) if len(names) == 1 else sql.SQL("ROW({})::text").format(columns(names))
    yield from _reject_repeated(connection, staging, value, names)


def reject_without_node(
    connection: Connection, staging: Staging, check: Check, staged: Sequence[Staging], catalogue: Catalogue
) -> Iterator[Finding]:
    """Remove rows whose ends name a node that neither this submission nor a published dataset has (rule ``node-exists``).

    Where no dataset of the node type is known at all the check cannot be made: one warning says so, and nothing is removed.
    """
    node_type, node_field = str(check.parameters["type"]), str(check.parameters["field"])
    tables = [s.table for s in staged if s.feature_type.name == node_type]
    known = {d.slug for d in catalogue.datasets()}
    tables += [
        Staging(staging.submission, 0, dataset, catalogue.feature_type(node_type), False).current
        for dataset in catalogue.datasets()
        if dataset.feature_type == node_type and dataset.slug in known
    ]
    if not tables:
        yield Finding(
            rule="node-exists",
            severity=Severity.WARNING,
            row=None,
            message=Text(zh=f"没有任何 {node_type} 数据集，无法检查端点", en=f"there is no {node_type} dataset to check the ends against"),
        )
        return
    nodes = sql.SQL(" UNION ALL ").join(sql.SQL("SELECT {} AS node FROM {}").format(sql.Identifier(node_field), table) for table in tables)
    ends = sql.SQL(", ").join(
        sql.SQL("({}, s.{})").format(sql.Literal(name), sql.Identifier(name)) for name in _names(check.parameters.get("fields"))
    )
    titles = {f.name: f.title for f in staging.feature_type.fields}
    for row, key, name, node, x, y in connection.execute(staging.query("reject_without_node", ends=ends, nodes=nodes)).fetchall():
        title = titles[name]
        yield Finding(
            rule="node-exists",
            severity=Severity.ERROR,
            row=row,
            key=key,
            message=Text(zh=f"{title.zh} {node} 不存在", en=f"{title.en} {node} does not exist"),
            place=(x, y),
        )


def _reject_repeated(connection: Connection, staging: Staging, value: sql.Composable, names: Sequence[str]) -> Iterator[Finding]:
    titles = [staging.feature_type.field(name).title for name in names]
    zh, en = "+".join(t.zh for t in titles), " + ".join(t.en for t in titles)
    for row, key, first_row, repeated, x, y in connection.execute(staging.query("reject_repeated", value=value)).fetchall():
        shown = str(repeated).replace(_KEY_SEPARATOR, " / ")
        yield Finding(
            rule="unique",
            severity=Severity.ERROR,
            row=row,
            key=key,
            message=Text(zh=f"{zh} {shown} 与第 {first_row} 行重复", en=f"{en} {shown} repeats row {first_row}"),
            place=(x, y),
        )


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()
