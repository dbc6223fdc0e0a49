"""How many features a dataset has and where they lie, after a commit: known from the commit before and what changes, where that suffices.

Counting and measuring a million rows for each of a hundred changed ones would be most of a small publish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from ingest.staging import QUERIES, Staging
from twin.db import Connection

Extent = tuple[float, float, float, float]
"""West, south, east and north in the storage CRS."""
_STRIPS = (1 / 1024, 1 / 64, 1 / 4, 1)
"""Parts of the breadth of a dataset in which its edge is looked for."""


def counted(connection: Connection, table: sql.Identifier) -> tuple[int, Extent | None]:
    """Return the number of rows of a table and their extent, by looking at all of them."""
    row = connection.execute(QUERIES["count_and_extent"].format(table=table)).fetchone()
    return (int(row[0]), _extent(row[1:])) if row else (0, None)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a dataset's rows before they are changed."""

    count: int
    bounds: Extent
    """All rows will lie within."""
    is_open: tuple[bool, bool, bool, bool]
    """On which sides of ``bounds`` something goes or moves, so that rows may end before."""


def outlook(connection: Connection, staging: Staging, before: int | None, counts: Mapping[str, int]) -> Outlook | None:
    """Return what the rows of ``staging`` will make of the dataset, None where nothing is known of it.

    Asked before they are applied; ``before`` is the dataset's current commit.
    """
    known = connection.execute(staging.query("extent_of_current"), {"commit": before}).fetchone() if before is not None else None
    extent = None if known is None else _extent(known[1] or ())
    if known is None or extent is None:
        return None
    row = connection.execute(staging.query("extents_of_change")).fetchone() or (None,) * 8
    comes, goes = _extent(row[:4]), _extent(row[4:])
    count = int(known[0]) + counts["insert"] - counts["delete"]
    return Outlook(count, _union(extent, comes), _open_sides(extent, comes, goes))


def measured(connection: Connection, staging: Staging, srid: int, known: Outlook | None) -> tuple[int, Extent | None]:
    """Return number and extent of the dataset's rows once they are changed; all are looked at only where nothing was known."""
    if known is None or known.count == 0:
        return counted(connection, staging.current)
    sides = [_edge(connection, staging, srid, known.bounds, side) if known.is_open[side] else known.bounds[side] for side in range(4)]
    return known.count, (sides[0], sides[1], sides[2], sides[3])


def _open_sides(extent: Extent, comes: Extent | None, goes: Extent | None) -> tuple[bool, bool, bool, bool]:
    """Return on which sides something at the edge goes, and nothing comes that reaches as far."""
    if goes is None:
        return False, False, False, False
    low = [goes[k] <= extent[k] and (comes is None or comes[k] > extent[k]) for k in (0, 1)]
    high = [goes[k] >= extent[k] and (comes is None or comes[k] < extent[k]) for k in (2, 3)]
    return low[0], low[1], high[0], high[1]


def _edge(connection: Connection, staging: Staging, srid: int, bounds: Extent, side: int) -> float:
    """Return how far rows reach on a side: looked for in a strip along it, found by the index and widened until there are some."""
    axis, is_high = side % 2, side >= 2
    breadth_m = bounds[axis + 2] - bounds[axis]
    reach = sql.SQL("max(ST_{axis}Max(c.geom))" if is_high else "min(ST_{axis}Min(c.geom))").format(axis=sql.SQL("XY"[axis]))
    query = staging.query("reach_within", reach=reach, srid=sql.Literal(srid))
    for part in _STRIPS:
        strip = list(bounds)
        strip[axis if is_high else axis + 2] = bounds[side] + breadth_m * (-part if is_high else part)
        row = connection.execute(query, {"west": strip[0], "south": strip[1], "east": strip[2], "north": strip[3]}).fetchone()
        if row is not None and row[0] is not None and (part == 1 or abs(row[0] - bounds[side]) <= breadth_m * part):
            return float(row[0])
    raise RuntimeError("no row lies within the bounds of all")


def _union(one: Extent, other: Extent | None) -> Extent:
    if other is None:
        return one
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _extent(numbers: Sequence[float | None]) -> Extent | None:
    values = [float(n) for n in numbers if n is not None]
    return (values[0], values[1], values[2], values[3]) if len(values) == 4 else None
