"""Who writes tiles of a dataset and who drops some, in whatever process: many may write at once, nobody beside one who drops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twin.db import connect_beside, translated
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
        yield
