"""Databases of a cluster: made once, whoever comes first."""

from __future__ import annotations

import psycopg
from psycopg import errors, sql


def ensure_database(admin_dsn: str, name: str) -> bool:
    """Make the database ``name`` unless it is there; return whether this call made it.

    ``admin_dsn`` names any other database of the cluster (``postgres``). Safe beside others who do the same.
    """
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return False
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (errors.DuplicateDatabase, errors.UniqueViolation):
            return False
        return True
