"""Texts that say JSON are compared by a function that no text makes fail."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add it."""
    op.execute(resources.files("twin.sql.schema").joinpath("19_same_json.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION catalog.same_json_v1")
