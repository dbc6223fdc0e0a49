"""Alembic migrations of schema ``catalog``, and what a database needs before the first of them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config

from twin.db import connection_string, translated


def engine(database_url: str) -> sqlalchemy.Engine:
    """Return a SQLAlchemy engine over psycopg for what needs metadata: Alembic and the materialiser."""
    conninfo = connection_string(database_url)
    return sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=sqlalchemy.pool.NullPool)


def prepare_database(database_url: str) -> None:
    """Create what the tables stand on, if missing: PostGIS in a schema of its own, our schemas and the read roles.

    The roles are the second wall of rights (DESIGN 5): partitions are granted to the role of their sharing class.
    """
    with translated(), psycopg.connect(connection_string(database_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('twin.prepare_database'))")
        connection.execute(resources.files("twin.sql").joinpath("prepare.sql").read_text(encoding="utf-8").encode())


def migrate(database_url: str) -> None:
    """Bring schema ``catalog`` to the newest version and the job queue's tables into schema ``jobs``."""
    prepare_database(database_url)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    with translated():
        try:
            command.upgrade(config, "head")
        except sqlalchemy.exc.DBAPIError as error:
            raise (error.orig or error) from error
