"""Rules over the land-use codes of plans."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding
from ingest.set_rules.places import QUERIES
from twin.errors import Text
from twin.model import Finding


def short_codes(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield plots whose land-use code has fewer than ``digits`` digits: too coarse a class for this kind of plan (``land-use-level``)."""
    query = QUERIES["short_codes"].format(staging=context.staging.table, code=sql.Identifier(check.text("field")))
    for row in context.connection.execute(query, {"digits": int(check.number("digits"))}):
        yield finding(check, row, Text(zh=f"用地代码 {row[4]} 级别过粗", en=f"class {row[4]} is too coarse"), row[4])
