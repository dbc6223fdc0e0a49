"""Which images show something of a place as of a commit, and on which days images were taken."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from twin.model import Dataset
from twin.query.collection import Collection
from twin.query.feature_query import Statement
from twin.tables import current_table, history_table

Extent = tuple[float, float, float, float]

_HELD = sql.SQL(
    "SELECT coalesce(array_agg(sha256 ORDER BY acquired_on DESC NULLS LAST, resolution_m, fid), '{{}}') FROM ("
    "SELECT sha256, acquired_on, resolution_m, fid, geom FROM {} WHERE commit_from <= %(commit)s UNION ALL"
    " SELECT sha256, acquired_on, resolution_m, fid, geom FROM {} WHERE commit_from <= %(commit)s AND %(commit)s < commit_to) AS held"
    " WHERE (%(first)s::date IS NULL OR acquired_on >= %(first)s::date) AND (%(last)s::date IS NULL OR acquired_on <= %(last)s::date)"
    " AND (%(west)s::float8 IS NULL OR geom && ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8,"
    " %(srid)s))"
)
_DAYS = sql.SQL(
    "SELECT coalesce(array_agg(DISTINCT acquired_on ORDER BY acquired_on) FILTER (WHERE acquired_on IS NOT NULL), '{{}}') FROM {}"
)


@dataclass(frozen=True, slots=True)
class ImageDays:
    """The days on which the images wanted were taken, both included; None is open."""

    first: dt.date | None = None
    last: dt.date | None = None


def held_images(dataset: Dataset, commit: int, days: ImageDays, extent: Extent | None, srid: int) -> Statement:
    """Return the statement of the hashes of images as of ``commit``, the topmost first: the newest, the finest, the first recorded.

    ``extent``: west, south, east, north in the storage CRS, which they may touch; None for all of them. An image without a day is below
    all others, and is left out where a day is asked for. The one row has one array of texts.
    """
    west, south, east, north = extent or (None, None, None, None)
    values: dict[str, Any] = {"commit": commit, "first": days.first, "last": days.last, "srid": srid}
    values |= {"west": west, "south": south, "east": east, "north": north}
    tables = current_table(dataset.feature_type, dataset.id), history_table(dataset.feature_type, dataset.id)
    return Statement(_HELD.format(*tables), values)


def image_days(dataset: Dataset) -> Statement:
    """Return the statement of the days on which a dataset's images were taken, the first one first: one row with one array of dates."""
    return Statement(_DAYS.format(current_table(dataset.feature_type, dataset.id)))


def is_imagery(collection: Collection) -> bool:
    """Return whether a collection holds images that are shown as picture tiles."""
    return collection.feature_type.recipe == "imagery"
