"""Values that no two rows of a dataset may share (rule ``unique``)."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from ingest.protocol import KEY_SEPARATOR
from ingest.set_rules.context import SetCheck, SetContext
from ingest.staging import columns
from twin.errors import Text
from twin.model import Finding


def repeated_values(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield a finding for every row whose values an earlier row of the submission has; rows without a value are not compared."""
    staging, names = context.staging, check.names("fields")
    titles = [staging.feature_type.field(name).title for name in names]
    zh, en = "+".join(t.zh for t in titles), " + ".join(t.en for t in titles)
    for row, key, first_row, repeated, x, y in context.connection.execute(staging.query("find_repeated", value=_value(context, names))):
        shown = str(repeated).replace(KEY_SEPARATOR, " / ")
        yield Finding(
            rule=check.rule.id,
            severity=check.severity,
            row=row,
            key=key,
            message=Text(zh=f"{zh} {shown} 与第 {first_row} 行重复", en=f"{en} {shown} repeats row {first_row}"),
            place=(x, y),
            value=shown,
        )


def _value(context: SetContext, names: tuple[str, ...]) -> sql.Composable:
    if names == context.feature_type.natural_key:
        return sql.SQL("natural_key")
    return columns(names) if len(names) == 1 else sql.SQL("ROW({})::text").format(columns(names))
