"""What is kept of coverages and models beside their rows: files that no row names any more are forgotten.

A check keeps a raster, a point cloud or a model before anybody publishes it; withdrawn or given back, its rows go and its files are left.
"""

from __future__ import annotations

import logging
import time

from psycopg import sql

from twin.db import Connection, translated
from twin.server.city import City
from twin.store import Store

_KEPT = {"model": "kept_as", "coverage": "sha256", "imagery": "sha256", "pointcloud": "sha256", "points": "kept_as"}
"""Folder of the store → the column of rows that names what lies in it."""
_SCHEMAS = ["city", "history", "staging"]
_YOUNG_S = 86_400.0
"""What is younger may belong to a check that has not written its row yet."""
_TABLES = """
    SELECT n.nspname, c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attname = %(column)s AND NOT a.attisdropped AND c.relkind = 'r' AND n.nspname = ANY(%(schemas)s)
"""
_LOG = logging.getLogger("twin.kept")


def sweep_kept(city: City, older_than_s: float = _YOUNG_S) -> int:
    """Remove what no current, closed or staged row names and return how many that were; what is younger than ``older_than_s`` stays."""
    swept = 0
    for folder, column in _KEPT.items():
        old = _older(city.store, folder, older_than_s)
        if not old:
            continue
        with translated(), city.pool.connection() as connection:
            named = _named(connection, column)
        unnamed = {name for name in old if name.partition(".")[0] not in named}
        for name in sorted(unnamed & _older(city.store, folder, older_than_s) if unnamed else ()):  # they may have come once more since
            _LOG.info("%s/%s is named by no row: removed", folder, name)
            city.store.delete_below(f"{folder}/{name}")
            swept += 1
    return swept


def _older(store: Store, folder: str, age_s: float) -> set[str]:
    """Return what is called by its name in a folder of the store, an object or many below it, and has nothing younger than ``age_s``."""
    latest: dict[str, int] = {}
    for held in store.entries(folder):
        name = held.key.split("/")[1]
        latest[name] = max(latest.get(name, 0), held.modified_ns)
    before_ns = time.time_ns() - int(age_s * 1e9)
    return {name for name, modified_ns in latest.items() if modified_ns < before_ns}


def _named(connection: Connection, column: str) -> set[str]:
    """Return the values of ``column`` in all tables that hold features, whether they are shown, closed or staged."""
    named: set[str] = set()
    for schema, table in connection.execute(_TABLES, {"column": column, "schemas": _SCHEMAS}).fetchall():
        query = sql.SQL("SELECT DISTINCT {} FROM {}").format(sql.Identifier(column), sql.Identifier(schema, table))
        named.update(str(value) for (value,) in connection.execute(query))
    return named
