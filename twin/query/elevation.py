"""The elevation sheets of a city, as of a commit, and those that a submission is about to publish."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import sql

from twin.catalogue import Catalogue
from twin.db import Connection, translated
from twin.heights.mosaic import NOT_YET, Sheet
from twin.model import Dataset, SharingClass
from twin.tables import current_table, history_table

_COLUMNS = sql.SQL("sha256, coalesce(priority, 0) AS priority, coalesce(resolution_m, 1e6) AS resolution_m, name")
_PAST = sql.SQL(
    "SELECT {columns}, commit_from, NULL::bigint AS commit_to FROM {current} WHERE commit_from <= %(commit)s UNION ALL"
    " SELECT {columns}, commit_from, commit_to FROM {history} WHERE commit_from <= %(commit)s"
)
_AGE = sql.SQL("(SELECT min(p.commit_from) FROM past AS p WHERE p.sha256 = s.sha256 AND p.name = s.name)")
"""A sheet is as old as its content: what a rollback publishes again goes before and after the others as it did then."""
_HELD = sql.SQL(
    "WITH past AS ({past}) SELECT sha256, priority, resolution_m, {age}, name FROM past AS s"
    " WHERE commit_to IS NULL OR %(commit)s < commit_to"
)
_COMING = sql.SQL(
    "WITH past AS ({past}) SELECT sha256, priority, resolution_m, coalesce({age}, %(commit)s), name"
    " FROM (SELECT {columns} FROM ({rows}) AS f) AS s"
)
_NEW = sql.SQL("SELECT sha256, priority, resolution_m, %(commit)s, name FROM (SELECT {columns} FROM ({rows}) AS f) AS s")


def published_sheets(
    catalogue: Catalogue, *, commit: int | None = None, sharing: Collection[SharingClass] = tuple(SharingClass)
) -> list[Sheet]:
    """Return the sheets of all elevation datasets of the classes ``sharing`` as of ``commit`` (None: now), in no particular order."""
    found: list[Sheet] = []
    with translated(), catalogue.pool.connection() as connection:
        for dataset in catalogue.datasets():
            if dataset.sharing in sharing and _has_sheets(catalogue, dataset):
                query = _HELD.format(past=_past(dataset), age=_AGE)
                found += _sheets(connection, query, dataset, NOT_YET if commit is None else commit)
    return found


def coming_sheets(connection: Connection, dataset: Dataset, rows: sql.Composable, *, is_new: bool) -> list[Sheet]:
    """Return the sheets that ``dataset`` will have by ``rows``, a query of them; ``is_new``: it has never had any."""
    if is_new:
        return _sheets(connection, _NEW.format(columns=_COLUMNS, rows=rows), dataset, NOT_YET)
    return _sheets(connection, _COMING.format(past=_past(dataset), age=_AGE, columns=_COLUMNS, rows=rows), dataset, NOT_YET)


def _past(dataset: Dataset) -> sql.Composed:
    current, history = current_table(dataset.feature_type, dataset.id), history_table(dataset.feature_type, dataset.id)
    return _PAST.format(columns=_COLUMNS, current=current, history=history)


def _sheets(connection: Connection, query: sql.Composed, dataset: Dataset, commit: int) -> list[Sheet]:
    rows = connection.execute(query, {"commit": commit}).fetchall()
    return [Sheet(str(s), int(p), float(r), int(c), dataset.id, str(n)) for s, p, r, c, n in rows]


def _has_sheets(catalogue: Catalogue, dataset: Dataset) -> bool:
    is_published = catalogue.current_revision(dataset.slug) is not None  # before, there is no table to look into
    return is_published and catalogue.feature_type(dataset.feature_type).recipe == "terrain"
