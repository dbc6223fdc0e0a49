"""Checks that need all rows at once: uniqueness within the file and values that name something else. They run on staged rows, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from ingest.checks.references import ReferenceCheck
from ingest.protocol import KEY_SEPARATOR
from ingest.staging import Staging, columns
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.errors import Text
from twin.model import Check, FeatureType, Finding, Severity
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


def missing_targets(
    connection: Connection,
    staging: Staging,
    check: ReferenceCheck,
    staged: Sequence[Staging],
    kept: Mapping[int, Sequence[str]],
    catalogue: Catalogue,
) -> tuple[Finding, ...]:
    """Find values that name what will not be there once this submission is published; an error removes the row.

    ``kept`` are the keys, by dataset, whose rows were rejected: what is published under them stays (DESIGN 14). Where no dataset of the
    target type is known at all the check cannot be made: one finding says so, and nothing is removed.
    """
    targets = _targets(catalogue.feature_type(check.target), check.target_field, staged, kept, catalogue)
    values = sql.SQL(", ").join([sql.SQL("({}, s.{}::text)").format(sql.Literal(name), sql.Identifier(name)) for name in check.fields])
    if not targets:
        return _unanswerable(connection, staging, check, catalogue.feature_type(check.target).title, values)
    titles = {f.name: f.title for f in staging.feature_type.fields}
    query = staging.query("find_without_target", values=values, targets=sql.SQL(" UNION ALL ").join(targets))
    findings = tuple(
        Finding(
            rule=check.rule,
            severity=check.severity,
            row=row,
            key=key,
            message=Text(zh=f"{titles[name].zh} {value} 不存在", en=f"{titles[name].en} {value} does not exist"),
            place=(x, y),
        )
        for row, key, name, value, x, y in connection.execute(query).fetchall()
    )
    _reject(connection, staging, findings)
    return findings


def _targets(
    target: FeatureType, field: str, staged: Sequence[Staging], kept: Mapping[int, Sequence[str]], catalogue: Catalogue
) -> list[sql.Composed]:
    """Return a query of the values there will be in each dataset of the target type; the key's own column has an index."""
    column = sql.Identifier("natural_key" if target.natural_key == (field,) else field)
    select = sql.SQL("SELECT {}::text AS value FROM {}")
    queries = [select.format(column, s.table) for s in staged if s.feature_type.name == target.name]
    replaced = {s.dataset.id for s in staged if s.is_whole}
    for dataset in catalogue.datasets():
        if dataset.feature_type != target.name:
            continue
        query = select.format(column, current_table(dataset.feature_type, dataset.id))
        if dataset.id in replaced:
            query += sql.SQL(" WHERE natural_key = ANY ({}::text[])").format(sql.Literal(list(kept.get(dataset.id, ()))))
        queries.append(query)
    return queries


def _unanswerable(
    connection: Connection, staging: Staging, check: ReferenceCheck, target: Text, values: sql.Composable
) -> tuple[Finding, ...]:
    """Return the one finding that a check had nothing to look at; none where no row names anything."""
    found = connection.execute(staging.query("names_any_target", values=values)).fetchone()
    if found is None or not found[0]:
        return ()
    titles = [staging.feature_type.field(name).title for name in check.fields]
    zh, en = "、".join(t.zh for t in titles), ", ".join(t.en for t in titles)
    message = Text(zh=f"尚无{target.zh}数据集，未检查{zh}", en=f"there is no dataset of {target.en} to check {en} against")
    severity = Severity.WARNING if check.severity is Severity.ERROR else Severity.INFO
    return (Finding(rule=check.rule, severity=severity, row=None, message=message),)


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
