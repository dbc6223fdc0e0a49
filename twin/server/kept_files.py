"""What is kept of coverages and models beside their rows: files that no row names any more are forgotten.

A check keeps a raster, a point cloud or a model before anybody publishes it; withdrawn or given back, its rows go and its files are left.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from psycopg import sql

from twin.db import Connection, translated
from twin.server.city import City

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
        old = [path for path in _kept_in(city.store.path(folder)) if _is_older(path, older_than_s)]
        if not old:
            continue
        with translated(), city.pool.connection() as connection:
            named = _named(connection, column)
        for path in old:
            if path.name.partition(".")[0] not in named and _is_older(path, older_than_s):
                _LOG.info("%s/%s is named by no row: removed", folder, path.name)
                _remove(path)
                swept += 1
    return swept


def _kept_in(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from (path for path in folder.iterdir() if not path.name.startswith("."))


def _is_older(path: Path, age_s: float) -> bool:
    try:
        return path.stat().st_mtime < time.time() - age_s
    except FileNotFoundError:
        return False


def _named(connection: Connection, column: str) -> set[str]:
    """Return the values of ``column`` in all tables that hold features, whether they are shown, closed or staged."""
    named: set[str] = set()
    for schema, table in connection.execute(_TABLES, {"column": column, "schemas": _SCHEMAS}).fetchall():
        query = sql.SQL("SELECT DISTINCT {} FROM {}").format(sql.Identifier(column), sql.Identifier(schema, table))
        named.update(str(value) for (value,) in connection.execute(query))
    return named


def _remove(path: Path) -> None:
    """Remove a file, or a folder: taken away at once, then emptied."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    gone = path.with_name(f".{path.name}.gone")
    with suppress(FileNotFoundError):
        path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
