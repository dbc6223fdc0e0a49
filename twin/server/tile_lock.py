"""Who writes tiles of a dataset and who drops some, in whatever process: many may write at once, nobody beside one who drops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from twin.db import Connection, connect_beside, translated
from twin.errors import ConflictError
from twin.model import Dataset
from twin.server.city import City

_LOCK = "twin.tiles"


@contextmanager
def building(city: City, dataset: Dataset) -> Iterator[None]:
    """Keep the garbage collection of a dataset away for the block: what a build finds stored must stay, until it is registered."""
    with translated():
        connection = connect_beside(city.pool)
    with connection:
        connection.execute("SELECT pg_advisory_lock_shared(hashtext(%s), %s)", (_LOCK, dataset.id))
        with _given_back(connection):
            yield


@contextmanager
def dropping(city: City, dataset: Dataset) -> Iterator[None]:
    """Keep builds of a dataset waiting for the block; ConflictError (code ``tiles-building``) while there is one."""
    with translated():
        connection = connect_beside(city.pool)
    with connection:
        row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", (_LOCK, dataset.id)).fetchone()
        if row != (True,):
            raise ConflictError(
                f"the tiles of {dataset.slug} are being built; try again", zh=f"{dataset.slug} 的瓦片正在构建，请稍后再试"
            ).with_code("tiles-building")
        with _given_back(connection):
            yield


@contextmanager
def _given_back(connection: Connection) -> Iterator[None]:
    """Give the lock back at the end of the block: a session that is closed may hold it for a moment longer."""
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # it is gone with the connection
            connection.execute("SELECT pg_advisory_unlock_all()")
