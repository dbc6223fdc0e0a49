"""Representations: the 3D of features, the documents they came from, and their PostGIS geometry."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of representations in ``city`` and ``history``, and the function that reads their faces."""
    _run(resources.files("twin.sql.schema").joinpath("03_representation.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop what upgrade made."""
    _run("DROP FUNCTION catalog.representation_geometry_v1, catalog.float64_v1, catalog.uint32_v1")
    _run("DROP TABLE city.representation, history.representation, city.source_object, history.source_object, catalog.source_header")


def _run(script: str) -> None:
    """Run a script of several statements; the driver itself takes it whole and reads no ``%`` in it."""
    driver_connection = op.get_bind().connection.driver_connection
    if driver_connection is not None:
        driver_connection.execute(script)
