"""Builds the overviews that published datasets lack: after a first load, and after an update that makes them otherwise (decision 53)."""

from __future__ import annotations

import logging

import psycopg

from twin import overview
from twin.catalogue import Catalogue
from twin.db import connect_beside, translated
from twin.model import Dataset

_LOG = logging.getLogger("twin.overviews")
_LOCK_BUILDING = "SELECT pg_try_advisory_xact_lock(hashtext('twin.overview'), %s)"
_LOCK_PUBLISHING = "SELECT pg_advisory_xact_lock(hashtext('twin.publish'), %s)"


def complete_overviews(catalogue: Catalogue) -> int:
    """Build the overview of every published dataset that has none that fits, and return how many were built.

    Nobody waits for it: tiles of low levels are drawn of a sample until then. Publishing waits only while what it did meanwhile is added.
    """
    catalogue.refresh()
    lacking = [dataset for dataset in catalogue.datasets() if _is_lacking(catalogue, dataset)]
    return sum(_complete(catalogue, dataset) for dataset in lacking)


def lacks_overview(catalogue: Catalogue) -> bool:
    """True when a published dataset has no overview that fits."""
    return any(_is_lacking(catalogue, dataset) for dataset in catalogue.datasets())


def _is_lacking(catalogue: Catalogue, dataset: Dataset) -> bool:
    if catalogue.current_revision(dataset.slug) is None:
        return False
    with translated(), catalogue.pool.connection() as connection:
        return not overview.is_complete(connection, catalogue.feature_type(dataset.feature_type), dataset)


def _complete(catalogue: Catalogue, dataset: Dataset) -> bool:
    kind = catalogue.feature_type(dataset.feature_type)
    with translated(), connect_beside(catalogue.pool) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if connection.execute(_LOCK_BUILDING, (dataset.id,)).fetchone() != (True,):
            return False  # another process is at it
        row = connection.execute("SELECT current_commit FROM catalog.dataset WHERE id = %s", (dataset.id,)).fetchone()
        if row is None or row[0] is None:
            return False
        overview.build(connection, kind, dataset, int(row[0]))
    with translated(), connect_beside(catalogue.pool) as connection:
        connection.execute(_LOCK_PUBLISHING, (dataset.id,))
        overview.finish(connection, kind, dataset)
    _LOG.info("built the overview of %s", dataset.slug)
    return True
