"""Rows that are older than what is published under their key (rule ``older-than-published``)."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.places import QUERIES
from twin.errors import Text
from twin.model import Finding


def older_rows(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield every staged row that holds from an earlier day than the published one of the same key does; none of an edit by hand."""
    staging = context.staging
    if (
        staging.first_load
        or staging.edited is not None
        or not context.feature_type.natural_key
        or (context.given is not None and "valid_from" not in context.given)
    ):
        return
    query = QUERIES["find_older"].format(staging=staging.table, current=staging.current)
    for row, key, day, published, x, y in context.rows(query):
        zh = f"启用日期 {day} 早于已发布的 {published}：文件可能是旧的，发布将以旧换新"
        en = f"holds from {day}, what is published from {published}: the file may be an old one, and would replace what is newer"
        yield Finding(check.rule.id, check.severity, row, Text(zh=zh, en=en), key=key, place=(x, y), value=str(day), field="valid_from")
