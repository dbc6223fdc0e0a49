"""Runs statements for the doors: asynchronously for the native routes, synchronously inside pygeoapi's threads."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.types.string import ByteaBinaryLoader
from psycopg_pool import AsyncConnectionPool

from twin.db import Pool, translated
from twin.query.feature_query import FeatureQuery, Statement

DOOR_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # A plan made for any box is wrong for most: with the whole city's box it sorts everything first (1.5 s at 500,000 rows).
        "plan_cache_mode": "force_custom_plan",
        # PostGIS's costs are high, and starting workers takes longer than a page.
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
    }
)
"""What connections of a door are set to."""

Row = tuple[Any, ...]
AsyncPool = AsyncConnectionPool[psycopg.AsyncConnection[Row]]


async def fetch_row(pool: AsyncPool, statement: Statement) -> Row:
    """Return the one row of a statement; driver errors come as TwinErrors."""
    with translated():
        async with pool.connection() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(statement.text.as_bytes(None), statement.values)
            return _one(await cursor.fetchone())


async def fetch_rows(pool: AsyncPool, statement: Statement) -> list[Row]:
    """Return the rows of a statement, which bounds them; driver errors come as TwinErrors."""
    with translated():
        async with pool.connection() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(statement.text.as_bytes(None), statement.values)
            return await cursor.fetchall()


@asynccontextmanager
async def fetched_records(pool: AsyncPool, statement: Statement) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield (commit, records) of a statement whose rows are (commit, record or NULL), at least one; a record is what record_send makes.

    Thousands of rows come most cheaply so: no value of theirs becomes an object. The connection is held for the block: no more are at work
    on records than the pool has connections.
    """
    with translated():
        async with pool.connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.adapters.register_loader("record", ByteaBinaryLoader)
            await cursor.execute(statement.text.as_bytes(None), statement.values)
            rows = await cursor.fetchall()
            yield _one(rows[0] if rows else None)[0], [record for _, record in rows if record is not None]


def fetch_row_blocking(pool: Pool, statement: Statement) -> Row:
    """Return the one row of a statement; driver errors come as TwinErrors."""
    with translated(), pool.connection() as connection, connection.cursor(binary=True) as cursor:
        cursor.execute(statement.text.as_bytes(None), statement.values)
        return _one(cursor.fetchone())


def _one(row: Row | None) -> Row:
    if row is None:
        raise RuntimeError("a statement of the query core always gives one row")
    return row


def read_of(query: FeatureQuery, at: int | None) -> FeatureQuery:
    """Return the cheapest query that can mean the state at commit ``at`` (None: the current one).

    When ``at`` is not before the newest revision that is known, the current rows are that state. They may have moved on: whoever
    runs it looks at the commit that comes with the rows and, if that is newer than ``at``, asks with ``as_of`` (:func:`moved_on`).
    """
    if at is None or at >= query.collection.revision.commit:
        return dataclasses.replace(query, as_of=None)
    return dataclasses.replace(query, as_of=at)


def moved_on(standing_commit: int, at: int | None) -> bool:
    """True when rows read as current belong to a commit after the one asked for."""
    return at is not None and standing_commit > at


Build = Callable[[FeatureQuery], Statement]
Fetch = Callable[[AsyncPool, Statement], Awaitable[Row]]


async def fetch_pinned(pool: AsyncPool, query: FeatureQuery, at: int | None, build: Build, fetch: Fetch = fetch_row) -> Row:
    """Return the row of ``build(query)`` for the state at commit ``at``, whose first column is the dataset's standing commit."""
    chosen = read_of(query, at)
    row = await fetch(pool, build(chosen))
    if chosen.as_of is None and moved_on(row[0], at):
        row = await fetch(pool, build(dataclasses.replace(query, as_of=at)))
    return row
