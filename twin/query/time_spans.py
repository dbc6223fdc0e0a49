"""When the features of a dataset hold in the real world, or the days its images were taken, all together."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from twin.query.collection import Collection
from twin.query.feature_query import Statement
from twin.query.images import is_imagery
from twin.tables import current_table

_VALIDITY = sql.SQL(
    "SELECT (SELECT min(valid_from) FROM {table}), (SELECT max(valid_to) FROM {table} WHERE valid_to > '0001-01-01') - 1,"
    " EXISTS (SELECT FROM {table} WHERE valid_to IS NULL AND valid_from IS NOT NULL)"
)
_ACQUIRED = sql.SQL("SELECT min(acquired_on), max(acquired_on), false FROM {table}")


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From the first day to the last, both included; None is open."""

    first: dt.date | None
    last: dt.date | None

    def meets(self, first: dt.date | None, last: dt.date | None) -> bool:
        """Tell whether some day of another span is in this one."""
        return (first is None or self.last is None or self.last >= first) and (last is None or self.first is None or self.first <= last)


def time_span_statement(collection: Collection) -> Statement:
    """Return the statement of the :func:`time_span` of a collection's current features, one row: of indexes, and of images all."""
    table = current_table(collection.feature_type.name, collection.dataset.id)
    return Statement((_ACQUIRED if is_imagery(collection) else _VALIDITY).format(table=table), {})


def time_span(row: tuple[Any, ...]) -> TimeSpan | None:
    """Return the span that the row says; None where no feature says when it holds. One that ends nowhere leaves the span open."""
    first, last, is_open = row
    return None if first is None and last is None else TimeSpan(first, None if is_open else last)
