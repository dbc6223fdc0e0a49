"""The elevation sheets of a city, as of a commit, and those that a submission is about to publish."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import sql

from twin.catalogue import Catalogue
from twin.db import Connection, translated
from twin.heights.mosaic import NOT_YET, Sheet
from twin.model import Dataset, SharingClass
from twin.tables import current_table, history_table

_COLUMNS = sql.SQL("sha256, coalesce(priority, 0), coalesce(resolution_m, 1e6), {commit}, coalesce(natural_key, name)")
_HELD = sql.SQL(
    "SELECT {columns} FROM {current} WHERE commit_from <= %(commit)s UNION ALL"
    " SELECT {columns} FROM {history} WHERE commit_from <= %(commit)s AND %(commit)s < commit_to"
)
_COMING = sql.SQL("SELECT {columns} FROM ({rows}) AS f")
_KEPT = sql.SQL(" LEFT JOIN {} AS c USING (natural_key, sha256, priority, resolution_m, name)")


def published_sheets(
    catalogue: Catalogue, *, commit: int | None = None, sharing: Collection[SharingClass] = tuple(SharingClass)
) -> list[Sheet]:
    """Return the sheets of all elevation datasets of the classes ``sharing`` as of ``commit`` (None: now), in no particular order."""
    columns = _COLUMNS.format(commit=sql.Identifier("commit_from"))
    found: list[Sheet] = []
    with translated(), catalogue.pool.connection() as connection:
        for dataset in catalogue.datasets():
            if dataset.sharing in sharing and _has_sheets(catalogue, dataset):
                current, history = current_table(dataset.feature_type, dataset.id), history_table(dataset.feature_type, dataset.id)
                query = _HELD.format(columns=columns, current=current, history=history)
                rows = connection.execute(query, {"commit": NOT_YET if commit is None else commit}).fetchall()
                found += [Sheet(str(s), int(p), float(r), int(c), dataset.id, str(n)) for s, p, r, c, n in rows]
    return found


def coming_sheets(connection: Connection, rows: sql.Composable, current: sql.Composable | None, dataset: int) -> list[Sheet]:
    """Return the sheets that ``dataset`` will have by ``rows``, a query of them; one that is in ``current`` as it is keeps its commit."""
    new = sql.Literal(NOT_YET)
    query = _COMING.format(
        columns=_COLUMNS.format(commit=new if current is None else sql.SQL("coalesce(c.commit_from, {})").format(new)), rows=rows
    )
    found = connection.execute(query if current is None else query + _KEPT.format(current)).fetchall()
    return [Sheet(str(s), int(p), float(r), int(c), dataset, str(n)) for s, p, r, c, n in found]


def _has_sheets(catalogue: Catalogue, dataset: Dataset) -> bool:
    is_published = catalogue.current_revision(dataset.slug) is not None  # before, there is no table to look into
    return is_published and catalogue.feature_type(dataset.feature_type).recipe == "terrain"
