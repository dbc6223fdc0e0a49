"""Representations whose faces show pictures have a version of their own, which the database reads, too."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the function that reads both versions."""
    op.execute(resources.files("twin.sql.schema").joinpath("10_textured_representation.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION catalog.representation_geometry_v2")
