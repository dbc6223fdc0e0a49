"""Alembic environment: runs the migrations of schema ``catalog`` on the database it is handed."""

from __future__ import annotations

from alembic import context

from twin.migrations import engine


def run() -> None:
    """Run the migrations in one transaction, under a lock so that two commands may start at once."""
    database_url = context.config.attributes["database_url"]
    with engine(database_url).begin() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('twin.migrate'))")
        context.configure(connection=connection, version_table="migration", version_table_schema="catalog", transactional_ddl=True)
        context.run_migrations()


run()
