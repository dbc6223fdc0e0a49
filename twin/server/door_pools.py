"""The connections of the public door: statements of a kind have their own, so that those that take long hold nobody else up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from twin.db import Pool, connection_string
from twin.mvt import layer
from twin.query import feature_records
from twin.query.execute import DOOR_SETTINGS, AsyncPool
from twin.query.patient_connection import PatientConnection
from twin.server.exports import exports_connections

STATEMENT_TIMEOUT_S = 10.0
"""No request may keep the database busy longer (a 72 KB star would cost a tile 27 s, DESIGN 4)."""
DOOR_CONNECTIONS = 8
DOOR_WAITING = 8
"""Requests that may wait for a connection: who comes when so many wait is told to come again (503), before they all wait for ever."""
DEAR_CONNECTIONS, DEAR_WAITING = 3, 16
"""For counts, searches, WFS and FeatureServer, whose statements take long: the others do not wait for them."""
TILE_TIMEOUT_S = 3.0
"""A vector tile that takes longer is drawn again without what makes it slow."""
TILE_CONNECTIONS = 4
TILE_WAITING = 128
"""A map asks for a whole screen of tiles at once, and does not come again for one that was refused."""
_TILE_SETTINGS = {**DOOR_SETTINGS, "work_mem": "32MB"}


@dataclass(frozen=True, slots=True)
class DoorPools:
    """Pools, closed but for the block of :meth:`opened`."""

    quick: AsyncPool
    """For what is soon done: pages, features, documents."""
    dear: AsyncPool
    tiles: AsyncPool
    exports: Pool

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have them open for the block."""
        async with AsyncExitStack() as stack:
            await asyncio.to_thread(load_compiled_code)
            for pool in (self.quick, self.dear, self.tiles):
                stack.push_async_callback(pool.close)
                await pool.open()
            stack.push_async_callback(asyncio.to_thread, self.exports.close)
            await asyncio.to_thread(self.exports.open)
            yield


def load_compiled_code() -> None:
    """Load what answers are written by, before anybody asks; the first time on a machine it is compiled, and kept on its disk."""
    feature_records.stand_ready()
    layer.ready()


def door_pools(database_url: str) -> DoorPools:
    """Return the pools of a door to a database, closed."""
    quick = connection_string(database_url, application="twin-door", statement_timeout_s=STATEMENT_TIMEOUT_S, settings=DOOR_SETTINGS)
    tiles = connection_string(database_url, application="twin-tiles", statement_timeout_s=TILE_TIMEOUT_S, settings=_TILE_SETTINGS)
    return DoorPools(
        quick=_pool(quick, DOOR_CONNECTIONS, DOOR_WAITING),
        dear=_pool(quick, DEAR_CONNECTIONS, DEAR_WAITING),
        tiles=_pool(tiles, TILE_CONNECTIONS, TILE_WAITING),
        exports=exports_connections(database_url),
    )


def _pool(conninfo: str, most: int, most_waiting: int) -> AsyncPool:
    """Return a closed pool for statements each of which stands alone."""
    autocommit = {"autocommit": True}
    return AsyncConnectionPool(
        conninfo,
        connection_class=PatientConnection,
        kwargs=autocommit,
        min_size=1,
        max_size=most,
        max_waiting=most_waiting,
        open=False,
        timeout=10,
    )
