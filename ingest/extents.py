"""How many features a dataset has and where they lie, after a commit: known from the commit before and what changes, where that suffices.

Counting and measuring a million rows for each of a hundred changed ones would be most of a small publish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from ingest.staging import QUERIES, Staging
from twin.db import Connection

Extent = tuple[float, float, float, float]
"""West, south, east and north in the storage CRS."""


def counted(connection: Connection, table: sql.Identifier) -> tuple[int, Extent | None]:
    """Return the number of rows of a table and their extent, by looking at all of them."""
    row = connection.execute(QUERIES["count_and_extent"].format(table=table)).fetchone()
    return (int(row[0]), _extent(row[1:])) if row else (0, None)


def after_change(
    connection: Connection, staging: Staging, before: int | None, counts: Mapping[str, int]
) -> tuple[int, Extent | None] | None:
    """Return number and extent of the rows that a dataset will have, None when they have to be counted.

    Asked before the rows of ``staging`` are applied; ``before`` is the dataset's current commit. An extent can only be less than what is
    known when something goes or moves that lies at its edge.
    """
    known = connection.execute(staging.query("extent_of_current"), {"commit": before}).fetchone() if before is not None else None
    extent = None if known is None else _extent(known[1] or ())
    if known is None or extent is None:
        return None
    row = connection.execute(staging.query("extents_of_change")).fetchone() or (None,) * 8
    comes, goes = _extent(row[:4]), _extent(row[4:])
    if goes is not None and not _within(goes, extent):
        return None
    return int(known[0]) + counts["insert"] - counts["delete"], _union(extent, comes)


def _within(inner: Extent, outer: Extent) -> bool:
    """Return whether ``inner`` lies inside ``outer`` without touching its edge."""
    return inner[0] > outer[0] and inner[1] > outer[1] and inner[2] < outer[2] and inner[3] < outer[3]


def _union(one: Extent, other: Extent | None) -> Extent:
    if other is None:
        return one
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _extent(numbers: Sequence[float | None]) -> Extent | None:
    values = [float(n) for n in numbers if n is not None]
    return (values[0], values[1], values[2], values[3]) if len(values) == 4 else None
