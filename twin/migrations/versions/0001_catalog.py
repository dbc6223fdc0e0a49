"""The catalogue: deployment, datasets, commits, revisions, submissions, findings, assets; and the job queue."""

from __future__ import annotations

from importlib import resources

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of schema ``catalog`` and the queue in schema ``jobs``."""
    for file in ("01_catalog.sql", "02_functions.sql"):
        _run(resources.files("twin.sql.schema").joinpath(file).read_text(encoding="utf-8"))
    _run("SET LOCAL search_path = jobs, public")
    _run(SchemaManager.get_schema())
    _run("SET LOCAL search_path = city, catalog, postgis, public")


def downgrade() -> None:
    """Drop what upgrade made."""
    _run("DROP SCHEMA jobs CASCADE; CREATE SCHEMA jobs")
    _run("DROP SCHEMA catalog CASCADE; CREATE SCHEMA catalog")


def _run(script: str) -> None:
    """Run a script of several statements; the driver itself takes it whole and reads no ``%`` in it."""
    driver_connection = op.get_bind().connection.driver_connection
    if driver_connection is not None:
        driver_connection.execute(script)
