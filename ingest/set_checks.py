"""Checks that need all rows at once: uniqueness within the file and ends that meet a node. They run on staged rows, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from ingest.protocol import KEY_SEPARATOR
from ingest.staging import Staging, columns
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.errors import Text
from twin.model import Check, Finding, Severity
from twin.tables import current_table


def repeated_keys(connection: Connection, staging: Staging) -> tuple[Finding, ...]:
    """Remove every row whose natural key an earlier row of the file has, and return what was found (rule ``unique``)."""
    return _repeated(connection, staging, sql.SQL("natural_key"), staging.feature_type.natural_key, Severity.ERROR)


def repeated_values(connection: Connection, staging: Staging, check: Check) -> tuple[Finding, ...]:
    """Remove rows that repeat the value of the fields a ``unique`` check names (its natural key is `repeated_keys`')."""
    names = _names(check)
    if not names or names == staging.feature_type.natural_key:
        return ()
    value = columns(names) if len(names) == 1 else sql.SQL("ROW({})::text").format(columns(names))
    return _repeated(connection, staging, value, names, _severity(check))


def missing_nodes(
    connection: Connection, staging: Staging, check: Check, staged: Sequence[Staging], catalogue: Catalogue
) -> tuple[Finding, ...]:
    """Remove rows whose ends name a node that neither this submission nor a published dataset has (rule ``node-exists``).

    Where no dataset of the node type is known at all the check cannot be made: one warning says so, and nothing is removed.
    """
    node_type, node_field = str(check.parameters["type"]), str(check.parameters["field"])
    tables = [s.table for s in staged if s.feature_type.name == node_type]
    tables += [current_table(d.feature_type, d.id) for d in catalogue.datasets() if d.feature_type == node_type]
    if not tables:
        zh, en = f"没有任何 {node_type} 数据集，无法检查端点", f"there is no {node_type} dataset to check the ends against"
        return (Finding(rule="node-exists", severity=Severity.WARNING, row=None, message=Text(zh, en)),)
    nodes = sql.SQL(" UNION ALL ").join([sql.SQL("SELECT {} AS node FROM {}").format(sql.Identifier(node_field), t) for t in tables])
    ends = sql.SQL(", ").join([sql.SQL("({}, s.{})").format(sql.Literal(name), sql.Identifier(name)) for name in _names(check)])
    titles = {f.name: f.title for f in staging.feature_type.fields}
    rows = connection.execute(staging.query("find_without_node", ends=ends, nodes=nodes)).fetchall()
    findings = tuple(
        Finding(
            rule="node-exists",
            severity=_severity(check),
            row=row,
            key=key,
            message=Text(zh=f"{titles[name].zh} {node} 不存在", en=f"{titles[name].en} {node} does not exist"),
            place=(x, y),
        )
        for row, key, name, node, x, y in rows
    )
    _reject(connection, staging, findings)
    return findings


def _repeated(
    connection: Connection, staging: Staging, value: sql.Composable, names: Sequence[str], severity: Severity
) -> tuple[Finding, ...]:
    titles = [staging.feature_type.field(name).title for name in names]
    zh, en = "+".join(t.zh for t in titles), " + ".join(t.en for t in titles)
    rows = connection.execute(staging.query("find_repeated", value=value)).fetchall()
    findings = []
    for row, key, first_row, repeated, x, y in rows:
        shown = str(repeated).replace(KEY_SEPARATOR, " / ")
        message = Text(zh=f"{zh} {shown} 与第 {first_row} 行重复", en=f"{en} {shown} repeats row {first_row}")
        findings.append(Finding(rule="unique", severity=severity, row=row, key=key, message=message, place=(x, y)))
    _reject(connection, staging, findings)
    return tuple(findings)


def _reject(connection: Connection, staging: Staging, findings: Sequence[Finding]) -> None:
    rows = sorted({f.row for f in findings if f.severity is Severity.ERROR and f.row is not None})
    if rows:
        connection.execute(staging.query("reject_rows"), {"rows": rows})


def _severity(check: Check) -> Severity:
    return Severity(str(check.parameters.get("severity", Severity.ERROR)))


def _names(check: Check) -> tuple[str, ...]:
    fields = check.parameters.get("fields")
    return tuple(map(str, fields)) if isinstance(fields, (list, tuple)) else ()
