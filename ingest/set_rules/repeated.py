"""What no two rows of a dataset should share: values (rule ``unique``) and places (``duplicate-geometry``)."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from ingest.protocol import KEY_SEPARATOR
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import row_in_source
from ingest.staging import columns
from twin.errors import Text
from twin.model import Finding


def repeated_values(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield a finding for every row whose values an earlier row of the submission has; rows without a value are not compared."""
    staging, names = context.staging, check.names("fields")
    if names == staging.feature_type.natural_key and "natural_key" in context.distinct:
        return
    titles = [staging.feature_type.field(name).title for name in names]
    zh, en = "+".join(t.zh for t in titles), " + ".join(t.en for t in titles)
    for row, key, first_row, repeated, x, y in context.rows(staging.query("find_repeated", value=_value(context, names))):
        shown, earlier = str(repeated).replace(KEY_SEPARATOR, " / "), row_in_source(first_row)
        yield Finding(
            rule=check.rule.id,
            severity=check.severity,
            row=row,
            key=key,
            message=Text(zh=f"{zh} {shown} 与第 {earlier} 行重复", en=f"{en} {shown} repeats row {earlier}"),
            place=(x, y),
            value=shown,
        )


def same_geometries(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield a finding for every row whose geometry, vertex by vertex, is that of an earlier row."""
    if "geom" in context.distinct:
        return
    for row, key, first_row, x, y in context.rows(context.staging.query("find_same_geometry")):
        earlier = row_in_source(first_row)
        message = Text(zh=f"几何与第 {earlier} 行相同", en=f"the geometry is that of row {earlier}")
        yield Finding(check.rule.id, check.severity, row, message, key=key, place=(x, y))


def _value(context: SetContext, names: tuple[str, ...]) -> sql.Composable:
    if names == context.feature_type.natural_key:
        return sql.SQL("natural_key")
    return columns(names) if len(names) == 1 else sql.SQL("ROW({})::text").format(columns(names))
